//! Checking rules.

use std::collections::HashMap;

use serde_json::Value;

use super::message::located;
use super::scope::{RuleScope, Subject};
use super::{Block, Format, Rule, RuleEntry, Test, When};
use crate::apimachinery::field_path::FieldPath;
use crate::go_compat::{base64, cron, duration, float, json, regexp, text, time, zone};
use crate::normalize::{Node, PathPattern, Tree};

/// What a `unique` test has seen: word and folded value to where it was.
type SeenWords = HashMap<(Box<str>, String), String>;

/// What a rule refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub text: String,
    /// Of the subject, by the indices of the normalised spec.
    pub path: FieldPath,
    /// The words that would do, where the rule is a choice.
    pub words: Vec<Box<str>>,
}

/// What becomes of a violation; `Some` ends the check.
type Tell<'t, R> = dyn FnMut(&Rule, &RuleScope<'_>, String) -> Option<R> + 't;

/// Checks all rules, in order, up to the first that fails.
pub fn check(spec: &Tree, raw: &Value, entries: &[RuleEntry]) -> Result<(), Violation> {
    let scope = RuleScope::root(Node::Tree(spec), raw);
    let first =
        run(&scope, entries, &mut SeenWords::new(), &mut |rule, scope, text| Some(violation(rule, scope, text)));
    first.map_or(Ok(()), Err)
}

/// Checks all rules, in order, to the end.
#[must_use]
pub fn check_all(spec: &Tree, raw: &Value, entries: &[RuleEntry]) -> Vec<Violation> {
    let scope = RuleScope::root(Node::Tree(spec), raw);
    let mut found = Vec::new();
    let _: Option<()> = run(&scope, entries, &mut SeenWords::new(), &mut |rule, scope, text| {
        found.push(violation(rule, scope, text));
        None
    });
    found
}

fn violation(rule: &Rule, scope: &RuleScope<'_>, text: String) -> Violation {
    let words = match &rule.test {
        Test::OneOf { words, .. } => words.clone(),
        _ => Vec::new(),
    };
    Violation { text, path: scope.way(rule.path.as_ref()), words }
}

fn run<R>(scope: &RuleScope<'_>, entries: &[RuleEntry], seen: &mut SeenWords, tell: &mut Tell<'_, R>) -> Option<R> {
    entries.iter().find_map(|entry| match entry {
        RuleEntry::Rule(rule) => {
            let text = rule.check(scope, seen)?;
            tell(rule, scope, text)
        }
        RuleEntry::Block(block) => block.check(scope, seen, tell),
    })
}

impl Block {
    fn check<R>(&self, scope: &RuleScope<'_>, seen: &mut SeenWords, tell: &mut Tell<'_, R>) -> Option<R> {
        if self.when.as_ref().is_some_and(|when| !holds(when, scope)) {
            return None;
        }
        scope.items(&self.path, &mut |item| {
            let inner = RuleScope {
                parent: Some(scope),
                spec: scope.spec,
                raw: scope.raw,
                item: item.node,
                raw_item: item.raw,
                binding: self.binding.as_deref().zip(item.key),
                at: self.at.as_ref(),
                trail: item.trail,
            };
            run(&inner, &self.entries, seen, tell)
        })
    }
}

impl Rule {
    fn check(&self, scope: &RuleScope<'_>, seen: &mut SeenWords) -> Option<String> {
        if self.when.as_ref().is_some_and(|when| !holds(when, scope)) {
            return None;
        }
        let subject = self.path.as_ref().map_or(Some(scope.item), |path| scope.get(path));
        let finding = self.test.run(scope, subject, seen)?;
        Some(self.message.fill(scope, self.path.as_ref(), &finding))
    }
}

fn holds(when: &When, scope: &RuleScope<'_>) -> bool {
    // a name is a plain string: shown to the condition as if it were submitted
    let names: Vec<(Box<str>, Value)> = names(when, scope);
    when.holds(&|subject| match subject {
        Subject::Name(name) => names.iter().find(|(known, _)| known == name).map(|(_, value)| Node::Raw(value)),
        other => scope.subject(other),
    })
}

