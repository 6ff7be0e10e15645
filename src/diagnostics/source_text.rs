//! A YAML file with the place of everything in it, so that a fault of any sort can be shown where it stands.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use granit_parser::{Event, Parser, ScalarStyle};

/// A file's text, and where each of its values stands.
#[derive(Debug)]
pub struct SourceText {
    pub name: String,
    pub text: String,
    root: Spans,
    /// Where each line begins, once that is asked for.
    lines: OnceLock<Vec<usize>>,
    /// A byte is a character everywhere.
    plain: OnceLock<bool>,
}

/// Where a value stands, in bytes.
#[derive(Clone, Debug, Default)]
struct Spans {
    span: Range<usize>,
    /// Where the whole of it ends: a collection's span is that of its beginning.
    end: usize,
    /// Span of the key that the value stands under, where there is one.
    key: Option<Range<usize>>,
    children: HashMap<String, Spans>,
}

/// A mapping or a sequence that is still being read.
struct Open {
    place: Spans,
    anchor: usize,
    sequence: bool,
    key: Option<(String, Range<usize>)>,
}

impl SourceText {
    #[must_use]
    pub fn new(name: String, text: String) -> Self {
        Self::with_keys(name, text, |_, key| key)
    }

    /// Names keys by what `key` makes of each, and of whether it is plain: without quotes.
    #[must_use]
    pub fn with_keys(name: String, text: String, key: fn(bool, String) -> String) -> Self {
        let root = places(&text, key);
        Self { name, text, root, lines: OnceLock::new(), plain: OnceLock::new() }
    }

    /// The value at a JSON pointer, or the innermost one around it.
    pub fn value(&self, pointer: &str) -> Range<usize> {
        self.find(pointer).span.clone()
    }

    /// The key at a JSON pointer, or the innermost value around it.
    pub fn key(&self, pointer: &str) -> Range<usize> {
        let place = self.find(pointer);
        place.key.clone().unwrap_or_else(|| place.span.clone())
    }

    /// Of the steps of a way, how many are there, and the spans of key and value at the last of these.
    pub fn reach<'p>(&self, way: impl IntoIterator<Item = &'p str>) -> (usize, Option<Range<usize>>, Range<usize>) {
        let (mut place, mut steps) = (&self.root, 0);
        for part in way {
            let Some(child) = place.children.get(part) else { break };
            (place, steps) = (child, steps + 1);
        }
        (steps, place.key.clone(), place.span.clone())
    }

    /// The whole of the value at the end of a way, or of the innermost one around it.
    pub fn whole<'p>(&self, way: impl IntoIterator<Item = &'p str>) -> Range<usize> {
        let mut place = &self.root;
        for part in way {
            let Some(child) = place.children.get(part) else { break };
            place = child;
        }
        place.span.start..place.end.max(place.span.end)
    }

    /// The part of a span on its first line, at least one character long where there is one.
    #[must_use]
    pub fn first_line(&self, span: Range<usize>) -> Range<usize> {
        let text = &self.text;
        let start = span.start.min(text.len());
        let line_end = text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at);
        let next = text[start..].chars().next().map_or(start, |first| start + first.len_utf8());
        start..span.end.min(line_end).max(next.min(line_end)).max(start)
    }

    fn find(&self, pointer: &str) -> &Spans {
        let mut place = &self.root;
        for part in pointer.split('/').skip(1) {
            match place.children.get(&*part.replace("~1", "/").replace("~0", "~")) {
                Some(child) => place = child,
                None => break,
            }
        }
        place
    }

    /// Byte offset of a line and a column, both from 1, the column in characters.
    pub fn offset(&self, line: u64, column: u64) -> usize {
        let skipped = usize::try_from(line.saturating_sub(1)).unwrap_or(0);
        let start: usize = self.text.split_inclusive('\n').take(skipped).map(str::len).sum();
        let columns = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
        let rest = self.text.get(start..).unwrap_or_default();
        start + rest.chars().take(columns).map(char::len_utf8).sum::<usize>()
    }

    /// Line and column of a byte offset, both from 1, the column in characters.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let lines = self
            .lines
            .get_or_init(|| std::iter::once(0).chain(self.text.match_indices('\n').map(|(at, _)| at + 1)).collect());
        let line = lines.partition_point(|start| *start <= offset).max(1);
        let start = lines.get(line - 1).copied().unwrap_or_default();
        // many objects may stand on one line
        let plain = *self.plain.get_or_init(|| self.text.is_ascii());
        let column =
            if plain { offset - start } else { self.text.get(start..offset).unwrap_or_default().chars().count() };
        (line, column + 1)
    }
}

/// Walks the events of the first document. What cannot be read ends the walk: the reader proper says why.
fn places(text: &str, name: fn(bool, String) -> String) -> Spans {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Spans> = HashMap::new();
    while let Some(Ok((event, span))) = parser.next_event() {
        let span = span.byte_range().unwrap_or_default();
        let done = match event {
            Event::MappingStart(_, anchor, _) | Event::SequenceStart(_, anchor, _) => {
                let sequence = matches!(event, Event::SequenceStart(..));
                open.push(Open { place: Spans { span, ..Spans::default() }, anchor, sequence, key: None });
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => match open.pop() {
                Some(mut closed) => {
                    closed.place.end = span.end;
                    (closed.place, closed.anchor, None)
                }
                None => break,
            },
            Event::Scalar(value, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                (Spans { end: span.end, span, ..Spans::default() }, anchor, Some((plain, value.into_owned())))
            }
            Event::Alias(anchor) => {
                let target = anchors.get(&anchor).cloned().unwrap_or_default();
                (Spans { end: span.end, span, key: None, children: target.children }, 0, None)
            }
            _ => continue,
        };
        let (mut place, anchor, scalar) = done;
        if anchor != 0 {
            anchors.insert(anchor, place.clone());
        }
        let Some(parent) = open.last_mut() else { return place };
        if parent.sequence {
            let index = parent.place.children.len().to_string();
            parent.place.children.insert(index, place);
        } else if let Some((name, key)) = parent.key.take() {
            place.key = Some(key);
            if name == "<<" {
                // merged keys are shown where they were written
                for (name, child) in place.children {
                    parent.place.children.entry(name).or_insert(child);
                }
            } else {
                parent.place.children.insert(name, place);
            }
        } else {
            let (plain, key) = scalar.unwrap_or_default();
            parent.key = Some((name(plain, key), place.span));
        }
    }
    Spans::default()
}
