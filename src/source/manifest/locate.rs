//! Where in a document a value stands, so that an error can name the line to mend.

use std::ops::ControlFlow;

use granit_parser::{Event, Parser};

pub use crate::rules::WayStep as Step;

/// Line and column, both from 1.
pub type Position = (usize, usize);

/// The value at the end of `way`, or the innermost value around it that is there: its key in a mapping, itself in a
/// sequence. `None` where not even the first step is there.
#[must_use]
pub fn find(text: &str, way: &[Step]) -> Option<Position> {
    let mut best: Option<(usize, Position)> = None;
    walk(text, |open, position| {
        let depth = open.len();
        let matches = depth > 0 && depth <= way.len() && open.iter().zip(way).all(|(frame, step)| frame.is_at(step));
        if matches && best.is_none_or(|(deepest, _)| depth > deepest) {
            best = Some((depth, position));
        }
        if depth == way.len() && matches { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    best.map(|(_, position)| position)
}

/// The lines of the entries of the sequence `items` at the root.
#[must_use]
pub fn item_lines(text: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    walk(text, |open, (line, _)| {
        if let [root, items] = open
            && root.is_at(&Step::Key("items".to_owned()))
            && items.sequence
        {
            lines.push(line);
        }
        ControlFlow::Continue(())
    });
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

/// A mapping or sequence that is being read, and where in it the reading stands.
struct Frame {
    sequence: bool,
    /// Entries of a sequence before the current one.
    index: usize,
    /// Key of the current entry of a mapping, and where it stands.
    key: Option<(String, Position)>,
}

impl Frame {
    fn is_at(&self, step: &Step) -> bool {
        match step {
            Step::Key(name) => self.key.as_ref().is_some_and(|(key, _)| key == name),
            Step::Index(index) => self.sequence && self.index == *index,
        }
    }
}

/// Tells every value of the first document with the way to it; what cannot be parsed ends the walk.
fn walk(text: &str, mut visit: impl FnMut(&[Frame], Position) -> ControlFlow<()>) {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Frame> = Vec::new();
    while let Some(Ok((event, span))) = parser.next_event() {
        let position = (span.start.line(), span.start.col() + 1);
        let (container, scalar) = match event {
            Event::MappingStart(..) => (Some(false), String::new()),
            Event::SequenceStart(..) => (Some(true), String::new()),
            Event::Scalar(value, ..) => (None, value.into_owned()),
            Event::Alias(..) => (None, String::new()),
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop();
                after_value(&mut open);
                continue;
            }
            Event::DocumentEnd => return,
            _ => continue,
        };
        let is_key = open.last().is_some_and(|frame| !frame.sequence && frame.key.is_none());
        if is_key && container.is_none() {
            if let Some(frame) = open.last_mut() {
                frame.key = Some((scalar, position));
            }
            continue;
        }
        if !is_key {
            let shown = open.last().and_then(|frame| frame.key.as_ref()).map_or(position, |(_, position)| *position);
            if visit(&open, shown).is_break() {
                return;
            }
        }
        match container {
            Some(sequence) => open.push(Frame { sequence, index: 0, key: None }),
            None => after_value(&mut open),
        }
    }
}

fn after_value(open: &mut [Frame]) {
    let Some(frame) = open.last_mut() else { return };
    if frame.sequence {
        frame.index += 1;
    } else if frame.key.take().is_none() {
        // a key that is itself a collection: it has a name that no way leads to
        frame.key = Some((String::new(), (1, 1)));
    }
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

    fn at(text: &str, path: &str) -> Option<Position> {
        find(text, &way_in(path))
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
        let way = [Step::Key("items".into()), Step::Index(0), Step::Key("spec".into()), Step::Key("edges".into())];
        assert_eq!(find(TEXT, &way), Some((5, 5)));
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
