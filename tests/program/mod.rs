//! The program as a child process, on manifests in a folder of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]
#![allow(dead_code)]

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use orloj_operator::store::{StoredRow, open};
use serde_json::Value;
use tempfile::TempDir;

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Standard output as JSON lines.
    pub fn json_lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:?}"))).collect()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// `word key` of each line of a sync's report, sorted.
    pub fn fates(&self) -> Vec<String> {
        let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
        let lines = self.json_lines().into_iter().filter(|line| line["key"].is_string());
        let mut fates: Vec<_> = lines.map(|line| format!("{} {}", text(&line, "result"), text(&line, "key"))).collect();
        fates.sort();
        fates
    }

    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// A command of the program with nothing of the caller's configuration.
pub fn program() -> Command {
    // a binary of one's own choice can be put to the test
    let binary = std::env::var("TEST_OPERATOR_BINARY");
    let mut command = Command::new(binary.unwrap_or_else(|_| env!("CARGO_BIN_EXE_orloj-operator").to_owned()));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("ORLOJ_") || name == "RUST_LOG") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).env("NO_COLOR", "1");
    command
}

pub fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Fails where it does not end.
pub fn until_ended(command: &mut Command) -> Ran {
    let mut running = Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    until("the end", || running.0.try_wait().unwrap().is_some());
    let (mut out, mut err) = (String::new(), String::new());
    running.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    running.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    Ran { code: running.0.wait().unwrap().code().unwrap_or(-1), out, err }
}

pub fn run_with_input(command: &mut Command, input: &str) -> Ran {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), input).unwrap();
    run(command.stdin(file.reopen().unwrap()))
}

/// A folder `m` of manifests and a SQLite store beside it.
pub struct Desk {
    folder: TempDir,
    pub key: Option<String>,
}

impl Desk {
    pub fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), key: None };
        fs::create_dir(desk.path("m")).unwrap();
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path("m").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path("m").join(name)).unwrap();
    }

    /// The program in the desk's folder, its words parted by spaces.
    pub fn command(&self, words: &str) -> Command {
        let mut command = program();
        command.current_dir(self.root()).args(words.split_whitespace());
        if let Some(key) = &self.key {
            command.env("ORLOJ_SECRET_ENCRYPTION_KEY", key);
        }
        command
    }

    pub fn run(&self, words: &str) -> Ran {
        run(&mut self.command(words))
    }

    /// Syncs the folder and gives the report as JSON lines.
    pub fn sync(&self, words: &str) -> Ran {
        self.run(&format!("sync m --store sqlite:o.db -o json {words}"))
    }

    /// The rows of a kind, in key order.
    pub fn rows(&self, kind: &str) -> Vec<StoredRow> {
        let registry = orloj_operator::registry::Registry::embedded().unwrap();
        let table = registry.kind(registry.resolve(kind).unwrap()).store.table.clone();
        let url = open::StoreUrl::parse(&format!("sqlite:{}", self.path("o.db").display())).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { open::open(&url).await.unwrap().rows(&table, None, 1_000).await.unwrap() })
    }

    pub fn keys(&self, kind: &str) -> Vec<String> {
        self.rows(kind).into_iter().map(|row| row.key).collect()
    }
}

/// A child that is stopped when this goes.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until it is so, 30 seconds at most.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A valid manifest.
pub fn memory(name: &str, kind: &str) -> String {
    format!("apiVersion: orloj.dev/v1\nkind: Memory\nmetadata:\n  name: {name}\nspec:\n  type: {kind}\n")
}
