//! Rules that look at more than one object, whatever the number of files and however they come.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::program::{Ran, validate};

fn agent(name: &str, model: &str) -> String {
    format!(
        "apiVersion: orloj.dev/v1\nkind: Agent\nmetadata: {{name: {name}}}\nspec:\n  prompt: x\n  model_ref: {model}\n"
    )
}

fn endpoint(name: &str) -> String {
    format!(
        "apiVersion: orloj.dev/v1\nkind: ModelEndpoint\nmetadata: {{name: {name}}}\nspec: {{provider: openai, default_model: x}}\n"
    )
}

/// Each finding as `file:line rule`.
fn places(ran: &Ran) -> Vec<String> {
    let report = ran.json();
    let findings = report["findings"].as_array().unwrap_or_else(|| panic!("{ran:?}"));
    let word = |finding: &serde_json::Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    findings.iter().map(|one| format!("{}:{} {}", word(one, "file"), one["line"], word(one, "rule"))).collect()
}

fn judged(folder: &Path, words: &[&str], code: i32) -> Vec<String> {
    places(&validate(folder, &[&["--output", "json"], words].concat()).expect(code))
}

#[test]
fn a_file_given_twice_clashes_with_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), format!("{}---\n{}", endpoint("x"), endpoint("z"))).unwrap();
    assert_eq!(judged(folder.path(), &[".", "a.yaml", "./a.yaml"], 0), [""; 0]);
    // twice in the file itself is another matter
    fs::write(folder.path().join("a.yaml"), format!("{}---\n{}", endpoint("x"), endpoint("x"))).unwrap();
    assert_eq!(judged(folder.path(), &["a.yaml"], 1), ["a.yaml:8 duplicate-resource"]);
}

#[test]
fn what_comes_but_once_is_placed_like_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let text = format!("{}---\n{}---\n{}", agent("a", "gpt"), endpoint("x"), endpoint("x"));
    let writer = std::thread::spawn(move || fs::write(pipe, text).unwrap());
    let found = judged(folder.path(), &["--closed", "pipe"], 1);
    writer.join().unwrap();
    assert_eq!(found, ["pipe:6 missing-reference", "pipe:15 duplicate-resource"]);
}

/// Names are asked for long before they are there, by more objects than are remembered at once.
#[test]
fn references_are_found_however_late_they_are_defined() {
    const COUNT: usize = 12_000;
    let folder = tempfile::tempdir().unwrap();
    let (mut agents, mut endpoints, mut missing) = (Vec::new(), String::new(), Vec::new());
    for number in 0..COUNT {
        agents.push(agent(&format!("a{number}"), &format!("m{number}")));
        if number % 1_000 == 999 {
            missing.push(format!("a.yaml:{} missing-reference", number * 7 + 6));
        } else {
            writeln!(endpoints, "---\n{}", endpoint(&format!("m{number}"))).unwrap();
        }
    }
    fs::write(folder.path().join("a.yaml"), agents.join("---\n")).unwrap();
    fs::write(folder.path().join("b.yaml"), endpoints).unwrap();
    assert_eq!(judged(folder.path(), &["a.yaml", "b.yaml"], 0), missing);
}

/// A resource is known by its own name also where its row is another's, or has another namespace.
#[test]
fn rows_and_resources_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let moved = |name: &str, namespace: &str, target: &str| {
        format!(
            "apiVersion: orloj.dev/v1\nkind: ModelEndpoint\nmetadata:\n  name: {name}\n  namespace: {namespace}\n  \
             annotations: {{orloj.dev/target-namespace: {target}}}\nspec: {{provider: openai, default_model: x}}\n"
        )
    };
    for (name, text) in [
        ("1.yaml", moved("x", "a", "b")),
        // another resource that claims the same row
        ("2.yaml", moved("x", "b", "b")),
        // the second one again
        ("3.yaml", moved("x", "b", "c")),
        // the first one again
        ("4.yaml", moved("x", "a", "a")),
        // a row of its own
        ("5.yaml", moved("x", "d", "a")),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let found = judged(folder.path(), &["."], 1);
    assert_eq!(found, ["2.yaml:4 key-conflict", "3.yaml:4 duplicate-resource", "4.yaml:4 duplicate-resource"]);
}
