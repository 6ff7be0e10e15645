//! The path of a field within an object: `spec.graph.a.edges[0].to`.

use std::fmt::{self, Write as _};
use std::ops::{Deref, DerefMut};

use serde_json::Value;

/// A step from an object or a list to a value within.
#[derive(Clone, Debug)]
pub enum PathSegment {
    /// A field; what is not known to be one of a map, too.
    Key(String),
    /// A key of a map, which the API server shows in brackets.
    MapKey(String),
    Index(usize),
}

impl PathSegment {
    /// The name of a field or of a key.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Key(name) | Self::MapKey(name) => Some(name),
            Self::Index(_) => None,
        }
    }

    /// Shows a key of a map as if it were a field.
    pub fn forget_map(&mut self) {
        if let Self::MapKey(name) = self {
            *self = Self::Key(std::mem::take(name));
        }
    }
}

/// Both lead to one value where they differ in how they are shown alone.
impl PartialEq for PathSegment {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Index(one), Self::Index(other)) => one == other,
            (one, other) => one.name().is_some() && one.name() == other.name(),
        }
    }
}

impl Eq for PathSegment {}

/// The path of a field, from the object's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldPath(Vec<PathSegment>);

impl FieldPath {
    /// The path of the object itself.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A path of field names.
    #[must_use]
    pub fn of(names: &[&str]) -> Self {
        names.iter().map(|name| PathSegment::Key((*name).to_owned())).collect()
    }

    /// A path as `fieldPath` of a CEL rule has it: `.spec.a['b']`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let parts = text.split(['.', '[', ']']).map(|part| part.trim_matches(['\'', '"']));
        parts.filter(|part| !part.is_empty()).map(|part| PathSegment::Key(part.to_owned())).collect()
    }

    /// The value at the end of the path.
    #[must_use]
    pub fn find_in<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.iter().try_fold(value, |value, segment| match segment {
            PathSegment::Key(name) | PathSegment::MapKey(name) => value.get(name),
            PathSegment::Index(index) => value.get(index),
        })
    }
}

impl Deref for FieldPath {
    type Target = Vec<PathSegment>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for FieldPath {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl FromIterator<PathSegment> for FieldPath {
    fn from_iter<I: IntoIterator<Item = PathSegment>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

/// As the API server writes it: keys of maps, and those that would read as something else, stand in brackets.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.iter().enumerate() {
            match segment {
                PathSegment::Key(name) if is_plain(name) => {
                    f.write_str(if at == 0 { "" } else { "." })?;
                    f.write_str(name)?;
                }
                PathSegment::Key(name) | PathSegment::MapKey(name) => {
                    f.write_str("[")?;
                    name.chars().filter(|c| !c.is_control()).try_for_each(|c| f.write_char(c))?;
                    f.write_str("]")?;
                }
                PathSegment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'))
}
