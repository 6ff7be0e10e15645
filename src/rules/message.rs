//! Error texts with placeholders.

use super::scope::RuleScope;
use crate::go_compat::{quote, text};
use crate::normalize::PathPattern;

/// A compiled template.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub parts: Vec<MessagePart>,
}

/// A part of a template.
#[derive(Clone, Debug)]
pub enum MessagePart {
    Text(Box<str>),
    Piece(Piece, Vec<Filter>),
}

/// What a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The rule's subject.
    Value,
    /// The subject as submitted.
    Raw,
    /// Where the enclosing block says it is.
    At,
    /// What the test found: a detail, a count, a size ...
    Finding,
    /// A name given by `as`.
    Name(Box<str>),
    /// A field of the enclosing item.
    Field(PathPattern),
}

/// A filter of a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    Trim,
    Quote,
}

/// Why a template is none.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum MessageError {
    #[error("placeholder `{{{text}` is not closed")]
    Open { text: String },
    #[error("unknown filter `{name}`")]
    Filter { name: String },
}

impl Message {
    /// Splits a template; `piece` says what a placeholder's name stands for. `{{` and `}}` are braces.
    pub fn parse<E: From<MessageError>>(
        template: &str,
        piece: &mut dyn FnMut(&str) -> Result<Piece, E>,
    ) -> Result<Self, E> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (brace, tail) = rest[at..].split_at(1);
            if let Some(tail) = tail.strip_prefix(brace) {
                plain.push_str(brace);
                rest = tail;
                continue;
            }
            if brace == "}" {
                plain.push('}');
                rest = tail;
                continue;
            }
            let Some((inner, tail)) = tail.split_once('}') else {
                return Err(MessageError::Open { text: tail.to_owned() }.into());
            };
            if !plain.is_empty() {
                parts.push(MessagePart::Text(std::mem::take(&mut plain).into()));
            }
            let mut words = inner.split('|').map(str::trim);
            let found = piece(words.next().unwrap_or_default())?;
            let filters = words
                .map(|word| match word {
                    "trim" => Ok(Filter::Trim),
                    "quote" => Ok(Filter::Quote),
                    other => Err(MessageError::Filter { name: other.to_owned() }.into()),
                })
                .collect::<Result<_, E>>()?;
            parts.push(MessagePart::Piece(found, filters));
            rest = tail;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(MessagePart::Text(plain.into()));
        }
        Ok(Self { parts })
    }

    /// Fills the template in. `subject` is the rule's, where there is a rule.
    pub(super) fn fill(&self, scope: &RuleScope<'_>, subject: Option<&PathPattern>, finding: &str) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                MessagePart::Text(plain) => out.push_str(plain),
                MessagePart::Piece(piece, filters) => {
                    let value = piece.read(scope, subject, finding);
                    let value = filters.iter().fold(value, |value, filter| match filter {
                        Filter::Trim => text::trim(&value).to_owned(),
                        Filter::Quote => quote::quote(&value),
                    });
                    out.push_str(&value);
                }
            }
        }
        out
    }
}

impl Piece {
    fn read(&self, scope: &RuleScope<'_>, subject: Option<&PathPattern>, finding: &str) -> String {
        let found = match self {
            Self::Value => subject.map_or(Some(scope.item), |path| scope.get(path)),
            Self::Raw => subject.map_or(scope.raw_item, |path| scope.raw(path)),
            Self::Field(path) => scope.get(path),
            Self::Finding => return finding.to_owned(),
            Self::Name(name) => return scope.name(name).unwrap_or_default().to_owned(),
            Self::At => return located(scope),
        };
        found.and_then(crate::normalize::Node::as_str).unwrap_or_default().to_owned()
    }
}

/// Where the innermost block that says so is.
pub(super) fn located(scope: &RuleScope<'_>) -> String {
    scope.located().map(|(at, message)| message.fill(at, None, "")).unwrap_or_default()
}
