//! Paths into a spec, compiled against its shape.

use super::node::Node;
use super::shape::Shape;
use super::tree::Tree;

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// The spec, after the steps.
    Spec,
    /// The spec as submitted.
    Raw,
    /// The item of the enclosing block.
    Item,
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    Field {
        position: usize,
        name: Box<str>,
    },
    /// `*`: a map's values.
    Values,
    /// `[]`: a list's items.
    Items,
}

/// A path of a kind file, compiled: it may lead to many values (`*`, `[]`), where a `FieldPath` leads to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    pub root: Root,
    pub segments: Vec<Segment>,
}

/// A path, and the shape of what it leads to.
#[derive(Clone, Debug)]
pub struct CompiledPath<'s> {
    pub path: PathPattern,
    pub shape: &'s Shape,
}

/// Why a path is none. `known` are names that would have been right in place of `name`.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PathError {
    #[error("path `{path}` must start with `spec`{}", if *.relative { ", `raw.spec` or `.`" } else { "" })]
    Root { path: String, relative: bool },
    #[error("path `{path}`: there is no field `{name}`")]
    Unknown { path: String, name: String, known: Vec<String> },
    #[error("path `{path}`: `{segment}` does not fit {found}")]
    Misfit { path: String, segment: String, found: &'static str },
}

impl PathPattern {
    /// Compiles `text`. `item` is the shape that relative paths start from, where there is one.
    pub fn compile<'s>(text: &str, spec: &'s Shape, item: Option<&'s Shape>) -> Result<CompiledPath<'s>, PathError> {
        let failed = || PathError::Root { path: text.to_owned(), relative: item.is_some() };
        let (root, shape, rest) = if let Some(rest) = text.strip_prefix("raw.spec") {
            (Root::Raw, spec, rest)
        } else if let Some(rest) = text.strip_prefix("spec") {
            (Root::Spec, spec, rest)
        } else if text == "." {
            (Root::Item, item.ok_or_else(failed)?, "")
        } else if text.starts_with('.') || text.starts_with('[') {
            (Root::Item, item.ok_or_else(failed)?, text)
        } else {
            return Err(failed());
        };
        if !rest.is_empty() && !rest.starts_with(['.', '[']) {
            return Err(failed());
        }
        let mut target = CompiledPath { path: PathPattern { root, segments: Vec::new() }, shape };
        for part in rest.split('.').enumerate().filter(|(at, part)| *at > 0 || !part.is_empty()).map(|(_, part)| part) {
            let mut name = part;
            let mut lists = 0;
            while let Some(inner) = name.strip_suffix("[]") {
                name = inner;
                lists += 1;
            }
            if !name.is_empty() || lists == 0 {
                target.name(name, text)?;
            }
            for _ in 0..lists {
                let Shape::List(inner) = target.shape else {
                    return Err(target.misfit("[]", text));
                };
                target.shape = inner;
                target.path.segments.push(Segment::Items);
            }
        }
        Ok(target)
    }

    /// Leads through a map or a list.
    #[must_use]
    pub fn is_many(&self) -> bool {
        self.segments.iter().any(|segment| !matches!(segment, Segment::Field { .. }))
    }

    /// Leads through a list.
    #[must_use]
    pub fn in_list(&self) -> bool {
        self.segments.contains(&Segment::Items)
    }

    /// The one value that a path of fields leads to.
    #[must_use]
    pub fn get<'a>(&self, from: Node<'a>) -> Option<Node<'a>> {
        self.segments.iter().try_fold(from, |node, segment| match segment {
            Segment::Field { position, name } => node.field(*position, name),
            Segment::Values | Segment::Items => None,
        })
    }

    /// Changes every object that holds the path's last field, in place.
    pub(super) fn slots(&self, tree: &mut Tree, change: &mut dyn FnMut(&mut Option<Tree>)) {
        slots(tree, &self.segments, change);
    }

    /// Changes every value that the path leads to and that is there.
    pub(super) fn values(&self, tree: &mut Tree, change: &mut dyn FnMut(&mut Tree)) {
        values(tree, &self.segments, change);
    }
}

fn slots(tree: &mut Tree, segments: &[Segment], change: &mut dyn FnMut(&mut Option<Tree>)) {
    match segments {
        [Segment::Field { position, .. }] => {
            if let Tree::Object(fields) = tree
                && let Some(slot) = fields.get_mut(*position)
            {
                change(slot);
            }
        }
        [segment, rest @ ..] => values(tree, std::slice::from_ref(segment), &mut |inner| slots(inner, rest, change)),
        [] => {}
    }
}

fn values(tree: &mut Tree, segments: &[Segment], change: &mut dyn FnMut(&mut Tree)) {
    let [segment, rest @ ..] = segments else {
        return change(tree);
    };
    match (segment, tree) {
        (Segment::Field { position, .. }, Tree::Object(fields)) => {
            if let Some(Some(inner)) = fields.get_mut(*position) {
                values(inner, rest, change);
            }
        }
        (Segment::Values, Tree::Map(entries)) => entries.values_mut().for_each(|inner| values(inner, rest, change)),
        (Segment::Items, Tree::List(items)) => items.iter_mut().for_each(|inner| values(inner, rest, change)),
        _ => {}
    }
}

impl CompiledPath<'_> {
    fn name(&mut self, name: &str, text: &str) -> Result<(), PathError> {
        match self.shape {
            Shape::Object(object) => {
                let Some(position) = object.position(name) else {
                    return Err(PathError::Unknown {
                        path: text.to_owned(),
                        name: name.to_owned(),
                        known: object.fields().iter().map(|field| field.name.to_string()).collect(),
                    });
                };
                self.shape = &object.fields()[position].shape;
                self.path.segments.push(Segment::Field { position, name: name.into() });
                Ok(())
            }
            Shape::Map(inner) if name == "*" => {
                self.shape = inner;
                self.path.segments.push(Segment::Values);
                Ok(())
            }
            _ => Err(self.misfit(name, text)),
        }
    }

    fn misfit(&self, segment: &str, text: &str) -> PathError {
        let found = match self.shape {
            Shape::Map(_) => "a map (its values are `*`)",
            Shape::List(_) => "a list (its items are `[]`)",
            Shape::Free => "a free-form object (it has no known fields)",
            other => other.expected(),
        };
        PathError::Misfit { path: text.to_owned(), segment: segment.to_owned(), found }
    }
}
