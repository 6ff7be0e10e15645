//! Where in a file a finding stands.

use std::ops::Range;
use std::sync::Arc;

use super::finding::{Excerpt, Finding, ObjectFinding, Target};
use crate::apimachinery::field_path::PathSegment;
use crate::diagnostics::SourceText;
use crate::source::manifest::locate::{self, Last};
use crate::source::manifest::{ManifestObject, ManifestPlace, ManifestReader};

/// Longest line that is shown.
const MAX_LINE: usize = 240;

/// The document that was looked at last.
#[derive(Debug, Default)]
pub struct Maps {
    last: Last,
    /// Of the document of that line and column: whether it may hold secrets.
    secrets: Option<((usize, usize), bool)>,
}

impl Maps {
    /// Of an entry's text. Done for findings only: it reads the text a second time.
    pub fn of(&mut self, entry: &ManifestObject<'_>, shown: Shown, reader: &ManifestReader) -> Map {
        let source = self.last.of(&entry.place, entry.text);
        let at = entry.place.within(1, 1);
        let secrets = match self.secrets {
            Some((known, secrets)) if known == at => secrets,
            _ => reader.may_hold_secrets(entry.text),
        };
        self.secrets = Some((at, secrets));
        let own = source.whole(locate::names(&entry.place, &[]).iter().map(String::as_str));
        Map { source, place: entry.place.clone(), shown, secrets, own }
    }
}

/// What of an object is shown beside a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The line.
    Line,
    /// The line, where nothing stands on it but what the finding points at: nobody knows what the object holds.
    Alone,
    /// The key: values are secret.
    Key,
}

/// The text of an entry, in which places are looked up.
#[derive(Debug)]
pub struct Map {
    source: Arc<SourceText>,
    place: ManifestPlace,
    shown: Shown,
    /// Values of other objects in the document are not shown.
    secrets: bool,
    /// Where the object stands.
    own: Range<usize>,
}

impl Map {
    /// A draft, placed.
    #[must_use]
    pub fn place(&self, draft: ObjectFinding, object: Option<&str>) -> Finding {
        let (span, key) = self.span(&draft.way, draft.target);
        let alone = self.shown != Shown::Alone || self.stands_alone(&draft.way);
        let mut span = self.source.first_line(span);
        // blanks behind a value belong to it for the parser alone
        match self.source.text[span.clone()].trim_end().len() {
            0 => {}
            length => span.end = span.start + length,
        }
        let (line, column) = self.source.line_column(span.start);
        let (line, column) = self.place.within(line, column);
        let width = self.source.text[span.clone()].chars().count();
        Finding {
            rule: draft.rule,
            severity: draft.severity,
            file: Arc::clone(&self.place.file),
            line,
            column,
            end_column: column + width,
            object: object.map(str::to_owned),
            path: draft.way.to_string(),
            text: draft.text,
            help: draft.help,
            note: draft.note,
            excerpt: self.excerpt(&span, key).filter(|_| alone),
        }
    }

    /// The part to point at, and whether it is a key.
    fn span(&self, steps: &[PathSegment], target: Target) -> (Range<usize>, bool) {
        let names = locate::names(&self.place, steps);
        let before = names.len() - steps.len();
        let (reached, key, value) = self.source.reach(names.iter().map(String::as_str));
        if reached < before {
            return (0..0, false);
        }
        let text = self.source.text.get(value.clone()).unwrap_or_default();
        let scalar = !text.contains('\n') && !value.is_empty();
        match key {
            Some(key) if target == Target::Key || reached < names.len() || !scalar || self.shown == Shown::Key => {
                (key, true)
            }
            _ => (value, false),
        }
    }

    fn excerpt(&self, span: &Range<usize>, key: bool) -> Option<Excerpt> {
        let text = &self.source.text;
        let from = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let to = text[span.start..].find('\n').map_or(text.len(), |at| span.start + at);
        let line = text[from..to].trim_end_matches('\r');
        let (start, end) = (span.start - from, (span.end - from).min(line.len()));
        if line.len() > MAX_LINE || line.trim().is_empty() || self.secrets && self.is_shared(from..from + line.len()) {
            return None;
        }
        let before = line.get(..start)?;
        let line = if self.shown == Shown::Key {
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
        // the line of a document that begins in its middle
        let indent = if from == 0 { self.place.within(1, 1).1 - 1 } else { 0 };
        let shown = " ".repeat(indent) + &line.chars().map(visible).collect::<String>();
        Some(Excerpt { line: shown, start: indent + start, end: indent + end.max(start) })
    }

    /// Whether a field is a plain one and has its line for itself. For the object as a whole that line is its first:
    /// shown where it says what the object is.
    fn stands_alone(&self, way: &[PathSegment]) -> bool {
        if way.is_empty() {
            let names = ["apiVersion", "kind"].map(|name| vec![PathSegment::Key(name.to_owned())]);
            let first = |way: &[PathSegment]| {
                let names = locate::names(&self.place, way);
                let (_, key, _) = self.source.reach(names.iter().map(String::as_str));
                key.is_some_and(|key| key.start == self.own.start)
            };
            return names.iter().any(|way| first(way) && self.stands_alone(way));
        }
        let names = locate::names(&self.place, way);
        let (reached, key, value) = self.source.reach(names.iter().map(String::as_str));
        let Some(key) = key.filter(|_| reached == names.len()) else { return false };
        let text = &self.source.text;
        let from = text[..key.start].rfind('\n').map_or(0, |at| at + 1);
        let to = text[value.end..].find('\n').map_or(text.len(), |at| value.end + at);
        let is_blank = |part: &str| part.chars().all(|c| c.is_whitespace() || "-,{}".contains(c));
        !text[key.start..value.end].contains(['\n', '{', '['])
            && is_blank(&text[from..key.start])
            && is_blank(&text[value.end..to])
    }

    /// Whether something of another object stands on a line: there may be secrets in it.
    fn is_shared(&self, line: Range<usize>) -> bool {
        let text = &self.source.text;
        let blank = |range: Range<usize>| {
            text.get(range).is_none_or(|part| part.chars().all(|c| c.is_whitespace() || "-,[]{}".contains(c)))
        };
        let (start, end) = (self.own.start.clamp(line.start, line.end), self.own.end.clamp(line.start, line.end));
        !blank(line.start..start) || !blank(end..line.end)
    }
}

/// Control characters as blanks, of the same number of bytes where that can be.
fn visible(c: char) -> char {
    if !c.is_control() {
        c
    } else if c.is_ascii() {
        ' '
    } else {
        '\u{a0}'
    }
}
