//! What the steps have made of a field by the time the rules look at it.

use std::collections::HashMap;

use crate::go_compat::text;
use crate::registry::file::{KindFile, Replaced, StepSpec};

/// What is known of a field whatever the resource: only steps without a guard count.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Fact {
    pub trimmed: bool,
    pub lowered: bool,
    /// What a missing one becomes, and which others do.
    pub filled: Option<(serde_json::Value, Replaced)>,
    /// Values are replaced by others, or bounded.
    pub changed: bool,
    pub bounds: Option<(i64, i64)>,
    pub dropped: bool,
}

/// Facts by path, as `spec.a.b[]`.
#[derive(Debug, Default)]
pub(super) struct Facts {
    by_path: HashMap<String, Fact>,
    /// All that is set, also under a guard: path, value and what is replaced.
    sets: Vec<(String, serde_json::Value, Replaced)>,
}

impl Facts {
    pub fn of(file: &KindFile) -> Self {
        let mut facts = Self::default();
        for step in &file.normalize {
            facts.take(step);
        }
        facts
    }

    /// Takes a step into account.
    fn take(&mut self, step: &StepSpec) {
        let always = step.when.is_none();
        for path in step.trim.iter().chain(&step.lower).flatten() {
            let fact = self.entry(path);
            fact.trimmed |= always;
            fact.lowered |= always && step.lower.is_some();
        }
        for path in step.clean.iter().flatten() {
            self.entry(&format!("{path}[]")).trimmed |= always;
        }
        for path in step.clamp.iter().flatten().filter(|_| always) {
            self.entry(path).bounds = Some((step.min.unwrap_or(i64::MIN), step.max.unwrap_or(i64::MAX)));
        }
        for path in step.replace.iter().flatten() {
            let fact = self.entry(path);
            fact.changed = true;
            // a replacement need not be in lower case
            fact.lowered &= step.with.iter().flatten().all(|(_, new)| text::lower(new) == *new);
        }
        for path in step.set.iter().flatten() {
            let Some((to, replaces)) = step.to.as_ref().zip(step.replaces) else { continue };
            self.sets.push((path.clone(), to.clone(), replaces));
            let fact = self.entry(path);
            if let Some(word) = to.as_str() {
                fact.lowered &= text::lower(word) == word;
                fact.trimmed &= text::trim(word) == word;
            }
            if always && fact.filled.is_none() {
                fact.filled = Some((to.clone(), replaces));
            }
        }
        for path in step.drop.iter().flatten().filter(|_| always) {
            self.entry(path).dropped = true;
        }
    }

    fn entry(&mut self, path: &str) -> &mut Fact {
        self.by_path.entry(path.to_owned()).or_default()
    }

    pub fn get(&self, path: &str) -> Fact {
        self.by_path.get(path).cloned().unwrap_or_default()
    }

    /// What is set there, and what it replaces.
    pub fn sets<'f>(&'f self, path: &'f str) -> impl Iterator<Item = (&'f serde_json::Value, Replaced)> {
        self.sets.iter().filter(move |(known, ..)| known == path).map(|(_, to, replaces)| (to, *replaces))
    }

    /// The field, or one that it is a part of, has been dropped.
    pub fn is_gone(&self, path: &str) -> bool {
        self.by_path.iter().any(|(known, fact)| fact.dropped && is_within(path, known))
    }
}

/// Whether a path is another, or leads into it.
pub(super) fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A path of a rule from the root; `item` is that of the enclosing block's item.
pub(super) fn absolute(path: &str, item: &str) -> String {
    match path {
        "." => item.to_owned(),
        path if path.starts_with(['.', '[']) => format!("{item}{path}"),
        path => path.to_owned(),
    }
}

impl Fact {
    /// Whether a value of the field can be this word.
    pub fn reaches(&self, word: &str) -> bool {
        (!self.lowered || text::lower(word) == word) && (!self.trimmed && !self.lowered || text::trim(word) == word)
    }
}
