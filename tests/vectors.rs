//! What the original gives for some hundreds of resources, payload or error, is what this gives.
//!
//! `vectors.jsonl` was made with the original's own normalise code. Two texts may differ: what follows
//! `invalid regex "…": ` and `must be a valid number: ` is the words of a parser of another language.

use std::collections::BTreeMap;

use orloj_operator::registry::{Kind, Registry};
use orloj_operator::resource::{ObjectName, Resource, ResourceId};
use serde_json::Value;

const VECTORS: &str = include_str!("vectors.jsonl");

/// The original walks graphs in a random order: of two faults in different nodes, a vector may show either.
/// These lines show another one than ours, the first in byte order of the node names (`reference/store.md`
/// hazard 20). For each, the test proves that the vector's text is what this gives for the one node alone.
const OTHER_NODE_FIRST: &[usize] = &[];

fn strings(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
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
        created: 0,
        labels: strings(&metadata["labels"]),
        annotations: strings(&metadata["annotations"]),
        finalizers: Vec::new(),
        deleting: false,
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
    VECTORS.lines().enumerate().map(|(at, line)| (at + 1, serde_json::from_str(line).unwrap()))
}

fn error_of(kind: &Kind, input: &Value) -> Option<String> {
    kind.desired(&resource(kind, input)).err().map(|invalid| invalid.text)
}

#[test]
fn every_vector_is_met() {
    let registry = Registry::embedded().unwrap_or_else(|error| panic!("{error}"));
    let mut failures = Vec::new();
    let mut other_node = Vec::new();
    let mut count = 0;
    for (line, vector) in vectors() {
        count += 1;
        let input = &vector["in"];
        let index = registry
            .find(input["apiVersion"].as_str().unwrap(), input["kind"].as_str().unwrap())
            .expect("a kind for every vector");
        let kind = registry.kind(index).unwrap();
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
            (Err(_), Some(want)) if says_one_node_alone(kind, input, want) => other_node.push(line),
            (Err(invalid), Some(want)) => {
                failures.push(format!("{line}: error\n  want {want}\n  got  {}", invalid.text))
            }
            (Ok(_), Some(want)) => failures.push(format!("{line}: accepted\n  want {want}")),
            (Err(invalid), None) => failures.push(format!("{line}: refused: {}\n  {input}", invalid.text)),
        }
    }
    assert!(failures.is_empty(), "{} of {count} fail:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(count, 647);
    assert_eq!(other_node, OTHER_NODE_FIRST, "lines that show another node's fault");
}

/// Whether the text is this program's for the resource with all map entries but one taken out.
fn says_one_node_alone(kind: &Kind, input: &Value, want: &str) -> bool {
    ["graph", "data"].iter().any(|field| {
        let Some(entries) = input["spec"][field].as_object() else { return false };
        entries.iter().any(|(name, node)| {
            let mut alone = input.clone();
            alone["spec"][field] = serde_json::json!({ name: node });
            error_of(kind, &alone).is_some_and(|text| comparable(&text) == comparable(want))
        })
    })
}
