//! The committed files are what the registry makes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use orloj_operator::registry::crd::{crds_yaml, write_crds};
use orloj_operator::registry::{Kind, Registry};
use serde_json::Value;

const MEND: &str = "`UPDATE=1 cargo test --test crds committed` or `make generate` mends it";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")
}

pub fn registry() -> Registry {
    Registry::embedded().unwrap_or_else(|error| panic!("{error}"))
}

/// The texts of the embedded kinds' files.
pub fn kind_files() -> Vec<String> {
    Registry::embedded_files().into_iter().map(|(_, text)| text).collect()
}

fn present() -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder()).expect("crds/ is there");
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn committed_crds_are_those_of_the_kinds() {
    let registry = registry();
    let expected: BTreeSet<String> = registry.kinds().iter().map(Kind::crd_file).collect();
    if std::env::var_os("UPDATE").is_some() {
        write_crds(registry.kinds(), &folder()).unwrap();
        for left_over in present().difference(&expected) {
            std::fs::remove_file(folder().join(left_over)).unwrap();
        }
    }
    assert_eq!(present(), expected, "crds/ holds other files than there are kinds: {MEND}");
    for kind in registry.kinds() {
        let file = kind.crd_file();
        let text = std::fs::read_to_string(folder().join(&file)).unwrap();
        assert!(text == kind.crd_yaml(), "crds/{file} is stale: {MEND}");
    }
}

#[test]
fn a_second_writing_writes_nothing() {
    let registry = registry();
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("made/on/demand");
    assert_eq!(write_crds(registry.kinds(), &inner).unwrap().len(), registry.kinds().len());
    assert_eq!(write_crds(registry.kinds(), &inner).unwrap(), Vec::<PathBuf>::new());
    let named = std::fs::read_to_string(inner.join("orloj.dev_tools.yaml")).unwrap();
    assert!(named.starts_with("# Generated from kinds/tool.yaml by `make generate`; do not edit.\n"), "{named}");
}

#[test]
fn two_readers_of_yaml_find_what_was_written() {
    let registry = registry();
    let text = crds_yaml(&registry);
    let meant: Vec<Value> = registry.kinds().iter().map(Kind::crd).collect();
    assert_eq!(serde_saphyr::from_multiple::<Value>(&text).unwrap(), meant);
    let documents = serde_yaml::Deserializer::from_str(&text);
    let read: Vec<Value> = documents.map(|document| serde::Deserialize::deserialize(document).unwrap()).collect();
    assert_eq!(read, meant);
}

#[test]
fn nothing_in_a_crd_shows_up_as_drift() {
    fn walk(value: &Value, path: &str) {
        match value {
            Value::Object(map) => {
                // no manifest holds a status, so its default is no difference to one
                let may = path.ends_with("/properties") || path.ends_with("/openAPIV3Schema/properties/status");
                assert!(!map.contains_key("default") || may, "a default at {path}");
                for (key, value) in map {
                    // `status: {}` turns the subresource on
                    let empty = value.as_array().is_some_and(Vec::is_empty)
                        || (value.as_object().is_some_and(serde_json::Map::is_empty) && key != "status");
                    assert!(!empty && !value.is_null(), "nothing in {path}/{key}");
                    walk(value, &format!("{path}/{key}"));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, path)),
            _ => {}
        }
    }
    registry().kinds().iter().for_each(|kind| walk(&kind.crd(), &kind.names.kind));
}

#[test]
fn a_kind_that_cannot_do_without_a_spec_says_so() {
    for kind in registry().kinds() {
        let crd = kind.crd();
        let rules = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["x-kubernetes-validations"];
        let requires =
            rules.as_array().unwrap().iter().any(|rule| rule["rule"].as_str().unwrap().starts_with("has(self.spec)"));
        let bare = crate::server::resource(kind, "bare", Value::Null);
        assert_eq!(requires, kind.desired(&bare).is_err(), "{}", kind.names.kind);
    }
}
