//! Broken manifests, each with what is said of it in a text beside it: `UPDATE=1 cargo test --test validate broken`
//! writes these texts again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use orloj_operator::registry::Registry;
use orloj_operator::validate::rule::RULES;
use regex::Regex;
use serde_json::Value;

use crate::program::validate;

/// Rules that only a file that cannot be kept here breaks, `input.rs` does, or a pattern that takes seconds to be too
/// large.
const ELSEWHERE: [&str; 4] = ["unreadable", "document-too-large", "object-too-large", "schema-unsupported"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/validate")
}

fn manifests() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                walk(&entry, found);
            } else if entry.extension().is_some_and(|extension| extension != "txt") {
                found.push(entry);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("broken"), &mut found);
    found.sort();
    found
}

/// What is said of each file, in the order of [`manifests`].
fn said() -> &'static [(PathBuf, String)] {
    static SAID: OnceLock<Vec<(PathBuf, String)>> = OnceLock::new();
    SAID.get_or_init(|| {
        let jobs = Mutex::new(manifests().into_iter());
        let said = Mutex::new(Vec::new());
        let folder = root().join("broken");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let Some(path) = jobs.lock().unwrap().next() else { return };
                        let name = path.strip_prefix(&folder).unwrap().display().to_string();
                        let mut words = vec![name.as_str(), "--deny-warnings", "--kinds", "../kinds"];
                        // objects of other groups are an error only where that is asked for
                        if name == "identity/foreign.yaml" {
                            words.push("--strict");
                        }
                        let ran = validate(&folder, &words);
                        assert_eq!(ran.code, 1, "{name}: {ran:?}");
                        assert_eq!(ran.err, "", "{name}");
                        said.lock().unwrap().push((path, ran.out));
                    }
                });
            }
        });
        let mut said = said.into_inner().unwrap();
        said.sort();
        said
    })
}

