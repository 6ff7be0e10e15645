//! The registry: what it refuses and how it says so, a ninth kind by file alone, and properties of every kind.

#![allow(clippy::panic, reason = "a test says so by panicking, in helpers too")]

mod cases;
mod derived;
mod explain;
mod lint;
mod properties;
mod refusals;
mod verdict;

use std::collections::BTreeMap;
use std::path::Path;

use orloj_operator::desired::InvalidClass;
use orloj_operator::registry::{Kind, Registry, json_schema};
use orloj_operator::resource::{ObjectName, Resource, ResourceId};
use orloj_operator::store::TableOwner;
use serde_json::{Value, json};

const WIDGET: &str = include_str!("../kinds/widget.yaml");

fn embedded() -> Registry {
    Registry::embedded().unwrap_or_else(|error| panic!("{error}"))
}

fn widgets() -> Registry {
    Registry::from_files([("widget.yaml".to_owned(), WIDGET.to_owned())]).unwrap_or_else(|error| panic!("{error}"))
}

fn kind<'r>(registry: &'r Registry, word: &str) -> &'r Kind {
    let index = registry.resolve(word).unwrap_or_else(|| panic!("{word} is a kind"));
    registry.kind(index)
}

fn resource(kind: &Kind, spec: Value) -> Resource {
    Resource {
        id: ResourceId { kind: kind.index, object: ObjectName::new("team-a", "one") },
        uid: "uid".into(),
        generation: 1,
        version: 0,
        created: 0,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        finalizers: Vec::new(),
        deleting: false,
        unreadable: None,
        spec,
        status: Value::Null,
    }
}

