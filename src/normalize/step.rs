//! The steps of normalisation (`kinds/ORLOJD.md` 3.4).

use std::collections::{BTreeMap, HashSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::node::Node;
use super::path::PathPattern;
use super::shape::Shape;
use super::tree::Tree;
use crate::go_compat::{base64, text};

/// One step, with its guard.
#[derive(Clone, Debug)]
pub struct Step {
    pub when: Option<Guard>,
    pub operation: Operation,
}

/// A guard over fields of the spec.
pub type Guard = Condition<PathPattern>;

/// A condition over subjects of type `S`.
#[derive(Clone, Debug)]
pub enum Condition<S> {
    Absent(S),
    Blank(S),
    Empty(S),
    True(S),
    In(S, Vec<Box<str>>),
    /// As `In`, of the trimmed string in lower case.
    InAnyCase(S, Vec<Box<str>>),
    All(Vec<Condition<S>>),
    Any(Vec<Condition<S>>),
    Not(Box<Condition<S>>),
}

impl<S> Condition<S> {
    /// Whether it holds; `read` gives a subject's value. What is missing is absent, blank and empty.
    pub fn holds<'a>(&self, read: &dyn Fn(&S) -> Option<Node<'a>>) -> bool {
        match self {
            Self::Absent(subject) => read(subject).is_none(),
            Self::Blank(subject) => read(subject).is_none_or(Node::is_blank),
            Self::Empty(subject) => read(subject).is_none_or(Node::is_empty),
            Self::True(subject) => read(subject).and_then(Node::as_bool) == Some(true),
            Self::In(subject, words) => {
                let value = read(subject).and_then(Node::as_str).unwrap_or_default();
                words.iter().any(|word| **word == *value)
            }
            Self::InAnyCase(subject, words) => {
                let value = text::lower(text::trim(read(subject).and_then(Node::as_str).unwrap_or_default()));
                words.iter().any(|word| **word == *value)
            }
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(read)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(read)),
            Self::Not(condition) => !condition.holds(read),
        }
    }
}

/// What a step does. Paths come with the shape that a new value must fit, where they make one.
#[derive(Clone, Debug)]
pub enum Operation {
    Trim(Vec<PathPattern>),
    Lower(Vec<PathPattern>),
    Set { paths: Vec<PathPattern>, to: Tree, replaces: Replaced },
    Copy { paths: Vec<PathPattern>, from: CopySource, replaces: Replaced },
    Clean { paths: Vec<PathPattern>, unique: Option<Unique> },
    Replace { paths: Vec<PathPattern>, with: BTreeMap<Box<str>, Box<str>> },
    CleanKeys(Vec<PathPattern>),
    TrimKeys(Vec<PathPattern>),
    Clamp { paths: Vec<PathPattern>, min: i64, max: i64 },
    DropItems { paths: Vec<PathPattern>, field: usize },
    Encode { from: PathPattern, into: PathPattern },
    Drop(Vec<PathPattern>),
}

/// Where a copied value comes from.
#[derive(Clone, Debug)]
pub enum CopySource {
    /// The resource's name.
    Name,
    /// A field of the spec.
    Field(PathPattern),
}

/// Which values a `set` step replaces. A missing field is replaced by all of these.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Replaced {
    /// Only a missing field.
    Absent,
    /// An empty string, list or map.
    Empty,
    /// A string of white space only.
    Blank,
    /// A number that is zero or less.
    NotPositive,
}

/// Which list items count as repeated.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Unique {
    /// Equal but for case.
    IgnoreCase,
    /// Equal.
    Exact,
}

/// Takes all steps over the decoded spec of a resource of that name, in order.
pub fn normalize(spec: &mut Tree, steps: &[Step], name: &str) {
    for step in steps {
        let goes = step.when.as_ref().is_none_or(|when| when.holds(&|path| path.get(Node::Tree(spec))));
        if goes {
            step.operation.apply(spec, name);
        }
    }
}

