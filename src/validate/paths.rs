//! The paths of many files, in little memory: most stand in few folders.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// Files by their numbers.
#[derive(Debug, Default)]
pub struct Paths {
    folders: Vec<Box<Path>>,
    /// Names within their folders, one behind the other.
    names: Vec<u8>,
    ends: Vec<End>,
    texts: Vec<(u32, Arc<[u8]>)>,
}

/// Where a file's name ends, and which folder it is in.
#[derive(Debug)]
struct End {
    folder: u32,
    at: u32,
}

impl Paths {
    /// Takes up a file. `text` is what it held, where it cannot be read again.
    pub fn add(&mut self, path: &Path, text: Option<Arc<[u8]>>) -> u32 {
        let number = as_u32(self.ends.len());
        let (folder, name) = match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) if folder.join(name).as_os_str() == path.as_os_str() => (folder, name),
            // such as `..`, or with a slash too many
            _ => (Path::new(""), path.as_os_str()),
        };
        if self.folders.last().is_none_or(|last| **last != *folder) {
            self.folders.push(folder.into());
        }
        self.names.extend_from_slice(name.as_bytes());
        self.ends.push(End { folder: as_u32(self.folders.len() - 1), at: as_u32(self.names.len()) });
        self.texts.extend(text.map(|text| (number, text)));
        number
    }

    /// The path of a file.
    #[must_use]
    pub fn path(&self, number: u32) -> Arc<Path> {
        let at = number as usize;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| end.at as usize);
        let path = self.ends.get(at).and_then(|end| {
            let folder = self.folders.get(end.folder as usize)?;
            Some(folder.join(OsStr::from_bytes(self.names.get(start..end.at as usize)?)))
        });
        path.unwrap_or_default().into()
    }

    /// What a file held that cannot be read again.
    #[must_use]
    pub fn text(&self, number: u32) -> Option<&Arc<[u8]>> {
        self.texts.iter().find(|(file, _)| *file == number).map(|(_, text)| text)
    }
}

/// More than four thousand million of anything is out of reach.
fn as_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_as_they_were_given() {
        let paths =
            ["a/b.yaml", "a/c.yaml", "-", "d.yaml", "/e.yaml", "a//b.yaml", "../x/f.yaml", "..", "./g.yaml", "a/"];
        let mut files = Paths::default();
        for (number, path) in paths.iter().enumerate() {
            assert_eq!(files.add(Path::new(path), None) as usize, number);
        }
        for (number, path) in paths.iter().enumerate() {
            assert_eq!(files.path(u32::try_from(number).unwrap()).as_os_str(), *path);
        }
    }

    #[test]
    fn texts_are_those_of_their_files() {
        let mut files = Paths::default();
        files.add(Path::new("a"), None);
        files.add(Path::new("-"), Some(Arc::from(&b"x"[..])));
        assert_eq!((files.text(0), files.text(1).map(|text| &**text)), (None, Some(&b"x"[..])));
    }
}
