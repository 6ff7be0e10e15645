//! One way to read both a tree and the resource as submitted.

use serde_json::Value;

use super::tree::Tree;
use crate::go_compat::text;

/// A value to look at.
#[derive(Clone, Copy, Debug)]
pub enum Node<'a> {
    /// After the steps.
    Tree(&'a Tree),
    /// As submitted.
    Raw(&'a Value),
}

impl<'a> Node<'a> {
    /// The value, where it is one of a tree.
    #[must_use]
    pub fn as_tree(self) -> Option<&'a Tree> {
        match self {
            Self::Tree(tree) => Some(tree),
            Self::Raw(_) => None,
        }
    }

    /// The string, where it is one. A null item counts as `""`, as Go reads it.
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Tree(Tree::String(text)) | Self::Raw(Value::String(text)) => Some(text),
            Self::Raw(Value::Null) => Some(""),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match self {
            Self::Tree(Tree::Boolean(flag)) | Self::Raw(Value::Bool(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// The free-form object, where it is one.
    #[must_use]
    pub fn as_free(self) -> Option<&'a Value> {
        match self {
            Self::Tree(Tree::Free(value)) | Self::Raw(value @ Value::Object(_)) => Some(value),
            _ => None,
        }
    }

    /// A string of white space only.
    #[must_use]
    pub fn is_blank(self) -> bool {
        self.as_str().is_some_and(text::is_blank)
    }

    /// An empty string, list or map.
    #[must_use]
    pub fn is_empty(self) -> bool {
        match self {
            Self::Tree(Tree::String(text)) | Self::Raw(Value::String(text)) => text.is_empty(),
            Self::Tree(Tree::List(items)) => items.is_empty(),
            Self::Tree(Tree::Map(entries)) => entries.is_empty(),
            Self::Tree(Tree::Free(Value::Object(map))) | Self::Raw(Value::Object(map)) => map.is_empty(),
            Self::Raw(Value::Array(items)) => items.is_empty(),
            Self::Raw(Value::Null) => true,
            _ => false,
        }
    }

    /// Items of a list.
    #[must_use]
    pub fn items(self) -> Vec<Node<'a>> {
        match self {
            Self::Tree(Tree::List(items)) => items.iter().map(Node::Tree).collect(),
            Self::Raw(Value::Array(items)) => items.iter().map(Node::Raw).collect(),
            _ => Vec::new(),
        }
    }

    /// Entries of a map, in byte order of the keys.
    #[must_use]
    pub fn entries(self) -> Vec<(&'a str, Node<'a>)> {
        match self {
            Self::Tree(Tree::Map(entries)) => entries.iter().map(|(k, v)| (k.as_str(), Node::Tree(v))).collect(),
            Self::Raw(Value::Object(map)) => map.iter().map(|(k, v)| (k.as_str(), Node::Raw(v))).collect(),
            _ => Vec::new(),
        }
    }

    /// Value under a map key.
    #[must_use]
    pub fn entry(self, key: &str) -> Option<Node<'a>> {
        match self {
            Self::Tree(Tree::Map(entries)) => entries.get(key).map(Node::Tree),
            Self::Raw(Value::Object(map)) => map.get(key).map(Node::Raw),
            _ => None,
        }
    }

    /// A field of an object, by position in a tree and by name in what was submitted; null counts as absent.
    #[must_use]
    pub fn field(self, position: usize, name: &str) -> Option<Node<'a>> {
        match self {
            Self::Tree(Tree::Object(slots)) => slots.get(position)?.as_ref().map(Node::Tree),
            Self::Raw(Value::Object(map)) => map.get(name).filter(|value| !value.is_null()).map(Node::Raw),
            _ => None,
        }
    }
}
