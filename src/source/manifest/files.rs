//! Which files are read: those named, and the manifests below folders.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{ManifestError, STDIN};

/// Every manifest file of `paths`, in their order, those of a folder sorted by name. A folder gives its `.yaml`,
/// `.yml` and `.json` files and those of its folders; hidden ones (their name begins with a dot) are left out, links
/// are followed, but never in a circle. What cannot be read comes as an error.
pub fn walk(paths: &[PathBuf], tell: &mut dyn FnMut(Result<Arc<Path>, ManifestError>)) {
    for path in paths {
        if path == Path::new(STDIN) {
            tell(Ok(path.as_path().into()));
            continue;
        }
        match path.metadata() {
            Ok(found) if found.is_dir() => folder(path, &mut Vec::new(), tell),
            Ok(_) => tell(Ok(path.as_path().into())),
            Err(error) => tell(Err(unreadable(path, &error))),
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> ManifestError {
    ManifestError::of_file(path, format!("unable to read: {error}"))
}

/// `above` holds the folders around this one, by their real paths.
fn folder(path: &Path, above: &mut Vec<PathBuf>, tell: &mut dyn FnMut(Result<Arc<Path>, ManifestError>)) {
    let entries_of = || -> std::io::Result<(PathBuf, Vec<PathBuf>)> {
        let mut entries = Vec::new();
        for entry in path.read_dir()? {
            entries.push(entry?.path());
        }
        entries.sort();
        Ok((path.canonicalize()?, entries))
    };
    let (real, entries) = match entries_of() {
        Ok(both) => both,
        Err(error) => return tell(Err(unreadable(path, &error))),
    };
    if above.contains(&real) {
        return;
    }
    above.push(real);
    for entry in entries {
        if entry.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        match entry.metadata() {
            Ok(found) if found.is_dir() => folder(&entry, above, tell),
            Ok(found) if found.is_file() && is_manifest(&entry) => tell(Ok(entry.as_path().into())),
            Err(error) if is_manifest(&entry) => tell(Err(unreadable(&entry, &error))),
            // also a dangling link, or a file that went while we looked, of a name that would not be read anyway
            Ok(_) | Err(_) => {}
        }
    }
    above.pop();
}

fn is_manifest(path: &Path) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|extension| matches!(extension, "yaml" | "yml" | "json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn walked(root: &Path, paths: &[&str]) -> Vec<String> {
        let paths: Vec<_> = paths.iter().map(|path| root.join(path)).collect();
        let mut found = Vec::new();
        walk(&paths, &mut |entry| {
            found.push(match entry {
                Ok(path) => path.strip_prefix(root).unwrap().display().to_string(),
                Err(error) => format!("! {}", error.text),
            });
        });
        found
    }

    #[test]
    fn folders_are_read_in_order_and_depth() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("m/b/deep")).unwrap();
        fs::create_dir_all(root.join("m/.git")).unwrap();
        for name in ["m/c.yml", "m/a.yaml", "m/b/deep/x.json", "m/readme.md", "m/.hidden.yaml", "m/.git/x.yaml", "odd"]
        {
            fs::write(root.join(name), "").unwrap();
        }
        assert_eq!(walked(root, &["odd", "m"]), ["odd", "m/a.yaml", "m/b/deep/x.json", "m/c.yml"]);
    }

    #[test]
    fn links_are_followed_but_not_in_circles() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("m/sub")).unwrap();
        fs::write(root.join("m/..data.yaml"), "").unwrap();
        symlink("..data.yaml", root.join("m/a.yaml")).unwrap();
        symlink("..", root.join("m/sub/up")).unwrap();
        symlink("nowhere.yaml", root.join("m/z.yaml")).unwrap();
        symlink("nowhere", root.join("m/zz")).unwrap();
        let found = walked(root, &["m", "missing.yaml"]);
        assert_eq!(found[0], "m/a.yaml");
        assert!(found[1].starts_with("! unable to read") && found[2].starts_with("! unable to read"), "{found:?}");
        assert_eq!(found.len(), 3);
    }
}
