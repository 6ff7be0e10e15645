//! `kinds test`: cases beside kind files.

use orloj_operator::authoring::cases::{CaseOutcome, run, stem, updated};
use orloj_operator::diagnostics::Diagnostic;
use orloj_operator::registry::{Kind, Registry, files_of, fixtures_of};

use super::{WIDGET, embedded, kind, widgets};

const CASES: &str = include_str!("../kinds/widget.test.yaml");

fn outcomes(kind: &Kind, text: &str) -> Vec<CaseOutcome> {
    run(kind, "w.test.yaml", text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn problems(kind: &Kind, text: &str) -> Vec<Diagnostic> {
    run(kind, "w.test.yaml", text).map(|outcomes| panic!("{outcomes:?}")).unwrap_err()
}

fn failing(outcomes: &[CaseOutcome]) -> Vec<&str> {
    outcomes.iter().filter(|outcome| outcome.diff.is_some()).map(|outcome| outcome.name.as_str()).collect()
}

#[test]
fn every_kind_of_ours_has_cases_and_they_hold() {
    let registry = embedded();
    let fixtures = Registry::embedded_fixtures();
    assert_eq!(fixtures.len(), registry.kinds().len());
    for (name, text) in fixtures {
        let file = format!("{}.yaml", stem(&name).unwrap_or_default());
        let source = Registry::embedded_files().into_iter().find(|(known, _)| *known == file);
        let source = source.unwrap_or_else(|| panic!("{file} is there")).1;
        let kind = registry.kinds().iter().find(|kind| source.contains(&format!("\nkind: {}\n", kind.names.kind)));
        let outcomes = run(kind.unwrap_or_else(|| panic!("{file}")), &name, &text);
        let outcomes = outcomes.unwrap_or_else(|problems| panic!("{problems:?}"));
        assert!(outcomes.len() >= 3, "{name} tells little");
        for outcome in outcomes {
            assert_eq!(outcome.diff, None, "{name}:{}: {}", outcome.line, outcome.name);
        }
    }
    let registry = widgets();
    assert_eq!(failing(&outcomes(&registry.kinds()[0], CASES)), [""; 0]);
}

#[test]
fn a_case_that_fails_shows_where_and_what() {
    let registry = widgets();
    let kind = &registry.kinds()[0];
    let text = CASES.replacen("        size: medium\n        colour", "        size: large\n        colour", 1);
    let outcomes = outcomes(kind, &text);
    assert_eq!(failing(&outcomes), ["medium is the default"]);
    let line = text.lines().position(|line| line == "  expect:").unwrap_or_default() + 1;
    assert_eq!((outcomes[0].line, outcomes[0].column), (line, 3));
    let diff = outcomes[0].diff.clone().unwrap_or_default();
    assert!(diff.contains("\n-     size: large\n+     size: medium\n"), "{diff}");
    // an error in place of a row, and a row in place of an error
    for (old, new) in
        [("spec: {size: Huge}", "spec: {size: small}"), ("spec: {tags: [wood", "spec: {size: Huge, tags: [wood")]
    {
        assert!(CASES.contains(old));
        assert_eq!(failing(&self::outcomes(kind, &CASES.replace(old, new))).len(), 1, "{new}");
    }
}

#[test]
fn what_is_not_listed_is_not_looked_at() {
    let registry = widgets();
    let kind = &registry.kinds()[0];
    let case = |expect: &str| format!("- name: a\n  given: {{spec: {{size: small}}}}\n  expect: {{{expect}}}\n");
    for expect in
        ["row: {}", "row: {key: default/one}", "row: {columns: {size: small, colour: ''}}", "row: {labels: {}}"]
    {
        assert_eq!(failing(&outcomes(kind, &case(expect))), [""; 0], "{expect}");
    }
    let wrong = [
        "error: {reason: InvalidSpec, message: x}",
        "row: {key: default/two}",
        "row: {columns: {size: small}}",
        "row: {spec: {}}",
    ];
    for expect in wrong {
        assert_eq!(failing(&outcomes(kind, &case(expect))), ["a"], "{expect}");
    }
    assert_eq!(failing(&outcomes(kind, "- name: a\n  given: {}\n")), ["a"], "a case has to expect something");
}

#[test]
fn an_update_writes_what_was_found_and_leaves_the_rest() {
    let registry = widgets();
    let kind = &registry.kinds()[0];
    let text = "# of mine\n- name: a # first\n  given: {spec: {size: small}}\n  # below\n  expect:\n    row:\n      columns:\n        size: large\n\n- name: b\n  given:\n    spec: {size: odd}\n";
    let new = updated("w.test.yaml", text, &outcomes(kind, text)).unwrap_or_else(|problem| panic!("{problem}"));
    let want = "# of mine\n- name: a # first\n  given: {spec: {size: small}}\n  # below\n  expect:\n    row:\n      columns:\n        size: small\n        colour: \"\"\n\n- name: b\n  given:\n    spec: {size: odd}\n  expect:\n    error:\n      reason: InvalidSpec\n      message: \"invalid spec.size \\\"odd\\\": expected small, medium or large\"\n";
    assert_eq!(new.as_deref(), Some(want));
    assert_eq!(failing(&outcomes(kind, want)), [""; 0]);
    let again = updated("w.test.yaml", want, &outcomes(kind, want));
    assert_eq!(again.ok(), Some(None), "what holds is not written");
    let windows = updated("w.test.yaml", &text.replace('\n', "\r\n"), &outcomes(kind, &text.replace('\n', "\r\n")));
    assert_eq!(windows.ok(), Some(Some(want.replace('\n', "\r\n"))));
    let line = "[{name: a, given: {}}]\n";
    let refused = updated("w.test.yaml", line, &outcomes(kind, line)).map(|_| ()).unwrap_err();
    assert!(refused.message.contains("written in one line"), "{refused}");
}

#[test]
fn secret_values_are_not_shown() {
    let registry = embedded();
    let secret = kind(&registry, "secret");
    let text = "- name: a\n  given: {spec: {data: {k: cGw0bnRlZA==, l: bA==}}}\n  expect:\n    row: {spec: {data: {k: b3RoZXI=, l: bA==}}}\n";
    let outcomes = outcomes(secret, text);
    let diff = outcomes[0].diff.clone().unwrap_or_default();
    assert!(diff.contains("***") && diff.contains("-       k:") && diff.contains("+       k:"), "{diff}");
    assert!(!diff.contains("cGw0") && !diff.contains("b3Ro") && !diff.contains("bA=="), "{diff}");
    // equal values are told to be equal
    assert!(diff.lines().any(|line| line.starts_with("        l:")), "{diff}");
}

#[test]
fn a_file_of_cases_is_checked() {
    let registry = widgets();
    let kind = &registry.kinds()[0];
    for (text, line, message) in [
        ("- nmae: a\n  given: {}\n", 1, "unknown key `nmae`"),
        ("- name: a\n", 1, "key `given` is missing"),
        ("- name: a\n  given: {}\n- name: a\n  given: {}\n", 3, "there is a case `a` already"),
        ("- name: a\n  given: {kind: Gadget}\n", 2, "the cases of this file are of Widget"),
        ("- name: a\n  given: {apiVersion: widgets.example.com/v2}\n", 2, "the cases of this file are of Widget"),
        (
            "- name: a\n  given: {}\n  expect: {row: {}, error: {reason: a, message: b}}\n",
            3,
            "either a row or an error",
        ),
        ("- name: a\n  given: {\n", 0, ""),
        ("# later\n", 1, "it holds no case"),
        ("- name: a\n  given: {}\n---\n- name: b\n  given: {}\n", 4, "more than one document"),
    ] {
        let found = problems(kind, text);
        let hit = found.iter().any(|problem| (line == 0 || problem.line == line) && problem.message.contains(message));
        assert!(hit, "{text:?}: {found:?}");
    }
}

/// Also in a mounted `ConfigMap`, whose files are links.
#[test]
fn the_loader_takes_no_cases_for_kinds() {
    let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let data = root.path().join("..data");
    std::fs::create_dir(&data).unwrap_or_else(|error| panic!("{error}"));
    for (name, text) in [("widget.yaml", WIDGET), ("widget.test.yaml", CASES), ("other.test.yml", "not: [yaml")] {
        std::fs::write(data.join(name), text).unwrap_or_else(|error| panic!("{error}"));
        let link = std::os::unix::fs::symlink(format!("..data/{name}"), root.path().join(name));
        link.unwrap_or_else(|error| panic!("{error}"));
    }
    let registry = Registry::load(Some(root.path())).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(registry.kinds().len(), 9);
    assert_eq!(files_of(root.path()).map(|files| files.len()).ok(), Some(1));
    assert_eq!(fixtures_of(root.path()).map(|files| files.len()).ok(), Some(2));
}

/// Kinds that are loaded where they are asked for: each lints clean, and its cases hold.
#[test]
fn every_kind_beside_ours_has_cases_and_they_hold() {
    for (folder, kinds) in [("kinds/more", 5), ("kinds/examples", 3), ("kinds/foreign", 1)] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = files_of(&folder).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(files.len(), kinds);
        let findings = orloj_operator::authoring::lint::lint(files.clone(), Registry::embedded_files());
        let told = findings.iter().fold(String::new(), |told, finding| told + &finding.to_string());
        assert_eq!(told, "");
        let registry = Registry::with_files(files.clone()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(registry.kinds().len(), 8 + kinds);
        let page = std::fs::read_to_string(folder.join("../README.md")).unwrap_or_default();
        for (kind, (name, _)) in registry.kinds().iter().rev().zip(files.iter().rev()).filter(|_| kinds == 5) {
            let name = name.rsplit('/').next().unwrap_or_default();
            let since = kind.since.as_deref().unwrap_or("any");
            let told = page.lines().any(|line| {
                line.starts_with(&format!("| `{name}` | {}: ", kind.names.kind))
                    && line.ends_with(&format!(" | {since} |"))
            });
            assert!(told, "kinds/README.md does not tell that {name} needs {since}");
        }
        for (name, text) in fixtures_of(&folder).unwrap_or_else(|error| panic!("{error}")) {
            let file = format!("{}.yaml", stem(&name).unwrap_or_default());
            let source = files.iter().find(|(known, _)| known.ends_with(&file)).unwrap_or_else(|| panic!("{file}"));
            let kind =
                registry.kinds().iter().rev().find(|kind| source.1.contains(&format!("\nkind: {}\n", kind.names.kind)));
            let outcomes = outcomes(kind.unwrap_or_else(|| panic!("{file}")), &text);
            assert!(outcomes.len() >= 3, "{name} tells little");
            for outcome in outcomes {
                assert_eq!(outcome.diff, None, "{name}:{}: {}", outcome.line, outcome.name);
            }
        }
    }
}
