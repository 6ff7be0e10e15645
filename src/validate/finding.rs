//! What is found: first without, then with the place in the file.

use std::path::Path;
use std::sync::Arc;

use super::rule::ValidationRule;
use crate::apimachinery::field_path::FieldPath;
use crate::diagnostics::Severity;

/// What of a value is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// The value; its key, where it is an object or a list.
    #[default]
    Value,
    /// The key that it stands under.
    Key,
}

/// A finding about an object, by the way to the value.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectFinding {
    pub rule: &'static ValidationRule,
    pub severity: Severity,
    pub way: FieldPath,
    pub target: Target,
    pub text: String,
    /// What to do.
    pub help: Option<String>,
    /// What else there is to know.
    pub note: Option<String>,
}

impl ObjectFinding {
    #[must_use]
    pub fn new(rule: &'static ValidationRule, way: FieldPath, text: String) -> Self {
        Self { rule, severity: rule.severity, way, target: Target::Value, text, help: None, note: None }
    }

    #[must_use]
    pub fn key(mut self) -> Self {
        self.target = Target::Key;
        self
    }

    #[must_use]
    pub fn help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// The line that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Without what may be secret.
    pub line: String,
    /// Of the line, in bytes.
    pub start: usize,
    pub end: usize,
}

/// A finding, placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub rule: &'static ValidationRule,
    pub severity: Severity,
    pub file: Arc<Path>,
    /// From 1; 0 where the finding is the file's as a whole.
    pub line: usize,
    /// From 1, in characters; 0 where it is not known.
    pub column: usize,
    /// From 1, behind the last character; 0 where it is not known.
    pub end_column: usize,
    /// Such as `Tool team-a/search`.
    pub object: Option<String>,
    /// The field, such as `spec.type`; empty for the object as a whole.
    pub path: String,
    pub text: String,
    pub help: Option<String>,
    pub note: Option<String>,
    pub excerpt: Option<Excerpt>,
}