fn names(when: &When, scope: &RuleScope<'_>) -> Vec<(Box<str>, Value)> {
    match when {
        When::Absent(subject)
        | When::Blank(subject)
        | When::Empty(subject)
        | When::True(subject)
        | When::In(subject, _)
        | When::InAnyCase(subject, _) => match subject {
            Subject::Name(name) => scope.name(name).map(|text| (name.clone(), Value::from(text))).into_iter().collect(),
            _ => Vec::new(),
        },
        When::All(inner) | When::Any(inner) => inner.iter().flat_map(|when| names(when, scope)).collect(),
        When::Not(inner) => names(inner, scope),
    }
}

impl Test {
    /// What the test found wrong; empty where there is nothing to add.
    fn run(&self, scope: &RuleScope<'_>, subject: Option<Node<'_>>, seen: &mut SeenWords) -> Option<String> {
        let nothing = String::new;
        match self {
            Self::Never => return Some(nothing()),
            Self::Refuse(when) => return holds(when, scope).then(nothing),
            Self::AnyNonblank(paths) => return paths.iter().all(|path| blank(scope, path)).then(nothing),
            Self::NoneNonblank(paths) => return (!paths.iter().all(|path| blank(scope, path))).then(nothing),
            _ => {}
        }
        let node = subject?;
        if let Self::AtMost { most, counted } = self {
            let count = node.items().into_iter().filter(|item| counts(scope, *item, counted.as_ref())).count();
            return (count > *most).then(|| count.to_string());
        }
        match self {
            Self::HasKey(key) => {
                let map = node.as_free()?.as_object()?;
                (!map.contains_key(&**key)).then(nothing)
            }
            Self::MaxJsonBytes(most) => {
                let size = json::encoded_len(node.as_free()?);
                (size > *most).then(|| size.to_string())
            }
            Self::MaxDepth(most) => {
                let depth = depth(node.as_free()?);
                (depth > *most).then(|| depth.to_string())
            }
            _ => self.text(scope, node.as_str()?, seen),
        }
    }

    fn text(&self, scope: &RuleScope<'_>, value: &str, seen: &mut SeenWords) -> Option<String> {
        match self {
            Self::OneOf { words, ignore_case: false } => (!words.iter().any(|word| **word == *value)).then(String::new),
            Self::OneOf { words, ignore_case: true } => {
                let value = text::lower(text::trim(value));
                (!words.iter().any(|word| **word == *value)).then(String::new)
            }
            Self::Format(format) => format.fault(value),
            Self::StartsWith(prefix) => (!value.starts_with(&**prefix)).then(String::new),
            Self::MaxBytes(most) => (value.len() > *most).then(|| value.len().to_string()),
            Self::DiffersFrom(name) => (scope.name(name) == Some(value)).then(String::new),
            Self::Unique { among, ignore_case } => {
                let folded = if *ignore_case { text::lower(value) } else { value.to_owned() };
                let at = located(scope);
                match seen.entry((among.clone(), folded)) {
                    std::collections::hash_map::Entry::Occupied(first) => Some(first.get().clone()),
                    std::collections::hash_map::Entry::Vacant(free) => {
                        free.insert(at);
                        None
                    }
                }
            }
            _ => None,
        }
    }
}

fn blank(scope: &RuleScope<'_>, path: &PathPattern) -> bool {
    scope.get(path).is_none_or(Node::is_blank)
}

fn counts(scope: &RuleScope<'_>, item: Node<'_>, counted: Option<&When>) -> bool {
    counted.is_none_or(|when| {
        holds(when, &RuleScope { parent: Some(scope), item, raw_item: None, binding: None, at: None, ..*scope })
    })
}

impl Format {
    /// What is wrong with a text, in Go's words where it has short ones.
    pub(crate) fn fault(self, value: &str) -> Option<String> {
        match self {
            Self::Duration => duration::parse(value).err(),
            Self::Regex => regexp::check(value).err(),
            Self::Number => float::parse(value).err(),
            Self::Base64 => {
                base64::check(value).err().map(|offset| format!("illegal base64 data at input byte {offset}"))
            }
            Self::Cron => cron::check(value).err(),
            Self::Timezone => zone::check(value).err(),
            Self::Timestamp => {
                let wanted = "expected a time in RFC 3339, such as 2026-01-02T15:04:05Z";
                time::parse_rfc3339(value).is_none().then(|| wanted.to_owned())
            }
        }
    }
}

/// Objects within each other, the outermost included; lists are not looked into.
fn depth(value: &Value) -> usize {
    value.as_object().map_or(0, |map| 1 + map.values().map(depth).max().unwrap_or(0))
}
