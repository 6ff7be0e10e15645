//! What the operator makes of one value of a field: its steps, and the rules that ask about it.

use serde_json::Value;

use super::facts::absolute;
use crate::go_compat::text;
use crate::registry::file::{ConditionSpec, KindFile, Replaced, RuleSpec, State, StepSpec};

/// What becomes of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// It stays, as this; `None` is a missing one.
    Kept(Option<Value>),
    /// The item that it is, or that it is part of, is left out of its list.
    Dropped,
}

/// The steps and rules of one field.
pub(super) struct Field<'f> {
    file: &'f KindFile,
    path: &'f str,
}

impl<'f> Field<'f> {
    pub fn new(file: &'f KindFile, path: &'f str) -> Self {
        Self { file, path }
    }

    /// Takes all steps from one on over a value. What a guard asks of other fields is taken to hold: for a resource
    /// for which it does, this is what happens.
    pub fn run(&self, given: Option<Value>, from: usize) -> Outcome {
        let mut value = given;
        for step in &self.file.normalize[from..] {
            let goes = step.when.as_ref().and_then(|when| self.holds(when, value.as_ref(), "spec")) != Some(false);
            if goes && !self.take(step, &mut value) {
                return Outcome::Dropped;
            }
        }
        Outcome::Kept(value)
    }

    /// Takes a step; false where the item is dropped.
    fn take(&self, step: &StepSpec, value: &mut Option<Value>) -> bool {
        let named = |list: &Option<Vec<String>>| list.iter().flatten().any(|path| path == self.path);
        let below = |list: &Option<Vec<String>>, end: &str| {
            self.path.strip_suffix(end).is_some_and(|outer| list.iter().flatten().any(|path| path == outer))
        };
        if let Some(word) = value.as_ref().and_then(Value::as_str) {
            if named(&step.lower) {
                *value = Some(text::lower(text::trim(word)).into());
            } else if named(&step.trim) || below(&step.clean_keys, ".*") {
                *value = Some(text::trim(word).into());
            } else if below(&step.clean, "[]") {
                if text::is_blank(word) {
                    return false;
                }
                *value = Some(text::trim(word).into());
            } else if named(&step.replace)
                && let Some(new) = step.with.as_ref().and_then(|with| with.get(word))
            {
                *value = Some(new.as_str().into());
            }
        }
        if let Some(field) = &step.where_blank
            && below(&step.drop_items, &format!("[].{field}"))
            && is_blank(value.as_ref())
        {
            return false;
        }
        if named(&step.set)
            && let Some((to, replaces)) = step.to.as_ref().zip(step.replaces)
            && replaced(value.as_ref(), replaces)
        {
            *value = Some(to.clone());
        }
        if named(&step.clamp)
            && let Some(whole) = value.as_ref().and_then(Value::as_i64)
        {
            let (least, most) = (step.min.unwrap_or(i64::MIN), step.max.unwrap_or(i64::MAX));
            // the loader sees to it that the bounds are in order
            *value = Some(whole.max(least).min(most).into());
        }
        true
    }

    /// What a condition comes to, where it depends on this field alone.
    fn holds(&self, spec: &ConditionSpec, value: Option<&Value>, item: &str) -> Option<bool> {
        if let Some(inner) = &spec.not {
            return self.holds(inner, value, item).map(|holds| !holds);
        }
        for (list, all) in [(&spec.all, true), (&spec.any, false)] {
            let Some(list) = list else { continue };
            let found: Vec<Option<bool>> = list.iter().map(|inner| self.holds(inner, value, item)).collect();
            let settled = found.iter().all(|holds| *holds == Some(all));
            return if found.contains(&Some(!all)) { Some(!all) } else { settled.then_some(all) };
        }
        let asked = spec.name.is_none() && spec.path.as_ref().is_none_or(|path| absolute(path, item) == self.path);
        if !asked {
            return None;
        }
        if let Some(words) = &spec.one_of {
            let word = value.and_then(Value::as_str).unwrap_or_default();
            let folded = text::lower(text::trim(word));
            let word = if spec.ignore_case == Some(true) { &folded } else { word };
            return Some(words.iter().any(|known| known == word));
        }
        spec.is.map(|state| is(value, state))
    }

