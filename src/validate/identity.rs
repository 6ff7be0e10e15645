//! Which kind an object is of.

use serde_json::Value;

use super::encrypted;
use super::finding::ObjectFinding;
use super::rule;
use crate::apimachinery::field_path::FieldPath;
use crate::apimachinery::json_type_name;
use crate::apimachinery::suggest::suggest;
use crate::registry::Registry;
use crate::resource::KindIndex;
use crate::source::manifest::misnamed;

/// What an object says that it is.
#[derive(Debug)]
pub enum Identity {
    /// Of a kind of the registry.
    KnownRow(KindIndex),
    /// Of a group that nobody here knows, or none of those of its kind that have rows.
    Foreign { api_version: String, kind: String },
    /// Of nothing that an API server has.
    Wrong(Box<ObjectFinding>),
}

/// Reads `apiVersion` and `kind`.
#[must_use]
pub fn identify(registry: &Registry, object: &Value) -> Identity {
    let (api_version, kind) = match words(object) {
        Ok(words) => words,
        Err(draft) => return Identity::Wrong(encrypted::check(object).map_or(draft, Box::new)),
    };
    // the whole of it, so that nobody knows what it is
    if let Some(draft) = encrypted::check(&Value::String(api_version.clone())) {
        return Identity::Wrong(Box::new(ObjectFinding { way: FieldPath::of(&["apiVersion"]), ..draft }));
    }
    if let Some(index) = registry.find(&api_version, &kind) {
        let selected = registry.kind(index).selects_object(object);
        return if selected { Identity::KnownRow(index) } else { Identity::Foreign { api_version, kind } };
    }
    match misspelt(registry, &api_version, &kind) {
        Some(draft) => Identity::Wrong(Box::new(draft)),
        None => Identity::Foreign { api_version, kind },
    }
}

/// `apiVersion` and `kind`, where the document is an object that says them.
fn words(object: &Value) -> Result<(String, String), Box<ObjectFinding>> {
    let refuse = |way: FieldPath, text: String| Box::new(ObjectFinding::new(&rule::NOT_AN_OBJECT, way, text));
    let Some(map) = object.as_object() else {
        let text = format!("expected an object with apiVersion, kind and metadata, not {}", json_type_name(object));
        return Err(refuse(FieldPath::new(), text));
    };
    let word = |field: &str| match map.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        None | Some(Value::Null | Value::String(_)) => Err(refuse(FieldPath::new(), format!("{field} is missing"))),
        Some(other) => {
            let text = format!("{field}: expected a string, not {}; put it into quotes", json_type_name(other));
            Err(refuse(FieldPath::of(&[field]), text))
        }
    };
    Ok((word("apiVersion")?, word("kind")?))
}

/// What is wrong with the kind of an object that is, or should be, of one of our groups.
fn misspelt(registry: &Registry, api_version: &str, kind: &str) -> Option<ObjectFinding> {
    if let Some((field, text)) = misnamed(registry, api_version, kind) {
        let rule = if field == "apiVersion" { &rule::UNKNOWN_VERSION } else { &rule::UNKNOWN_KIND };
        return Some(ObjectFinding::new(rule, FieldPath::of(&[field]), text));
    }
    // a slip of the pen in the group would make the object nobody's
    let ours = registry.own_kinds().filter(|known| known.names.kind == kind);
    let help = suggest(group(api_version), ours.map(|known| known.names.group.as_str()))?;
    let text = format!("unable to use {kind} of {api_version}: there is no such group");
    Some(ObjectFinding::new(&rule::UNKNOWN_KIND, FieldPath::of(&["apiVersion"]), text).help(Some(help)))
}

/// The group of a version; of the core group `v1`.
#[must_use]
pub fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or(api_version, |(group, _)| group)
}
