//! Normalise steps.

use std::collections::BTreeMap;

use super::{Faults, literal};
use crate::normalize::{Condition, CopySource, Guard, Operation, PathPattern, Replaced, Shape, Step};
use crate::registry::file::{ConditionSpec, State, StepSpec};

pub(super) fn compile(steps: &[StepSpec], shape: &Shape, faults: &mut Faults<'_>) -> Vec<Step> {
    let mut compiled = Vec::new();
    for (index, spec) in steps.iter().enumerate() {
        let mut step = StepCompiler { spec, shape, pointer: format!("/normalize/{index}"), faults };
        let operation = step.operation();
        let when = spec.when.as_ref().map(|when| {
            let pointer = format!("/normalize/{index}/when");
            guard(when, &pointer, shape, faults)
        });
        if let Some(operation) = operation {
            compiled.push(Step { when, operation });
        }
    }
    compiled
}

const NO_OPERATION: &str = "a step needs an operation: trim, lower, set, clean, replace, cleanKeys, trimKeys, clamp, dropItems, encode or drop";

struct StepCompiler<'c, 's> {
    spec: &'c StepSpec,
    shape: &'c Shape,
    pointer: String,
    faults: &'c mut Faults<'s>,
}

impl<'c> StepCompiler<'c, '_> {
    fn operation(&mut self) -> Option<Operation> {
        let spec = self.spec;
        let mut found = Vec::new();
        if let Some(paths) = &spec.trim {
            let paths = self.paths("trim", paths, is_string, "a string");
            found.push(Operation::Trim(paths));
        }
        if let Some(paths) = &spec.lower {
            let paths = self.paths("lower", paths, is_string, "a string");
            found.push(Operation::Lower(paths));
        }
        if let Some(paths) = &spec.set {
            found.extend(self.set(paths));
        }
        if let Some(paths) = &spec.clean {
            let paths = self.paths("clean", paths, is_list_of_strings, "a list of strings");
            found.push(Operation::Clean { paths, unique: spec.unique });
        }
        if let Some(paths) = &spec.replace {
            let with: BTreeMap<Box<str>, Box<str>> =
                spec.with.iter().flatten().map(|(old, new)| (old.as_str().into(), new.as_str().into())).collect();
            let paths = self.paths("replace", paths, is_string, "a string");
            found.push(Operation::Replace { paths, with });
        }
        if let Some(paths) = &spec.clean_keys {
            let paths = self.paths("cleanKeys", paths, is_map_of_strings, "a map of strings");
            found.push(Operation::CleanKeys(paths));
        }
        if let Some(paths) = &spec.trim_keys {
            let paths = self.paths("trimKeys", paths, |shape| matches!(shape, Shape::Map(_)), "a map");
            found.push(Operation::TrimKeys(paths));
        }
        if let Some(paths) = &spec.clamp {
            let (min, max) = (spec.min.unwrap_or(i64::MIN), spec.max.unwrap_or(i64::MAX));
            if min > max {
                self.faults.value(&format!("{}/max", self.pointer), "`max` is less than `min`");
                return None;
            }
            let paths = self.paths("clamp", paths, is_integer, "an integer");
            found.push(Operation::Clamp { paths, min, max });
        }
        if let Some(paths) = &spec.drop_items {
            found.extend(self.drop_items(paths));
        }
        if let Some(from) = &spec.encode {
            found.extend(self.encode(from));
        }
        if let Some(paths) = &spec.drop {
            let paths = self.paths("drop", paths, |_| true, "a field");
            found.push(Operation::Drop(paths));
        }
        self.companions();
        match self.given() {
            0 => self.faults.value(&self.pointer, NO_OPERATION),
            1 => {}
            _ => self.faults.value(&self.pointer, "a step has one operation: make it two steps"),
        }
        found.pop()
    }

    /// How many operations the step names.
    fn given(&self) -> usize {
        let spec = self.spec;
        let lists = [
            &spec.trim,
            &spec.lower,
            &spec.set,
            &spec.clean,
            &spec.replace,
            &spec.clean_keys,
            &spec.trim_keys,
            &spec.clamp,
            &spec.drop_items,
            &spec.drop,
        ];
        lists.into_iter().filter(|paths| paths.is_some()).count() + usize::from(spec.encode.is_some())
    }

    /// Keys that only mean something beside a certain operation.
    fn companions(&mut self) {
        let spec = self.spec;
        let pairs = [
            ("to", spec.to.is_some(), "set", spec.set.is_some(), spec.from.is_none()),
            ("from", spec.from.is_some(), "set", spec.set.is_some(), false),
            ("if", spec.replaces.is_some(), "set", spec.set.is_some(), true),
            ("unique", spec.unique.is_some(), "clean", spec.clean.is_some(), false),
            ("with", spec.with.is_some(), "replace", spec.replace.is_some(), true),
            ("min", spec.min.is_some(), "clamp", spec.clamp.is_some(), false),
            ("max", spec.max.is_some(), "clamp", spec.clamp.is_some(), false),
            ("whereBlank", spec.where_blank.is_some(), "dropItems", spec.drop_items.is_some(), true),
            ("into", spec.into.is_some(), "encode", spec.encode.is_some(), true),
        ];
        for (key, has_key, operation, has_operation, needed) in pairs {
            if has_key && !has_operation {
                self.faults.key(&format!("{}/{key}", self.pointer), format!("`{key}` goes with `{operation}`"));
            } else if has_operation && !has_key && needed {
                self.faults.key(&format!("{}/{operation}", self.pointer), format!("`{operation}` needs `{key}`"));
            }
        }
    }

    fn paths(&mut self, key: &str, texts: &[String], fits: impl Fn(&Shape) -> bool, wanted: &str) -> Vec<PathPattern> {
        let mut paths = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let pointer = format!("{}/{key}/{index}", self.pointer);
            if let Some((path, shape)) = self.path(&pointer, text) {
                if !fits(shape) {
                    self.faults.value(&pointer, format!("`{key}` needs {wanted}, `{text}` is {}", shape.expected()));
                }
                paths.push(path);
            }
        }
        paths
    }

    fn path(&mut self, pointer: &str, text: &str) -> Option<(PathPattern, &'c Shape)> {
        if text.starts_with("raw.") {
            self.faults.value(pointer, "a step works on the spec, not on what was submitted");
            return None;
        }
        match PathPattern::compile(text, self.shape, None) {
            Ok(target) if target.path.segments.is_empty() => {
                self.faults.value(pointer, "the spec as a whole is no field");
                None
            }
            Ok(target) => Some((target.path, target.shape)),
            Err(error) => {
                self.faults.path(pointer, &error);
                None
            }
        }
    }

    fn set(&mut self, texts: &[String]) -> Option<Operation> {
        let replaces = self.spec.replaces?;
        if let Some(from) = &self.spec.from {
            return self.copy(texts, from, replaces);
        }
        let value = self.spec.to.as_ref()?;
        let mut to = None;
        let mut paths = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let pointer = format!("{}/set/{index}", self.pointer);
            let Some((path, shape)) = self.path(&pointer, text) else { continue };
            let fits = replaces.fits(shape);
            let expected = shape.expected();
            match literal(value, shape) {
                Ok(tree) => to = Some(tree),
                Err(error) => self.faults.literal(&format!("{}/to", self.pointer), error, value, shape),
            }
            if !fits {
                self.faults.value(&format!("{}/if", self.pointer), format!("this is never said of {expected}"));
            }
            paths.push(path);
        }
        Some(Operation::Set { paths, to: to?, replaces })
    }

    fn copy(&mut self, texts: &[String], from: &str, replaces: Replaced) -> Option<Operation> {
        let at = format!("{}/from", self.pointer);
        if self.spec.to.is_some() {
            self.faults.key(&at, "a `set` step has either `to` or `from`");
        }
        let (source, shape) = if from == "metadata.name" {
            (CopySource::Name, &Shape::String)
        } else {
            let (path, shape) = self.path(&at, from)?;
            if path.is_many() || !(is_string(shape) || is_integer(shape)) {
                self.faults.value(&at, format!("`{from}` is not one string or integer"));
                return None;
            }
            (CopySource::Field(path), shape)
        };
        let fits =
            |target: &Shape| (is_string(shape) && is_string(target)) || (is_integer(shape) && is_integer(target));
        let paths = self.paths("set", texts, |target| fits(target) && replaces.fits(target), shape.expected());
        Some(Operation::Copy { paths, from: source, replaces })
    }

    fn drop_items(&mut self, texts: &[String]) -> Option<Operation> {
        let name = self.spec.where_blank.as_ref()?;
        let mut position = None;
        let mut paths = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let pointer = format!("{}/dropItems/{index}", self.pointer);
            let Some((path, shape)) = self.path(&pointer, text) else { continue };
            let found = match shape {
                Shape::List(item) => match &**item {
                    Shape::Object(object) => object.position(name),
                    _ => None,
                },
                _ => None,
            };
            match found {
                Some(found) if position.is_none_or(|known| known == found) => position = Some(found),
                Some(_) => self.faults.value(&pointer, "these lists have different items: make it two steps"),
                None => self.faults.value(&pointer, format!("`{text}` is no list of objects with a field `{name}`")),
            }
            paths.push(path);
        }
        Some(Operation::DropItems { paths, field: position? })
    }

    fn encode(&mut self, from: &str) -> Option<Operation> {
        let into = self.spec.into.as_ref()?;
        let mut both = Vec::new();
        for (key, text) in [("encode", from), ("into", into.as_str())] {
            let pointer = format!("{}/{key}", self.pointer);
            let (path, shape) = self.path(&pointer, text)?;
            if !is_map_of_strings(shape) || path.is_many() {
                self.faults.value(&pointer, format!("`{text}` must be one map of strings"));
                return None;
            }
            both.push(path);
        }
        let into = both.pop()?;
        Some(Operation::Encode { from: both.pop()?, into })
    }
}

