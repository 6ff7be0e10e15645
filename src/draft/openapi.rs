//! An OpenAPI v3 schema, as a CRD has it, into the schema of a kind's file.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::{Notes, names};
use crate::derive::schema::{Presence, Schema, SchemaType, Validation};
use crate::go_compat::regexp;
use crate::registry::compile::cel;

/// Keys that are read below, or say nothing that could be kept or lost.
const READ: [&str; 24] = [
    "type",
    "description",
    "format",
    "pattern",
    "enum",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "properties",
    "items",
    "additionalProperties",
    "default",
    "nullable",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
    "x-kubernetes-int-or-string",
    "x-kubernetes-embedded-resource",
];

/// What becomes of a schema.
pub struct Reader<'n> {
    pub notes: &'n mut Notes,
}

impl Reader<'_> {
    /// The schema of `spec`.
    pub fn spec(&mut self, node: &Map<String, Value>) -> Schema {
        let mut schema = self.node(node, "spec");
        schema.store = None;
        let open = schema.preserve_unknown_fields == Some(true);
        if schema.schema_type != Some(SchemaType::Object) {
            let left = if open { "" } else { ", and of a resource nothing is stored" };
            self.notes
                .add(format!("spec is no object in the CRD, and of a kind it is one: the file has no fields{left}"));
            schema = Schema {
                schema_type: Some(SchemaType::Object),
                description: schema.description,
                preserve_unknown_fields: open.then_some(true),
                ..Schema::default()
            };
        } else if schema.additional_properties.take().is_some() {
            self.notes.add("spec is a map in the CRD, which a kind's cannot be: it is kept as it is, and not checked");
            schema.preserve_unknown_fields = Some(true);
        }
        schema
    }

    fn node(&mut self, node: &Map<String, Value>, path: &str) -> Schema {
        let mut schema =
            Schema { description: text(node, "description"), format: text(node, "format"), ..Schema::default() };
        if node.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
            schema.int_or_string = Some(true);
        } else {
            schema.schema_type = self.schema_type(node, path);
        }
        self.bounds(node, path, &mut schema);
        self.validations(node, path, &mut schema);
        self.children(node, path, &mut schema);
        self.lost(node, path);
        let object = matches!(schema.schema_type, Some(SchemaType::Object | SchemaType::Array) | None);
        let scalar = !object || schema.is_int_or_string();
        let free = schema.preserve_unknown_fields == Some(true) && schema.properties.is_empty();
        if scalar || !free && schema.schema_type == Some(SchemaType::Object) && schema.additional_properties.is_none() {
            // as given, zeros included
            schema.store = Some(Presence::Pointer);
        }
        schema
    }

    fn schema_type(&mut self, node: &Map<String, Value>, path: &str) -> Option<SchemaType> {
        let named = node.get("type").and_then(|name| serde_json::from_value(name.clone()).ok());
        if named.is_none() && node.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true)) {
            self.notes.at(path, "of any type in the CRD; a kind's free-form field takes objects only");
        }
        named
    }

    fn bounds(&mut self, node: &Map<String, Value>, path: &str, schema: &mut Schema) {
        if schema.schema_type == Some(SchemaType::String) || schema.is_int_or_string() {
            schema.pattern = text(node, "pattern").filter(|pattern| {
                let fits = regexp::check(pattern).is_ok();
                if !fits {
                    self.notes.at(path, "pattern left out: Go's regexp does not take it");
                }
                fits
            });
        }
        if let Some(values) = node.get("enum").and_then(Value::as_array) {
            let words: Option<Vec<String>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
            match words.filter(|_| schema.schema_type == Some(SchemaType::String)) {
                Some(words) => schema.values = words,
                None => self.notes.at(path, "enum left out: only strings can be enumerated"),
            }
        }
        schema.minimum = self.bound(node, path, "minimum", "exclusiveMinimum", schema.schema_type, 1);
        schema.maximum = self.bound(node, path, "maximum", "exclusiveMaximum", schema.schema_type, -1);
        let count = |key: &str| node.get(key).and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
        schema.min_length = count("minLength");
        schema.max_length = count("maxLength");
        schema.min_items = count("minItems");
        schema.max_items = count("maxItems");
        schema.max_properties = count("maxProperties");
    }

    /// A whole bound; an exclusive one of an integer is the next.
    fn bound(
        &mut self,
        node: &Map<String, Value>,
        path: &str,
        key: &str,
        exclusive: &str,
        of: Option<SchemaType>,
        step: i64,
    ) -> Option<i64> {
        let value = node.get(key)?;
        #[allow(clippy::cast_possible_truncation, reason = "whole and small")]
        let whole = value.as_i64().or_else(|| {
            value.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15).map(|float| float as i64)
        });
        let strict = node.get(exclusive) == Some(&Value::Bool(true));
        match whole {
            Some(whole) if !strict => Some(whole),
            Some(whole) if of == Some(SchemaType::Integer) => whole.checked_add(step),
            _ => {
                self.notes.at(path, format!("{key} left out: a bound is a whole number, and inclusive"));
                None
            }
        }
    }

    fn validations(&mut self, node: &Map<String, Value>, path: &str, schema: &mut Schema) {
        for rule in node.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
            let word = |key: &str| rule.get(key).and_then(Value::as_str);
            let Some(text) = word("rule") else { continue };
            if rule.get("optionalOldSelf") == Some(&Value::Bool(true)) {
                self.notes.at(path, "CEL rule left out: it needs optionalOldSelf");
                continue;
            }
            if let Err(error) = cel::check(text) {
                self.notes.at(path, format!("CEL rule left out, as this program cannot parse it ({error})"));
                continue;
            }
            for key in ["messageExpression", "reason"] {
                if rule.get(key).is_some() {
                    self.notes.at(path, format!("{key} of a CEL rule left out"));
                }
            }
            // the API server's own words where there are none
            let message = word("message").map_or_else(|| format!("failed rule: {text}"), str::to_owned);
            let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
            schema.validations.push(Validation {
                rule: text.to_owned(),
                message,
                field_path: word("fieldPath").map(str::to_owned),
            });
        }
    }

    fn children(&mut self, node: &Map<String, Value>, path: &str, schema: &mut Schema) {
        let open = node.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true))
            || node.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
        schema.default = node.get("default").filter(|default| !default.is_null()).cloned();
        match schema.schema_type {
            Some(SchemaType::Array) => {
                let empty = Map::new();
                let items = node.get("items").and_then(Value::as_object).unwrap_or(&empty);
                let mut items = self.node(items, &format!("{path}[]"));
                items.store = None;
                // on a list it means the items
                if open && items.schema_type == Some(SchemaType::Object) && items.additional_properties.is_none() {
                    items.preserve_unknown_fields = Some(true);
                }
                schema.items = Some(Box::new(items));
            }
            Some(SchemaType::Object) => self.object(node, path, schema, open),
            Some(_) if open => self.notes.at(path, "x-kubernetes-preserve-unknown-fields left out: it is no object"),
            Some(_) => {}
            None if schema.is_int_or_string() => {}
            None if open => schema.preserve_unknown_fields = Some(true),
            None => {
                self.notes.at(path, "without a type in the CRD; taken for a free-form object");
                schema.preserve_unknown_fields = Some(true);
            }
        }
        self.required(node, path, schema);
    }

    fn object(&mut self, node: &Map<String, Value>, path: &str, schema: &mut Schema, open: bool) {
        match node.get("additionalProperties") {
            Some(Value::Object(values)) => {
                let mut values = self.node(values, &format!("{path}.*"));
                values.store = None;
                schema.additional_properties = Some(Box::new(values));
                return;
            }
            Some(Value::Bool(true)) => {
                schema.preserve_unknown_fields = Some(true);
                return;
            }
            _ => {}
        }
        let mut fields = IndexMap::new();
        for (name, child) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if let Value::Object(child) = child {
                let mut field = self.node(child, &format!("{path}.{name}"));
                if field.description.as_deref().unwrap_or_default().trim().is_empty() {
                    self.notes.at(&format!("{path}.{name}"), "without a description in the CRD; made from its name");
                    field.description = Some(format!("{}.", names::words(name)));
                }
                fields.insert(name.clone(), field);
            }
        }
        if open {
            schema.preserve_unknown_fields = Some(true);
        } else if fields.is_empty() && path != "spec" {
            self.notes.at(path, "an object without fields: kept as it is, where the API server drops all within");
            schema.preserve_unknown_fields = Some(true);
        }
        schema.properties = fields;
    }

    fn required(&mut self, node: &Map<String, Value>, path: &str, schema: &mut Schema) {
        for name in node.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            let default = node.get("properties").and_then(|fields| fields.get(name)?.get("default"));
            if default.is_some_and(|value| !value.is_null()) {
                // the API server fills it in before it looks, and a kind's step comes after
                self.notes.at(&format!("{path}.{name}"), "required, and with a default: not required here");
            } else if schema.properties.contains_key(name) {
                schema.required.push(name.to_owned());
            } else {
                self.notes.at(path, format!("required field {name} is not among the fields that are kept"));
            }
        }
    }

    /// What has no place in the format.
    fn lost(&mut self, node: &Map<String, Value>, path: &str) {
        let int_or_string = node.contains_key("x-kubernetes-int-or-string");
        for (key, value) in node {
            let empty = value == &Value::Bool(false) || value.as_array().is_some_and(Vec::is_empty);
            // which is how int-or-string is spelled out
            let spelled = int_or_string && key == "anyOf";
            if !READ.contains(&key.as_str()) && !empty && !spelled {
                self.notes.at(path, format!("{key} left out"));
            }
        }
        if node.get("nullable") == Some(&Value::Bool(true)) {
            self.notes.at(path, "nullable: null is taken as not given");
        }
        if node.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true)) {
            self.notes
                .at(path, "x-kubernetes-embedded-resource left out: an object that keeps what it is not known for");
        }
    }
}

fn text(node: &Map<String, Value>, key: &str) -> Option<String> {
    node.get(key).and_then(Value::as_str).map(str::to_owned)
}
