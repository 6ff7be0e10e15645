//! `kinds lint`: every check, and our own kinds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use orloj_operator::registry::Registry;
use orloj_operator::registry::lint::{Finding, LINTS, files, lint};

use super::WIDGET;

/// The one check whose file cannot be a text.
const UNREADABLE: &str = "unreadable";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds/lint")
}

fn linted(name: &str, text: &str) -> Vec<Finding> {
    lint(vec![(name.to_owned(), text.to_owned())], Registry::embedded_files())
}

fn ids(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.lint.id).collect()
}

/// A file a check, named by its id, with what is told of it beside it. A change of the words: read them, then
/// `UPDATE=1 cargo test --test registry lint`.
#[test]
fn every_check_finds_what_it_is_for() {
    let mut shown: BTreeSet<String> = BTreeSet::from([UNREADABLE.to_owned()]);
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap_or_else(|error| panic!("{error}")).flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let findings = linted(&format!("{id}.yaml"), &text);
        let told = findings.iter().fold(String::new(), |told, finding| told + &finding.to_string() + "\n\n");
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &told).unwrap_or_else(|error| panic!("{error}"));
        }
        if !ids(&findings).contains(&id.as_str()) || std::fs::read_to_string(&expected).unwrap_or_default() != told {
            wrong.push(format!("{id}:\n{told}"));
        }
        shown.insert(id);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let known: BTreeSet<String> = LINTS.iter().map(|lint| lint.id.to_owned()).collect();
    assert_eq!(shown, known, "a file for every check, and no other");
}

#[test]
fn a_file_that_is_no_text_is_told() {
    let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(root.path().join(name), bytes).unwrap_or_else(|error| panic!("{error}"));
    };
    write("a.yaml", b"\xff\xfe\x00");
    write("b.yaml", WIDGET.as_bytes());
    write("b.test.yaml", b"[]");
    write("notes.txt", b"");
    let (found, unreadable) = files(root.path()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(ids(&unreadable), [UNREADABLE]);
    assert!(unreadable[0].to_string().starts_with("error[unreadable]: "), "{}", unreadable[0]);
    assert!(files(&root.path().join("none")).is_err());
}

/// What is meant to be is allowed in the files, with the reason.
#[test]
fn our_own_kinds_are_clean() {
    let findings = lint(Registry::embedded_files(), Vec::new());
    assert!(
        findings.is_empty(),
        "{}",
        findings.iter().fold(String::new(), |told, finding| told + &finding.to_string())
    );
    let findings = linted("widget.yaml", WIDGET);
    assert!(
        findings.is_empty(),
        "{}",
        findings.iter().fold(String::new(), |told, finding| told + &finding.to_string())
    );
}

#[test]
fn an_allowance_speaks_of_what_it_stands_above() {
    let bare = WIDGET.replace("      description: What it is painted with.\n", "");
    assert_eq!(ids(&linted("w.yaml", &bare)), ["no-description"]);
    let comment = |above: &str| bare.replacen(above, &format!("    # lint-allow no-description: seen\n{above}"), 1);
    assert!(linted("w.yaml", &comment("    paint:\n")).is_empty());
    // above another field it allows nothing, and says so
    assert_eq!(ids(&linted("w.yaml", &comment("    tags:\n"))), ["no-description", "lint-allow"]);
    let whole = format!("# lint-allow no-description: seen\n{bare}");
    assert!(linted("w.yaml", &whole).is_empty());
}

/// What stands in a file that cannot be loaded is no advice, and other files are still judged.
#[test]
fn a_broken_file_keeps_nobody_back() {
    let broken = ("a.yaml".to_owned(), WIDGET.replace("kind: Widget", "kind: [Widget"));
    let text = WIDGET.replace("      description: What it is painted with.\n", "");
    let findings = lint(vec![broken, ("b.yaml".to_owned(), text)], Registry::embedded_files());
    let seen: Vec<(&str, &str)> = findings.iter().map(|f| (f.problem.file.as_str(), f.lint.id)).collect();
    assert_eq!(seen, [("a.yaml", "refused"), ("b.yaml", "no-description")]);
}
