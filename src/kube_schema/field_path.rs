//! The path of a field within an object: `spec.graph.a.edges[0].to`.

use std::fmt::Write as _;

/// A step from an object or a list to a value within.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathSegment {
    Key(String),
    Index(usize),
}

/// The path of a field, from the object's root.
pub type FieldPath = Vec<PathSegment>;

/// A path of field names.
#[must_use]
pub fn field_path(names: &[&str]) -> FieldPath {
    names.iter().map(|name| PathSegment::Key((*name).to_owned())).collect()
}

/// As people write it. Keys that would read as something else are shown in brackets, as the API server does.
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
            PathSegment::Key(name) => {
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
