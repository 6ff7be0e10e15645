//! `kinds new`: kind files drafted from CRDs, objects and tables do what they were drafted from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so and ends")]

#[path = "../bed/mod.rs"]
mod bed;
mod crds;
mod others;
#[path = "../program/mod.rs"]
mod program;
mod samples;
mod tables;

use std::path::Path;
use std::process::Command;

use orloj_operator::authoring::lint;
use orloj_operator::registry::{Kind, Registry};
use program::{Desk, Ran, run};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `kinds new` with these words, and the drafted text.
fn drafted(desk: &Desk, words: &str) -> (String, Ran) {
    let ran = desk.run(&format!("kinds new {words}")).expect(0);
    (ran.out.clone(), ran)
}

/// The drafted kind alone.
fn loaded(text: &str) -> Registry {
    Registry::from_files([("draft.yaml".to_owned(), text.to_owned())]).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn only(registry: &Registry) -> &Kind {
    assert_eq!(registry.kinds().len(), 1);
    &registry.kinds()[0]
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What `kinds lint` says of a draft.
fn lint_of_kinds(name: &str, text: &str) -> String {
    let findings = lint::lint(vec![(name.to_owned(), text.to_owned())], Registry::embedded_files());
    findings.iter().fold(String::new(), |told, finding| told + &finding.to_string() + "\n")
}

/// The repository's own lint of kind files.
fn lint(files: &[std::path::PathBuf]) {
    let tools = Command::new(root().join("tests/ci/tools.sh")).output().unwrap();
    assert!(tools.status.success(), "{}", String::from_utf8_lossy(&tools.stderr));
    let tools = String::from_utf8(tools.stdout).unwrap();
    let yamllint = Path::new(tools.lines().last().unwrap()).join("yamllint");
    let mut command = Command::new(yamllint);
    command.args(["--strict", "--config-file"]).arg(root().join("tests/ci/yamllint.yaml")).args(files);
    let ran = run(&mut command);
    assert_eq!(ran.code, 0, "{}", ran.out);
}
