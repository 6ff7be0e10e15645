//! The shape of a spec: which fields there are, of which type, and when Go's encoding shows them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a field stands in the payload (`kinds/ORLOJD.md` 2.3).
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Presence {
    /// Only with a value other than zero: `""`, 0, false, `[]` and `{}` are left out.
    #[default]
    OmitZero,
    /// Always: an object at least as `{}`, a scalar at least as its zero value.
    Always,
    /// Where the resource has it, whatever its value.
    Pointer,
}

/// Type of a value.
#[derive(Clone, Debug)]
pub enum Shape {
    String,
    Integer {
        unsigned: bool,
    },
    Number,
    Boolean,
    Object(ObjectShape),
    Map(Box<Shape>),
    List(Box<Shape>),
    /// An object kept as it is.
    Free,
}

/// A struct in Go: known fields, in order.
#[derive(Clone, Debug, Default)]
pub struct ObjectShape {
    fields: Vec<Field>,
    /// Positions in `fields`, by name.
    by_name: Vec<u16>,
}

/// A field of an object.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: Box<str>,
    pub shape: Shape,
    pub presence: Presence,
}

impl ObjectShape {
    #[must_use]
    pub fn new(fields: Vec<Field>) -> Self {
        let mut by_name: Vec<u16> = (0..u16::try_from(fields.len()).unwrap_or(u16::MAX)).collect();
        by_name.sort_by(|a, b| fields[usize::from(*a)].name.cmp(&fields[usize::from(*b)].name));
        Self { fields, by_name }
    }

    /// Fields in schema order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Position of a field.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_name
            .binary_search_by(|position| (*self.fields[usize::from(*position)].name).cmp(name))
            .ok()
            .map(|found| usize::from(self.by_name[found]))
    }
}

impl Shape {
    /// For messages: what is expected here.
    #[must_use]
    pub fn expected(&self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Integer { unsigned: false } => "an integer",
            Self::Integer { unsigned: true } => "an integer of 0 or more",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Object(_) | Self::Map(_) | Self::Free => "an object",
            Self::List(_) => "a list",
        }
    }
}
