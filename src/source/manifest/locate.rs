//! Where in a document a value stands, so that an error can name the line to mend.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use granit_parser::{Event, Parser};
use serde_json::Value;

use super::{Place, decode};
pub use crate::kube_schema::field_path::PathSegment as Step;
use crate::registry::Source;

/// Line and column, both from 1.
pub type Position = (usize, usize);

/// A document's text with the place of everything in it. Its keys are named as they are read.
#[must_use]
pub fn source(text: &str) -> Source {
    Source::with_keys(String::new(), text.to_owned(), decode::key)
}

/// The document that was looked at last: all objects of a list stand in one.
#[derive(Debug, Default)]
pub struct Last(Option<(usize, usize, Arc<Source>)>);

impl Last {
    /// Of a place's document, whose text this is.
    pub fn of(&mut self, place: &Place, text: &str) -> Arc<Source> {
        match &self.0 {
            Some((line, column, source)) if (*line, *column) == (place.document, place.column) => Arc::clone(source),
            _ => {
                let source = Arc::new(source(text));
                self.0 = Some((place.document, place.column, Arc::clone(&source)));
                source
            }
        }
    }
}

/// The documents of a file.
#[derive(Debug)]
pub struct Documents {
    file: Arc<Path>,
    stamp: Stamp,
    /// By the line and the column on which they begin.
    texts: HashMap<Position, (String, OnceLock<Source>)>,
}

type Stamp = (u64, Option<SystemTime>);

/// Other where the file is another one than before.
#[must_use]
pub fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.len(), metadata.modified().ok())
}

impl Documents {
    #[must_use]
    pub fn new(file: Arc<Path>, stamp: Stamp) -> Self {
        Self { file, stamp, texts: HashMap::new() }
    }

    #[must_use]
    pub fn is_of(&self, file: &Path, stamp: Stamp) -> bool {
        (&*self.file, self.stamp) == (file, stamp)
    }

    pub fn add(&mut self, place: &Place, text: &str) {
        let at = (place.document, place.column);
        self.texts.entry(at).or_insert_with(|| (text.to_owned(), OnceLock::new()));
    }

    /// As [`find`].
    #[must_use]
    pub fn find(&self, place: &Place, way: &[Step]) -> Option<Position> {
        let (text, read) = self.texts.get(&(place.document, place.column))?;
        find(read.get_or_init(|| source(text)), place, way)
    }
}