impl Operation {
    fn apply(&self, spec: &mut Tree, name: &str) {
        match self {
            Self::Trim(paths) => each_string(paths, spec, trim),
            Self::Lower(paths) => each_string(paths, spec, lower),
            Self::Set { paths, to, replaces } => set(paths, spec, to, *replaces),
            Self::Copy { paths, from, replaces } => {
                let found = match from {
                    CopySource::Name => Some(Tree::String(name.to_owned())),
                    CopySource::Field(path) => path.get(Node::Tree(spec)).and_then(Node::as_tree).cloned(),
                };
                if let Some(to) = found {
                    set(paths, spec, &to, *replaces);
                }
            }
            Self::Clean { paths, unique } => each_value(paths, spec, |tree| {
                if let Tree::List(items) = tree {
                    clean(items, *unique);
                }
            }),
            Self::Replace { paths, with } => each_string(paths, spec, |value| {
                if let Some(new) = with.get(value.as_str()) {
                    *value = new.to_string();
                }
            }),
            Self::CleanKeys(paths) => each_value(paths, spec, |tree| {
                if let Tree::Map(entries) = tree {
                    clean_keys(entries);
                }
            }),
            Self::TrimKeys(paths) => each_value(paths, spec, |tree| {
                if let Tree::Map(entries) = tree {
                    let trimmed =
                        std::mem::take(entries).into_iter().map(|(key, value)| (text::trim(&key).to_owned(), value));
                    entries.extend(trimmed.filter(|(key, _)| !key.is_empty()));
                }
            }),
            Self::Clamp { paths, min, max } => each_value(paths, spec, |tree| {
                if let Tree::Integer(whole) = tree {
                    *whole = (*whole).clamp(*min, *max);
                }
            }),
            Self::DropItems { paths, field } => each_value(paths, spec, |tree| {
                if let Tree::List(items) = tree {
                    items.retain(|item| !Node::Tree(item).field(*field, "").is_none_or(Node::is_blank));
                }
            }),
            Self::Encode { from, into } => encode(spec, from, into),
            Self::Drop(paths) => {
                for path in paths {
                    path.slots(spec, &mut |slot| *slot = None);
                }
            }
        }
    }
}

impl Replaced {
    fn applies(self, value: Option<&Tree>) -> bool {
        let Some(tree) = value else { return true };
        match self {
            Self::Absent => false,
            Self::Empty => Node::Tree(tree).is_empty(),
            Self::Blank => Node::Tree(tree).is_blank(),
            Self::NotPositive => match tree {
                Tree::Integer(whole) => *whole <= 0,
                Tree::Number(number) => number.as_f64().is_some_and(|float| float <= 0.0),
                _ => false,
            },
        }
    }

    /// Whether values of this shape can be asked for it.
    #[must_use]
    pub fn fits(self, shape: &Shape) -> bool {
        match self {
            Self::Absent => true,
            Self::Empty => matches!(shape, Shape::String | Shape::List(_) | Shape::Map(_) | Shape::Free),
            Self::Blank => matches!(shape, Shape::String),
            Self::NotPositive => matches!(shape, Shape::Integer { .. } | Shape::Number),
        }
    }
}

fn set(paths: &[PathPattern], spec: &mut Tree, to: &Tree, replaces: Replaced) {
    for path in paths {
        path.slots(spec, &mut |slot| {
            if replaces.applies(slot.as_ref()) {
                *slot = Some(to.clone());
            }
        });
    }
}

fn each_value(paths: &[PathPattern], spec: &mut Tree, mut change: impl FnMut(&mut Tree)) {
    for path in paths {
        path.values(spec, &mut change);
    }
}

fn each_string(paths: &[PathPattern], spec: &mut Tree, mut change: impl FnMut(&mut String)) {
    each_value(paths, spec, |tree| {
        if let Tree::String(value) = tree {
            change(value);
        }
    });
}

fn trim(value: &mut String) {
    let trimmed = text::trim(value);
    if trimmed.len() != value.len() {
        *value = trimmed.to_owned();
    }
}

fn lower(value: &mut String) {
    trim(value);
    let plain = value.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if !plain {
        *value = text::lower(value);
    }
}

fn clean(items: &mut Vec<Tree>, unique: Option<Unique>) {
    for item in items.iter_mut() {
        if let Tree::String(value) = item {
            trim(value);
        }
    }
    let mut seen = HashSet::new();
    items.retain(|item| {
        let Some(value) = item.as_str().filter(|value| !value.is_empty()) else { return false };
        match unique {
            None => true,
            Some(Unique::Exact) => seen.insert(value.to_owned()),
            Some(Unique::IgnoreCase) => seen.insert(text::lower(value)),
        }
    });
}

/// Of keys that become equal the last in byte order wins; the original picks one at random.
fn clean_keys(entries: &mut BTreeMap<String, Tree>) {
    let old = std::mem::take(entries);
    for (mut key, mut value) in old {
        lower(&mut key);
        if key.is_empty() {
            continue;
        }
        if let Tree::String(value) = &mut value {
            trim(value);
        }
        entries.insert(key, value);
    }
}

fn encode(spec: &mut Tree, from: &PathPattern, into: &PathPattern) {
    let encoded: Vec<(String, Tree)> = from
        .get(Node::Tree(spec))
        .map(|source| {
            let entries = source.entries().into_iter().filter_map(|(key, value)| {
                let key = text::trim(key);
                let value = base64::encode(value.as_str()?.as_bytes());
                (!key.is_empty()).then(|| (key.to_owned(), Tree::String(value)))
            });
            entries.collect()
        })
        .unwrap_or_default();
    if encoded.is_empty() {
        return;
    }
    into.slots(spec, &mut |slot| {
        if let Tree::Map(entries) = slot.get_or_insert_with(|| Tree::Map(BTreeMap::new())) {
            entries.extend(encoded.iter().cloned());
        }
    });
}
