use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::registry::Registry;

fn kind(registry: &Registry, sensitive: bool) -> &Kind {
    registry.kinds().iter().find(|kind| kind.sensitive == sensitive).unwrap()
}

fn payload(annotations: &Value, spec: &Value) -> Value {
    json!({
        "metadata": {"name": "x", "namespace": "team", "resourceVersion": "7", "generation": 3, "createdAt": "then",
            "labels": {"tier": "web"}, "annotations": annotations},
        "spec": spec,
        "status": {"phase": "Ready", "lastError": "no"},
    })
}

fn annotations(manifest: &ExportedManifest) -> BTreeMap<String, String> {
    serde_json::from_value(manifest.value["metadata"]["annotations"].clone()).unwrap_or_default()
}

fn one(key: &str, value: &str) -> BTreeMap<String, String> {
    [(key.to_owned(), value.to_owned())].into()
}

#[test]
fn a_manifest_says_what_a_person_would() {
    let registry = Registry::embedded().unwrap();
    let kind = kind(&registry, true);
    let marks =
        json!({MANAGED_BY: "crd-sync", LAST_APPLIED: "{}", SUSPEND: "true", DELETION_POLICY: "retain", "a": "b"});
    let row = payload(&marks, &json!({"data": {"k": "dg=="}, "newer": 1, "empty": {}}));
    let made = manifest(kind, "team/x", &row, Values::Open).unwrap();
    assert_eq!(
        made.value,
        json!({
            "apiVersion": kind.names.api_version(), "kind": kind.names.kind,
            "metadata": {"name": "x", "namespace": "team", "labels": {"tier": "web"}, "annotations": {"a": "b"}},
            "spec": {"data": {"k": "dg=="}},
        })
    );
    assert_eq!((made.object.to_string(), made.unknown), ("team/x".to_owned(), vec!["spec.newer".to_owned()]));
}

#[test]
fn a_row_from_elsewhere_goes_back_there() {
    let registry = Registry::embedded().unwrap();
    let kind = kind(&registry, true);
    let spec = json!({"data": {"k": "dg=="}});
    let made = |marks: Value| {
        let mut row = payload(&marks, &spec);
        row["metadata"]["namespace"] = json!("prod");
        manifest(kind, "prod/x", &row, Values::Open).unwrap()
    };

    let moved = made(json!({SOURCE_NAMESPACE: "team-a", TARGET_NAMESPACE: " prod "}));
    assert_eq!((moved.object.to_string(), annotations(&moved)), ("team-a/x".into(), one(TARGET_NAMESPACE, " prod ")));
    // the original may have lost one of the two
    let moved = made(json!({SOURCE_NAMESPACE: "team-a"}));
    assert_eq!((moved.object.to_string(), annotations(&moved)), ("team-a/x".into(), one(TARGET_NAMESPACE, "prod")));
    let stays = made(json!({TARGET_NAMESPACE: "elsewhere"}));
    assert_eq!((stays.object.to_string(), annotations(&stays)), ("prod/x".into(), BTreeMap::new()));
}

/// `NoPlaintext`.
#[test]
fn masked_values_show_nowhere() {
    let registry = Registry::embedded().unwrap();
    let kind = kind(&registry, true);
    // sealed, in the clear, or no base64 at all
    let row = payload(&json!({}), &json!({"data": {"a": "enc:pl4nted", "b": "pl4nted", "c": "%pl4nted"}}));
    let made = manifest(kind, "team/x", &row, Values::Masked("***")).unwrap();
    assert_eq!(made.value["spec"], json!({"data": {"a": "***", "b": "***", "c": "***"}}));
    assert!(!made.value.to_string().contains("pl4nted"));
    let refused = manifest(kind, "team/x", &row, Values::Open).unwrap_err().to_string();
    assert!(refused.contains("the operator would refuse it: spec.data") && !refused.contains("pl4nted"), "{refused}");
}

#[test]
fn rows_of_others_are_left_out_and_unfit_ones_named() {
    let registry = Registry::embedded().unwrap();
    let kind = kind(&registry, true);
    let export = |key: &str, row: &Value| manifest(kind, key, row, Values::Open).unwrap_err();
    let spec = json!({"data": {"k": "dg=="}});
    let sealed = export("team/x", &payload(&json!({SEALED_SECRET_OWNER: "s"}), &spec));
    assert!(matches!(&sealed, ExportError::Others(why) if why.contains("SealedSecret s")), "{sealed}");
    let reserving = registry.kinds().iter().find(|kind| !kind.program.reserved_labels.is_empty()).unwrap();
    let label = &reserving.program.reserved_labels[0].label;
    let row = json!({"metadata": {"labels": {label: "x"}}, "spec": {}});
    let made = manifest(reserving, "team/x", &row, Values::Open).unwrap_err();
    assert!(matches!(&made, ExportError::Others(why) if why.contains(label.as_str())), "{made}");
    for (key, mut row, part) in [
        ("team/X", payload(&json!({}), &spec), "the name \"X\""),
        ("team/status", payload(&json!({}), &spec), "reserved subresource name"),
        ("nokey", payload(&json!({}), &spec), "has no namespace"),
        ("team/x", Value::Null, "cannot be read"),
        ("team/x", payload(&json!({}), &json!({"data": 7})), "the operator would refuse it"),
    ] {
        if let (Some((_, name)), true) = (key.split_once('/'), row.is_object()) {
            row["metadata"]["name"] = json!(name);
        }
        let error = export(key, &row);
        assert!(matches!(&error, ExportError::Unfit(_)) && error.to_string().contains(part), "{part}: {error}");
    }
}

/// Nothing is dropped without a word.
#[test]
fn what_no_manifest_can_say_is_named() {
    let registry = Registry::embedded().unwrap();
    let kind = kind(&registry, true);
    let with = |field: &str, value: Value| {
        let mut row = payload(&json!({}), &json!({"data": {"k": "dg=="}}));
        row["metadata"][field] = value;
        manifest(kind, "team/x", &row, Values::Open)
    };
    for (field, value, part) in [
        ("labels", json!({"tier": "web", "a": 5}), "the label \"a\" has a value that is no text"),
        ("labels", json!({"a": null}), "the label \"a\""),
        ("labels", json!(["a"]), "metadata.labels are no map"),
        ("annotations", json!({"a": {"pl4nted": "pl4nted"}}), "the annotation \"a\" has a value that is no text"),
        ("name", json!("other"), "metadata.name \"other\", its key \"x\""),
        ("name", json!(7), "a metadata.name that is no text"),
        ("namespace", json!("Elsewhere"), "metadata.namespace \"Elsewhere\", its key \"team\""),
    ] {
        let error = with(field, value).unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains("pl4nted"), "{part}: {error}");
    }
    for (field, value) in [
        ("labels", Value::Null),
        ("name", json!(" x ")),
        ("namespace", json!("")),
        ("annotations", json!({MANAGED_BY: 1})),
    ] {
        with(field, value).unwrap();
    }
}
