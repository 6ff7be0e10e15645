//! Where in a document a value stands, so that an error can name the line to mend.

use std::sync::Arc;

use granit_parser::{Event, Parser};

use super::{ManifestPlace, decode};
use crate::apimachinery::field_path::{FieldPath, PathSegment};
use crate::diagnostics::SourceText;

/// Line and column, both from 1; the column is 0 where it is not known.
pub type Position = (usize, usize);

/// A document's text with the place of everything in it. Its keys are named as they are read.
#[must_use]
pub fn source(text: &str) -> SourceText {
    SourceText::with_keys(String::new(), text.to_owned(), decode::key)
}

/// The document that was looked at last: all objects of a list stand in one.
#[derive(Debug, Default)]
pub struct Last(Option<(usize, usize, Arc<SourceText>)>);

impl Last {
    /// Of a place's document, whose text this is.
    pub fn of(&mut self, place: &ManifestPlace, text: &str) -> Arc<SourceText> {
        match &self.0 {
            Some((line, column, source)) if (*line, *column) == (place.document, place.column) => Arc::clone(source),
            _ => {
                let source = Arc::new(source(text));
                self.0 = Some((place.document, place.column, Arc::clone(&source)));
                source
            }
        }
    }

    /// Line and column of a value of the object at `place`, in whose document `text` is; the line of the object alone where
    /// the path leads nowhere.
    pub fn position(&mut self, place: &ManifestPlace, text: &str, path: &FieldPath) -> Position {
        find(&self.of(place, text), place, path).unwrap_or((place.line, 0))
    }
}

/// The value at the end of `way` from an object, or the innermost value around it that is there: its key in a mapping,
/// itself in a sequence. `None` where not even the first step is there.
fn find(source: &SourceText, place: &ManifestPlace, way: &[PathSegment]) -> Option<Position> {
    let names = names(place, way);
    let (reached, key, value) = source.reach(names.iter().map(String::as_str));
    if way.is_empty() || reached <= names.len() - way.len() && place.items.is_empty() {
        return None;
    }
    let (line, column) = source.line_column(key.unwrap_or(value).start);
    Some(place.within(line, column))
}

/// The way from the document's root.
#[must_use]
pub fn names(place: &ManifestPlace, way: &[PathSegment]) -> Vec<String> {
    let lists = place.items.iter().flat_map(|index| ["items".to_owned(), index.to_string()]);
    let way = way.iter().map(|step| match step {
        PathSegment::Key(name) | PathSegment::MapKey(name) => name.clone(),
        PathSegment::Index(index) => index.to_string(),
    });
    lists.chain(way).collect()
}

/// The lines of the entries of the sequence `items` at the root.
#[must_use]
pub fn item_lines(text: &str) -> Vec<usize> {
    let mut parser = Parser::new_from_str(text);
    let mut lines = Vec::new();
    // collections around the event, whether the root's next node is a key, whether `items` is open
    let (mut depth, mut is_key, mut items) = (0_usize, true, false);
    let mut expected = false;
    while let Some(Ok((event, span))) = parser.next_event() {
        let opens = matches!(event, Event::MappingStart(..) | Event::SequenceStart(..));
        if matches!(event, Event::MappingEnd | Event::SequenceEnd) {
            depth = depth.saturating_sub(1);
            if depth <= 1 && items {
                return lines;
            }
        } else if opens || matches!(event, Event::Scalar(..) | Event::Alias(..)) {
            match depth {
                1 => {
                    items = expected && !is_key && matches!(event, Event::SequenceStart(..));
                    expected = is_key && matches!(&event, Event::Scalar(name, ..) if name == "items");
                    is_key = !is_key;
                }
                2 if items => lines.push(span.start.line()),
                _ => {}
            }
            depth += usize::from(opens);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TEXT: &str = "\
kind: List
items:
- kind: A
  spec:
    edges:
      - to: b
      - {to: c, when: [1, 2]}
- kind: B
";

    fn place(items: &[usize]) -> ManifestPlace {
        ManifestPlace { file: Path::new("x").into(), line: 1, document: 1, column: 1, items: items.into() }
    }

    fn at(text: &str, path: &[PathSegment]) -> Option<Position> {
        find(&source(text), &place(&[]), path)
    }

    #[test]
    fn values_are_found_or_the_innermost_one_around_them() {
        let spec =
            "kind: A\nspec:\n  graph:\n    a:\n      edges:\n      - to: x\n        when: y\n  list: [1, {a: b}]\n";
        let key = |name: &str| PathSegment::Key(name.to_owned());
        let edge = |last| [key("spec"), key("graph"), key("a"), key("edges"), PathSegment::Index(0), key(last)];
        let names = |names: &[&str]| names.iter().copied().map(key).collect::<Vec<_>>();
        assert_eq!(at(spec, &edge("when")), Some((7, 9)));
        assert_eq!(at(spec, &edge("to")), Some((6, 9)));
        assert_eq!(at(spec, &names(&["spec", "graph", "a", "join"])), Some((4, 5)));
        assert_eq!(at(spec, &[key("spec"), key("list"), PathSegment::Index(1), key("a")]), Some((8, 14)));
        assert_eq!(at(spec, &[key("spec"), key("list"), PathSegment::Index(0)]), Some((8, 10)));
        assert_eq!(at(spec, &names(&["spec", "missing"])), Some((2, 1)));
        assert_eq!(at(spec, &names(&["metadata", "name"])), None);
        assert_eq!(at(spec, &[]), None);
        assert_eq!(at("a: [", &names(&["spec", "x"])), None);
        assert_eq!(at("spec: {on: 1, 'off': 2}", &names(&["spec", "true"])), Some((1, 8)));
        assert_eq!(at("spec: {on: 1, 'off': 2}", &names(&["spec", "off"])), Some((1, 15)));
    }

    #[test]
    fn json_is_found_too() {
        let json = "{\n\t\"kind\": \"A\",\n\t\"spec\": {\n\t\t\"type\": \"x\"\n\t}\n}\n";
        assert_eq!(
            at(json, &["spec", "type"].map(|name| PathSegment::Key(name.to_owned()))).map(|(line, _)| line),
            Some(4)
        );
    }

    #[test]
    fn entries_of_a_list_have_their_lines() {
        assert_eq!(item_lines(TEXT), [3, 8]);
        assert_eq!(item_lines("items: [{a: 1},\n {b: 2}]"), [1, 2]);
        assert_eq!(item_lines("spec: {items: [1]}\nitems: {}"), [0_usize; 0]);
        assert_eq!(item_lines("items: items\nx: [1, 2]\n? [items]\n: [3]\n"), [0_usize; 0]);
        assert_eq!(item_lines("a: &a [1]\nitems:\n- *a\n- [2,\n 3]\n- x\nb: [1]\n"), [3, 4, 6]);
        let way = [PathSegment::Key("spec".into()), PathSegment::Key("edges".into())];
        assert_eq!(find(&source(TEXT), &place(&[0]), &way), Some((5, 5)));
        assert_eq!(find(&source(TEXT), &place(&[1]), &way), Some((8, 3)));
    }
}
