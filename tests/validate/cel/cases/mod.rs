//! What is compared: expressions of all functions, and the values they are evaluated on.

mod language;
mod libraries;
mod schemas;
mod texts;

use super::generate::Pieces;

/// Expressions of one type of `self`.
#[derive(Debug)]
pub struct Group {
    /// Of letters alone.
    pub name: &'static str,
    /// The schema of `self`, in JSON.
    pub schema: &'static str,
    /// Values, a list in JSON.
    pub values: &'static str,
    /// What more values are made of.
    pub pieces: &'static Pieces,
    /// Each gives something that `%s` of `format` takes.
    pub expressions: &'static [&'static str],
}

pub const GROUPS: &[&[Group]] = &[language::GROUPS, texts::GROUPS, libraries::GROUPS, schemas::GROUPS];
