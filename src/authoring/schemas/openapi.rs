//! A structural schema of Kubernetes (OpenAPI v3) as JSON Schema, with the same verdict.

use serde_json::{Map, Value, json};

use super::pattern;

/// Keywords that mean the same in both.
const SAME: [&str; 16] = [
    "description",
    "title",
    "format",
    "default",
    "example",
    "enum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "uniqueItems",
    "required",
    "type",
];

/// Translates; a strict schema takes no field that it does not name.
#[derive(Clone, Copy, Debug)]
pub struct Translator {
    pub strict: bool,
}

impl Translator {
    /// A resource as a whole. What is in `metadata` is not the schema's to say.
    #[must_use]
    pub fn root(self, node: &Value) -> Value {
        let mut schema = self.node(node, false);
        if let Some(metadata) = node.pointer("/properties/metadata")
            && let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut)
        {
            fields.insert("metadata".to_owned(), Self { strict: false }.node(metadata, false));
        }
        schema
    }

    /// One node. `absent` says that null stands for nothing: the API server drops it before it checks.
    fn node(self, node: &Value, absent: bool) -> Value {
        let mut schema = Map::new();
        for key in SAME {
            if let Some(value) = node.get(key) {
                schema.insert(key.to_owned(), value.clone());
            }
        }
        let has = |key: &str| node.get(key) == Some(&Value::Bool(true));
        let either = has("x-kubernetes-int-or-string") || node.get("format") == Some(&"int-or-string".into());
        if either {
            schema.insert("type".to_owned(), json!(["integer", "string"]));
        }
        bounds(node, &mut schema);
        self.children(node, &mut schema, has("x-kubernetes-preserve-unknown-fields"));
        if has("x-kubernetes-embedded-resource") {
            embedded(&mut schema);
        }
        if node.get("x-kubernetes-list-type") == Some(&"set".into()) {
            schema.insert("uniqueItems".to_owned(), true.into());
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            // int-or-string is spelled out as an anyOf of the two
            let parts = node.get(key).and_then(Value::as_array).filter(|_| !(either && key == "anyOf"));
            if let Some(parts) = parts {
                let parts: Vec<Value> = parts.iter().map(|part| Self { strict: false }.node(part, false)).collect();
                schema.insert(key.to_owned(), parts.into());
            }
        }
        if let Some(part) = node.get("not") {
            schema.insert("not".to_owned(), Self { strict: false }.node(part, false));
        }
        if has("nullable") || absent && node.get("default").is_none() {
            nullable(&mut schema);
        }
        Value::Object(schema)
    }

    fn children(self, node: &Value, schema: &mut Map<String, Value>, open: bool) {
        if let Some(items) = node.get("items") {
            schema.insert("items".to_owned(), self.node(items, false));
        }
        let known = node.get("properties").and_then(Value::as_object);
        if let Some(properties) = known {
            let required = |name: &String| {
                let names = node.get("required").and_then(Value::as_array);
                names.is_some_and(|names| names.iter().any(|required| required == name))
            };
            let fields: Map<String, Value> =
                properties.iter().map(|(name, field)| (name.clone(), self.node(field, !required(name)))).collect();
            schema.insert("properties".to_owned(), Value::Object(fields));
        }
        match node.get("additionalProperties") {
            Some(values @ Value::Object(_)) => {
                schema.insert("additionalProperties".to_owned(), self.node(values, true));
            }
            Some(Value::Bool(false)) => {
                schema.insert("additionalProperties".to_owned(), false.into());
            }
            Some(_) => {}
            None => {
                let object = node.get("type") == Some(&"object".into());
                if self.strict && !open && object {
                    schema.insert("additionalProperties".to_owned(), false.into());
                }
            }
        }
    }
}

fn bounds(node: &Value, schema: &mut Map<String, Value>) {
    for (key, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        let strict = node.get(exclusive) == Some(&Value::Bool(true));
        if let Some(bound) = node.get(key) {
            schema.insert(if strict { exclusive } else { key }.to_owned(), bound.clone());
        }
    }
    if node.get("type") == Some(&"integer".into()) {
        let small = node.get("format") == Some(&"int32".into());
        let (least, most) = if small { (i32::MIN.into(), i32::MAX.into()) } else { (i64::MIN, i64::MAX) };
        // what the API server holds an integer in
        for (key, exclusive, bound) in [("minimum", "exclusiveMinimum", least), ("maximum", "exclusiveMaximum", most)] {
            if !schema.contains_key(exclusive) {
                schema.entry(key).or_insert_with(|| bound.into());
            }
        }
    }
    if let Some(text) = node.get("pattern").and_then(Value::as_str)
        && let Some(shared) = pattern::shared(text)
    {
        schema.insert("pattern".to_owned(), shared.into());
    }
}

/// An object of any kind within another.
fn embedded(schema: &mut Map<String, Value>) {
    schema.remove("additionalProperties");
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    for (name, kind) in [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")] {
        if let Some(fields) = properties.as_object_mut() {
            fields.insert(name.to_owned(), json!({ "type": kind }));
        }
    }
    let required = schema.entry("required").or_insert_with(|| json!([]));
    if let Some(names) = required.as_array_mut() {
        for name in ["apiVersion", "kind"] {
            if !names.iter().any(|known| known == name) {
                names.push(name.into());
            }
        }
    }
}

fn nullable(schema: &mut Map<String, Value>) {
    match schema.get_mut("type") {
        Some(Value::Array(types)) => types.push("null".into()),
        Some(one) => *one = json!([one.take(), "null"]),
        // of any type, null among them
        None => {}
    }
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut)
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    // these say nothing of null by themselves but would refuse it
    let parts: Vec<&str> =
        ["anyOf", "oneOf", "allOf", "not"].into_iter().filter(|key| schema.contains_key(*key)).collect();
    if !parts.is_empty() {
        let kept: Map<String, Value> =
            parts.into_iter().filter_map(|key| Some((key.to_owned(), schema.remove(key)?))).collect();
        schema.insert("if".to_owned(), json!({"not": {"type": "null"}}));
        schema.insert("then".to_owned(), Value::Object(kept));
    }
}
