//! What a kind refuses: rules checked in order over a normalised spec, with the error texts of its file.
//!
//! Nothing here knows a kind. Maps are walked in byte order of their keys, so that of several faults the same
//! one is named on every run (`kinds/ORLOJD.md` 5.7).

mod check;
mod message;
mod scope;

pub use check::{Violation, check, check_all};
pub use message::{Filter, Message, MessageError, MessagePart, Piece};
pub use scope::{RuleScope, Subject, Trail};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::normalize::{Condition, PathPattern};

/// A condition over a rule's subjects.
pub type When = Condition<Subject>;

/// A rule, or a block of rules over several values.
#[derive(Clone, Debug)]
pub enum RuleEntry {
    Rule(Rule),
    Block(Block),
}

/// Rules for each value that a path leads to.
#[derive(Clone, Debug)]
pub struct Block {
    pub path: PathPattern,
    /// Name for the map key or the list index.
    pub binding: Option<Box<str>>,
    /// How messages name the item.
    pub at: Option<Message>,
    pub when: Option<When>,
    pub entries: Vec<RuleEntry>,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    pub path: Option<PathPattern>,
    pub when: Option<When>,
    pub test: Test,
    pub message: Message,
}

/// What a rule asks of its subject. But for [`Test::Refuse`], a missing subject passes.
#[derive(Clone, Debug)]
pub enum Test {
    /// Fails always: the rule's `when` has said it all.
    Never,
    /// Fails where the condition holds.
    Refuse(When),
    OneOf {
        words: Vec<Box<str>>,
        ignore_case: bool,
    },
    Format(Format),
    StartsWith(Box<str>),
    MaxBytes(usize),
    AnyNonblank(Vec<PathPattern>),
    NoneNonblank(Vec<PathPattern>),
    AtMost {
        most: usize,
        counted: Option<When>,
    },
    Unique {
        among: Box<str>,
        ignore_case: bool,
    },
    DiffersFrom(Box<str>),
    HasKey(Box<str>),
    MaxJsonBytes(usize),
    MaxDepth(usize),
}

/// A string's form.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Go duration, such as `1m30s`.
    Duration,
    /// Go regular expression.
    Regex,
    /// Go floating-point number.
    Number,
    /// Padded standard base64.
    Base64,
}
