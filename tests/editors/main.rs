//! Where people are: JSON Schemas in editors and in kubeconform, a hook of pre-commit, an action of GitHub, a job of
//! GitLab.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so and ends")]

mod ci;
mod kubeconform;
mod language_server;
#[path = "../program/mod.rs"]
mod program;
mod schemas;

use std::path::{Path, PathBuf};
use std::process::Command;

use program::run;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a script prints, line by line.
fn printed(script: &str, words: &[&str]) -> Vec<String> {
    let ran = run(Command::new(root().join(script)).args(words)).expect(0);
    ran.out.lines().map(str::to_owned).collect()
}

/// A tool of `tests/editors/requirements.txt`.
fn tool(name: &str) -> PathBuf {
    Path::new(&printed("tests/ci/tools.sh", &["editors"]).pop().unwrap()).join(name)
}

/// Every broken manifest of the validator's tests.
fn broken() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                walk(&entry, found);
            } else if entry.extension().is_some_and(|extension| extension == "yaml" || extension == "json") {
                found.push(entry);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("tests/validate/broken"), &mut found);
    found.sort();
    assert!(found.len() > 50, "{found:?}");
    found
}
