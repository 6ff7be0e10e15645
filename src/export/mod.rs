//! A row turned back into the manifest of a resource: what [`crate::desired`] does, backwards.
//!
//! The manifest holds what a person would have written: no status, no counters, no marks. Applied and synced, it
//! gives the row that it was made from.

mod kubernetes;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::desired::Stored;
use crate::go_compat::quote::quote;
use crate::go_compat::text;
use crate::orlojd::{
    DELETION_POLICY, LAST_APPLIED, MANAGED_BY, SEALED_SECRET_OWNER, SOURCE_KIND, SOURCE_NAMESPACE, SUSPEND,
    TARGET_NAMESPACE,
};
use crate::registry::Kind;
use crate::resource::{ObjectName, Resource, ResourceId};

/// Of a row, what no manifest says: it comes with the resource, or is the cluster's own.
const LEFT_OUT: [&str; 7] =
    [MANAGED_BY, SOURCE_KIND, SOURCE_NAMESPACE, LAST_APPLIED, SEALED_SECRET_OWNER, SUSPEND, DELETION_POLICY];

/// Valid base64, in place of values that nobody is to see: the rules of a kind look at the others.
const PLACEHOLDER: &str = "AAAA";

/// What secret values are exported as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values<'m> {
    /// As they stand in the payload, which has to be in the clear.
    Open,
    /// All as this text, which the rules of the kind should refuse: applied by mistake it must not become a secret.
    Masked(&'m str),
}

/// A manifest.
#[derive(Clone, PartialEq)]
pub struct ExportedManifest {
    /// The resource's own namespace and name.
    pub object: ObjectName,
    pub value: Value,
    /// Paths of what the row holds and this version of the kind does not know.
    pub unknown: Vec<String>,
}

/// Without the spec: it may hold secrets.
impl std::fmt::Debug for ExportedManifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manifest").field("object", &self.object).finish_non_exhaustive()
    }
}

/// Why a row has no manifest. Texts hold no value of a kind with secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// It belongs to something else, which makes it by itself.
    #[error("left out: {0}")]
    Others(String),
    /// A cluster cannot hold it, or the operator would refuse it.
    #[error("unable to export: {}", .0.join("; "))]
    Unfit(Vec<String>),
}

/// The manifest of a row.
pub fn manifest(kind: &Kind, key: &str, payload: &Value, values: Values<'_>) -> Result<ExportedManifest, ExportError> {
    let unfit = |why: String| ExportError::Unfit(vec![why]);
    if !payload.is_object() {
        return Err(unfit("its payload cannot be read; mend or delete it in orlojd".to_owned()));
    }
    let (row_namespace, name) =
        key.split_once('/').ok_or_else(|| unfit("its key has no namespace; create it anew in orlojd".to_owned()))?;
    let mut payload = payload.clone();
    if values != Values::Open {
        hide(kind, &mut payload, PLACEHOLDER);
    }
    let stored = kind.stored(&payload);
    made_by_others(kind, &stored)?;
    let (namespace, annotations) = origin(row_namespace, &stored.annotations);
    let object = ObjectName::new(namespace, name);
    let mut problems = misread(&payload["metadata"], row_namespace, name);
    problems.extend(kubernetes::problems(&object, &stored.labels, &annotations));
    if problems.is_empty() {
        problems.extend(refusal(kind, &object, &stored, &annotations, key));
    }
    if !problems.is_empty() {
        return Err(ExportError::Unfit(problems));
    }
    let mut unknown = Vec::new();
    left_behind("spec", &payload["spec"], &stored.spec, &mut unknown);
    let mut value = written(kind, &object, &stored, &annotations);
    if let Values::Masked(mask) = values {
        hide(kind, &mut value, mask);
    }
    Ok(ExportedManifest { object, value, unknown })
}

fn hide(kind: &Kind, payload: &mut Value, instead: &str) {
    let data = kind.secret_data_mut(payload).into_iter().flat_map(Map::values_mut);
    data.for_each(|value| *value = instead.into());
}

fn made_by_others(kind: &Kind, stored: &Stored) -> Result<(), ExportError> {
    if let Some(owner) = stored.annotations.get(SEALED_SECRET_OWNER) {
        return Err(ExportError::Others(format!("orlojd makes it from the SealedSecret {owner}")));
    }
    if let Some(source) = stored.annotations.get(SOURCE_KIND) {
        return Err(ExportError::Others(format!("it is made from a resource of the kind {source}")));
    }
    let reserved = &kind.program.reserved_labels;
    match reserved.iter().find(|reserved| stored.labels.contains_key(&reserved.label)) {
        Some(reserved) => Err(ExportError::Others(format!("it has the label {}: {}", reserved.label, reserved.reason))),
        None => Ok(()),
    }
}

