//! Kubernetes' structural schemas, object metadata and CEL rules, checked as `kube-apiserver` does. Nothing here knows
//! of Orloj.
//!
//! - [`schema`]: the schema of a custom resource definition, compiled; what an API server says of an object by it
//! - [`cel`]: the rules of `x-kubernetes-validations`
//! - [`metadata`]: what an object's metadata may be
//! - [`field_path`]: the path of a field within an object

pub mod cel;
pub mod field_path;
pub mod metadata;
pub mod schema;
pub mod suggest;

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
