//! What the original gives for some hundreds of resources, payload or error, is what this gives.
//!
//! `vectors.jsonl` was made with the original's own normalise code. Two texts may differ: what follows
//! `invalid regex "…": ` and `must be a valid number: ` is the words of a parser of another language.

#![allow(clippy::panic, reason = "a test says so by panicking, in helpers too")]

#[path = "../registry/verdict.rs"]
mod verdict;

use std::collections::BTreeMap;

use orloj_operator::registry::{Kind, Registry};
use orloj_operator::resource::{ObjectName, Resource, ResourceId};
use serde_json::Value;

const VECTORS: &str = include_str!("../vectors.jsonl");

/// The original walks maps in a random order: of two faults under different keys, a vector may show either.
/// These lines show another one than ours, the first in byte order of the keys (`kinds/ORLOJD.md` 5.7).
/// For each, the test proves that the vector's text is what this gives for the one entry alone.
const OTHER_KEY_FIRST: &[usize] = &[486];

fn strings(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn resource(kind: &Kind, input: &Value) -> Resource {
    let metadata = &input["metadata"];
    let object = ObjectName::new(
        metadata["namespace"].as_str().unwrap_or_default(),
        metadata["name"].as_str().unwrap_or_default(),
    );
    Resource {
        id: ResourceId { kind: kind.index, object },
        uid: "uid".into(),
        generation: 1,
        version: 0,
        created: 0,
        labels: strings(&metadata["labels"]),
        annotations: strings(&metadata["annotations"]),
        finalizers: Vec::new(),
        deleting: false,
        unreadable: None,
        spec: input["spec"].clone(),
        status: Value::Null,
    }
}

/// Cuts off what a parser says in its own words.
fn comparable(text: &str) -> &str {
    for own_words in ["must be a valid number: ", "\": error parsing regexp: "] {
        if let Some((before, _)) = text.split_once(own_words) {
            return before;
        }
    }
    match text.split_once(": invalid regex ") {
        Some((_, rest)) => match rest.rfind("\": ") {
            Some(end) => &text[..text.len() - rest.len() + end],
            None => text,
        },
        None => text,
    }
}

fn vectors() -> impl Iterator<Item = (usize, Value)> {
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    VECTORS.lines().enumerate().map(move |(at, line)| (at + 1, read(line)))
}

fn error_of(kind: &Kind, input: &Value) -> Option<String> {
    kind.desired(&resource(kind, input)).err().map(|invalid| invalid.text)
}

#[test]
fn every_vector_is_met() {
    let registry = Registry::embedded().unwrap_or_else(|error| panic!("{error}"));
    let mut failures = Vec::new();
    let mut other_key = Vec::new();
    let mut count = 0;
    for (line, vector) in vectors() {
        count += 1;
        let input = &vector["in"];
        let index = registry
            .find(input["apiVersion"].as_str().unwrap(), input["kind"].as_str().unwrap())
            .expect("a kind for every vector");
        let kind = registry.kind(index);
        match (kind.desired(&resource(kind, input)), vector.get("error").and_then(Value::as_str)) {
            (Ok(desired), None) => {
                let payload = kind.payload(&desired, None, &Value::Null);
                if payload != vector["payload"] {
                    failures.push(format!("{line}: payload\n  want {}\n  got  {payload}", vector["payload"]));
                }
                if let Some(hash) = vector.get("spec_hash").and_then(Value::as_str) {
                    let columns = kind.columns(&payload);
                    if columns != [hash] {
                        failures.push(format!("{line}: spec_hash\n  want {hash}\n  got  {columns:?}"));
                    }
                }
                let stored = kind.stored(&payload);
                assert!(desired.same_meaning(&stored), "{line}: a row means what it was made from");
                assert_eq!(desired.meaning(), stored.meaning(), "{line}");
            }
            (Err(invalid), Some(want)) if comparable(&invalid.text) == comparable(want) => {}
            (Err(_), Some(want)) if says_one_entry_alone(kind, input, want) => other_key.push(line),
            (Err(invalid), Some(want)) => {
                failures.push(format!("{line}: error\n  want {want}\n  got  {}", invalid.text));
            }
            (Ok(_), Some(want)) => failures.push(format!("{line}: accepted\n  want {want}")),
            (Err(invalid), None) => failures.push(format!("{line}: refused: {}\n  {input}", invalid.text)),
        }
    }
    assert!(failures.is_empty(), "{} of {count} fail:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(count, 647);
    assert_eq!(other_key, OTHER_KEY_FIRST, "lines that show another key's fault");
}

/// Whether the text is this program's for the resource with all map entries but one taken out.
fn says_one_entry_alone(kind: &Kind, input: &Value, want: &str) -> bool {
    ["graph", "data"].iter().any(|field| {
        let Some(entries) = input["spec"][field].as_object() else { return false };
        entries.iter().any(|(name, entry)| {
            let mut alone = input.clone();
            alone["spec"][field] = serde_json::json!({ name: entry });
            error_of(kind, &alone).is_some_and(|text| comparable(&text) == comparable(want))
        })
    })
}

/// What the original accepts, the CRD must not refuse: every pattern, `required` and CEL rule passes the specs of
/// all vectors that have a payload.
#[test]
fn no_schema_refuses_what_the_original_accepts() {
    let registry = Registry::embedded().unwrap_or_else(|error| panic!("{error}"));
    let mut failures = Vec::new();
    for kind in registry.kinds() {
        let crd = verdict::Crd::new(kind);
        for (line, vector) in vectors().filter(|(_, vector)| vector["in"]["kind"] == *kind.names.kind) {
            if vector.get("payload").is_some() {
                let refusals = crd.refusals(&vector["in"]["spec"], true);
                failures.extend(refusals.into_iter().map(|refusal| format!("{line}: {refusal}")));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
