//! What is wrong with kind files, shown where it stands.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::source::Source;
pub(crate) use crate::kube_schema::suggest::suggest;

/// Everything that is wrong with a set of kind files.
#[derive(Debug, thiserror::Error)]
pub struct RegistryError {
    /// In file order; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unable to load the kinds: {} found", plural(self.problems.len()))?;
        for problem in &self.problems {
            write!(f, "\n\n{problem}")?;
        }
        Ok(())
    }
}

fn plural(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}

/// Id of a fault of no sort of its own.
pub(crate) const REFUSED: &str = "refused";
/// Id of a file that is not there, or not text.
pub(crate) const UNREADABLE: &str = "unreadable";

/// One fault of a kind's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
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

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.snippet.is_empty() {
            write!(f, "error: {}: {}", self.file, self.message)
        } else {
            f.write_str(&self.snippet)
        }
    }
}

impl Problem {
    /// A fault at a place of a file.
    pub(crate) fn at(source: &Source, span: Range<usize>, message: String, help: Option<String>) -> Self {
        let span = one_line(&source.text, span);
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

/// The part of a span on its first line, at least one byte long where the text allows it.
fn one_line(text: &str, span: Range<usize>) -> Range<usize> {
    let start = span.start.min(text.len());
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let next = text[start..].chars().next().map_or(start, |first| start + first.len_utf8());
    start..span.end.min(line_end).max(next.min(line_end)).max(start)
}
