//! Where a rule stands while it is checked: the root, or an item of a block within blocks.

use serde_json::Value;

use super::Message;
use crate::apimachinery::field_path::{FieldPath, PathSegment};
use crate::normalize::{Node, PathPattern, Root, Segment};

/// What a condition looks at.
#[derive(Clone, Debug)]
pub enum Subject {
    Path(PathPattern),
    /// A name given by `as`.
    Name(Box<str>),
    /// The rule's own subject.
    Own(Option<PathPattern>),
}

/// The root, or an item of a block.
#[derive(Clone, Copy, Debug)]
pub struct RuleScope<'a> {
    pub(super) parent: Option<&'a RuleScope<'a>>,
    /// The normalised spec.
    pub(super) spec: Node<'a>,
    /// The spec as submitted.
    pub(super) raw: &'a Value,
    /// The item; the spec itself at the root.
    pub(super) item: Node<'a>,
    /// The item as submitted; none below lists, where a step may have dropped items.
    pub(super) raw_item: Option<Node<'a>>,
    pub(super) binding: Option<(&'a str, &'a str)>,
    pub(super) at: Option<&'a Message>,
    /// The way from the spec to the item.
    pub(super) trail: Option<&'a Trail<'a>>,
}

/// The way to an item, from the inside out.
#[derive(Clone, Copy, Debug)]
pub struct Trail<'a> {
    outer: Option<&'a Trail<'a>>,
    step: TrailStep<'a>,
}

/// As [`PathSegment`], borrowed: a rule that holds pays nothing for its place.
#[derive(Clone, Copy, Debug)]
enum TrailStep<'a> {
    Key(&'a str),
    Index(usize),
}

impl Trail<'_> {
    fn collect(&self, way: &mut FieldPath) {
        if let Some(outer) = self.outer {
            outer.collect(way);
        }
        way.push(match self.step {
            TrailStep::Key(name) => PathSegment::Key(name.to_owned()),
            TrailStep::Index(index) => PathSegment::Index(index),
        });
    }
}

impl<'a> RuleScope<'a> {
    /// The scope of a whole spec.
    #[must_use]
    pub fn root(spec: Node<'a>, raw: &'a Value) -> Self {
        Self {
            parent: None,
            spec,
            raw,
            item: spec,
            raw_item: Some(Node::Raw(raw)),
            binding: None,
            at: None,
            trail: None,
        }
    }

    /// Where a path starts.
    pub(super) fn start(&self, path: &PathPattern) -> Node<'a> {
        match path.root {
            Root::Spec => self.spec,
            Root::Raw => Node::Raw(self.raw),
            Root::Item => self.item,
        }
    }

    pub(super) fn get(&self, path: &PathPattern) -> Option<Node<'a>> {
        path.get(self.start(path))
    }

    /// The same value as submitted.
    pub(super) fn raw(&self, path: &PathPattern) -> Option<Node<'a>> {
        match path.root {
            Root::Spec | Root::Raw => path.get(Node::Raw(self.raw)),
            Root::Item => path.get(self.raw_item?),
        }
    }

    /// Text of a name given by `as`, in this block or one around it.
    pub(super) fn name(&self, wanted: &str) -> Option<&'a str> {
        match self.binding {
            Some((name, text)) if name == wanted => Some(text),
            _ => self.parent?.name(wanted),
        }
    }

    /// The innermost scope that says where it is.
    pub(super) fn located(&self) -> Option<(&RuleScope<'a>, &'a Message)> {
        match self.at {
            Some(at) => Some((self, at)),
            None => self.parent?.located(),
        }
    }

    pub(super) fn subject(&self, subject: &Subject) -> Option<Node<'a>> {
        match subject {
            Subject::Path(path) | Subject::Own(Some(path)) => self.get(path),
            Subject::Own(None) => Some(self.item),
            Subject::Name(_) => None,
        }
    }

    /// The path of a rule's subject; of the item itself without a path.
    pub(super) fn way(&self, path: Option<&PathPattern>) -> FieldPath {
        let mut way = FieldPath::of(&["spec"]);
        if let Some(trail) = self.trail.filter(|_| path.is_none_or(|path| path.root == Root::Item)) {
            trail.collect(&mut way);
        }
        let fields = path.into_iter().flat_map(|path| &path.segments).map_while(|segment| match segment {
            Segment::Field { name, .. } => Some(PathSegment::Key(name.to_string())),
            Segment::Values | Segment::Items => None,
        });
        way.extend(fields);
        way
    }

    /// Calls `visit` for each item that `path` leads to, until it returns something.
    pub(super) fn items<R>(
        &self,
        path: &PathPattern,
        visit: &mut dyn FnMut(ScopeItem<'a, '_>) -> Option<R>,
    ) -> Option<R> {
        let raw = match path.root {
            Root::Spec | Root::Raw => Some(Node::Raw(self.raw)),
            Root::Item => self.raw_item,
        };
        let trail = self.trail.filter(|_| path.root == Root::Item);
        walk(ScopeItem { node: self.start(path), raw, key: None, trail }, &path.segments, visit)
    }
}

/// An item on the way through a block's path.
#[derive(Clone, Copy)]
pub(super) struct ScopeItem<'a, 'k> {
    pub node: Node<'a>,
    pub raw: Option<Node<'a>>,
    /// Map key or list index of the innermost `*` or `[]`.
    pub key: Option<&'k str>,
    pub trail: Option<&'k Trail<'k>>,
}

fn walk<'a, R>(
    item: ScopeItem<'a, '_>,
    segments: &[Segment],
    visit: &mut dyn FnMut(ScopeItem<'a, '_>) -> Option<R>,
) -> Option<R> {
    let [segment, rest @ ..] = segments else {
        return visit(item);
    };
    match segment {
        Segment::Field { position, name } => {
            let node = item.node.field(*position, name)?;
            let raw = item.raw.and_then(|raw| raw.field(*position, name));
            let trail = Trail { outer: item.trail, step: TrailStep::Key(name) };
            walk(ScopeItem { node, raw, key: item.key, trail: Some(&trail) }, rest, visit)
        }
        Segment::Values => item.node.entries().into_iter().find_map(|(key, node)| {
            let raw = item.raw.and_then(|raw| raw.entry(key));
            let trail = Trail { outer: item.trail, step: TrailStep::Key(key) };
            walk(ScopeItem { node, raw, key: Some(key), trail: Some(&trail) }, rest, visit)
        }),
        Segment::Items => item.node.items().into_iter().enumerate().find_map(|(index, node)| {
            let key = index.to_string();
            let trail = Trail { outer: item.trail, step: TrailStep::Index(index) };
            walk(ScopeItem { node, raw: None, key: Some(&key), trail: Some(&trail) }, rest, visit)
        }),
    }
}
