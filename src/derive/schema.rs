//! OpenAPI v3 structural schema of a spec, as a kind's file writes it.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::normalize::Presence;

/// A node of the schema: what Kubernetes allows in a structural schema, plus `store`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schema {
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub schema_type: Option<SchemaType>,
    /// What the field is for: `kubectl explain` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// An RE2 pattern, for what no rule says: those of `oneOf` and `format` rules are made from them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// 0 makes an integer unsigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_items: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_properties: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// Fields, in the order in which Go declares them: a hash of the spec follows it.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub properties: IndexMap<String, Schema>,
    /// Schema of a list's items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Box<Schema>>,
    /// Schema of a map's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_properties: Option<Box<Schema>>,
    /// An object of free form, kept as it is; beside `properties`, one that keeps what they do not name as well.
    #[serde(default, rename = "x-kubernetes-preserve-unknown-fields", skip_serializing_if = "Option::is_none")]
    pub preserve_unknown_fields: Option<bool>,
    /// An integer or a string, in place of a `type`.
    #[serde(default, rename = "x-kubernetes-int-or-string", skip_serializing_if = "Option::is_none")]
    pub int_or_string: Option<bool>,
    /// What the API server fills in where the field is left out. Only for a field that a CEL rule reads, which otherwise
    /// would find nothing there; all else is filled in by `normalize`, which does not show up as drift in `GitOps` tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// CEL rules, for what no rule of the file says.
    #[serde(default, rename = "x-kubernetes-validations", skip_serializing_if = "Vec::is_empty")]
    pub validations: Vec<Validation>,
    /// When the field is stored; stripped from CRDs.
    #[serde(default, skip_serializing)]
    pub store: Option<Presence>,
}

/// A CEL rule of the CRD.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Validation {
    /// CEL; `self` is the node.
    pub rule: String,
    pub message: String,
    /// Path of the field to blame, relative to the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_path: Option<String>,
}

/// OpenAPI types.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SchemaType {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

impl Schema {
    /// Whether it is an integer or a string.
    #[must_use]
    pub fn is_int_or_string(&self) -> bool {
        self.int_or_string == Some(true)
    }

    /// As OpenAPI v3, ready for a CRD: without `store`.
    #[must_use]
    pub fn openapi(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}
