//! Templates of messages: what may stand in them at which place.

use super::Faults;
use super::rules::{Own, Place};
use crate::apimachinery::suggest::suggest;
use crate::normalize::{PathError, PathPattern, Root, Shape};
use crate::rules::{Message, MessageError, Piece};

/// Placeholders that are no names.
pub(super) const RESERVED: [&str; 8] = ["value", "raw", "at", "detail", "count", "first", "size", "depth"];

/// What a template may say.
pub(super) struct Template<'r, 'c> {
    pub place: &'r Place<'c>,
    /// The rule's subject.
    pub subject: Own<'r>,
    /// The rule's test.
    pub test: Option<&'static str>,
    /// The template is a block's `at`.
    pub in_at: bool,
}

enum Wrong {
    Template(MessageError),
    Path(PathError),
    Other(String, Option<String>),
}

impl From<MessageError> for Wrong {
    fn from(error: MessageError) -> Self {
        Self::Template(error)
    }
}

impl Template<'_, '_> {
    pub fn compile(&self, text: &str, pointer: &str, faults: &mut Faults<'_>) -> Option<Message> {
        match Message::parse(text, &mut |name| self.piece(name)) {
            Ok(message) => Some(message),
            Err(wrong) => {
                match wrong {
                    Wrong::Template(error) => faults.value(pointer, error.to_string()),
                    Wrong::Path(error) => faults.path(pointer, &error),
                    Wrong::Other(message, help) => faults.hinted(pointer, message, help),
                }
                None
            }
        }
    }

    fn piece(&self, name: &str) -> Result<Piece, Wrong> {
        let refused = |why: &str| Err(Wrong::Other(format!("`{{{name}}}`: {why}"), None));
        let secret = "a message of a kind with secrets must not print values";
        if name.starts_with('.') {
            if self.place.sensitive {
                return refused(secret);
            }
            let target = PathPattern::compile(name, self.place.spec, Some(self.place.item)).map_err(Wrong::Path)?;
            if !matches!(target.shape, Shape::String) || target.path.is_many() {
                return refused("this is not one string");
            }
            return Ok(Piece::Field(target.path));
        }
        match name {
            "value" | "raw" if self.place.sensitive => refused(secret),
            "value" | "raw" if matches!(self.subject, Own::Nothing) => refused("there is no subject"),
            "value" => Ok(Piece::Value),
            "raw" if !self.is_submitted() => refused("below a list there is no telling which submitted item this was"),
            "raw" => Ok(Piece::Raw),
            "at" if self.in_at || !self.place.located => refused("no enclosing block has an `at`"),
            "at" => Ok(Piece::At),
            finding if RESERVED.contains(&finding) => self.finding(finding),
            name if self.place.names.contains(&name) => Ok(Piece::Name(name.into())),
            name => {
                let known = RESERVED.iter().copied().chain(self.place.names.iter().copied());
                Err(Wrong::Other(format!("unknown placeholder `{{{name}}}`"), suggest(name, known)))
            }
        }
    }

    fn finding(&self, name: &str) -> Result<Piece, Wrong> {
        let test = match name {
            "detail" => "format",
            "count" => "atMost",
            "first" => "unique",
            "size" => "maxJsonBytes",
            _ => "maxDepth",
        };
        if self.test == Some(test) {
            return Ok(Piece::Finding);
        }
        Err(Wrong::Other(format!("`{{{name}}}` is what the test `{test}` finds"), None))
    }

    fn is_submitted(&self) -> bool {
        match self.subject {
            Own::Path(path) if path.root != Root::Item => true,
            _ => self.place.submitted,
        }
    }
}
