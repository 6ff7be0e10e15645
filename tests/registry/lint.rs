//! `kinds lint`: every check, and our own kinds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use orloj_operator::authoring::lint::{LINTS, LintFinding, files, lint};
use orloj_operator::registry::Registry;

use super::WIDGET;

/// The one check whose file cannot be a text.
const UNREADABLE: &str = "unreadable";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds/lint")
}

fn linted(name: &str, text: &str) -> Vec<LintFinding> {
    lint(vec![(name.to_owned(), text.to_owned())], Registry::embedded_files())
}

fn ids(findings: &[LintFinding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.lint.id).collect()
}

/// A file a check, named by its id (`ID.more.yaml` for another one), with what is told of it beside it. A change of the
/// words: read them, then `UPDATE=1 cargo test --test registry lint`.
#[test]
fn every_check_finds_what_it_is_for() {
    let mut shown: BTreeSet<String> = BTreeSet::from([UNREADABLE.to_owned()]);
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap_or_else(|error| panic!("{error}")).flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let id = stem.split('.').next().unwrap_or_default().to_owned();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let findings = linted(&format!("{stem}.yaml"), &text);
        let told = findings.iter().fold(String::new(), |told, finding| told + &finding.to_string() + "\n\n");
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &told).unwrap_or_else(|error| panic!("{error}"));
        }
        if !ids(&findings).contains(&id.as_str()) || std::fs::read_to_string(&expected).unwrap_or_default() != told {
            wrong.push(format!("{stem}:\n{told}"));
        }
        shown.insert(id);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let known: BTreeSet<String> = LINTS.iter().map(|lint| lint.id.to_owned()).collect();
    assert_eq!(shown, known, "a file for every check, and no other");
}

/// What looks like a mistake and is none.
#[test]
fn what_is_right_is_left_alone() {
    let mut wrong = String::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder().join("clean")).unwrap_or_else(|error| panic!("{error}")).flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        wrong.extend(linted(&name, &text).iter().map(|finding| format!("{finding}\n\n")));
        count += 1;
    }
    assert!(wrong.is_empty() && count > 0, "{count} files\n{wrong}");
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

/// All at once: unknown keys, what the loader refuses and advice, each in its place; allowances hold as well.
#[test]
fn one_mistake_hides_no_other() {
    let text = WIDGET
        .replace("      description: What it is painted with.\n", "")
        .replacen("lower: [spec.size]", "lower: [spec.sise]", 1)
        .replacen("kind: Widget\n", "kind: Widget\ncolour: red\n", 1);
    let findings = linted("w.yaml", &text);
    let seen: Vec<(&str, &str)> = findings.iter().map(|f| (f.lint.id, f.problem.message.as_str())).collect();
    let wanted = [
        ("refused", "unknown key `colour`"),
        ("refused", "path `spec.sise`: there is no field `sise`"),
        ("no-description", "`spec.paint` has no description"),
    ];
    assert_eq!(wanted.iter().filter(|found| seen.contains(found)).count(), wanted.len(), "{seen:?}");
    let allowed = text.replacen("    paint:\n", "    # lint-allow no-description: seen\n    paint:\n", 1);
    assert!(!ids(&linted("w.yaml", &allowed)).iter().any(|id| ["no-description", "lint-allow"].contains(id)));
    // where nothing can be judged, nothing is said of allowances
    let broken = format!("# lint-allow no-description: seen\n{}", WIDGET.replace("kind: Widget", "kind: [Widget"));
    assert_eq!(ids(&linted("w.yaml", &broken)), ["refused"]);
}

/// What stands in a file that cannot be read is no advice, and other files are still judged.
#[test]
fn a_broken_file_keeps_nobody_back() {
    let broken = ("a.yaml".to_owned(), WIDGET.replace("kind: Widget", "kind: [Widget"));
    let text = WIDGET.replace("      description: What it is painted with.\n", "");
    let findings = lint(vec![broken, ("b.yaml".to_owned(), text)], Registry::embedded_files());
    let seen: Vec<(&str, &str)> = findings.iter().map(|f| (f.problem.file.as_str(), f.lint.id)).collect();
    assert_eq!(seen, [("a.yaml", "refused"), ("b.yaml", "no-description")]);
}