/// What of a row's metadata no manifest could say: it is not what orlojd or this program would have written.
fn misread(metadata: &Value, namespace: &str, name: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (field, of_key) in [("namespace", namespace), ("name", name)] {
        match &metadata[field] {
            Value::Null => {}
            Value::String(said) if said.is_empty() || text::trim(said) == of_key => {}
            Value::String(said) => problems.push(format!(
                "its payload says metadata.{field} {}, its key {}; mend it in orlojd",
                quote(said),
                quote(of_key)
            )),
            _ => problems.push(format!("its payload has a metadata.{field} that is no text; mend it in orlojd")),
        }
    }
    for (field, what) in [("labels", "label"), ("annotations", "annotation")] {
        match &metadata[field] {
            Value::Null => {}
            Value::Object(map) => {
                let odd = map.iter().filter(|(key, value)| !value.is_string() && !LEFT_OUT.contains(&key.as_str()));
                problems.extend(odd.map(|(key, _)| {
                    format!("the {what} {} has a value that is no text; mend it in orlojd", quote(key))
                }));
            }
            _ => problems.push(format!("its metadata.{field} are no map; mend it in orlojd")),
        }
    }
    problems
}

/// The resource's namespace, and its annotations as a person would have written them.
fn origin(row_namespace: &str, marked: &BTreeMap<String, String>) -> (String, BTreeMap<String, String>) {
    let mut annotations = marked.clone();
    annotations.retain(|name, _| !LEFT_OUT.contains(&name.as_str()));
    // with this the row would go elsewhere
    let leads_here = |target: &String| text::trim(target) == row_namespace;
    if !annotations.get(TARGET_NAMESPACE).is_some_and(leads_here) {
        annotations.remove(TARGET_NAMESPACE);
    }
    match marked.get(SOURCE_NAMESPACE).filter(|source| !source.is_empty()) {
        Some(source) => {
            annotations.entry(TARGET_NAMESPACE.to_owned()).or_insert_with(|| row_namespace.to_owned());
            (source.clone(), annotations)
        }
        None => (row_namespace.to_owned(), annotations),
    }
}

fn written(kind: &Kind, object: &ObjectName, stored: &Stored, annotations: &BTreeMap<String, String>) -> Value {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(&*object.name));
    metadata.insert("namespace".to_owned(), json!(&*object.namespace));
    for (field, map) in [("labels", &stored.labels), ("annotations", annotations)] {
        if !map.is_empty() {
            metadata.insert(field.to_owned(), json!(map));
        }
    }
    json!({
        "apiVersion": kind.names.api_version(),
        "kind": kind.names.kind,
        "metadata": metadata,
        "spec": stored.spec,
    })
}

/// What the operator would say to the manifest.
fn refusal(
    kind: &Kind,
    object: &ObjectName,
    stored: &Stored,
    annotations: &BTreeMap<String, String>,
    key: &str,
) -> Option<String> {
    let id = ResourceId { kind: kind.index, object: object.clone() };
    let resource = Resource {
        labels: stored.labels.clone(),
        annotations: annotations.clone(),
        ..Resource::new(id, "", stored.spec.clone())
    };
    match kind.desired(&resource) {
        Err(invalid) => Some(format!("the operator would refuse it: {}; mend it in orlojd", invalid.text)),
        Ok(desired) if desired.key != key => {
            Some(format!("as a resource its row would be {}; create it anew in orlojd under that name", desired.key))
        }
        Ok(_) => None,
    }
}

/// What is in a row's spec and not in the spec that was read of it.
fn left_behind(path: &str, row: &Value, read: &Value, found: &mut Vec<String>) {
    match (row, read) {
        (Value::Object(row), Value::Object(read)) => {
            for (key, value) in row.iter().filter(|(_, value)| !is_empty(value)) {
                let path = format!("{path}.{key}");
                match read.get(key) {
                    Some(read) => left_behind(&path, value, read, found),
                    None => found.push(path),
                }
            }
        }
        (Value::Array(row), Value::Array(read)) => {
            let both = row.iter().zip(read).enumerate();
            both.for_each(|(index, (row, read))| left_behind(&format!("{path}[{index}]"), row, read, found));
        }
        _ => {}
    }
}

/// What Go's omitempty leaves out, and what holds nothing else.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(true) => false,
    }
}

#[cfg(test)]
mod tests;
