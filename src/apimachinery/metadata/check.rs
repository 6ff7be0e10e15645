//! Metadata as the API server takes it on a creation: types, names, labels, annotations, owners.

use serde_json::{Map, Value};

use super::{FIELDS, MAX_ANNOTATIONS, MetadataType, OWNER_FIELDS, names};
use crate::apimachinery::field_path::{FieldPath, PathSegment};
use crate::apimachinery::json_type_name;
use crate::apimachinery::suggest::suggest;

/// The part of an object's metadata that a [`MetadataMismatch`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataRule {
    Type,
    UnknownField,
    Name,
    Namespace,
    ResourceVersion,
    Label,
    Annotation,
    /// Finalizers and owners.
    Owner,
}

/// A reason for which the API server refuses an object's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataMismatch {
    pub rule: MetadataRule,
    pub path: FieldPath,
    /// The key at the path is meant, not the value.
    pub on_key: bool,
    pub text: String,
    /// What to do.
    pub help: Option<String>,
}

impl MetadataMismatch {
    fn new(rule: MetadataRule, path: FieldPath, text: String) -> Self {
        Self { rule, path, on_key: false, text, help: None }
    }

    fn key(self) -> Self {
        Self { on_key: true, ..self }
    }

    fn help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }
}

/// Collects what is wrong with an object's metadata.
pub fn check(metadata: &Value, found: &mut Vec<MetadataMismatch>) {
    let empty = Map::new();
    let map = match metadata {
        Value::Object(map) => map,
        Value::Null => &empty,
        other => {
            let text = format!("metadata: expected an object, got {}", json_type_name(other));
            return found.push(MetadataMismatch::new(MetadataRule::Type, FieldPath::of(&["metadata"]), text));
        }
    };
    let at = FieldPath::of(&["metadata"]);
    if fields(map, &FIELDS, &at, found) {
        names_of(map, found);
        version(map, found);
        strings(map, found);
        owners(map, found);
    }
}

/// Whether all fields have their types; tells unknown ones too.
fn fields(
    map: &Map<String, Value>,
    known: &[(&str, MetadataType)],
    at: &FieldPath,
    found: &mut Vec<MetadataMismatch>,
) -> bool {
    let mut sound = true;
    for (name, value) in map {
        let mut path = at.clone();
        path.push(PathSegment::Key(name.clone()));
        let Some((_, expected)) = known.iter().find(|(field, _)| field == name) else {
            let text = format!("unknown field \"{path}\"");
            let help = suggest(name, known.iter().map(|(field, _)| *field));
            found.push(MetadataMismatch::new(MetadataRule::UnknownField, path, text).key().help(help));
            continue;
        };
        sound &= value.is_null() || typed(value, *expected, &mut path, found);
    }
    sound
}

