//! The schemas themselves: written as they are, and read by a validator of JSON Schema.

use orloj_operator::authoring::schemas::openapi::Translator;
use orloj_operator::authoring::schemas::{ADDRESS, bundle, files};
use orloj_operator::registry::{Kind, Registry};
use serde_json::{Value, json};

use super::program::Desk;
use super::root;

fn registry() -> Registry {
    Registry::embedded().unwrap()
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::options()
        .should_validate_formats(true)
        .build(schema)
        .unwrap_or_else(|error| panic!("{error}\n{schema}"))
}

/// Every manifest of the examples.
fn examples() -> Vec<Value> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&entry).unwrap();
            found.extend(serde_saphyr::from_multiple::<Value>(&text).unwrap());
        }
    }
    assert_eq!(found.len(), 26);
    found
}

/// `make generate` writes them.
#[test]
fn the_folder_is_what_is_generated() {
    let wanted: Vec<(String, String)> = files(&registry(), ADDRESS);
    for (name, text) in &wanted {
        let there = std::fs::read_to_string(root().join("schemas").join(name)).unwrap_or_default();
        assert!(there == *text, "schemas/{name} is stale: run make generate");
    }
    let mut there = Vec::new();
    for folder in ["", "orloj.dev"] {
        for entry in std::fs::read_dir(root().join("schemas").join(folder)).unwrap().map(|entry| entry.unwrap().path())
        {
            if entry.is_file() {
                there.push(entry.strip_prefix(root().join("schemas")).unwrap().display().to_string());
            }
        }
    }
    let mut names: Vec<_> = wanted.into_iter().map(|(name, _)| name).collect();
    names.sort();
    there.sort();
    assert_eq!(there, names, "a schema of a kind that is no more");
}

#[test]
fn the_command_writes_a_folder_or_one_document() {
    let desk = Desk::new();
    let wrote = desk.run("kinds schemas --out s --address https://x.example.com/s/").expect(0);
    assert_eq!(wrote.err.lines().count(), 18, "{wrote:?}");
    assert_eq!(desk.run("kinds schemas --out s --address https://x.example.com/s/").expect(0).err, "");
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(desk.path("s").join(name)).unwrap()).unwrap()
    };
    assert_eq!(read("catalog.json")["schemas"][0]["url"], "https://x.example.com/s/all.json");
    assert_eq!(read("orloj.dev/memory_v1.json")["title"], "Memory");
    let one = desk.run("kinds schemas").expect(0).json();
    assert_eq!(one, bundle(&registry()));
}

