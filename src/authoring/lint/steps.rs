//! Steps that change nothing, or are never taken.

use std::collections::HashSet;

use serde_json::Value;

use super::Desk;
use super::facts::{Fact, is_within};
use super::rules::Conditions;
use crate::go_compat::text;
use crate::normalize::{Field, PathPattern, Presence, Shape};
use crate::registry::file::{KindFile, Replaced, StepSpec};

const NOTHING: &str = "step-without-effect";
const NEVER: &str = "step-never";

pub(super) fn check(desk: &mut Desk<'_>, file: &KindFile, shape: &Shape) {
    let mut seen = SeenSteps::default();
    for (index, step) in file.normalize.iter().enumerate() {
        let pointer = format!("/normalize/{index}");
        if let Some(when) = &step.when {
            let mut conditions = Conditions { desk, spec: shape, item: "spec", own: None, facts: None };
            if conditions.check(when, &format!("{pointer}/when")) == Some(false) {
                desk.value(NEVER, &pointer, "the step is never taken: its guard never holds", None);
            }
        }
        bare(desk, step, &pointer);
        values(desk, step, &pointer, shape);
        seen.step(desk, step, &pointer);
    }
}

/// Operations that need more to do something.
fn bare(desk: &mut Desk<'_>, step: &StepSpec, pointer: &str) {
    if step.clamp.is_some() && step.min.is_none() && step.max.is_none() {
        let help = "give `min`, `max` or both".to_owned();
        desk.key(NOTHING, &format!("{pointer}/clamp"), "`clamp` without bounds changes nothing", Some(help));
    }
    for (key, paths) in operations(step) {
        if paths.is_empty() {
            let help = "name the fields, or take the step out".to_owned();
            desk.value(
                NOTHING,
                &format!("{pointer}/{key}"),
                format!("`{key}` of no field changes nothing"),
                Some(help),
            );
        }
    }
    let Some(with) = &step.with else { return };
    if with.is_empty() {
        desk.value(NOTHING, &format!("{pointer}/with"), "an empty table replaces nothing", None);
    }
    for (old, new) in with.iter().filter(|(old, new)| old == new) {
        desk.value(NOTHING, &format!("{pointer}/with/{old}"), format!("`{new}` is replaced by itself"), None);
    }
}

fn operations(step: &StepSpec) -> Vec<(&'static str, &[String])> {
    let all = [
        ("trim", &step.trim),
        ("lower", &step.lower),
        ("set", &step.set),
        ("clean", &step.clean),
        ("replace", &step.replace),
        ("cleanKeys", &step.clean_keys),
        ("trimKeys", &step.trim_keys),
        ("clamp", &step.clamp),
        ("dropItems", &step.drop_items),
        ("drop", &step.drop),
    ];
    all.into_iter().filter_map(|(key, paths)| Some((key, paths.as_deref()?))).collect()
}

/// `set` of what stands there anyway, or of a field that is never missing.
fn values(desk: &mut Desk<'_>, step: &StepSpec, pointer: &str, shape: &Shape) {
    let Some((to, replaces)) = step.to.as_ref().zip(step.replaces) else { return };
    let empty = match to {
        Value::String(word) => word.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    // a pointer tells an empty value from a missing one
    let pointer_of = |path: &String| field(path, shape).is_some_and(|field| field.presence == Presence::Pointer);
    if empty && replaces == Replaced::Empty && !step.set.iter().flatten().any(pointer_of) {
        let help = "a missing value and an empty one are stored alike".to_owned();
        desk.value(NOTHING, &format!("{pointer}/to"), "what is empty is set to something empty", Some(help));
    }
    for (index, path) in step.set.iter().flatten().enumerate() {
        let Ok(target) = PathPattern::compile(path, shape, None) else { continue };
        if replaces == Replaced::Absent && always_there(path, shape) {
            let message = format!("`{path}` is never absent: it is {} that is always stored", target.shape.expected());
            desk.value(NEVER, &format!("{pointer}/set/{index}"), message, None);
        }
    }
}

/// Whether an object is there even where the resource leaves it out. Items of lists and values of maps are taken to
/// be there.
pub(super) fn always_there(path: &str, spec: &Shape) -> bool {
    let mut shape = spec;
    for part in path.split('.').skip(1) {
        let name = part.trim_end_matches("[]");
        shape = match shape {
            Shape::Map(values) if name == "*" => values,
            Shape::Object(object) => match object.position(name).map(|position| &object.fields()[position]) {
                Some(field) if part.ends_with("[]") || matches!(field.shape, Shape::Map(_)) => &field.shape,
                Some(field) if field.presence == Presence::Always && matches!(field.shape, Shape::Object(_)) => {
                    &field.shape
                }
                _ => return false,
            },
            _ => return false,
        };
        while let (true, Shape::List(items)) = (part.ends_with("[]"), shape) {
            shape = items;
        }
    }
    matches!(shape, Shape::Object(_))
}

/// The field that a path leads to.
fn field<'s>(path: &str, spec: &'s Shape) -> Option<&'s Field> {
    let (parent, name) = path.rsplit_once('.')?;
    match PathPattern::compile(parent, spec, None).ok()?.shape {
        Shape::Object(object) => object.position(name).map(|position| &object.fields()[position]),
        _ => None,
    }
}

/// What the steps so far have made sure of.
#[derive(Default)]
struct SeenSteps {
    trimmed: HashSet<String>,
    lowered: HashSet<String>,
    dropped: Vec<String>,
}

impl SeenSteps {
    fn step(&mut self, desk: &mut Desk<'_>, step: &StepSpec, pointer: &str) {
        for (key, paths) in operations(step) {
            for (index, path) in paths.iter().enumerate() {
                let at = format!("{pointer}/{key}/{index}");
                if let Some(gone) = self.dropped.iter().find(|gone| is_within(path, gone)) {
                    let message = format!("`{gone}` has been dropped by an earlier step");
                    desk.value(NEVER, &at, message, None);
                }
                let done = match key {
                    "lower" => self.lowered.contains(path),
                    "trim" => self.trimmed.contains(path) || self.lowered.contains(path),
                    _ => false,
                };
                if done {
                    let message = format!("an earlier step has done that to `{path}`");
                    desk.value(NOTHING, &at, message, Some("take it out".to_owned()));
                }
            }
        }
        self.unreachable(desk, step, pointer);
        self.note(step);
    }

    /// Words of a table that no value is any more.
    fn unreachable(&self, desk: &mut Desk<'_>, step: &StepSpec, pointer: &str) {
        let Some(with) = &step.with else { return };
        let paths = step.replace.as_deref().unwrap_or_default();
        for old in with.keys() {
            let fact = |path: &String| Fact {
                lowered: self.lowered.contains(path),
                trimmed: self.trimmed.contains(path),
                ..Fact::default()
            };
            if !paths.is_empty() && paths.iter().all(|path| !fact(path).reaches(old)) {
                let message = format!("no value is `{old}` by then: earlier steps have trimmed or lower-cased it");
                let help = format!("write `{}`", text::lower(text::trim(old)));
                desk.key("word-unreachable", &format!("{pointer}/with/{old}"), message, Some(help));
            }
        }
    }

    fn note(&mut self, step: &StepSpec) {
        for path in step.set.iter().chain(&step.replace).flatten() {
            self.trimmed.remove(path);
            self.lowered.remove(path);
        }
        if step.when.is_some() {
            return;
        }
        self.trimmed.extend(step.trim.iter().flatten().cloned());
        self.lowered.extend(step.lower.iter().flatten().cloned());
        self.dropped.extend(step.drop.iter().flatten().cloned());
    }
}