#[test]
fn broken_manifests_are_told_apart() {
    let mut wrong = Vec::new();
    for (path, out) in said() {
        let expected = path.with_file_name(format!("{}.txt", path.file_name().unwrap().to_str().unwrap()));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, out).unwrap();
        } else if std::fs::read_to_string(&expected).ok().as_deref() != Some(out) {
            wrong.push(format!("{}:\n{out}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{} texts differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Nothing beside a manifest is left over from one that is gone.
#[test]
fn every_text_has_its_manifest() {
    let texts = manifests()
        .into_iter()
        .map(|path| path.with_file_name(format!("{}.txt", path.file_name().unwrap().to_str().unwrap())));
    let texts: BTreeSet<_> = texts.collect();
    for folder in std::fs::read_dir(root().join("broken")).unwrap().map(|entry| entry.unwrap().path()) {
        for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let is_text = file.extension().is_some_and(|extension| extension == "txt");
            assert!(!is_text || texts.contains(&file), "{}", file.display());
        }
    }
}

#[test]
fn every_rule_is_broken_by_a_manifest() {
    let broken: BTreeSet<String> = said().iter().flat_map(|(_, out)| rules_in(out)).collect();
    let missing: Vec<_> =
        RULES.iter().map(|rule| rule.id).filter(|id| !broken.contains(*id) && !ELSEWHERE.contains(id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn rules_in(out: &str) -> Vec<String> {
    let pattern = Regex::new(r"(?m)^(?:error|warning)\[([a-z-]+)\]: ").unwrap();
    pattern.captures_iter(out).map(|found| found[1].to_owned()).collect()
}

/// Findings have a place, and the line to look at, but where there is none or it may hold a secret.
#[test]
fn findings_show_the_line() {
    let place = Regex::new(r"(?m)^ *--> [\w./-]+:\d+:\d+$").unwrap();
    for (path, out) in said() {
        // not of the folders around it, which may be called anything
        let name = path.strip_prefix(root().join("broken")).unwrap().display().to_string();
        let bare = ["yaml/latin1", "yaml/utf16", "yaml/binary", "yaml/separator", "secret/"]
            .iter()
            .any(|part| name.contains(part));
        assert!(bare || place.is_match(out), "{name}: no place\n{out}");
        let long = [
            "metadata/name-long",
            "metadata/key-too-long",
            "metadata/annotations-large",
            "output-schema-",
            "output-matches-long",
            "yaml/bomb",
            "yaml/deep",
            "yaml/anchor",
            "yaml/unclosed.json",
            // nobody knows what it holds
            "identity/list",
            "identity/text",
            "identity/sops",
            "identity/vault",
        ]
        .iter()
        .any(|part| name.contains(part));
        assert!(bare || long || out.contains('^'), "{name}: no caret\n{out}");
    }
}

#[test]
fn no_secret_value_is_shown() {
    for (path, out) in said() {
        assert!(!out.contains("pl4nted"), "{}\n{out}", path.display());
    }
}

/// A message with placeholders, or with `*` for an item, as a pattern.
fn pattern(message: &str) -> Regex {
    let placeholder = Regex::new(r"\{[^}]*\}|\*").unwrap();
    let mut pattern = String::new();
    let mut from = 0;
    for found in placeholder.find_iter(message) {
        pattern += &regex::escape(&message[from..found.start()]);
        pattern += "(?s:.*)";
        from = found.end();
    }
    pattern += &regex::escape(&message[from..]);
    Regex::new(&pattern).unwrap()
}

fn messages(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| messages(item, found)),
        Value::Object(map) => {
            found.extend(map.get("message").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|inner| messages(inner, found));
        }
        _ => {}
    }
}

fn kind_files() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kinds");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.map(|path| serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()).collect()
}

/// Every rule of every kind's file, and every CEL rule of a CRD, refuses one of the manifests.
#[test]
fn every_check_of_the_kinds_is_broken_by_a_manifest() {
    // snippets break no line, but a title with several lines is indented
    let all: String = said().iter().map(|(_, out)| out.as_str()).collect();
    let mut expected = BTreeSet::new();
    for file in kind_files() {
        messages(&file["rules"], &mut expected);
        messages(&file["warnings"], &mut expected);
        for label in file["reservedLabels"].as_array().into_iter().flatten() {
            expected.insert(label["reason"].as_str().unwrap().to_owned());
        }
    }
    let registry = Registry::embedded().unwrap();
    for kind in registry.kinds() {
        let crd = kind.crd();
        rules(&crd["spec"]["versions"][0]["schema"], &mut expected);
    }
    assert!(expected.len() >= 60, "{}", expected.len());
    let missing: Vec<_> = expected.iter().filter(|message| !pattern(message).is_match(&all)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

fn rules(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| rules(item, found)),
        Value::Object(map) => {
            messages(map.get("x-kubernetes-validations").unwrap_or(&Value::Null), found);
            map.values().for_each(|inner| rules(inner, found));
        }
        _ => {}
    }
}

/// Patterns, bounds and required fields of the CRDs' specs: the path of each, with the rule that tells of it.
fn constraints(schema: &Value, path: &str, found: &mut BTreeSet<(String, &'static str)>) {
    for (key, rule) in [("pattern", "pattern"), ("minimum", "out-of-range")] {
        if schema.get(key).is_some() {
            found.insert((path.to_owned(), rule));
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        found.insert((format!("{path}.{}", name.as_str().unwrap()), "required-field"));
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        constraints(inner, &format!("{path}.{name}"), found);
    }
    if let Some(inner) = schema.get("items") {
        constraints(inner, &format!("{path}[]"), found);
    }
    if let Some(inner) = schema.get("additionalProperties") {
        constraints(inner, &format!("{path}.*"), found);
    }
}

#[test]
fn every_constraint_of_the_schemas_is_broken_by_a_manifest() {
    let folder = root().join("broken");
    let mut broken = BTreeSet::new();
    let index = Regex::new(r"\[\d+\]").unwrap();
    // names of graph nodes are all that stands for `*`
    let node = Regex::new(r"^spec\.graph\.[a-z]+").unwrap();
    for part in ["agent", "agent-system", "tool", "mcp-server", "model-endpoint", "memory", "agent-policy", "secret"] {
        let found = validate(&folder, &[part, "-o", "json"]).expect(1).json();
        for finding in found["findings"].as_array().unwrap() {
            let path = finding["path"].as_str().unwrap_or_default();
            let path = node.replace(&index.replace_all(path, "[]"), "spec.graph.*").into_owned();
            let kind = finding["object"].as_str().unwrap_or_default().split(' ').next().unwrap_or_default().to_owned();
            broken.insert((kind, path, finding["rule"].as_str().unwrap().to_owned()));
        }
    }
    let registry = Registry::embedded().unwrap();
    let mut missing = Vec::new();
    for kind in registry.kinds() {
        let mut expected = BTreeSet::new();
        constraints(&kind.schema.openapi(), "spec", &mut expected);
        let name = &kind.names.kind;
        missing.extend(
            expected
                .into_iter()
                .filter(|(path, rule)| !broken.contains(&(name.clone(), path.clone(), (*rule).to_owned())))
                .map(|(path, rule)| format!("{name} {path} {rule}")),
        );
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