#[test]
fn examples_pass_and_mistakes_do_not() {
    let registry = registry();
    let any = validator(&bundle(&registry));
    let kind_of = |manifest: &Value| -> &Kind {
        registry
            .kind(registry.find(manifest["apiVersion"].as_str().unwrap(), manifest["kind"].as_str().unwrap()).unwrap())
    };
    for manifest in examples() {
        for schema in [kind_of(&manifest).json_schema(true), kind_of(&manifest).json_schema(false)] {
            let errors: Vec<String> =
                validator(&schema).iter_errors(&manifest).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}\n{manifest}");
        }
        assert!(any.is_valid(&manifest), "{manifest}");
    }
    let tool = registry.kind(registry.resolve("tool").unwrap());
    let (strict, open) = (validator(&tool.json_schema(true)), validator(&tool.json_schema(false)));
    let manifest =
        |spec: Value| json!({"apiVersion": "orloj.dev/v1", "kind": "Tool", "metadata": {"name": "a"}, "spec": spec});
    for spec in [
        json!({"type": 5}),
        json!({"type": "htp"}),
        json!({"wasm": {"enable_wasi": true, "fuel": -1}}),
        json!({"wasm": {}}),
        json!({"wasm": {"enable_wasi": null}}),
        json!({"capabilities": [null]}),
        json!({"runtime": {"timeout": "5 min"}}),
        json!([]),
    ] {
        let manifest = manifest(spec);
        assert!(!strict.is_valid(&manifest) && !open.is_valid(&manifest) && !any.is_valid(&manifest), "{manifest}");
    }
    let unknown = manifest(json!({"typ": "http"}));
    assert!(!strict.is_valid(&unknown) && open.is_valid(&unknown), "only the strict one refuses unknown fields");
    // null stands for nothing, case and padding for themselves, as on the server
    let fine = manifest(
        json!({"type": " HTTP ", "endpoint": null, "cli": {"env": {"A": null}}, "input_schema": {"any": [1]}}),
    );
    assert!(strict.is_valid(&fine));
    for wrong in [
        json!({"apiVersion": "orloj.dev/v2", "kind": "Tool"}),
        json!({"apiVersion": "orloj.dev/v1", "kind": "Tol"}),
        json!({"apiVersion": "orloj.dev/v1"}),
    ] {
        assert!(!any.is_valid(&wrong), "{wrong}");
    }
    assert!(any.is_valid(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": 5})), "none of our business");
}

/// What only CRDs of others have.
/// Strict schemas know the fields of metadata that `validate` and the API server know, and no other.
#[test]
fn all_fields_of_metadata_are_known() {
    let registry = registry();
    let kind = registry.kind(registry.resolve("memory").unwrap());
    let strict = kind.json_schema(true);
    let mut known: Vec<&str> =
        strict["properties"]["metadata"]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    known.sort_unstable();
    assert_eq!(known, orloj_operator::apimachinery::metadata::FIELDS.map(|(name, _)| name));
    let manifest = |field: &str| json!({"apiVersion": "orloj.dev/v1", "kind": "Memory", "metadata": {"name": "a", field: "/x"}, "spec": {}});
    let strict = validator(&strict);
    assert!(strict.is_valid(&manifest("selfLink")) && !strict.is_valid(&manifest("selflink")));
}

#[test]
fn keywords_of_kubernetes_are_translated() {
    let node = json!({
        "type": "object",
        "required": ["port"],
        "properties": {
            "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}], "pattern": "^\\d+$"},
            "size": {"type": "string", "nullable": true, "enum": ["a"]},
            "ratio": {"type": "number", "minimum": 0, "exclusiveMinimum": true},
            "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "filled": {"type": "string", "default": "x"},
            "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"a": {"type": "string"}}},
            "whole": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
            "either": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "oneOf": [{"required": ["a"]}, {"required": ["b"]}], "x-kubernetes-validations": [{"rule": "true"}]},
        },
    });
    let schema = validator(&Translator { strict: true }.root(&node));
    for (value, valid) in [
        (json!({"port": 80}), true),
        (json!({"port": "80"}), true),
        (json!({"port": "x"}), false),
        (json!({"port": true}), false),
        (json!({"port": null}), false),
        (json!({"port": 1, "size": null, "either": null}), true),
        (json!({"port": 1, "size": "b"}), false),
        (json!({"port": 1, "ratio": 0}), false),
        (json!({"port": 1, "ratio": 0.1, "set": ["a", "b"]}), true),
        (json!({"port": 1, "set": ["a", "a"]}), false),
        (json!({"port": 1, "filled": null}), false),
        (json!({"port": 1, "open": {"a": "x", "b": 1}}), true),
        (json!({"port": 1, "open": {"a": 1}}), false),
        (json!({"port": 1, "whole": {"apiVersion": "v1", "kind": "X", "spec": {}}}), true),
        (json!({"port": 1, "whole": {"spec": {}}}), false),
        (json!({"port": 1, "either": {"a": "x"}}), true),
        (json!({"port": 1, "either": {"a": "x", "b": "y"}}), false),
        (json!({"port": 1, "either": {"c": "x"}}), false),
    ] {
        assert_eq!(schema.is_valid(&value), valid, "{value}");
    }
}
