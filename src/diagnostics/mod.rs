//! Diagnostics: a YAML text with the place of all that is in it, findings that are shown there, and how much they count.

mod source_text;

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use schemars::JsonSchema;
use serde::Serialize;

pub use source_text::SourceText;

/// How much a finding counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Warning,
    Error,
}

impl Severity {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Id of a fault of no sort of its own.
pub(crate) const REFUSED: &str = "refused";
/// Id of a file that is not there, or not text.
pub(crate) const UNREADABLE: &str = "unreadable";

/// A finding in a YAML file: rule, place, text and help, shown with the line in question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What sort of fault it is, in one word that does not change.
    pub id: &'static str,
    pub file: String,
    /// From 1; 0 where the fault is the file's as a whole.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    snippet: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.snippet.is_empty() {
            write!(f, "error: {}: {}", self.file, self.message)
        } else {
            f.write_str(&self.snippet)
        }
    }
}

impl Diagnostic {
    /// A fault at a place of a file.
    pub(crate) fn at(source: &SourceText, span: Range<usize>, message: String, help: Option<String>) -> Self {
        let span = source.first_line(span);
        let (line, column) = source.line_column(span.start);
        let file = source.name.as_str();
        let snippet = Snippet::source(source.text.as_str()).path(file).annotation(AnnotationKind::Primary.span(span));
        let mut group = Level::ERROR.primary_title(message.as_str()).element(snippet);
        if let Some(help) = &help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let snippet = Renderer::plain().render(&[group]);
        Self { id: REFUSED, file: file.to_owned(), line, column, message, help, snippet }
    }

    pub(crate) fn known_as(self, id: &'static str) -> Self {
        Self { id, ..self }
    }

    /// As [`fmt::Display`] has it, under another title than `error`.
    pub(crate) fn titled(&self, title: &str) -> String {
        let text = self.to_string();
        text.strip_prefix("error").map_or_else(|| text.clone(), |rest| format!("{title}{rest}"))
    }

    /// A fault of a file as a whole.
    pub(crate) fn of_file(file: String, message: String) -> Self {
        Self { id: UNREADABLE, file, line: 0, column: 0, message, help: None, snippet: String::new() }
    }
}