fn refused(kind: &Kind, spec: Value) -> (InvalidClass, String) {
    match kind.desired(&resource(kind, spec)) {
        Err(invalid) => (invalid.class, invalid.text),
        Ok(desired) => panic!("accepted: {}", desired.spec),
    }
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_eight_kinds_load() {
    let registry = embedded();
    let names: Vec<&str> = registry.kinds().iter().map(|kind| kind.names.kind.as_str()).collect();
    assert_eq!(names.len(), 8, "{names:?}");
    for (word, kind) in [("OTOOL", "Tool"), ("mcpservers", "McpServer"), ("memory", "Memory"), ("oasys", "AgentSystem")]
    {
        let found = registry.resolve(word).map(|index| registry.kind(index).names.kind.as_str());
        assert_eq!(found, Some(kind), "{word}");
    }
    assert_eq!(registry.resolve("none"), None);
    assert_eq!(registry.find("orloj.dev/v2", "Tool"), None);
}

#[test]
fn a_ninth_kind_is_a_file() {
    let registry = widgets();
    let kind = &registry.kinds()[0];
    assert_eq!(kind.store.table.owner, TableOwner::Operator);
    assert_eq!(kind.store.table.columns.len(), 2);
    assert!(!kind.runtime_reports && !kind.sensitive);
    let spec = json!({
        "size": " LARGE", "paint": {"colour": " red "}, "tags": ["a", "A", " "], "weight": 1000.0, "unknown": 1,
        "parts": {"lid": {"screws": [{"length": 3}]}, "box": null}, "extra": {"whole": 2.0, "none": null}
    });
    let desired = kind.desired(&resource(kind, spec)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(desired.key, "team-a/one");
    let want = json!({
        "size": "large", "paint": {"colour": "red"}, "tags": ["a"], "weight": 100,
        "parts": {"lid": {"screws": [{"length": 3}]}, "box": {}}, "extra": {"whole": 2, "none": null}
    });
    assert_eq!(desired.spec, want);
    let payload = kind.payload(&desired, None, &Value::Null);
    assert_eq!(payload["apiVersion"], "widgets.example.com/v1alpha1");
    assert_eq!(payload["status"], json!({"phase": "Pending"}));
    assert_eq!(kind.columns(&payload), ["large", "red"]);
    let (class, text) = refused(kind, json!({"parts": {"lid": {"screws": [{"length": 1}, {}]}}}));
    assert_eq!((class, text.as_str()), (InvalidClass::Rule, "spec.parts.lid.screws[1].length is required"));
}

#[test]
fn an_extra_folder_adds_and_replaces() {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap_or_else(|error| panic!("{error}"));
    };
    write("widget.yaml", WIDGET);
    let memory = include_str!("../../kinds/memory.yaml").replace("shortNames: [omem]", "shortNames: [mem]");
    write("my-memory.yml", &memory);
    let registry = Registry::load(Some(folder.path())).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(registry.kinds().len(), 9);
    assert!(registry.resolve("mem").is_some() && registry.resolve("omem").is_none());
    for (position, kind) in registry.kinds().iter().enumerate() {
        assert_eq!(usize::from(kind.index.0), position);
    }
    let missing = Registry::load(Some(Path::new("no/such/folder"))).map(|_| ()).unwrap_err().to_string();
    assert!(missing.contains("no/such/folder: unable to read"), "{missing}");
}

#[test]
fn wrong_types_name_path_and_find() {
    let registry = embedded();
    let tool = kind(&registry, "tool");
    let cases = [
        (json!([1]), "spec: expected an object, got a list"),
        (json!({"type": 5}), "spec.type: expected a string, got 5"),
        (json!({"wasm": {"fuel": -1}}), "spec.wasm.fuel: expected an integer of 0 or more, got -1"),
        (json!({"wasm": {"fuel": 1.5}}), "spec.wasm.fuel: expected an integer of 0 or more, got 1.5"),
        (json!({"wasm": {"max_memory_bytes": 9.3e18}}), "spec.wasm.max_memory_bytes: expected an integer, got 9.3e+18"),
        (
            json!({"cli": {"env_from": [{}, {"name": {}}]}}),
            "spec.cli.env_from[1].name: expected a string, got an object",
        ),
        (json!({"cli": {"env": {"A": true}}}), "spec.cli.env.A: expected a string, got true"),
        (json!({"input_schema": "x"}), "spec.input_schema: expected an object, got a string"),
    ];
    for (spec, want) in cases {
        assert_eq!(refused(tool, spec), (InvalidClass::Malformed, want.to_owned()));
    }
    assert!(tool.desired(&resource(tool, Value::Null)).is_ok(), "no spec at all is an empty one");
    assert!(tool.desired(&resource(tool, json!({"wasm": {"fuel": 7.0}, "cli": null}))).is_ok());
}

#[test]
fn common_checks_hold_for_every_kind() {
    let registry = widgets();
    let kind = &registry.kinds()[0];
    let nul = refused(kind, json!({"parts": {"a": {"screws": []}}, "extra": {"x": ["ok", "a\u{0}b"]}}));
    assert_eq!(nul.0, InvalidClass::NulCharacter);
    assert_eq!(nul.1, "spec.extra.x[1]: must not contain U+0000: the store cannot hold it");
    let mut labelled = resource(kind, json!({}));
    labelled.labels = map(&[("a", "\u{0}")]);
    assert!(kind.desired(&labelled).is_err_and(|invalid| invalid.text.starts_with("metadata.labels.a: ")));
    let mut long = resource(kind, json!({}));
    long.id.object = ObjectName::new("é".repeat(10), "n".repeat(243));
    let invalid = kind.desired(&long).map(|_| ()).unwrap_err();
    assert_eq!(invalid.class, InvalidClass::KeyTooLong);
    assert!(invalid.text.contains("has 254 characters, at most 253 fit"), "{invalid}");
    long.id.object = ObjectName::new("é".repeat(10), "n".repeat(242));
    assert!(kind.desired(&long).is_ok());
    let large = refused(kind, json!({"extra": {"x": "x".repeat(5 << 20)}}));
    assert_eq!(large.0, InvalidClass::TooLarge);
    for (name, want) in [
        ("", "metadata.name is required"),
        ("a/b", "metadata.name \"a/b\" must not contain '/', spaces, or whitespace"),
        (".a", "metadata.name \".a\" must not start with '.'"),
        ("Status", "metadata.name \"Status\" is a reserved subresource name"),
    ] {
        let mut named = resource(kind, json!({}));
        named.id.object = ObjectName::new("ns", name);
        assert_eq!(kind.desired(&named).map(|_| ()).unwrap_err().text, want);
    }
}

#[test]
fn rows_get_the_annotations_that_orlojd_would_write() {
    let registry = widgets();
    let kind = &registry.kinds()[0];
    let mut resource = resource(kind, json!({}));
    resource.annotations = map(&[
        ("note", "kept"),
        ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
        ("orloj.dev/sealedsecret-owner", "a/b"),
        ("orloj.dev/suspend", "false"),
        ("orloj.dev/deletion-policy", "retain"),
        ("orloj.dev/target-namespace", " prod "),
    ]);
    let desired = kind.desired(&resource).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(desired.key, "prod/one");
    assert_eq!(kind.scoped_key(&resource), "prod/one");
    let want = map(&[
        ("note", "kept"),
        ("orloj.dev/managed-by", "crd-sync"),
        ("orloj.dev/source-namespace", "team-a"),
        ("orloj.dev/target-namespace", " prod "),
    ]);
    assert_eq!(desired.annotations, want);
    resource.annotations = map(&[("orloj.dev/target-namespace", "")]);
    let desired = kind.desired(&resource).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(desired.namespace, "team-a");
    assert!(!desired.annotations.contains_key("orloj.dev/source-namespace"));
}

#[test]
fn reserved_labels_refuse_and_names_warn() {
    let registry = embedded();
    let kind = kind(&registry, "tool");
    let mut tool = resource(kind, json!({}));
    tool.id.object = ObjectName::new("ns", "server--tool");
    assert_eq!(kind.desired(&tool).map(|desired| desired.warnings.len()), Ok(1));
    tool.labels = map(&[("orloj.dev/mcp-server", "x")]);
    let invalid = kind.desired(&tool).map(|_| ()).unwrap_err();
    assert_eq!(invalid.class, InvalidClass::Metadata);
}

#[test]
fn a_status_gets_a_phase_and_keeps_the_rest() {
    let registry = embedded();
    let phase = |word: &str, phase: &str| {
        let kind = kind(&registry, word);
        kind.normalized_status(&json!({"phase": phase, "lastError": "x"}))
    };
    assert_eq!(phase("agent", ""), json!({"phase": "Pending", "lastError": "x"}));
    assert_eq!(phase("agent", "Running"), json!({"phase": "Running", "lastError": "x"}));
    for unset in ["", " ", " PENDING "] {
        assert_eq!(phase("agentpolicy", unset)["phase"], "Ready", "{unset:?}");
    }
    assert_eq!(phase("agentpolicy", "Error")["phase"], "Error");
}

#[test]
fn secrets_stay_out_of_errors() {
    let registry = embedded();
    let kind = kind(&registry, "secret");
    assert!(kind.sensitive);
    for spec in [
        json!({"data": {"k": 4711}}),
        json!({"data": {"k": "4711!"}}),
        json!({"data": ["4711"]}),
        json!({"data": "4711"}),
        json!({"stringData": {"k": {"4711": 4711}}}),
        json!({"stringData": {"k": 4711.5}}),
    ] {
        let (_, text) = refused(kind, spec);
        assert!(!text.contains("4711"), "{text}");
    }
    let desired = kind.desired(&resource(kind, json!({"stringData": {"k": "a\u{0}b"}})));
    let desired = desired.unwrap_or_else(|error| panic!("encoded, U+0000 is storable: {error}"));
    assert!(!format!("{desired:?}").contains("YQBi"), "Debug shows no values");
    let mut payload = kind.payload(&desired, None, &Value::Null);
    let data = kind.secret_data_mut(&mut payload).unwrap_or_else(|| panic!("there is data"));
    assert_eq!(data["k"], "YQBi");
}

/// Whether a line has a word by itself: `003_mcp_servers`, a migration's name, is another word than its table's.
fn names(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        word.starts_with('"') || !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part)
    })
}

