//! The schema: into the shape that specs are decoded by, and checked to be one that an API server takes.

use super::{Faults, defaults};
use crate::derive::schema::{Schema, SchemaType};
use crate::go_compat::regexp;
use crate::normalize::{Field, ObjectShape, Presence, Shape};

pub(super) fn compile(schema: &Schema, faults: &mut Faults<'_>) -> Shape {
    if schema.schema_type != Some(SchemaType::Object) {
        faults.value("/schema", "the schema of a spec must be of `type: object`");
    }
    if schema.store.is_some() {
        faults.key("/schema/store", "the spec itself is always stored");
    }
    defaults::check_places(schema, faults);
    node(schema, "/schema", faults)
}

fn node(schema: &Schema, pointer: &str, faults: &mut Faults<'_>) -> Shape {
    constraints(schema, pointer, faults);
    if let Some(on) = schema.preserve_unknown_fields {
        let at = format!("{pointer}/x-kubernetes-preserve-unknown-fields");
        if !on {
            faults.value(&at, "`false` is what is without this key, and the API server refuses the word: leave it out");
        } else if schema.schema_type == Some(SchemaType::Array) {
            faults.key(&at, "on a list it means the items: write it there, beside their `type: object`");
        } else if !matches!(schema.schema_type, None | Some(SchemaType::Object)) || schema.is_int_or_string() {
            faults.key(&at, "only an object keeps unknown fields: it goes with `type: object`");
        } else if schema.additional_properties.is_some() {
            faults.key(&at, "a map has no unknown fields: leave this out, or `additionalProperties`");
        }
    }
    if let Some(on) = schema.int_or_string {
        let at = format!("{pointer}/x-kubernetes-int-or-string");
        if !on {
            faults.value(&at, "`false` is what is without this key, and the API server refuses the word: leave it out");
        } else if schema.schema_type.is_some() {
            faults.key(&at, "an integer or a string stands in place of a `type`");
        }
    }
    let Some(schema_type) = schema.schema_type else {
        if schema.is_int_or_string() {
            only_objects_have_fields(schema, pointer, faults);
            return Shape::IntOrString;
        }
        if schema.preserve_unknown_fields != Some(true) {
            faults.key(pointer, "`type` is missing");
        }
        return Shape::Free;
    };
    if schema.items.is_some() != (schema_type == SchemaType::Array) {
        faults.key(pointer, "`items` and `type: array` go together");
    }
    only_objects_have_fields(schema, pointer, faults);
    match schema_type {
        SchemaType::String => Shape::String,
        SchemaType::Integer => Shape::Integer { unsigned: schema.minimum.is_some_and(|least| least >= 0) },
        SchemaType::Number => Shape::Number,
        SchemaType::Boolean => Shape::Boolean,
        SchemaType::Array => match &schema.items {
            Some(items) => Shape::List(Box::new(node(items, &format!("{pointer}/items"), faults))),
            None => Shape::List(Box::new(Shape::String)),
        },
        SchemaType::Object => fields(schema, pointer, faults),
    }
}

fn only_objects_have_fields(schema: &Schema, pointer: &str, faults: &mut Faults<'_>) {
    let fields = !schema.properties.is_empty() || schema.additional_properties.is_some();
    if fields && schema.schema_type != Some(SchemaType::Object) {
        faults.key(pointer, "only an object has `properties` or `additionalProperties`");
    }
}

fn fields(schema: &Schema, pointer: &str, faults: &mut Faults<'_>) -> Shape {
    if let Some(values) = &schema.additional_properties {
        if !schema.properties.is_empty() {
            faults.key(pointer, "an object has either `properties` or `additionalProperties`");
        }
        return Shape::Map(Box::new(node(values, &format!("{pointer}/additionalProperties"), faults)));
    }
    let open = schema.preserve_unknown_fields == Some(true);
    if schema.properties.is_empty() && pointer != "/schema" {
        if open {
            return Shape::Free;
        }
        faults.key(pointer, "an object needs `properties`, `additionalProperties`, or to be free-form");
    }
    let fields = schema
        .properties
        .iter()
        .map(|(name, child)| {
            let pointer = format!("{pointer}/properties/{name}");
            let shape = node(child, &pointer, faults);
            let presence = presence(child, &shape, &pointer, faults);
            Field { name: name.as_str().into(), shape, presence }
        })
        .collect();
    Shape::Object(if open { ObjectShape::open(fields) } else { ObjectShape::new(fields) })
}

fn presence(schema: &Schema, shape: &Shape, pointer: &str, faults: &mut Faults<'_>) -> Presence {
    let stored = schema.store.unwrap_or_default();
    match (stored, shape) {
        (Presence::OmitZero, Shape::Object(_)) => {
            faults.key(
                pointer,
                "an object with fields is stored always or where it is given: say `store: always` or `store: pointer`",
            );
        }
        (Presence::Always | Presence::Pointer, Shape::List(_) | Shape::Map(_) | Shape::Free) => {
            faults
                .key(&format!("{pointer}/store"), "lists, maps and free-form objects are stored unless they are empty");
        }
        _ => {}
    }
    stored
}

fn constraints(schema: &Schema, pointer: &str, faults: &mut Faults<'_>) {
    if let Some(pattern) = &schema.pattern {
        let at = format!("{pointer}/pattern");
        if schema.schema_type != Some(SchemaType::String) && !schema.is_int_or_string() {
            faults.key(&at, "only a string has a `pattern`");
        }
        if let Err(error) = regexp::check(pattern) {
            faults.value(&at, format!("invalid pattern: {error}"));
        }
    }
    for name in &schema.required {
        if !schema.properties.contains_key(name) {
            let known = schema.properties.keys().map(String::as_str);
            let help = crate::apimachinery::suggest::suggest(name, known);
            faults.hinted(&format!("{pointer}/required"), format!("there is no field `{name}` to be required"), help);
        }
    }
    for (index, validation) in schema.validations.iter().enumerate() {
        let at = format!("{pointer}/x-kubernetes-validations/{index}");
        if let Err(error) = super::cel::check(&validation.rule) {
            faults.value(&format!("{at}/rule"), format!("invalid CEL: {error}"));
        }
        if validation.message.trim().is_empty() || validation.message.contains('\n') {
            faults.value(&format!("{at}/message"), "a message is one line of text");
        }
    }
}

/// Secret values must not meet a constraint of the API server's: it prints the value that it refuses.
pub(super) fn refuse_secret_constraints(schema: &Schema, path: &[Box<str>], faults: &mut Faults<'_>) {
    let mut pointer = String::from("/schema");
    let mut node = schema;
    for name in path.iter().skip(1) {
        let Some(child) = node.properties.get(&**name) else { return };
        node = child;
        pointer = format!("{pointer}/properties/{name}");
    }
    let Some(values) = &node.additional_properties else { return };
    let pointer = format!("{pointer}/additionalProperties");
    let bare = Schema { schema_type: values.schema_type, description: values.description.clone(), ..Schema::default() };
    if values.openapi() != bare.openapi() {
        faults.key(&pointer, "secret values take no constraint: the API server would print what it refuses");
    }
}
