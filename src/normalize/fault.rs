//! A fault in a spec, with the way to it.

use std::fmt::Write as _;

/// What is wrong, and where; the way is built on the way out, so that a sound spec pays nothing for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From the inside out.
    way: Vec<Step>,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Key(String),
    Index(usize),
}

impl Fault {
    pub(super) fn new(text: String) -> Self {
        Self { way: Vec::new(), text }
    }

    pub(super) fn at_field(mut self, name: &str) -> Self {
        self.way.push(Step::Field(name.to_owned()));
        self
    }

    pub(super) fn at_key(mut self, key: &str) -> Self {
        self.way.push(Step::Key(key.to_owned()));
        self
    }

    pub(super) fn at_index(mut self, index: usize) -> Self {
        self.way.push(Step::Index(index));
        self
    }

    /// Where, such as `spec.graph.a.edges[0].to`, from `root`.
    #[must_use]
    pub fn path(&self, root: &str) -> String {
        let mut path = String::from(root);
        for step in self.way.iter().rev() {
            match step {
                Step::Field(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Step::Key(key) => {
                    path.push('.');
                    path.extend(key.chars().filter(|c| !c.is_control()));
                }
                Step::Index(index) => {
                    let _ = write!(path, "[{index}]");
                }
            }
        }
        path
    }

    /// What is wrong.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}