fn is_string(shape: &Shape) -> bool {
    matches!(shape, Shape::String)
}

fn is_integer(shape: &Shape) -> bool {
    matches!(shape, Shape::Integer { .. })
}

fn is_list_of_strings(shape: &Shape) -> bool {
    matches!(shape, Shape::List(item) if is_string(item))
}

fn is_map_of_strings(shape: &Shape) -> bool {
    matches!(shape, Shape::Map(value) if is_string(value))
}

fn guard(spec: &ConditionSpec, pointer: &str, shape: &Shape, faults: &mut Faults<'_>) -> Guard {
    condition(spec, pointer, faults, &mut |spec, pointer, faults| {
        let Some(text) = spec.path.as_ref().filter(|_| spec.name.is_none()) else {
            faults.value(pointer, "a step's guard needs a `path`");
            return None;
        };
        let pointer = format!("{pointer}/path");
        match PathPattern::compile(text, shape, None) {
            Ok(target) if target.path.is_many() || target.path.root != crate::normalize::Root::Spec => {
                faults.value(&pointer, "a step's guard looks at one field of the spec");
                None
            }
            Ok(target) => Some(target.path),
            Err(error) => {
                faults.path(&pointer, &error);
                None
            }
        }
    })
}

/// Compiles a condition; `subject` says what its tests look at. Where something is wrong, the result is a
/// placeholder: the file is refused anyway.
pub(super) fn condition<S: Clone>(
    spec: &ConditionSpec,
    pointer: &str,
    faults: &mut Faults<'_>,
    subject: &mut dyn FnMut(&ConditionSpec, &str, &mut Faults<'_>) -> Option<S>,
) -> Condition<S> {
    let kinds = [
        ("is", spec.is.is_some()),
        ("in", spec.one_of.is_some()),
        ("all", spec.all.is_some()),
        ("any", spec.any.is_some()),
        ("not", spec.not.is_some()),
    ];
    if kinds.iter().filter(|(_, given)| *given).count() != 1 {
        faults.value(pointer, "a condition is exactly one of `is`, `in`, `all`, `any` and `not`");
        return Condition::All(Vec::new());
    }
    if let Some(inner) = &spec.not {
        let inner = condition(inner, &format!("{pointer}/not"), faults, subject);
        return Condition::Not(Box::new(inner));
    }
    for (key, list) in [("all", &spec.all), ("any", &spec.any)] {
        if let Some(list) = list {
            let mut compiled = Vec::new();
            for (index, inner) in list.iter().enumerate() {
                compiled.push(condition(inner, &format!("{pointer}/{key}/{index}"), faults, subject));
            }
            return if key == "all" { Condition::All(compiled) } else { Condition::Any(compiled) };
        }
    }
    let Some(found) = subject(spec, pointer, faults) else { return Condition::All(Vec::new()) };
    if let Some(words) = &spec.one_of {
        let words = words.iter().map(|word| word.as_str().into()).collect();
        return if spec.ignore_case == Some(true) {
            Condition::InAnyCase(found, words)
        } else {
            Condition::In(found, words)
        };
    }
    if spec.ignore_case.is_some() {
        faults.key(&format!("{pointer}/ignoreCase"), "`ignoreCase` goes with `in`");
    }
    state(spec.is.unwrap_or(State::Present), found)
}

/// The condition that a subject is in a state.
pub(super) fn state<S>(state: State, subject: S) -> Condition<S> {
    let not = |condition| Condition::Not(Box::new(condition));
    match state {
        State::Absent => Condition::Absent(subject),
        State::Present => not(Condition::Absent(subject)),
        State::Blank => Condition::Blank(subject),
        State::Nonblank => not(Condition::Blank(subject)),
        State::Empty => Condition::Empty(subject),
        State::Nonempty => not(Condition::Empty(subject)),
        State::Set => Condition::True(subject),
    }
}
