//! One object of a document as a resource.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::locate::Last;
use super::{Manifest, ManifestError, ManifestObject, ReadResult};
use crate::apimachinery::field_path::FieldPath;
use crate::apimachinery::json_type_name;
use crate::registry::Registry;
use crate::resource::{ObjectName, Resource, ResourceId};

/// A list's own kind, which tells that of entries that do not say theirs.
pub struct ListKind {
    api_version: String,
    /// Empty in a plain `List`.
    entry: String,
}

impl ListKind {
    /// The list that a value is: its kind ends with `List`, and it has `items`.
    pub fn of(registry: &Registry, value: &Value) -> Option<Self> {
        let kind = value.get("kind")?.as_str()?;
        let api_version = value.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        let entry = kind.strip_suffix("List")?;
        let is_list = value.get("items").is_some_and(|items| items.is_array() || items.is_null());
        (is_list && registry.find(api_version, kind).is_none())
            .then(|| Self { api_version: api_version.to_owned(), entry: entry.to_owned() })
    }

    /// Entries of the API server's own lists name neither version nor kind.
    pub fn complete(&self, value: &mut Value) {
        let Some(object) = value.as_object_mut().filter(|_| !self.entry.is_empty()) else { return };
        for (name, text) in [("apiVersion", &self.api_version), ("kind", &self.entry)] {
            object.entry(name).or_insert_with(|| text.as_str().into());
        }
    }
}

/// Reads an object. `last` is where the place of an error is found.
pub fn read(registry: &Registry, entry: ManifestObject<'_>, last: &mut Last) -> ReadResult {
    let ManifestObject { place, text, value } = entry;
    match take_apart(registry, value) {
        Ok(Some(resource)) => ReadResult::Manifest(Manifest { place, resource }),
        Ok(None) => ReadResult::Foreign,
        Err(refusal) => {
            let mut error = ManifestError::at(&place, refusal.text);
            (error.line, error.column) = last.position(&place, text, &refusal.path);
            ReadResult::Error(error)
        }
    }
}

/// Reads an object that stands alone, in no file. `None` where it is none of ours.
pub fn resource(registry: &Registry, value: Value) -> Result<Option<Box<Resource>>, String> {
    take_apart(registry, value).map_err(|error| error.text)
}

struct ObjectError {
    path: FieldPath,
    text: String,
}

/// Stable, so that a manifest that comes back, or cannot be read for a while, is the same resource.
#[must_use]
pub fn uid(object: &ObjectName) -> Box<str> {
    format!("directory/{object}").into()
}

fn refuse(path: &[&str], text: impl Into<String>) -> ObjectError {
    ObjectError { path: FieldPath::of(path), text: text.into() }
}

/// `None` for an object that is none of ours.
fn take_apart(registry: &Registry, value: Value) -> Result<Option<Box<Resource>>, ObjectError> {
    let Value::Object(object) = value else {
        return Err(refuse(
            &[],
            format!("expected an object with apiVersion, kind and metadata, not {}", json_type_name(&value)),
        ));
    };
    let api_version = required_text(&object, "apiVersion")?;
    let kind_name = required_text(&object, "kind")?;
    let Some(kind) = registry.find(api_version, kind_name) else {
        return unknown(registry, api_version, kind_name).map_or(Ok(None), Err);
    };
    let object = Value::Object(object);
    if !registry.kind(kind).selects_object(&object) {
        return Ok(None);
    }
    let spec = registry.kind(kind).spec_in(&object);
    let Value::Object(mut object) = object else { return Ok(None) };
    let mut metadata = match object.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        None | Some(Value::Null) => Map::new(),
        Some(other) => {
            return Err(refuse(&["metadata"], format!("metadata: expected an object, not {}", json_type_name(&other))));
        }
    };
    let name = text_of(&mut metadata, "name")?;
    let namespace = text_of(&mut metadata, "namespace")?;
    let namespace = if namespace.is_empty() { "default".to_owned() } else { namespace };
    let id = ResourceId { kind, object: ObjectName::new(namespace, name) };
    let mut strings = |field| strings_of(&mut metadata, field);
    let (labels, annotations) = (strings("labels")?, strings("annotations")?);
    Ok(Some(Box::new(Resource {
        uid: uid(&id.object),
        id,
        generation: 1,
        version: 0,
        created: 0,
        labels,
        annotations,
        finalizers: Vec::new(),
        deleting: false,
        unreadable: None,
        spec,
        status: Value::Null,
    })))
}