fn typed(value: &Value, expected: MetadataType, path: &mut FieldPath, found: &mut Vec<MetadataMismatch>) -> bool {
    let mut wrong = |path: &FieldPath, what: &str| {
        let mut text = format!("{path}: expected {what}, got {}", json_type_name(value));
        if what == "a string" && !value.is_object() && !value.is_array() {
            text += "; put it into quotes";
        }
        found.push(MetadataMismatch::new(MetadataRule::Type, path.clone(), text));
        false
    };
    match (expected, value) {
        (MetadataType::Text, Value::String(_)) | (MetadataType::Flag, Value::Bool(_)) => true,
        (MetadataType::Text, _) => wrong(path, "a string"),
        (MetadataType::Flag, _) => wrong(path, "true or false"),
        (MetadataType::Integer, Value::Number(number)) if is_integer(number) => true,
        (MetadataType::Integer, _) => wrong(path, "an integer"),
        (MetadataType::Time, Value::String(text)) if text.parse::<jiff::Timestamp>().is_ok() => true,
        (MetadataType::Time, _) => wrong(path, "a time such as 2024-01-02T03:04:05Z"),
        (MetadataType::TextMap, Value::Object(map)) => {
            let mut sound = true;
            for (key, inner) in map {
                path.push(PathSegment::Key(key.clone()));
                sound &= inner.is_null() || typed(inner, MetadataType::Text, path, found);
                path.pop();
            }
            sound
        }
        (MetadataType::TextMap, _) => wrong(path, "a mapping of strings"),
        (MetadataType::Texts | MetadataType::Owners | MetadataType::Entries, Value::Array(items)) => {
            let mut sound = true;
            for (index, inner) in items.iter().enumerate() {
                path.push(PathSegment::Index(index));
                sound &= match (expected, inner) {
                    (_, Value::Null) => true,
                    (MetadataType::Texts, _) => typed(inner, MetadataType::Text, path, found),
                    (MetadataType::Owners, Value::Object(map)) => fields(map, &OWNER_FIELDS, path, found),
                    (_, Value::Object(_)) => true,
                    _ => {
                        let text = format!("{path}: expected an object, got {}", json_type_name(inner));
                        found.push(MetadataMismatch::new(MetadataRule::Type, path.clone(), text));
                        false
                    }
                };
                path.pop();
            }
            sound
        }
        (MetadataType::Texts | MetadataType::Owners | MetadataType::Entries, _) => wrong(path, "a list"),
    }
}

/// A float without a fraction is written as an integer before it is read as one.
fn is_integer(number: &serde_json::Number) -> bool {
    number.is_i64()
        || number.as_f64().is_some_and(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < 1e18)
}

fn text_of<'m>(map: &'m Map<String, Value>, name: &str) -> &'m str {
    map.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn names_of(map: &Map<String, Value>, found: &mut Vec<MetadataMismatch>) {
    let mut refuse = |rule: MetadataRule, field: &str, fault: Option<String>| {
        if let Some(fault) = fault {
            let text = format!("metadata.{field} \"{}\": {fault}", text_of(map, field).escape_debug());
            let help = mended(text_of(map, field)).filter(|_| rule == MetadataRule::Name);
            found.push(MetadataMismatch::new(rule, FieldPath::of(&["metadata", field]), text).help(help));
        }
    };
    let (name, prefix, namespace) = (text_of(map, "name"), text_of(map, "generateName"), text_of(map, "namespace"));
    if !prefix.is_empty() {
        let generated = || names::generated(prefix).filter(|_| name.is_empty());
        refuse(MetadataRule::Name, "generateName", names::prefix(prefix).or_else(generated));
    }
    if !name.is_empty() {
        refuse(MetadataRule::Name, "name", names::subdomain(name));
    }
    if !namespace.is_empty() {
        refuse(MetadataRule::Namespace, "namespace", names::label(namespace));
    }
    if name.is_empty() && prefix.is_empty() {
        let text = "metadata.name: name or generateName is required".to_owned();
        found.push(MetadataMismatch::new(MetadataRule::Name, FieldPath::of(&["metadata", "name"]), text));
    }
}

/// A name that would do in place of one that does not.
fn mended(name: &str) -> Option<String> {
    let keep = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c.to_ascii_lowercase() } else { '-' };
    let mended: String = name.trim().chars().map(keep).collect();
    let mended = mended.trim_matches(['-', '.']);
    (mended != name && names::subdomain(mended).is_none()).then(|| format!("did you mean `{mended}`?"))
}

/// The server creates nothing that has a version, but says so only when it does: not in a dry run.
fn version(map: &Map<String, Value>, found: &mut Vec<MetadataMismatch>) {
    let version = text_of(map, "resourceVersion");
    if !["", "0"].contains(&version) {
        let text =
            "metadata.resourceVersion: nothing new is created with one, and what is there is changed at this one alone";
        let help =
            "take it out, and with it what else the API server fills in: uid, generation, creationTimestamp".to_owned();
        found.push(
            MetadataMismatch::new(
                MetadataRule::ResourceVersion,
                FieldPath::of(&["metadata", "resourceVersion"]),
                text.to_owned(),
            )
            .help(Some(help)),
        );
    }
}

