//! What CEL rules see of a schema, and where they stand in it.

use serde_json::{Map, Value};

use super::{ExpectedType, SchemaMismatch, SchemaNode, SchemaViolation};
use crate::apimachinery::field_path::{FieldPath, PathSegment};
use crate::cel::schema::{DeclaredType, RuleSchema};
use crate::cel::value::ListSemantics;
use crate::cel::{self, RuleVerdict};

/// Largest request that the API server counts with.
const MAX_REQUEST: u64 = 3 << 20;

/// Longest duration and time stamp as JSON, quotation marks included.
const MAX_TIME: u64 = 32;
const DATE: u64 = 12;

/// How often a value can stand in an object.
#[derive(Clone, Copy, Debug)]
struct Occurrence {
    /// By the bounds of lists and maps around it; `None` where one has none.
    times: Option<u64>,
    /// It is below a list whose items have no identity.
    in_list: bool,
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Default)]
pub enum ListType {
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
        self.declared_type = match self.expected {
            Some(ExpectedType::IntOrString) => DeclaredType::IntOrString,
            Some(ExpectedType::Object) if !self.properties.is_empty() => DeclaredType::Object,
            Some(ExpectedType::Object) if map.get("additionalProperties").is_some_and(Value::is_object) => {
                DeclaredType::Map
            }
            Some(ExpectedType::Object) => DeclaredType::Empty,
            Some(ExpectedType::Array) if self.items.is_some() => DeclaredType::List,
            Some(ExpectedType::String) if is("format", "byte") => DeclaredType::Bytes,
            Some(ExpectedType::String) if is("format", "duration") => DeclaredType::Duration,
            Some(ExpectedType::String) if is("format", "date") => DeclaredType::Date,
            Some(ExpectedType::String) if is("format", "date-time") => DeclaredType::DateTime,
            Some(ExpectedType::String) => DeclaredType::Text,
            Some(ExpectedType::Number) => DeclaredType::Number,
            Some(ExpectedType::Integer) => DeclaredType::Integer,
            Some(ExpectedType::Boolean) => DeclaredType::Boolean,
            None if self.preserve => DeclaredType::Preserved,
            Some(ExpectedType::Array) | None => DeclaredType::Unknown,
        };
        self.has_formats = matches!(
            self.declared_type,
            DeclaredType::Bytes
                | DeclaredType::Duration
                | DeclaredType::Date
                | DeclaredType::DateTime
                | DeclaredType::Number
                | DeclaredType::Unknown
        ) || self.properties.values().any(|inner| inner.has_formats)
            || [&self.additional, &self.items].into_iter().flatten().any(|inner| inner.has_formats);
        if is("x-kubernetes-list-type", "set") {
            self.list = ListType::Set;
        } else if is("x-kubernetes-list-type", "map") {
            let keys = map.get("x-kubernetes-list-map-keys").and_then(Value::as_array).into_iter().flatten();
            self.list = ListType::Map(keys.filter_map(|key| key.as_str().map(str::to_owned)).collect());
        }
    }

    fn text() -> Self {
        Self { expected: Some(ExpectedType::String), declared_type: DeclaredType::Text, ..Self::default() }
    }

    fn metadata() -> Self {
        let names = ["name", "generateName"].map(|name| (name.to_owned(), Self::text()));
        Self {
            expected: Some(ExpectedType::Object),
            preserve: true,
            properties: names.into_iter().collect(),
            declared_type: DeclaredType::Object,
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
                if let Some(failure) = rule.check(&itself) {
                    found.push(SchemaViolation { path: path.clone(), mismatch: SchemaMismatch::Rule(failure) });
                }
            }
        }
        match value {
            Value::Object(map) => {
                for (name, inner) in map {
                    if let Some(node) = self.field(name) {
                        path.push(self.segment(name));
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

    /// Least bytes of a value as JSON.
    fn min_bytes(&self) -> u64 {
        match self.declared_type {
            DeclaredType::Boolean => 4,
            DeclaredType::Duration => 3,
            DeclaredType::Date => DATE,
            DeclaredType::DateTime => 21,
            DeclaredType::Text | DeclaredType::Bytes | DeclaredType::List | DeclaredType::Map | DeclaredType::Empty => {
                2
            }
            DeclaredType::Object => {
                let required = self.required.iter().filter_map(|name| Some((name, self.properties.get(name)?)));
                let required = required.filter(|(_, node)| node.default.is_none() && cel::is_visible(*node));
                required.map(|(name, node)| name.len() as u64 + node.min_bytes() + 4).sum::<u64>() + 2
            }
            _ => 1,
        }
    }

    /// The cost of every rule, of this node and below; `visit` gets the rule's JSON pointer as well.
    pub fn check_rule_costs(&self, visit: &mut dyn FnMut(String, RuleVerdict)) {
        self.check_rule_costs_at("", Occurrence { times: Some(1), in_list: false }, visit);
    }

    fn check_rule_costs_at(&self, pointer: &str, at: Occurrence, visit: &mut dyn FnMut(String, RuleVerdict)) {
        if !self.has_rules {
            return;
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let times = at.times.unwrap_or_else(|| MAX_REQUEST / (self.min_bytes() + 1));
            let verdict = rule.verdict(self, times, at.in_list);
            visit(format!("{pointer}/x-kubernetes-validations/{index}"), verdict);
        }
        for (name, inner) in &self.properties {
            let name = name.replace('~', "~0").replace('/', "~1");
            inner.check_rule_costs_at(&format!("{pointer}/properties/{name}"), at, visit);
        }
        let times = |most: Option<u64>| at.times.zip(most).map(|(times, most)| times.saturating_mul(most));
        if let Some(values) = &self.additional {
            let at = Occurrence { times: times(self.sizes.most), ..at };
            values.check_rule_costs_at(&format!("{pointer}/additionalProperties"), at, visit);
        }
        if let Some(items) = &self.items {
            // items of other lists cannot be matched with those before a change
            let in_list = at.in_list || !matches!(self.list, ListType::Map(_));
            let at = Occurrence { times: times(self.counts.most), in_list };
            items.check_rule_costs_at(&format!("{pointer}/items"), at, visit);
        }
    }
}

impl RuleSchema for SchemaNode {
    fn declared_type(&self) -> DeclaredType {
        self.declared_type
    }

    fn is_nullable(&self) -> bool {
        self.nullable
    }

    fn has_formats(&self) -> bool {
        self.has_formats
    }

    fn property(&self, name: &str) -> Option<&dyn RuleSchema> {
        self.property(name).map(|node| node as _)
    }

    fn property_names(&self) -> Vec<&str> {
        self.properties.keys().map(String::as_str).collect()
    }

    fn item(&self) -> Option<&dyn RuleSchema> {
        self.items.as_deref().map(|node| node as _)
    }

    fn additional(&self) -> Option<&dyn RuleSchema> {
        self.additional.as_deref().filter(|_| self.declared_type == DeclaredType::Map).map(|node| node as _)
    }

    fn list_semantics(&self) -> ListSemantics<'_> {
        match &self.list {
            ListType::Atomic => ListSemantics::Atomic,
            ListType::Set => ListSemantics::Set,
            ListType::Map(keys) => ListSemantics::Keyed(keys),
        }
    }

    fn max_elements(&self) -> u64 {
        // quotation marks and brackets count
        const UNBOUNDED: u64 = MAX_REQUEST - 2;
        // a character is four bytes at most
        let length = self.lengths.most.map(|most| most.saturating_mul(4));
        match self.declared_type {
            DeclaredType::Text => {
                let longest = self.values.iter().filter_map(Value::as_str).map(|word| word.len() as u64).max();
                length.or(longest).unwrap_or(UNBOUNDED)
            }
            DeclaredType::IntOrString => length.unwrap_or(UNBOUNDED),
            DeclaredType::Bytes => self.lengths.most.unwrap_or(UNBOUNDED),
            DeclaredType::Duration | DeclaredType::DateTime => MAX_TIME,
            DeclaredType::Date => DATE,
            DeclaredType::List => {
                let item = self.items.as_ref().map_or(0, |items| items.min_bytes());
                self.counts.most.unwrap_or(UNBOUNDED / (item + 1))
            }
            DeclaredType::Map => {
                let value = self.additional.as_ref().map_or(0, |values| values.min_bytes());
                self.sizes.most.unwrap_or(UNBOUNDED / (value + 6))
            }
            _ => 0,
        }
    }
}
