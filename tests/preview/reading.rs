//! A SQLite store that is only read: its folder stays as it is, and rights to read are enough.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use nix::unistd::{Gid, Uid};
use serde_json::json;

use crate::program::{Ran, memory};
use crate::stage::{Stage, kind};

const NOBODY: u32 = 65_534;

/// A store with one row, and another resource in the folder of manifests.
fn with_a_row() -> Stage {
    let stage = Stage::sqlite();
    stage.manifests(&[memory("a", "vector")]);
    stage.sync("").expect(0);
    assert_eq!(beside(&stage).keys().collect::<Vec<_>>(), ["o.db"], "a sync tidies up");
    stage.manifests(&[memory("a", "kv")]);
    stage
}

/// Names and contents beside the store.
fn beside(stage: &Stage) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(stage.desk.root()).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.is_file());
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}

const READERS: [(&str, i32); 4] = [("plan m", 2), ("export", 0), ("get memory", 0), ("plan none.yaml", 1)];

#[test]
fn reading_leaves_nothing_behind() {
    let stage = with_a_row();
    let before = beside(&stage);
    for (words, code) in READERS {
        stage.run(words).expect(code);
        assert_eq!(beside(&stage), before, "{words}");
    }
    // and a log that somebody else has left, empty or not, with its index
    let row = json!({"metadata": {"name": "b", "namespace": "default"}, "spec": {"type": "kv"}});
    let crashed = Stage::sqlite();
    stage.put_and(kind("memory"), &BTreeMap::from([("default/b".to_owned(), Some(row))]), || {
        for name in ["o.db", "o.db-wal", "o.db-shm"] {
            fs::copy(stage.desk.path(name), crashed.desk.path(name)).unwrap();
        }
    });
    crashed.manifests(&[memory("a", "kv")]);
    for emptied in [false, true] {
        if emptied {
            fs::write(crashed.desk.path("o.db-wal"), "").unwrap();
        }
        let without_index = || {
            let mut files = beside(&crashed);
            // who reads takes its place in there
            files.insert("o.db-shm".to_owned(), Vec::new()).expect("the index stays");
            files
        };
        let before = without_index();
        for (words, code) in READERS {
            let ran = crashed.run(words).expect(code);
            assert!(words != "get memory" || ran.out.contains("\nb ") != emptied, "{ran:?}");
            assert_eq!(without_index(), before, "{words}");
        }
    }
}

/// The program as somebody who is not root, and owns nothing here.
fn as_other(stage: &Stage, words: &str) -> Ran {
    let mut command = stage.desk.command(words);
    command.args(["--store", &stage.url]);
    if Uid::effective().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    crate::program::run(&mut command)
}

/// Root may do anything: then the store is somebody else's, and the program runs as nobody.
fn mode(path: PathBuf, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Whether the test binary can be reached by somebody else than root.
fn reachable() -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orloj-operator"));
    command.arg("--version").uid(NOBODY).gid(NOBODY);
    !Uid::effective().is_root() || command.output().is_ok()
}

#[test]
fn rights_to_read_are_enough() {
    assert_ne!(Gid::current().as_raw(), NOBODY);
    if !reachable() {
        eprintln!("left out: the program is where only root can start it");
        return;
    }
    let stage = with_a_row();
    let root = stage.desk.root().to_owned();
    for (folder, file) in [(0o555, 0o644), (0o777, 0o444), (0o555, 0o444)] {
        mode(stage.desk.path("o.db"), file);
        mode(root.clone(), folder);
        let before = beside(&stage);
        for (words, code) in READERS {
            let ran = as_other(&stage, words).expect(code);
            assert!(words != "export" || ran.out.contains("type: vector"), "{ran:?}");
            assert_eq!(beside(&stage), before, "{words}");
        }
    }
    mode(root.clone(), 0o700);

    // a log that holds something is read too
    let row = json!({"metadata": {"name": "b", "namespace": "default"}, "spec": {"type": "kv"}});
    let crashed = Stage::sqlite();
    mode(stage.desk.path("o.db"), 0o644);
    stage.put_and(kind("memory"), &BTreeMap::from([("default/b".to_owned(), Some(row))]), || {
        for name in ["o.db", "o.db-wal", "o.db-shm"] {
            fs::copy(stage.desk.path(name), crashed.desk.path(name)).unwrap();
            mode(crashed.desk.path(name), 0o444);
        }
    });
    mode(crashed.desk.root().to_owned(), 0o555);
    assert!(as_other(&crashed, "get memory").expect(0).out.contains("\nb "));
    mode(crashed.desk.root().to_owned(), 0o700);
}

/// A store that cannot be read is none that is empty.
#[test]
fn a_store_out_of_reach_is_told() {
    let stage = with_a_row();
    let none = format!("sqlite:{}", stage.desk.path("none/o.db").display());
    for (words, code) in [("plan m", 1), ("sync m", 2), ("get memory", 2), ("export", 2)] {
        let ran = crate::program::run(stage.desk.command(words).args(["--store", &none])).expect(code);
        assert!(ran.out.is_empty() && ran.err.contains("unable to"), "{words}: {ran:?}");
    }
    let ran = crate::program::run(stage.desk.command("plan m").args(["--store", &none]));
    assert!(ran.err.contains("/none: No such file or directory"), "{ran:?}");
    if !reachable() {
        return;
    }
    fs::create_dir(stage.desk.path("lock")).unwrap();
    fs::rename(stage.desk.path("o.db"), stage.desk.path("lock/o.db")).unwrap();
    let url = format!("sqlite:{}", stage.desk.path("lock/o.db").display());
    let locked = Stage { url, ..stage };
    mode(locked.desk.root().to_owned(), 0o755);
    for bits in [0o000, 0o444] {
        mode(locked.desk.path("lock"), bits);
        for (words, code) in [("plan m", 1), ("get memory", 2), ("export", 2)] {
            let ran = as_other(&locked, words).expect(code);
            assert!(ran.out.is_empty() && ran.err.contains("ermission denied"), "{words}: {ran:?}");
        }
    }
    mode(locked.desk.path("lock"), 0o700);
}

/// Nobody checks what rows are called.
#[test]
fn names_are_shown_on_one_line() {
    let stage = Stage::sqlite();
    stage.migrate();
    let name = "x\u{1b}[31m\nerror: y";
    let row = json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"type": "kv"}});
    stage.put(kind("memory"), &BTreeMap::from([(format!("default/{name}"), Some(row))]));
    let exported = stage.run("export").expect(1);
    assert!(
        exported.err.starts_with("error: Memory default/x\\u{1b}[31m\\nerror: y: unable to export"),
        "{exported:?}"
    );
    let got = stage.run("get memory").expect(0);
    assert!(got.out.contains("\nx\\u{1b}[31m\\nerror: y  "), "{got:?}");
    for text in [exported.err, got.out] {
        assert!(!text.contains('\u{1b}') && !text.contains("\nerror: y"), "{text:?}");
    }
}
