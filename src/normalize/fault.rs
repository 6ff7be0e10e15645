//! A fault in a spec, with the path to it.

use crate::apimachinery::field_path::{FieldPath, PathSegment};

/// What is wrong, and where; the path is built on the way out, so that a sound spec pays nothing for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From the inside out.
    segments: Vec<PathSegment>,
    text: String,
}

impl Fault {
    pub(super) fn new(text: String) -> Self {
        Self { segments: Vec::new(), text }
    }

    pub(super) fn at_key(mut self, name: &str) -> Self {
        self.segments.push(PathSegment::Key(name.to_owned()));
        self
    }

    pub(super) fn at_index(mut self, index: usize) -> Self {
        self.segments.push(PathSegment::Index(index));
        self
    }

    /// Where in the resource: `spec.graph.a.edges[0].to`.
    #[must_use]
    pub fn path(&self) -> FieldPath {
        let mut path = FieldPath::of(&["spec"]);
        path.extend(self.segments.iter().rev().cloned());
        path
    }

    /// What is wrong.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}