/// The value at the end of `way` from an object, or the innermost value around it that is there: its key in a mapping,
/// itself in a sequence. `None` where not even the first step is there.
#[must_use]
pub fn find(source: &Source, place: &Place, way: &[Step]) -> Option<Position> {
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
pub fn names(place: &Place, way: &[Step]) -> Vec<String> {
    let lists = place.items.iter().flat_map(|index| ["items".to_owned(), index.to_string()]);
    let way = way.iter().map(|step| match step {
        Step::Key(name) | Step::MapKey(name) => name.clone(),
        Step::Index(index) => index.to_string(),
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

/// The way that an error text speaks of, such as `spec.graph.a.edges[0].to` in
/// `invalid spec.graph.a.edges[0].to "x"`.
#[must_use]
pub fn way_in(text: &str) -> Vec<Step> {
    let start = ["spec.", "metadata."]
        .iter()
        .filter_map(|root| text.find(root))
        .filter(|at| *at == 0 || text[..*at].ends_with([' ', '(']))
        .min();
    let Some(start) = start else { return Vec::new() };
    let end = text[start..].find([' ', ':', ',', ';', '"', '=', ')', '\n']).map_or(text.len(), |at| start + at);
    let path = text[start..end].trim_end_matches('.');
    let mut way = Vec::new();
    for part in path.split('.') {
        let mut names = part.split('[');
        way.extend(names.next().map(|name| Step::Key(name.to_owned())));
        way.extend(names.map(|name| {
            let name = name.trim_end_matches(']');
            name.parse().map_or_else(|_| Step::Key(name.to_owned()), Step::Index)
        }));
    }
    way
}

/// A way from a value that was read out of a text, by the names that are there: those with points are one step again.
#[must_use]
pub fn by_names(way: &[Step], value: &Value) -> Vec<Step> {
    let mut found = Vec::new();
    let (mut node, mut at) = (Some(value), 0);
    while let Some(step) = way.get(at) {
        let taken = match (step, node) {
            (Step::Key(_), Some(Value::Object(map))) => (at + 1..=way.len()).find_map(|end| {
                let names: Option<Vec<&str>> = way[at..end].iter().map(Step::name).collect();
                let name = names?.join(".");
                Some((map.get(&name)?, Step::Key(name), end))
            }),
            (Step::Index(index), Some(Value::Array(items))) => {
                items.get(*index).map(|item| (item, step.clone(), at + 1))
            }
            _ => None,
        };
        (node, at) = match taken {
            Some((inner, step, end)) => {
                found.push(step);
                (Some(inner), end)
            }
            None => {
                found.push(step.clone());
                (None, at + 1)
            }
        };
    }
    found
}

#[cfg(test)]
mod tests {
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

    fn place(items: &[usize]) -> Place {
        Place { file: Path::new("x").into(), line: 1, document: 1, column: 1, items: items.into() }
    }

    fn at(text: &str, path: &str) -> Option<Position> {
        find(&source(text), &place(&[]), &way_in(path))
    }

    #[test]
    fn values_are_found_or_the_innermost_one_around_them() {
        let spec =
            "kind: A\nspec:\n  graph:\n    a:\n      edges:\n      - to: x\n        when: y\n  list: [1, {a: b}]\n";
        assert_eq!(at(spec, "spec.graph.a.edges[0].when"), Some((7, 9)));
        assert_eq!(at(spec, "invalid spec.graph.a.edges[0].to \"x\": no"), Some((6, 9)));
        assert_eq!(at(spec, "spec.graph.a.join: invalid"), Some((4, 5)));
        assert_eq!(at(spec, "spec.list[1].a is"), Some((8, 14)));
        assert_eq!(at(spec, "spec.list[0] is"), Some((8, 10)));
        assert_eq!(at(spec, "spec.missing is required"), Some((2, 1)));
        assert_eq!(at(spec, "metadata.name is required"), None);
        assert_eq!(at(spec, "the key is taken"), None);
        assert_eq!(at("a: [", "spec.x"), None);
        assert_eq!(at("spec: {on: 1, 'off': 2}", "spec.true is"), Some((1, 8)));
        assert_eq!(at("spec: {on: 1, 'off': 2}", "spec.off is"), Some((1, 15)));
    }

    #[test]
    fn json_is_found_too() {
        let json = "{\n\t\"kind\": \"A\",\n\t\"spec\": {\n\t\t\"type\": \"x\"\n\t}\n}\n";
        assert_eq!(at(json, "spec.type is").map(|(line, _)| line), Some(4));
    }

    #[test]
    fn entries_of_a_list_have_their_lines() {
        assert_eq!(item_lines(TEXT), [3, 8]);
        assert_eq!(item_lines("items: [{a: 1},\n {b: 2}]"), [1, 2]);
        assert_eq!(item_lines("spec: {items: [1]}\nitems: {}"), [0_usize; 0]);
        assert_eq!(item_lines("items: items\nx: [1, 2]\n? [items]\n: [3]\n"), [0_usize; 0]);
        assert_eq!(item_lines("a: &a [1]\nitems:\n- *a\n- [2,\n 3]\n- x\nb: [1]\n"), [3, 4, 6]);
        let way = [Step::Key("spec".into()), Step::Key("edges".into())];
        assert_eq!(find(&source(TEXT), &place(&[0]), &way), Some((5, 5)));
        assert_eq!(find(&source(TEXT), &place(&[1]), &way), Some((8, 3)));
    }

    #[test]
    fn names_with_points_are_found() {
        let spec = "kind: A\nspec:\n  app.kubernetes.io/name: 1\n  m:\n    a.b:\n    - c.d: x\n";
        assert_eq!(at(spec, "spec.app.kubernetes.io/name: expected a string"), Some((3, 3)));
        assert_eq!(at(spec, "spec.m.a.b[0].c.d: expected"), Some((6, 7)));
        assert_eq!(at(spec, "spec.m.a.c: expected"), Some((4, 3)));
        let object = serde_json::json!({"spec": {"m": {"a.b": [{"c.d": "x"}]}}});
        let key = |name: &str| Step::Key(name.to_owned());
        let way = by_names(&way_in("spec.m.a.b[0].c.d: x"), &object);
        assert_eq!(way, [key("spec"), key("m"), key("a.b"), Step::Index(0), key("c.d")]);
        assert_eq!(by_names(&way_in("spec.m.x.y: x"), &object), [key("spec"), key("m"), key("x"), key("y")]);
    }

    #[test]
    fn ways_are_read_out_of_error_texts() {
        let key = |name: &str| Step::Key(name.to_owned());
        assert_eq!(way_in("spec.a[2].b: x"), [key("spec"), key("a"), Step::Index(2), key("b")]);
        assert_eq!(way_in("invalid spec.a."), [key("spec"), key("a")]);
        assert_eq!(way_in("metadata.labels: label"), [key("metadata"), key("labels")]);
        assert_eq!(way_in("a respec.t is odd"), []);
    }
}