fn strings(map: &Map<String, Value>, found: &mut Vec<MetadataMismatch>) {
    let entries = |field: &str| map.get(field).and_then(Value::as_object).into_iter().flatten();
    for (key, value) in entries("labels") {
        let at = FieldPath::of(&["metadata", "labels", key]);
        if let Some(fault) = names::qualified(key) {
            let text = format!("metadata.labels: key \"{}\": {fault}", key.escape_debug());
            found.push(MetadataMismatch::new(MetadataRule::Label, at.clone(), text).key());
        }
        if let Some(fault) = names::label_value(value.as_str().unwrap_or_default()) {
            let text = format!("metadata.labels.{key}: {fault}");
            found.push(MetadataMismatch::new(MetadataRule::Label, at, text));
        }
    }
    let mut size = 0;
    for (key, value) in entries("annotations") {
        size += key.len() + value.as_str().map_or(0, str::len);
        if let Some(fault) = names::qualified(&key.to_lowercase()) {
            let text = format!("metadata.annotations: key \"{}\": {fault}", key.escape_debug());
            found.push(
                MetadataMismatch::new(MetadataRule::Annotation, FieldPath::of(&["metadata", "annotations", key]), text)
                    .key(),
            );
        }
    }
    if size > MAX_ANNOTATIONS {
        let text = format!("metadata.annotations: {size} bytes together, at most {MAX_ANNOTATIONS} fit");
        found.push(
            MetadataMismatch::new(MetadataRule::Annotation, FieldPath::of(&["metadata", "annotations"]), text).key(),
        );
    }
}

/// The version of `group/version` or `version`; empty where it is neither.
fn version_of(api_version: &str) -> &str {
    match api_version.split_once('/') {
        None => api_version,
        Some((_, version)) if !version.contains('/') => version,
        Some(_) => "",
    }
}

fn owners(map: &Map<String, Value>, found: &mut Vec<MetadataMismatch>) {
    let mut refuse = |path: FieldPath, text: String| found.push(MetadataMismatch::new(MetadataRule::Owner, path, text));
    let list = |field: &str| map.get(field).and_then(Value::as_array).into_iter().flatten().enumerate();
    for (index, finalizer) in list("finalizers") {
        if let Some(fault) = names::qualified(finalizer.as_str().unwrap_or_default()) {
            let mut at = FieldPath::of(&["metadata", "finalizers"]);
            at.push(PathSegment::Index(index));
            refuse(at, format!("metadata.finalizers[{index}]: {fault}"));
        }
    }
    let has = |wanted: &str| list("finalizers").any(|(_, name)| name == wanted);
    if has("orphan") && has("foregroundDeletion") {
        let text = "metadata.finalizers: orphan and foregroundDeletion exclude each other".to_owned();
        refuse(FieldPath::of(&["metadata", "finalizers"]), text);
    }
    let mut controllers = 0;
    for (index, owner) in list("ownerReferences") {
        let mut at = FieldPath::of(&["metadata", "ownerReferences"]);
        at.push(PathSegment::Index(index));
        let text = |field: &str| owner.get(field).and_then(Value::as_str).unwrap_or_default();
        let version = version_of(text("apiVersion"));
        for (field, empty) in [
            ("apiVersion", version.is_empty()),
            ("kind", text("kind").is_empty()),
            ("name", text("name").is_empty()),
            ("uid", text("uid").is_empty()),
        ] {
            if empty {
                refuse(at.clone(), format!("metadata.ownerReferences[{index}].{field}: must not be empty"));
            }
        }
        if (text("apiVersion"), text("kind")) == ("v1", "Event") {
            refuse(at.clone(), format!("metadata.ownerReferences[{index}]: an Event cannot be an owner"));
        }
        controllers += usize::from(owner.get("controller") == Some(&Value::Bool(true)));
        if controllers > 1 {
            refuse(at, format!("metadata.ownerReferences[{index}]: only one owner can be the controller"));
            controllers = 0;
        }
    }
}
