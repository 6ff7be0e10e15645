//! A spec under work.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::shape::{ObjectShape, Presence, Shape};

/// A decoded value. It always fits the shape it was decoded by.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    String(String),
    Integer(i64),
    Number(Number),
    Boolean(bool),
    /// A slot for each field of the object's shape; in that of an open object a last one, with what has no field, as a
    /// free-form object.
    Object(Vec<Option<Tree>>),
    /// In byte order of the keys: faults are found in the same order on every run.
    Map(BTreeMap<String, Tree>),
    List(Vec<Tree>),
    /// Free-form.
    Free(Value),
}

impl Tree {
    /// What Go has where nothing was given.
    #[must_use]
    pub fn zero(shape: &Shape) -> Self {
        match shape {
            Shape::String => Self::String(String::new()),
            Shape::Integer { .. } | Shape::IntOrString => Self::Integer(0),
            Shape::Number => Self::Number(0.into()),
            Shape::Boolean => Self::Boolean(false),
            Shape::Object(object) => {
                let mut slots = vec![None; object.slots()];
                fill(&mut slots, object);
                Self::Object(slots)
            }
            Shape::Map(_) => Self::Map(BTreeMap::new()),
            Shape::List(_) => Self::List(Vec::new()),
            Shape::Free => Self::Free(Value::Object(serde_json::Map::new())),
        }
    }

    /// Whether it is `whole` with nothing but some fields and entries left out, at any depth. Both have one shape.
    #[must_use]
    pub fn is_part_of(&self, whole: &Self) -> bool {
        match (self, whole) {
            (Self::Object(part), Self::Object(whole)) => {
                part.iter().zip(whole).all(|(part, whole)| match (part, whole) {
                    (None, _) => true,
                    (Some(part), Some(whole)) => part.is_part_of(whole),
                    (Some(_), None) => false,
                })
            }
            (Self::Map(part), Self::Map(whole)) => {
                part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| part.is_part_of(whole)))
            }
            (Self::List(part), Self::List(whole)) => {
                part.len() == whole.len() && part.iter().zip(whole).all(|(part, whole)| part.is_part_of(whole))
            }
            (part, whole) => part == whole,
        }
    }

    /// The string, where it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

/// Creates the objects that are always there.
pub(super) fn fill(slots: &mut [Option<Tree>], object: &ObjectShape) {
    for (slot, field) in slots.iter_mut().zip(object.fields()) {
        if slot.is_none() && field.presence == Presence::Always && matches!(field.shape, Shape::Object(_)) {
            *slot = Some(Tree::zero(&field.shape));
        }
    }
}
