//! Where in a file a finding stands.

use std::ops::Range;
use std::sync::Arc;

use super::finding::{Draft, Excerpt, Finding, Target};
use super::way::{self, Step};
use crate::registry::source::Source;
use crate::source::manifest::{Entry, Place};

/// Longest line that is shown.
const MAX_LINE: usize = 240;

/// The document that was looked at last: all objects of a list stand in one.
#[derive(Debug, Default)]
pub struct Maps {
    /// Line and length of the document.
    last: Option<(usize, usize, Arc<Source>)>,
}

impl Maps {
    /// Of an entry's text. Done for findings only: it reads the text a second time.
    pub fn of(&mut self, entry: &Entry<'_>, sensitive: bool) -> Map {
        let key = (entry.place.document(), entry.text.len());
        let source = match &self.last {
            Some((line, length, source)) if (*line, *length) == key => Arc::clone(source),
            _ => {
                let source = Arc::new(Source::new(String::new(), entry.text.to_owned()));
                self.last = Some((key.0, key.1, Arc::clone(&source)));
                source
            }
        };
        Map { source, place: entry.place.clone(), sensitive }
    }
}

/// The text of an entry, in which places are looked up.
#[derive(Debug)]
pub struct Map {
    source: Arc<Source>,
    place: Place,
    /// Values are not shown.
    sensitive: bool,
}

impl Map {
    /// A draft, placed.
    #[must_use]
    pub fn place(&self, draft: Draft, object: Option<&str>) -> Finding {
        let (span, key) = self.span(&draft.way, draft.target);
        let span = one_line(&self.source.text, span);
        let (line, column) = self.source.line_column(span.start);
        let width = self.source.text[span.clone()].chars().count();
        Finding {
            rule: draft.rule,
            severity: draft.severity,
            file: Arc::clone(&self.place.file),
            line: self.place.document() + line - 1,
            column,
            end_column: column + width,
            object: object.map(str::to_owned),
            path: way::text(&draft.way),
            text: draft.text,
            help: draft.help,
            note: draft.note,
            excerpt: self.excerpt(&span, key),
        }
    }

    /// The part to point at, and whether it is a key.
    fn span(&self, steps: &[Step], target: Target) -> (Range<usize>, bool) {
        let mut names = Vec::new();
        for index in self.place.items() {
            names.extend(["items".to_owned(), index.to_string()]);
        }
        let before = names.len();
        names.extend(steps.iter().map(|step| match step {
            Step::Key(name) => name.clone(),
            Step::Index(index) => index.to_string(),
        }));
        let (reached, key, value) = self.source.reach(names.iter().map(String::as_str));
        if reached < before {
            return (0..0, false);
        }
        let text = self.source.text.get(value.clone()).unwrap_or_default();
        let scalar = !text.contains('\n') && !value.is_empty();
        match key {
            Some(key) if target == Target::Key || reached < names.len() || !scalar || self.sensitive => (key, true),
            _ => (value, false),
        }
    }

    fn excerpt(&self, span: &Range<usize>, key: bool) -> Option<Excerpt> {
        let text = &self.source.text;
        let from = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let to = text[span.start..].find('\n').map_or(text.len(), |at| span.start + at);
        let line = text[from..to].trim_end_matches('\r');
        let (start, end) = (span.start - from, (span.end - from).min(line.len()));
        if line.len() > MAX_LINE || line.trim().is_empty() {
            return None;
        }
        let before = line.get(..start)?;
        let line = if self.sensitive {
            // what stands before may be a value as well, unless it is only where the line begins
            if !before.trim_start_matches(' ').trim_start_matches("- ").is_empty() {
                return None;
            }
            if !key {
                return None;
            }
            format!("{}: ***", line.get(..end)?)
        } else {
            line.to_owned()
        };
        Some(Excerpt { line: line.replace(|c: char| c.is_control(), " "), start, end: end.max(start) })
    }
}

/// The part of a span on its first line, at least one character long where there is one.
fn one_line(text: &str, span: Range<usize>) -> Range<usize> {
    let start = span.start.min(text.len());
    let line_end = text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at);
    let next = text[start..].chars().next().map_or(start, |first| start + first.len_utf8());
    let end = span.end.min(line_end).max(next.min(line_end)).max(start);
    // blanks behind a value belong to it for the parser alone
    let trimmed = text[start..end].trim_end().len();
    start..start + if trimmed == 0 { end - start } else { trimmed }
}
