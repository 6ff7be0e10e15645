//! CEL rules and defaults of a drafted schema. A rule stays where the API server takes it with the schema as it is now,
//! and a default stays in the schema where a rule reads it: the API server fills it in before it asks. All others are
//! filled in by steps.

use serde_json::Value;

use super::{Notes, names};
use crate::cel::{CRD_LIMIT, RULE_LIMIT, RuleVerdict, field_names};
use crate::derive::schema::{Schema, SchemaType};
use crate::kube_schema::SchemaNode;

/// Paths with the value to be set there where the field is left out: those of an object before those of its fields.
pub type Defaults = Vec<(String, Value)>;

/// Takes out what cannot stay, and returns the defaults that are filled in by steps.
pub fn settle(schema: &mut Schema, notes: &mut Notes) -> Defaults {
    fit(schema, "spec", notes);
    drop_refused(schema, notes);
    let mut moved = Vec::new();
    move_out(schema, "spec", &mut Vec::new(), &mut moved, notes);
    moved
}

/// Leaves out defaults that are not of their field's type.
fn fit(schema: &mut Schema, path: &str, notes: &mut Notes) {
    if let Some(value) = &mut schema.default {
        let fits = match schema.schema_type {
            Some(SchemaType::String) => value.is_string(),
            Some(SchemaType::Integer) => value.is_i64(),
            Some(SchemaType::Number) => value.is_number(),
            Some(SchemaType::Boolean) => value.is_boolean(),
            Some(SchemaType::Array) => value.is_array(),
            None if schema.int_or_string.is_some() => value.is_i64() || value.is_string(),
            Some(SchemaType::Object) | None => value.is_object(),
        };
        if !fits || path == "spec" || path.ends_with("[]") || path.ends_with(".*") {
            notes.at(path, NOT_SET);
            schema.default = None;
        }
    }
    for_inner(schema, path, &mut |inner, path, _| fit(inner, path, notes));
}

const NOT_SET: &str = "default left out: no step can set it";

/// What is right within: each schema with its path, and with its name where it is a field.
fn for_inner(schema: &mut Schema, path: &str, visit: &mut dyn FnMut(&mut Schema, &str, &str)) {
    for (name, field) in &mut schema.properties {
        visit(field, &format!("{path}.{name}"), name);
    }
    for (inner, mark) in [(&mut schema.items, "[]"), (&mut schema.additional_properties, ".*")] {
        if let Some(inner) = inner {
            visit(inner, &format!("{path}{mark}"), "");
        }
    }
}

/// Leaves out rules that the API server would refuse, since they name what the schema no longer says or cost too much by
/// what it no longer bounds.
fn drop_refused(schema: &mut Schema, notes: &mut Notes) {
    let mut refused = Vec::new();
    let mut total = 0_u64;
    SchemaNode::compile(&schema.openapi(), &mut Vec::new()).check_rule_costs(&mut |pointer, verdict| {
        let why = match verdict {
            RuleVerdict::Refused { message, .. } => message,
            RuleVerdict::Cost { cost } if cost > RULE_LIMIT || total.saturating_add(cost) > CRD_LIMIT => {
                "it is estimated to cost more than an API server allows".to_owned()
            }
            RuleVerdict::Cost { cost } => {
                total += cost;
                return;
            }
            RuleVerdict::NotChecked { .. } => return,
        };
        refused.push((pointer, why));
    });
    // from the last one on, so that places of others stay
    for (pointer, why) in refused.iter().rev() {
        drop_at(schema, pointer.trim_start_matches('/'), "spec", why, notes);
    }
}

/// Takes the rule of a JSON pointer out.
fn drop_at(schema: &mut Schema, pointer: &str, path: &str, why: &str, notes: &mut Notes) {
    let (key, rest) = pointer.split_once('/').unwrap_or((pointer, ""));
    match key {
        "properties" => {
            let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
            let name = name.replace("~1", "/").replace("~0", "~");
            if let Some(field) = schema.properties.get_mut(&name) {
                drop_at(field, rest, &format!("{path}.{name}"), why, notes);
            }
        }
        "items" => {
            if let Some(items) = &mut schema.items {
                drop_at(items, rest, &format!("{path}[]"), why, notes);
            }
        }
        "additionalProperties" => {
            if let Some(values) = &mut schema.additional_properties {
                drop_at(values, rest, &format!("{path}.*"), why, notes);
            }
        }
        _ => {
            if let Some(index) = rest.parse::<usize>().ok().filter(|index| *index < schema.validations.len()) {
                let rule = schema.validations.remove(index).rule;
                notes.at(path, format!("CEL rule left out: {rule} ({why})"));
            }
        }
    }
}

/// Moves the defaults that no rule of an object around reads. `read`: the names that these rules mention.
fn move_out(schema: &mut Schema, path: &str, read: &mut Vec<String>, moved: &mut Defaults, notes: &mut Notes) {
    let before = read.len();
    read.extend(schema.validations.iter().flat_map(|rule| field_names(&rule.rule)));
    for_inner(schema, path, &mut |inner, path, name| {
        if let Some(value) = inner.default.take_if(|_| !read.iter().any(|known| known == name)) {
            let mut parts = path.split('.').skip(1).map(|part| part.trim_end_matches("[]"));
            if parts.all(|name| name == "*" || names::in_paths(name)) {
                moved.push((path.to_owned(), value));
            } else {
                notes.at(path, NOT_SET);
            }
        }
        move_out(inner, path, read, moved, notes);
    });
    read.truncate(before);
}
