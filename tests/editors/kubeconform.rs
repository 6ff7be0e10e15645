//! kubeconform itself, over the schemas of the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::program::{Desk, program, run};
use super::{broken, printed, root};

const TEMPLATE: &str = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}{{.StrictSuffix}}.json";

fn kubeconform() -> PathBuf {
    printed("tests/ci/go_tool.sh", &["kubeconform"]).pop().unwrap().into()
}

/// What it says of each resource, by file.
fn said(schemas: &Path, files: &[PathBuf], strict: bool) -> BTreeMap<PathBuf, Vec<(String, String)>> {
    let mut command = Command::new(kubeconform());
    command.args(["-output", "json", "-verbose", "-schema-location"]).arg(schemas.join(TEMPLATE));
    if strict {
        command.arg("-strict");
    }
    let ran = run(command.args(files));
    let mut said: BTreeMap<PathBuf, Vec<(String, String)>> = BTreeMap::new();
    for resource in ran.json()["resources"].as_array().unwrap_or_else(|| panic!("{ran:?}")) {
        let word = |key: &str| resource[key].as_str().unwrap_or_default().to_owned();
        said.entry(word("filename").into()).or_default().push((word("status"), word("msg")));
    }
    said
}

#[test]
fn examples_are_valid() {
    // the folders below hold objects of other groups
    let examples = std::fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let examples: Vec<_> = examples.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    for strict in [true, false] {
        let said = said(&root().join("schemas"), &examples, strict);
        let all: Vec<_> = said.into_values().flatten().collect();
        assert_eq!(all.len(), 26);
        assert!(all.iter().all(|(status, _)| status == "statusValid"), "{all:?}");
    }
}

/// Rules of `validate` that speak for the schema.
const SCHEMA: [&str; 9] = [
    "unknown-field",
    "wrong-type",
    "required-field",
    "enum-value",
    "pattern",
    "format",
    "out-of-range",
    "length",
    "count",
];

/// Rules that speak of what is before a schema or beyond it, about which kubeconform has its own mind: whether a file
/// can be read, which kinds there are, what metadata may be.
const ELSEWHERE: [&str; 16] = [
    "syntax",
    "duplicate-key",
    "too-deep",
    "not-text",
    "not-an-object",
    "unknown-kind",
    "unknown-version",
    "unknown-group",
    "metadata-type",
    "metadata-name",
    "metadata-namespace",
    "metadata-label",
    "metadata-annotation",
    "metadata-owner",
    "document-too-large",
    "encrypted",
];

fn elsewhere(rule: &str) -> bool {
    ELSEWHERE.contains(&rule)
}

/// What CEL says of the resource as a whole, the schemas say in words of their own.
const BY_CEL: [&str; 3] = ["agent/no-spec.yaml", "metadata/reserved-name.yaml", "model-endpoint/no-spec.yaml"];

/// On every broken manifest of the validator's: it refuses what the schema refuses, and nothing else.
#[test]
fn broken_manifests_are_refused_where_the_schema_refuses_them() {
    let desk = Desk::new();
    desk.run(&format!("kinds schemas --out s --kinds {}", root().join("tests/validate/kinds").display())).expect(0);
    let mut rules: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    let files = broken();
    for file in &files {
        let mut command = program();
        command.args(["validate", "-o", "json", "--kinds"]).arg(root().join("tests/validate/kinds"));
        let ran = run(command.arg(file));
        let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error} {ran:?}"));
        let found = report["findings"].as_array().unwrap_or_else(|| panic!("{ran:?}"));
        let names = found.iter().map(|finding| finding["rule"].as_str().unwrap().to_owned());
        rules.insert(file.clone(), names.collect());
    }
    let known: Vec<PathBuf> = files
        .into_iter()
        .filter(|file| !rules[file].is_empty() && !rules[file].iter().any(|rule| elsewhere(rule)))
        .collect();
    let said = said(&desk.path("s"), &known, true);
    let (mut refused, mut passed, mut wrong) = (0, 0, Vec::new());
    for file in &known {
        let by_schema = BY_CEL.iter().any(|known| file.ends_with(known))
            || rules[file].iter().any(|rule| SCHEMA.contains(&rule.as_str()));
        let verdicts = &said[file];
        let by_kubeconform = verdicts.iter().any(|(status, _)| status != "statusValid");
        if by_schema == by_kubeconform {
            *(if by_schema { &mut refused } else { &mut passed }) += 1;
        } else {
            wrong.push(format!("{} {:?} {verdicts:?}", file.display(), rules[file]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refused > 20 && passed > 20, "{refused} refused, {passed} passed");
}