fn required_text<'o>(object: &'o Map<String, Value>, field: &str) -> Result<&'o str, ObjectError> {
    match object.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        None | Some(Value::Null | Value::String(_)) => Err(refuse(&[], format!("{field} is missing"))),
        Some(other) => Err(refuse(&[field], format!("{field}: expected a string, not {}", json_type_name(other)))),
    }
}

fn text_of(metadata: &mut Map<String, Value>, field: &str) -> Result<String, ObjectError> {
    match metadata.remove(field) {
        Some(Value::String(text)) => Ok(text),
        None | Some(Value::Null) => Ok(String::new()),
        Some(other) => {
            let text =
                format!("metadata.{field}: expected a string, not {}; put it into quotes", json_type_name(&other));
            Err(refuse(&["metadata", field], text))
        }
    }
}

fn strings_of(metadata: &mut Map<String, Value>, field: &str) -> Result<BTreeMap<String, String>, ObjectError> {
    let entries = match metadata.remove(field) {
        Some(Value::Object(entries)) => entries,
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(other) => {
            let text = format!("metadata.{field}: expected a mapping of strings, not {}", json_type_name(&other));
            return Err(refuse(&["metadata", field], text));
        }
    };
    let text = |(key, value): (String, Value)| match value {
        Value::String(text) => Ok((key, text)),
        // as the API server reads it
        Value::Null => Ok((key, String::new())),
        other => {
            let text = format!(
                "metadata.{field}.{key}: expected a string, not {}; put it into quotes",
                json_type_name(&other)
            );
            Err(refuse(&["metadata", field, &key], text))
        }
    };
    entries.into_iter().map(text).collect()
}

/// What is wrong with the kind of an object: the field to mend, and why. `None` where the registry has the kind, or its
/// group is not ours.
#[must_use]
pub fn misnamed(registry: &Registry, api_version: &str, kind_name: &str) -> Option<(&'static str, String)> {
    let refusal = unknown(registry, api_version, kind_name)?;
    let field = if refusal.path == FieldPath::of(&["apiVersion"]) { "apiVersion" } else { "kind" };
    Some((field, refusal.text))
}

/// Kinds of orlojd's own API that its runtime makes, or that start something: nothing to keep equal to a manifest, unless
/// a kind file says so. orlojctl applies manifests of them from the same folders.
const RUNTIME_KINDS: [&str; 8] =
    ["Task", "TaskSchedule", "TaskWebhook", "Worker", "Session", "EvalRun", "ToolApproval", "TaskApproval"];

/// Whether an object is of a kind that is made through orlojctl or REST, and that no kind file describes.
#[must_use]
pub fn is_runtime(registry: &Registry, api_version: &str, kind_name: &str) -> bool {
    api_version.starts_with("orloj.dev/")
        && RUNTIME_KINDS.contains(&kind_name)
        && registry.find(api_version, kind_name).is_none()
}

/// What is wrong with a kind that the registry does not have; `None` where its group is not ours.
fn unknown(registry: &Registry, api_version: &str, kind_name: &str) -> Option<ObjectError> {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let ours: Vec<_> = registry.own_kinds().filter(|kind| kind.names.group == group).collect();
    if ours.is_empty() || is_runtime(registry, api_version, kind_name) {
        return None;
    }
    if let Some(kind) = ours.iter().find(|kind| kind.names.kind == kind_name) {
        let text = format!(
            "unable to use {kind_name} in {api_version}: this operator knows it in {}",
            kind.names.api_version()
        );
        return Some(refuse(&["apiVersion"], text));
    }
    let near = |name: &str| (strsim::damerau_levenshtein(&name.to_lowercase(), &kind_name.to_lowercase()), name.len());
    let closest = ours
        .iter()
        .map(|kind| (near(&kind.names.kind), kind.names.kind.as_str()))
        .filter(|((distance, length), _)| *distance <= 1 + length / 4)
        .min();
    let help = match closest {
        Some((_, name)) => format!("did you mean {name}?"),
        None => "`orloj-operator kinds list` names the kinds".to_owned(),
    };
    Some(refuse(&["kind"], format!("unable to use kind {kind_name} of {api_version}: there is no such kind; {help}")))
}
