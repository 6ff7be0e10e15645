//! The path of a field within an object: `spec.graph.a.edges[0].to`.

use std::fmt::Write as _;

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
pub type FieldPath = Vec<PathSegment>;

/// A path of field names.
#[must_use]
pub fn field_path(names: &[&str]) -> FieldPath {
    names.iter().map(|name| PathSegment::Key((*name).to_owned())).collect()
}

/// As the API server writes it: keys of maps, and those that would read as something else, stand in brackets.
#[must_use]
pub fn text(path: &[PathSegment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            PathSegment::Key(name) if is_plain(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            PathSegment::Key(name) | PathSegment::MapKey(name) => {
                text.push('[');
                text.extend(name.chars().filter(|c| !c.is_control()));
                text.push(']');
            }
            PathSegment::Index(index) => {
                let _ = write!(text, "[{index}]");
            }
        }
    }
    text
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'))
}
