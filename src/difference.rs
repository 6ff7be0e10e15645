//! Where two JSON values differ, path by path.

use std::fmt::Write as _;

use serde_json::Value;

/// One segment of a path down from the root.
#[derive(Clone, Copy, Debug)]
pub enum Segment<'v> {
    Key(&'v str),
    Index(usize),
}

impl<'v> Segment<'v> {
    /// The key; empty for an index.
    #[must_use]
    pub fn name(&self) -> &'v str {
        match self {
            Self::Key(key) => key,
            Self::Index(_) => "",
        }
    }
}

/// Takes one difference: the path, and what stands there on either side.
pub type Visit<'t> = dyn FnMut(&[Segment<'_>], Option<&Value>, Option<&Value>) + 't;

/// Visits all differences in the order of their paths, going down as far as both sides are of one shape.
pub fn compare(before: &Value, after: &Value, visit: &mut Visit<'_>) {
    walk(&mut Vec::new(), Some(before), Some(after), visit);
}

fn walk<'v>(path: &mut Vec<Segment<'v>>, before: Option<&'v Value>, after: Option<&'v Value>, visit: &mut Visit<'_>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            let mut keys: Vec<&String> = old.keys().chain(added).collect();
            keys.sort_unstable();
            for key in keys {
                path.push(Segment::Key(key));
                walk(path, old.get(key), new.get(key), visit);
                path.pop();
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                path.push(Segment::Index(index));
                walk(path, old.get(index), new.get(index), visit);
                path.pop();
            }
        }
        (before, after) => visit(path, before, after),
    }
}

/// A path as text, such as `spec.tags[0]` or `metadata.labels["app.kubernetes.io/name"]`.
#[must_use]
pub fn path_text(path: &[Segment<'_>]) -> String {
    let mut text = String::new();
    for segment in path {
        // writing to a String cannot fail
        let _ = match segment {
            Segment::Index(index) => write!(text, "[{index}]"),
            Segment::Key(key) if !is_plain(key) => write!(text, "[{}]", Value::from(*key)),
            Segment::Key(key) if text.is_empty() => write!(text, "{key}"),
            Segment::Key(key) => write!(text, ".{key}"),
        };
    }
    text
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}
