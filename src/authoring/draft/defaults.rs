//! Defaults of a schema, which a kind fills in by steps.

use serde_json::Value;

use super::{Notes, names};
use crate::registry::schema::SchemaType;

/// Paths with the value to be set there where the field is left out: those of an object before those of its fields.
#[derive(Debug, Default)]
pub struct Defaults(pub Vec<(String, Value)>);

impl Defaults {
    pub fn note(&mut self, path: &str, default: Option<&Value>, of: Option<SchemaType>, notes: &mut Notes) {
        let Some(default) = default.filter(|value| !value.is_null()) else { return };
        let names = path.split('.').skip(1).map(|part| part.trim_end_matches("[]"));
        let settable = path != "spec" && !path.ends_with("[]") && !path.ends_with(".*");
        // what became a string takes one
        let value = match (of, default) {
            (Some(SchemaType::String), Value::Number(number)) => Value::from(number.to_string()),
            _ => default.clone(),
        };
        let fits = match of {
            Some(SchemaType::String) => value.is_string(),
            Some(SchemaType::Integer) => value.is_i64(),
            Some(SchemaType::Number) => value.is_number(),
            Some(SchemaType::Boolean) => value.is_boolean(),
            Some(SchemaType::Array) => value.is_array(),
            Some(SchemaType::Object) | None => value.is_object(),
        };
        if settable && fits && names.into_iter().all(|name| name == "*" || names::in_paths(name)) {
            self.0.push((path.to_owned(), value));
        } else {
            notes.at(path, "default left out: no step can set it");
        }
    }
}
