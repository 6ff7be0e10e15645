//! Defaults of the schema, which the API server fills in before it asks CEL rules. What the operator is given without an
//! API server has them by steps before all others, so that either way makes the same row.

use super::{Faults, literal};
use crate::cel::field_names;
use crate::derive::schema::Schema;
use crate::normalize::{Operation, PathPattern, Replaced, Root, Segment, Shape, Step};

/// What a `default` is told where no rule needs it.
const BY_STEP: &str = "values are filled in by a `set` step in `normalize`; a default is for a field that a CEL rule reads, \
                       of which the rule would find nothing";

/// Checks that defaults stand where the API server takes them, and only where a CEL rule of an object around reads the
/// field.
pub(super) fn check_places(schema: &Schema, faults: &mut Faults<'_>) {
    if schema.default.is_some() {
        faults.key("/schema/default", "the spec itself has no default");
    }
    within(schema, "/schema", &mut Vec::new(), faults);
}

/// `read`: names that rules of the objects around mention.
fn within(schema: &Schema, pointer: &str, read: &mut Vec<String>, faults: &mut Faults<'_>) {
    let before = read.len();
    read.extend(schema.validations.iter().flat_map(|rule| field_names(&rule.rule)));
    for (name, child) in &schema.properties {
        let pointer = format!("{pointer}/properties/{}", name.replace('~', "~0").replace('/', "~1"));
        if child.default.is_some() && !read.contains(name) {
            let message = format!("a `default` of `{name}`, which no CEL rule reads");
            faults.key_known(&format!("{pointer}/default"), "default-in-schema", message, Some(BY_STEP.to_owned()));
        }
        within(child, &pointer, read, faults);
    }
    for (key, child) in [("items", &schema.items), ("additionalProperties", &schema.additional_properties)] {
        let Some(child) = child else { continue };
        let pointer = format!("{pointer}/{key}");
        if child.default.is_some() {
            faults.key(&format!("{pointer}/default"), "only a field has a default");
        }
        within(child, &pointer, read, faults);
    }
    read.truncate(before);
}

/// The steps that fill the defaults in: those of an object before those of its fields.
pub(super) fn steps(schema: &Schema, shape: &Shape, faults: &mut Faults<'_>) -> Vec<Step> {
    let mut walk = Walk { at: Vec::new(), steps: Vec::new(), faults };
    walk.node(schema, shape, "/schema");
    walk.steps
}

struct Walk<'w, 's> {
    at: Vec<Segment>,
    steps: Vec<Step>,
    faults: &'w mut Faults<'s>,
}

impl Walk<'_, '_> {
    fn node(&mut self, schema: &Schema, shape: &Shape, pointer: &str) {
        match shape {
            Shape::Object(object) => {
                for (position, field) in object.fields().iter().enumerate() {
                    let Some(child) = schema.properties.get(&*field.name) else { continue };
                    let name = field.name.replace('~', "~0").replace('/', "~1");
                    self.at.push(Segment::Field { position, name: field.name.clone() });
                    self.field(child, &field.shape, &format!("{pointer}/properties/{name}"));
                    self.at.pop();
                }
            }
            Shape::Map(inner) => {
                self.inner(Segment::Values, schema.additional_properties.as_deref(), inner, pointer);
            }
            Shape::List(inner) => self.inner(Segment::Items, schema.items.as_deref(), inner, pointer),
            _ => {}
        }
    }

    fn field(&mut self, schema: &Schema, shape: &Shape, pointer: &str) {
        if let Some(value) = &schema.default {
            match literal(value, shape) {
                Ok(to) => {
                    let paths = vec![PathPattern { root: Root::Spec, segments: self.at.clone() }];
                    self.steps
                        .push(Step { when: None, operation: Operation::Set { paths, to, replaces: Replaced::Absent } });
                }
                Err(fault) => self.faults.literal(&format!("{pointer}/default"), fault, value, shape),
            }
        }
        self.node(schema, shape, pointer);
    }

    fn inner(&mut self, segment: Segment, schema: Option<&Schema>, shape: &Shape, pointer: &str) {
        let Some(schema) = schema else { return };
        let key = if segment == Segment::Items { "items" } else { "additionalProperties" };
        self.at.push(segment);
        self.node(schema, shape, &format!("{pointer}/{key}"));
        self.at.pop();
    }
}