    /// Whether the rules take a value, submitted as `given`; what a guard asks of other fields is taken to hold.
    pub fn passes(&self, given: Option<&Value>, now: Option<&Value>) -> bool {
        self.asked().iter().all(|asked| {
            let value = if asked.raw { given } else { now };
            let off = asked.rule.when.as_ref().and_then(|when| self.holds(when, value, &asked.item)) == Some(false);
            off || !refuses(asked.rule, value)
        })
    }

    /// Whether a rule that is always asked has this among its words.
    pub fn is_choice(&self, value: &Value) -> bool {
        self.asked().iter().filter(|asked| asked.always && !asked.raw && asked.rule.one_of.is_some()).any(|asked| {
            let holds = |when: &ConditionSpec| self.holds(when, Some(value), &asked.item) == Some(true);
            asked.rule.when.as_ref().is_none_or(holds) && !refuses(asked.rule, Some(value))
        })
    }

    /// The words of rules and steps.
    pub fn words(&self) -> Vec<&'f String> {
        let mut words: Vec<&String> =
            self.asked().iter().flat_map(|asked| asked.rule.one_of.iter().flatten()).collect();
        let replaces = |step: &&StepSpec| step.replace.iter().flatten().any(|path| path == self.path);
        let steps = self.file.normalize.iter().filter(replaces);
        words.extend(steps.flat_map(|step| step.with.iter().flatten().map(|(old, _)| old)));
        words
    }

    fn asked(&self) -> Vec<Asked<'f>> {
        let mut found = Vec::new();
        self.block(&self.file.rules, "spec", true, &mut found);
        found
    }

    /// `always`: no guard of a block around is in the way.
    fn block(&self, rules: &'f [RuleSpec], item: &str, always: bool, found: &mut Vec<Asked<'f>>) {
        for rule in rules {
            if let Some(each) = &rule.each {
                let inner = absolute(each, item);
                let rules = rule.rules.as_deref().unwrap_or_default();
                self.block(rules, &inner, always && rule.when.is_none(), found);
                continue;
            }
            let path = rule.path.as_ref().map_or(item.to_owned(), |path| absolute(path, item));
            let (raw, path) = path.strip_prefix("raw.").map_or((false, path.as_str()), |path| (true, path));
            if path == self.path {
                found.push(Asked { rule, item: item.to_owned(), always, raw });
            }
        }
    }
}

/// A rule about a field.
struct Asked<'f> {
    rule: &'f RuleSpec,
    /// Path of the item of the block around it.
    item: String,
    always: bool,
    /// It looks at what was submitted.
    raw: bool,
}

fn is_blank(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.as_str().is_some_and(text::is_blank))
}

fn is_empty(value: Option<&Value>) -> bool {
    value.is_none_or(|value| match value {
        Value::String(word) => word.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    })
}

fn is(value: Option<&Value>, state: State) -> bool {
    match state {
        State::Present => value.is_some(),
        State::Absent => value.is_none(),
        State::Blank => is_blank(value),
        State::Nonblank => !is_blank(value),
        State::Empty => is_empty(value),
        State::Nonempty => !is_empty(value),
        State::Set => value == Some(&Value::Bool(true)),
    }
}

/// Whether a `set` step takes the place of a value. A missing one is replaced by all of them.
fn replaced(value: Option<&Value>, replaces: Replaced) -> bool {
    let Some(value) = value else { return true };
    match replaces {
        Replaced::Absent => false,
        Replaced::Empty => is_empty(Some(value)),
        Replaced::Blank => is_blank(Some(value)),
        Replaced::NotPositive => value.as_f64().is_some_and(|number| number <= 0.0),
    }
}

/// What can be said of a rule's test by one value.
fn refuses(rule: &RuleSpec, value: Option<&Value>) -> bool {
    if let Some(state) = rule.refuse {
        return is(value, state);
    }
    // a test passes where its subject is missing
    let Some(word) = value.and_then(Value::as_str) else { return false };
    if let Some(words) = &rule.one_of {
        let folded = text::lower(text::trim(word));
        let word = if rule.ignore_case == Some(true) { &folded } else { word };
        return !words.iter().any(|known| known == word);
    }
    let short = rule.max_bytes.is_none_or(|most| word.len() <= most);
    !short || rule.starts_with.as_ref().is_some_and(|prefix| !word.starts_with(prefix.as_str()))
}
