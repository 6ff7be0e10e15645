//! The payload of a row, written and read back in comparable form (`kinds/ORLOJD.md` 2.2), and its derived columns.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Desired, Stored, Versions};
use crate::go_compat::text;
use crate::go_compat::time::{Timestamp, parse_rfc3339};
use crate::normalize;
use crate::orlojd::LAST_APPLIED;
use crate::registry::table::{ColumnType, ColumnValue};
use crate::registry::{ColumnSource, Kind, hex, sha256};
use crate::resource::MASK;

impl Kind {
    /// A stored payload in comparable form: keys that this version of the kind does not know are left out, as is
    /// what omitempty would have dropped. Secrets must have been decrypted in it.
    #[must_use]
    pub fn stored(&self, payload: &Value) -> Stored {
        let metadata = &payload["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (spec, completed) = self.stored_spec(&payload["spec"], &text(&metadata["name"]));
        let status = payload["status"].clone();
        Stored {
            spec,
            completed,
            labels: strings(&metadata["labels"]),
            annotations: strings(&metadata["annotations"]),
            resource_version: text(&metadata["resourceVersion"]),
            generation: metadata["generation"].as_i64().unwrap_or(0),
            created_at: text(&metadata["createdAt"]),
            phase: text(&status["phase"]),
            last_error: text(&status["lastError"]),
            status,
        }
    }

    /// A stored spec as this version of the kind reads it, and completed.
    fn stored_spec(&self, spec: &Value, name: &str) -> (Value, Option<Value>) {
        let shape = &self.program.shape;
        let read = normalize::decode(spec, shape, true).and_then(|tree| {
            let mut normalized = tree.clone();
            normalize::normalize(&mut normalized, &self.program.steps, name);
            let filled = normalized != tree && tree.is_part_of(&normalized);
            let completed = if filled { normalize::encode(normalized, shape).ok() } else { None };
            Ok((normalize::encode(tree, shape)?, completed))
        });
        read.unwrap_or_else(|_| (spec.clone(), None))
    }

    /// The complete payload of a row (`kinds/ORLOJD.md` 2.2). `status` is kept but for its phase; without
    /// `versions` the counters are left out.
    #[must_use]
    pub fn payload(&self, desired: &Desired, versions: Option<&Versions<'_>>, status: &Value) -> Value {
        let mut metadata = Map::new();
        metadata.insert("name".to_owned(), desired.name.clone().into());
        metadata.insert("namespace".to_owned(), desired.namespace.clone().into());
        for (key, map) in [("labels", &desired.labels), ("annotations", &desired.annotations)] {
            if !map.is_empty() {
                metadata.insert(key.to_owned(), json!(map));
            }
        }
        if let Some(versions) = versions {
            metadata.insert("resourceVersion".to_owned(), versions.resource_version.into());
            metadata.insert("generation".to_owned(), versions.generation.into());
            metadata.insert("createdAt".to_owned(), versions.created_at.into());
        }
        let mut payload = Map::new();
        payload.insert("apiVersion".to_owned(), self.store.api_version.clone().into());
        payload.insert("kind".to_owned(), self.store.kind.clone().into());
        payload.insert("metadata".to_owned(), Value::Object(metadata));
        payload.insert("spec".to_owned(), desired.spec.clone());
        let mut status = self.normalized_status(status);
        for field in &self.store.status {
            status[field.name.as_str()] = field.value(&desired.namespace, &desired.name).into();
        }
        payload.insert("status".to_owned(), status);
        Value::Object(payload)
    }

    /// Derived columns of a payload, in the order of the table's.
    #[must_use]
    pub fn columns(&self, payload: &Value) -> Vec<ColumnValue> {
        self.program.columns.iter().map(|column| column.read(payload, &self.program.shape)).collect()
    }

    /// A stored status as the next write has it: with a phase, all else kept.
    #[must_use]
    pub fn normalized_status(&self, status: &Value) -> Value {
        let mut status = status.as_object().cloned().unwrap_or_default();
        let phase = status.get("phase").and_then(Value::as_str).unwrap_or_default();
        let instead = &self.store.initial_phase_instead_of;
        let folded = text::lower(text::trim(phase));
        let unset = phase.is_empty()
            || !instead.is_empty() && (folded.is_empty() || instead.iter().any(|word| text::lower(word) == folded));
        if unset {
            status.insert("phase".to_owned(), self.store.initial_phase.clone().into());
        }
        Value::Object(status)
    }

    /// Column `status_phase` of a payload.
    #[must_use]
    pub fn status_phase(&self, payload: &Value) -> String {
        text::lower(text::trim(payload["status"]["phase"].as_str().unwrap_or_default()))
    }

    /// Masks the secrets of a payload that is shown: every value that `keep` does not let pass, and kubectl's copy of a
    /// whole manifest, which is never part of a row of ours but of those that the original operator wrote.
    pub fn mask_secrets(&self, payload: &mut Value, keep: impl Fn(&str) -> bool) {
        if !self.sensitive {
            return;
        }
        if let Some(data) = self.secret_data_mut(payload) {
            for value in data.values_mut() {
                if !value.as_str().is_some_and(&keep) {
                    *value = MASK.into();
                }
            }
        }
        let annotations = payload.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
        if let Some(value) = annotations.and_then(|annotations| annotations.get_mut(LAST_APPLIED)) {
            *value = MASK.into();
        }
    }

    /// The secret values of a payload, where the kind has any.
    pub fn secret_data_mut<'p>(&self, payload: &'p mut Value) -> Option<&'p mut Map<String, Value>> {
        let way = &self.program.secret;
        if way.is_empty() {
            return None;
        }
        way.iter().try_fold(payload, |value, name| value.get_mut(&**name))?.as_object_mut()
    }
}

impl ColumnSource {
    fn read(&self, payload: &Value, shape: &normalize::Shape) -> ColumnValue {
        let value =
            |path: &[Box<str>]| path.iter().try_fold(payload, |value, name| value.get(&**name)).unwrap_or(&Value::Null);
        ColumnValue::Text(match self {
            Self::Typed { path, column_type } => return typed(value(path), *column_type),
            Self::Field { path, trim, lower } => {
                let found = match value(path) {
                    Value::String(text) => text.clone(),
                    value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
                    _ => String::new(),
                };
                let trimmed = if *trim { text::trim(&found) } else { &found };
                if *lower { text::lower(trimmed) } else { trimmed.to_owned() }
            }
            Self::SpecHash => {
                let mut encoded = String::new();
                normalize::encode_ordered(&mut encoded, &payload["spec"], shape);
                hex(&sha256(encoded.as_bytes()))
            }
        })
    }
}

/// A value as a column of a type other than text holds it: Go's zero where it is missing, or of another type.
fn typed(value: &Value, column_type: ColumnType) -> ColumnValue {
    let found = match column_type {
        ColumnType::Text => None,
        ColumnType::Boolean => value.as_bool().map(ColumnValue::Boolean),
        ColumnType::Integer => value.as_i64().map(ColumnValue::Integer),
        ColumnType::Timestamp => {
            let moment = value.as_str().and_then(|text| parse_rfc3339(text::trim(text)));
            Some(ColumnValue::Timestamp(moment.map(Timestamp::micros)))
        }
    };
    found.unwrap_or_else(|| column_type.zero())
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
