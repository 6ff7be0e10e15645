//! Rules that say what a schema says: `required` and `enum` are checked by the API server, and `sync` has none.

use super::names;
use super::yaml::{Entry, Item};
use crate::derive::schema::{Presence, Schema};

/// The rules of a spec's schema. With `spec_optional` nothing is required of the spec itself, which a resource may
/// leave out.
pub fn rules(schema: &Schema, spec_optional: bool) -> Vec<Vec<Entry>> {
    let mut found = Vec::new();
    object(schema, "spec", spec_optional, &mut found);
    found
}

fn object(schema: &Schema, path: &str, optional: bool, found: &mut Vec<Vec<Entry>>) {
    let mut own = Vec::new();
    let at_root = path == "spec";
    let subject = |name: &str| if at_root { format!("spec.{name}") } else { format!(".{name}") };
    for name in schema.required.iter().filter(|name| !optional && names::in_paths(name)) {
        own.push(vec![
            Entry::scalar("path", subject(name)),
            Entry::scalar("refuse", "absent"),
            Entry::scalar("message", message(&format!("{path}.{name} is required"))),
        ]);
    }
    let fields = schema.properties.iter().filter(|(name, _)| names::in_paths(name));
    for (name, field) in fields.clone().filter(|(_, field)| !field.values.is_empty()) {
        own.push(one_of(&subject(name), &format!("{path}.{name}"), &field.values));
    }
    if at_root {
        found.append(&mut own);
    } else if !own.is_empty() {
        found.push(vec![Entry::scalar("for", path), Entry::new("rules", Item::List(own))]);
    }
    for (name, field) in fields {
        within(field, &format!("{path}.{name}"), found);
    }
}

/// What is in a field: an object's fields, a list's items, a map's values.
fn within(schema: &Schema, path: &str, found: &mut Vec<Vec<Entry>>) {
    for (inner, mark) in [(&schema.items, "[]"), (&schema.additional_properties, ".*")] {
        let Some(inner) = inner else { continue };
        let path = format!("{path}{mark}");
        if !inner.values.is_empty() {
            let rule = one_of(".", &path, &inner.values);
            found.push(vec![Entry::scalar("for", path.as_str()), Entry::new("rules", Item::List(vec![rule]))]);
        }
        within(inner, &path, found);
    }
    if !schema.properties.is_empty() {
        object(schema, path, false, found);
    }
}

fn one_of(subject: &str, path: &str, values: &[String]) -> Vec<Entry> {
    let text = format!("invalid {path} {{value|quote}}: expected one of {}", message(&values.join(", ")));
    vec![Entry::scalar("path", subject), Entry::words("oneOf", values), Entry::scalar("message", text)]
}

/// A text that is no template.
fn message(text: &str) -> String {
    text.replace(['{', '}'], "")
}

/// Fields, as [`Schema`] entries for the file.
pub fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::OmitZero => "omitZero",
        Presence::Always => "always",
        Presence::Pointer => "pointer",
    }
}