#[test]
fn the_source_names_no_kind() {
    let mut words = Vec::new();
    for kind in embedded().kinds() {
        let names = &kind.names;
        words.push(format!("\"{}\"", names.kind));
        words.push(format!("\"{}\"", names.plural));
        words.push(format!("\"{}\"", kind.store.table.name));
        words.extend(names.short_names.iter().map(|word| format!("\"{word}\"")));
        // a word of two is no English
        if names.kind.chars().filter(char::is_ascii_uppercase).count() > 1 {
            words.push(names.kind.clone());
            words.push(names.plural.clone());
            words.push(kind.store.table.name.clone());
        }
    }
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for (number, line) in text.lines().enumerate() {
                let hits = words.iter().filter(|word| names(line, word));
                found.extend(hits.map(|word| format!("{}:{}: {word}", path.display(), number + 1)));
            }
        }
    }
    assert!(found.is_empty(), "kinds belong into kinds/:\n{}", found.join("\n"));
}

/// `kinds/kind.schema.json` is what editors check kind files by.
#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kinds/kind.schema.json");
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap_or_default()).unwrap_or_default();
    assert!(committed == json_schema(), "kinds/kind.schema.json is stale: run `make generate`");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kinds/test.schema.json");
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap_or_default()).unwrap_or_default();
    let schema = orloj_operator::authoring::cases::json_schema();
    assert!(committed == schema, "kinds/test.schema.json is stale: run `make generate`");
}
