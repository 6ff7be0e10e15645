//! The program as a child process.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs `validate` in a folder.
pub fn validate(folder: &Path, words: &[&str]) -> Ran {
    with_input(folder, words, b"")
}

pub fn with_input(folder: &Path, words: &[&str], input: &[u8]) -> Ran {
    command(folder, &[&["validate"], words].concat(), input)
}

/// Runs any command in a folder.
pub fn command(folder: &Path, words: &[&str], input: &[u8]) -> Ran {
    let binary = std::env::var("TEST_OPERATOR_BINARY");
    let mut command = Command::new(binary.unwrap_or_else(|_| env!("CARGO_BIN_EXE_orloj-operator").to_owned()));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("ORLOJ_") || name == "RUST_LOG") {
            command.env_remove(name);
        }
    }
    command.args(words).current_dir(folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // a program that does not want it all closes the pipe
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
