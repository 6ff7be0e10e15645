//! `export --out`: what stands in the way of files.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::program::{memory, until_ended};
use crate::stage::Stage;

fn with_memories(names: &[&str]) -> Stage {
    let stage = Stage::sqlite();
    stage.manifests(&names.iter().map(|name| memory(name, "vector")).collect::<Vec<_>>());
    stage.sync("").expect(0);
    stage
}

/// `NoPlaintext`: also where others could read the file before.
#[test]
fn revealed_values_are_for_their_owner_alone() {
    let stage = Stage::sqlite();
    let secret = "apiVersion: orloj.dev/v1\nkind: Secret\nmetadata: {name: api}\nspec:\n  stringData: {value: x}\n";
    stage.manifests(&[secret.to_owned(), memory("notes", "vector")]);
    stage.sync("").expect(0);
    let file = |name: &str| stage.desk.path("x/default").join(name);
    let mode = |name: &str| file(name).metadata().unwrap().permissions().mode() & 0o777;
    stage.run("export --reveal --out x").expect(0);
    for loose in [0o666, 0o640, 0o601] {
        for name in ["secret-api.yaml", "memory-notes.yaml"] {
            fs::set_permissions(file(name), fs::Permissions::from_mode(loose)).unwrap();
        }
        let again = stage.run("export --reveal --out x").expect(0);
        assert!(again.err.starts_with("1 written, 1 unchanged"), "{again:?}");
        assert_eq!((mode("secret-api.yaml"), mode("memory-notes.yaml")), (0o600, loose));
    }
    assert!(stage.run("export --reveal --out x").expect(0).err.starts_with("0 written, 2 unchanged"));
}

/// Isolation: it is named, and the others are written.
#[test]
fn what_is_no_file_is_neither_opened_nor_replaced() {
    let stage = with_memories(&["a", "b", "c", "d"]);
    let folder = stage.desk.path("x/default");
    fs::create_dir_all(folder.join("memory-b.yaml")).unwrap();
    mkfifo(&folder.join("memory-a.yaml"), Mode::S_IRWXU).unwrap();
    symlink("memory-d.yaml", folder.join("memory-c.yaml")).unwrap();
    let ran = until_ended(stage.desk.command("export --out x").args(["--store", &stage.url])).expect(1);
    for part in [
        "error: Memory default/a: unable to write x/default/memory-a.yaml: it is a named pipe, not a file\n",
        "error: Memory default/b: unable to write x/default/memory-b.yaml: it is a folder, not a file\n",
        "error: Memory default/c: unable to write x/default/memory-c.yaml: it is a symbolic link, not a file; --force replaces it\n",
        "1 written, 0 unchanged\n",
    ] {
        assert!(ran.err.contains(part), "{part}{ran:?}");
    }
    let forced = until_ended(stage.desk.command("export --out x --force").args(["--store", &stage.url])).expect(1);
    assert!(forced.err.contains("a named pipe") && forced.err.contains("1 written, 1 unchanged"), "{forced:?}");
}

#[test]
fn nothing_is_written_outside_of_the_folder() {
    let stage = with_memories(&["a"]);
    let (root, target) = (stage.desk.path("x"), stage.desk.path("target"));
    fs::create_dir(&root).unwrap();
    fs::create_dir(&target).unwrap();
    symlink("../target", root.join("default")).unwrap();
    for words in ["export --out x", "export --out x --force"] {
        let ran = stage.run(words).expect(1);
        let told = "error: Memory default/a: unable to write into x/default: it is a symbolic link, not a folder\n";
        assert!(ran.err.contains(told), "{ran:?}");
    }
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    // the folder that was named may be a link
    symlink("target", stage.desk.path("y")).unwrap();
    stage.run("export --out y").expect(0);
    assert!(target.join("default/memory-a.yaml").is_file());
}

#[test]
fn a_file_instead_of_a_folder_is_told() {
    let stage = with_memories(&["a"]);
    fs::write(stage.desk.path("y"), "mine\n").unwrap();
    let ran = stage.run("export --out y").expect(2);
    assert!(ran.err.contains("unable to write into y: --out is a file, not a folder"), "{ran:?}");
    let ran = stage.run("export --out y/z").expect(2);
    assert!(ran.err.contains("unable to make the folder y/z for --out: Not a directory"), "{ran:?}");
    fs::create_dir(stage.desk.path("x")).unwrap();
    fs::write(stage.desk.path("x/default"), "mine\n").unwrap();
    let ran = stage.run("export --out x").expect(1);
    assert!(ran.err.contains("unable to write into x/default: it is a file, not a folder"), "{ran:?}");
}
