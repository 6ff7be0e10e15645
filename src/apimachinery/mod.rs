//! What Kubernetes' API machinery takes for valid, whatever the schema: object metadata, string formats, quantities,
//! versions, addresses. Nothing here knows of Orloj.
//!
//! - `metadata`: what an object's metadata may be
//! - `formats` and `named_formats`: the formats of texts, as schemas and as CEL rules name them
//! - `quantity`, `version`, `network`: what such texts stand for
//! - `field_path`: the path of a field within an object

pub mod field_path;
pub mod formats;
pub mod metadata;
pub(crate) mod named_formats;
pub(crate) mod network;
pub(crate) mod quantity;
pub(crate) mod suggest;
pub(crate) mod version;

use serde_json::Value;

/// The name of a value's JSON type with its article, for messages that must not show the value itself.
#[must_use]
pub fn json_type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
