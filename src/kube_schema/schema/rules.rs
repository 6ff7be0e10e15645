//! What CEL rules see of a schema, and where they stand in it.

use serde_json::{Map, Value};

use super::super::cel;
use super::super::cel::value::Sort;
use super::{Expected, SchemaNode, SchemaViolation};
use crate::kube_schema::field_path::{FieldPath, PathSegment};

/// What rules take a value for (`SchemaDeclType` of `k8s.io/apiserver/pkg/cel/common`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Fields by name.
    Object,
    /// Any keys, whose values have one schema.
    Map,
    /// An object of which rules see nothing.
    Empty,
    List,
    Text,
    Bytes,
    Duration,
    Date,
    DateTime,
    Integer,
    Number,
    Boolean,
    IntOrString,
    /// Anything, kept as it is.
    Preserved,
    #[default]
    Unknown,
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Default)]
pub enum ListSort {
    #[default]
    Atomic,
    Set,
    /// With the names of the keys.
    Map(Vec<String>),
}

impl SchemaNode {
    /// What rules see of the node, which may be more than its schema tells: of an object within an object they see the
    /// type and the name.
    pub(super) fn compile_for_rules(&mut self, map: &Map<String, Value>) {
        let is = |name: &str, text: &str| map.get(name).is_some_and(|value| value == text);
        let embedded = map.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
        if embedded {
            for (name, node) in [("apiVersion", Self::text()), ("kind", Self::text()), ("metadata", Self::metadata())] {
                self.properties.entry(name.to_owned()).or_insert(node);
            }
        }
        self.shape = match self.expected {
            Some(Expected::IntOrString) => Shape::IntOrString,
            Some(Expected::Object) if !self.properties.is_empty() => Shape::Object,
            Some(Expected::Object) if map.get("additionalProperties").is_some_and(Value::is_object) => Shape::Map,
            Some(Expected::Object) => Shape::Empty,
            Some(Expected::Array) if self.items.is_some() => Shape::List,
            Some(Expected::String) if is("format", "byte") => Shape::Bytes,
            Some(Expected::String) if is("format", "duration") => Shape::Duration,
            Some(Expected::String) if is("format", "date") => Shape::Date,
            Some(Expected::String) if is("format", "date-time") => Shape::DateTime,
            Some(Expected::String) => Shape::Text,
            Some(Expected::Number) => Shape::Number,
            Some(Expected::Integer) => Shape::Integer,
            Some(Expected::Boolean) => Shape::Boolean,
            None if self.preserve => Shape::Preserved,
            Some(Expected::Array) | None => Shape::Unknown,
        };
        self.has_formats = matches!(
            self.shape,
            Shape::Bytes | Shape::Duration | Shape::Date | Shape::DateTime | Shape::Number | Shape::Unknown
        ) || self.properties.values().any(|inner| inner.has_formats)
            || [&self.additional, &self.items].into_iter().flatten().any(|inner| inner.has_formats);
        if is("x-kubernetes-list-type", "set") {
            self.list = ListSort::Set;
        } else if is("x-kubernetes-list-type", "map") {
            let keys = map.get("x-kubernetes-list-map-keys").and_then(Value::as_array).into_iter().flatten();
            self.list = ListSort::Map(keys.filter_map(|key| key.as_str().map(str::to_owned)).collect());
        }
    }

    fn text() -> Self {
        Self { expected: Some(Expected::String), shape: Shape::Text, ..Self::default() }
    }

    fn metadata() -> Self {
        let names = ["name", "generateName"].map(|name| (name.to_owned(), Self::text()));
        Self {
            expected: Some(Expected::Object),
            preserve: true,
            properties: names.into_iter().collect(),
            shape: Shape::Object,
            ..Self::default()
        }
    }

    /// Evaluates the CEL rules, of this node and below.
    pub fn check_rules(&self, value: &Value, path: &mut FieldPath, found: &mut Vec<SchemaViolation>) {
        if !self.has_rules {
            return;
        }
        if !self.rules.is_empty() {
            let itself = cel::value(self, value);
            for rule in &self.rules {
                if let Some(mismatch) = rule.check(&itself) {
                    found.push(SchemaViolation { path: path.clone(), mismatch });
                }
            }
        }
        match value {
            Value::Object(map) => {
                for (name, inner) in map {
                    if let Some(node) = self.field(name) {
                        path.push(PathSegment::Key(name.clone()));
                        node.check_rules(inner, path, found);
                        path.pop();
                    }
                }
            }
            Value::Array(items) => {
                let Some(node) = &self.items else { return };
                for (index, inner) in items.iter().enumerate() {
                    path.push(PathSegment::Index(index));
                    node.check_rules(inner, path, found);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// What rules take a value for.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    #[must_use]
    pub(in crate::kube_schema) fn is_nullable(&self) -> bool {
        self.nullable
    }

    pub(in crate::kube_schema) fn has_formats(&self) -> bool {
        self.has_formats
    }

    /// The schema of a list's items.
    pub(in crate::kube_schema) fn item(&self) -> Option<&Self> {
        self.items.as_deref()
    }

    /// The schema of a map's values.
    pub(in crate::kube_schema) fn additional(&self) -> Option<&Self> {
        self.additional.as_deref().filter(|_| self.shape == Shape::Map)
    }

    /// Whether rules see a field or entry.
    pub(in crate::kube_schema) fn sees(&self, name: &str) -> bool {
        match self.shape {
            Shape::Object => self.properties.contains_key(name),
            shape => shape == Shape::Map,
        }
    }

    /// What a list is to operators.
    pub(in crate::kube_schema) fn sort(&self) -> Sort<'_> {
        match &self.list {
            ListSort::Atomic => Sort::Atomic,
            ListSort::Set => Sort::Set,
            ListSort::Map(keys) => Sort::Keyed(keys),
        }
    }
}
