//! Rules and their messages.

use super::Faults;
use super::messages::{RESERVED, Template};
use super::steps::{condition, state};
use crate::apimachinery::suggest::suggest;
use crate::normalize::{PathPattern, Root, Shape};
use crate::registry::file::{ConditionSpec, RuleSpec};
use crate::rules::{Block, Rule, RuleEntry, Subject, Test, When};

pub(super) fn compile(specs: &[RuleSpec], shape: &Shape, sensitive: bool, faults: &mut Faults<'_>) -> Vec<RuleEntry> {
    let root = Place { spec: shape, item: shape, sensitive, names: Vec::new(), located: false, submitted: true };
    entries(specs, "/rules", &root, faults)
}

/// What can be said at a place of the rules.
#[derive(Clone)]
pub(super) struct Place<'c> {
    pub spec: &'c Shape,
    /// Shape of the enclosing block's item.
    pub item: &'c Shape,
    pub sensitive: bool,
    /// Names given by `as`.
    pub names: Vec<&'c str>,
    /// An enclosing block has an `at`.
    pub located: bool,
    /// The item is there as submitted too: no list on the way, whose items a step may have dropped.
    pub submitted: bool,
}

/// What a rule looks at.
#[derive(Clone, Copy)]
pub(super) enum Own<'r> {
    /// At the root, without a path: only its condition counts.
    Nothing,
    /// The enclosing block's item.
    Item,
    Path(&'r PathPattern),
}

impl Own<'_> {
    fn path(self) -> Option<PathPattern> {
        match self {
            Self::Path(path) => Some(path.clone()),
            Self::Nothing | Self::Item => None,
        }
    }
}

fn entries<'c>(specs: &'c [RuleSpec], pointer: &str, place: &Place<'c>, faults: &mut Faults<'_>) -> Vec<RuleEntry> {
    let mut compiled = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        let found = match &spec.each {
            Some(each) => block(spec, each, &pointer, place, faults).map(RuleEntry::Block),
            None => rule(spec, &pointer, place, faults).map(RuleEntry::Rule),
        };
        compiled.extend(found);
    }
    compiled
}

fn block<'c>(
    spec: &'c RuleSpec,
    each: &str,
    pointer: &str,
    place: &Place<'c>,
    faults: &mut Faults<'_>,
) -> Option<Block> {
    if spec.message.is_some() || spec.path.is_some() || !tests(spec).is_empty() {
        faults.value(pointer, "a `for` block has `rules`: a path, a test and a message belong to one of these");
    }
    let (path, shape) = place.path(each, &format!("{pointer}/for"), faults)?;
    let many = path.is_many();
    if !many && !matches!(shape, Shape::Object(_)) {
        faults.value(&format!("{pointer}/for"), "a block goes over map values (`*`), list items (`[]`) or an object");
    }
    let when = spec.when.as_ref().map(|when| when_of(when, Own::Nothing, &format!("{pointer}/when"), place, faults));
    let mut inner = place.clone();
    inner.item = shape;
    inner.submitted = match path.root {
        Root::Item => place.submitted,
        Root::Spec | Root::Raw => true,
    } && !path.in_list();
    if let Some(name) = &spec.binding {
        let sound = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric())
            && !RESERVED.contains(&name.as_str());
        if !many || !sound {
            faults.value(&format!("{pointer}/as"), format!("`{name}` names no map key or list index here"));
        }
        inner.names.push(name);
    }
    let at = spec.at.as_ref().and_then(|at| {
        let template = Template { place: &inner, subject: Own::Nothing, test: None, in_at: true };
        template.compile(at, &format!("{pointer}/at"), faults)
    });
    inner.located |= at.is_some();
    let Some(rules) = &spec.rules else {
        faults.key(&format!("{pointer}/for"), "a `for` block needs `rules`");
        return None;
    };
    let entries = entries(rules, &format!("{pointer}/rules"), &inner, faults);
    Some(Block { path, binding: spec.binding.as_deref().map(Into::into), at, when, entries })
}

fn rule<'c>(spec: &'c RuleSpec, pointer: &str, place: &Place<'c>, faults: &mut Faults<'_>) -> Option<Rule> {
    for (key, given) in [("as", spec.binding.is_some()), ("at", spec.at.is_some()), ("rules", spec.rules.is_some())] {
        if given {
            faults.key(&format!("{pointer}/{key}"), format!("`{key}` goes with `for`"));
        }
    }
    let subject = match spec.path.as_deref() {
        None | Some(".") => None,
        Some(text) => Some(place.path(text, &format!("{pointer}/path"), faults)?),
    };
    if subject.as_ref().is_some_and(|(path, _)| path.is_many()) {
        faults.value(&format!("{pointer}/path"), "a rule has one subject: use `for` to go over many");
        return None;
    }
    let path = subject.as_ref().map(|(path, _)| path.clone());
    let shape = subject.as_ref().map_or(place.item, |(_, shape)| shape);
    let at_root = std::ptr::eq(place.item, place.spec);
    let own = match &path {
        Some(path) => Own::Path(path),
        None if at_root && spec.path.is_none() => Own::Nothing,
        None => Own::Item,
    };
    let when = spec.when.as_ref().map(|when| when_of(when, own, &format!("{pointer}/when"), place, faults));
    let given = tests(spec);
    if given.len() > 1 {
        let message = format!("a rule has one test, this one has {}", given.join(" and "));
        faults.key(&format!("{pointer}/{}", given[1]), message);
        return None;
    }
    let name = given.first().copied();
    let compiler = TestCompiler { spec, pointer, place, shape, own };
    let test = compiler.test(name, faults)?;
    let Some(message) = &spec.message else {
        faults.key(pointer, "a rule needs a `message`");
        return None;
    };
    let template = Template { place, subject: own, test: name, in_at: false };
    let message = template.compile(message, &format!("{pointer}/message"), faults)?;
    Some(Rule { path, when, test, message })
}

/// The tests that a rule has, by key.
fn tests(spec: &RuleSpec) -> Vec<&'static str> {
    let all = [
        ("refuse", spec.refuse.is_some()),
        ("oneOf", spec.one_of.is_some()),
        ("format", spec.format.is_some()),
        ("startsWith", spec.starts_with.is_some()),
        ("maxBytes", spec.max_bytes.is_some()),
        ("anyNonblank", spec.any_nonblank.is_some()),
        ("noneNonblank", spec.none_nonblank.is_some()),
        ("atMost", spec.at_most.is_some()),
        ("unique", spec.unique.is_some()),
        ("differsFrom", spec.differs_from.is_some()),
        ("hasKey", spec.has_key.is_some()),
        ("maxJsonBytes", spec.max_json_bytes.is_some()),
        ("maxDepth", spec.max_depth.is_some()),
    ];
    all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
}

impl<'c> Place<'c> {
    fn path(&self, text: &str, pointer: &str, faults: &mut Faults<'_>) -> Option<(PathPattern, &'c Shape)> {
        match PathPattern::compile(text, self.spec, Some(self.item)) {
            Ok(target) => Some((target.path, target.shape)),
            Err(error) => {
                faults.path(pointer, &error);
                None
            }
        }
    }
}

/// Compiles a condition. `own` is the rule's subject, where there is a rule with one.
fn when_of(spec: &ConditionSpec, own: Own<'_>, pointer: &str, place: &Place<'_>, faults: &mut Faults<'_>) -> When {
    condition(spec, pointer, faults, &mut |spec, pointer, faults| match (&spec.path, &spec.name) {
        (Some(_), Some(_)) => {
            faults.value(pointer, "a condition looks at a `path` or a `name`, not both");
            None
        }
        (Some(text), None) => {
            let pointer = format!("{pointer}/path");
            let (path, _) = place.path(text, &pointer, faults)?;
            if path.is_many() {
                faults.value(&pointer, "a condition looks at one value");
            }
            Some(Subject::Path(path))
        }
        (None, Some(name)) => {
            if !place.names.contains(&name.as_str()) {
                let help = suggest(name, place.names.iter().copied());
                faults.hinted(&format!("{pointer}/name"), format!("no `as` gives the name `{name}` here"), help);
            }
            Some(Subject::Name(name.as_str().into()))
        }
        (None, None) => {
            if matches!(own, Own::Nothing) {
                faults.value(pointer, "there is no subject here: say which `path` or `name`");
            }
            Some(Subject::Own(own.path()))
        }
    })
}

struct TestCompiler<'r, 'c> {
    spec: &'c RuleSpec,
    pointer: &'r str,
    place: &'r Place<'c>,
    shape: &'c Shape,
    own: Own<'r>,
}

impl TestCompiler<'_, '_> {
    fn test(&self, name: Option<&'static str>, faults: &mut Faults<'_>) -> Option<Test> {
        let spec = self.spec;
        self.companions(faults);
        let Some(name) = name else {
            if spec.when.is_none() {
                faults.value(self.pointer, "a rule needs a test, or a `when` that says what is refused");
            }
            return Some(Test::Never);
        };
        let at = format!("{}/{name}", self.pointer);
        if !matches!(name, "anyNonblank" | "noneNonblank") {
            if matches!(self.own, Own::Nothing) {
                faults.key(&at, format!("`{name}` needs a `path`"));
                return None;
            }
            let (fits, wanted) = match name {
                "refuse" => (true, ""),
                "atMost" => (matches!(self.shape, Shape::List(_)), "a list"),
                "hasKey" | "maxJsonBytes" | "maxDepth" => (matches!(self.shape, Shape::Free), "a free-form object"),
                _ => (matches!(self.shape, Shape::String), "a string"),
            };
            if !fits {
                faults.key(&at, format!("`{name}` needs {wanted}, the subject is {}", self.shape.expected()));
            }
        }
        let ignore_case = spec.ignore_case == Some(true);
        if let Some(refused) = spec.refuse {
            return Some(Test::Refuse(state(refused, Subject::Own(self.own.path()))));
        }
        if let Some(words) = &spec.one_of {
            let words = words.iter().map(|word| word.as_str().into()).collect();
            return Some(Test::OneOf { words, ignore_case });
        }
        if let Some(format) = spec.format {
            return Some(Test::Format(format));
        }
        if let Some(prefix) = &spec.starts_with {
            return Some(Test::StartsWith(prefix.as_str().into()));
        }
        if let Some(paths) = &spec.any_nonblank {
            return Some(Test::AnyNonblank(self.strings(paths, &at, faults)));
        }
        if let Some(paths) = &spec.none_nonblank {
            return Some(Test::NoneNonblank(self.strings(paths, &at, faults)));
        }
        if let Some(most) = spec.at_most {
            return Some(self.at_most(most, faults));
        }
        if let Some(among) = &spec.unique {
            if !self.place.located {
                faults.key(&at, "`unique` needs a block with an `at`, to say who had it first");
            }
            return Some(Test::Unique { among: among.as_str().into(), ignore_case });
        }
        if let Some(name) = &spec.differs_from {
            if !self.place.names.contains(&name.as_str()) {
                let help = suggest(name, self.place.names.iter().copied());
                faults.hinted(&at, format!("no `as` gives the name `{name}` here"), help);
            }
            return Some(Test::DiffersFrom(name.as_str().into()));
        }
        let sized = [
            spec.max_bytes.map(Test::MaxBytes),
            spec.max_json_bytes.map(Test::MaxJsonBytes),
            spec.max_depth.map(Test::MaxDepth),
            spec.has_key.as_deref().map(|key| Test::HasKey(key.into())),
        ];
        sized.into_iter().flatten().next()
    }

    fn companions(&self, faults: &mut Faults<'_>) {
        let spec = self.spec;
        if spec.ignore_case.is_some() && spec.one_of.is_none() && spec.unique.is_none() {
            faults.key(&format!("{}/ignoreCase", self.pointer), "`ignoreCase` goes with `oneOf` or `unique`");
        }
        if spec.counted.is_some() && spec.at_most.is_none() {
            faults.key(&format!("{}/where", self.pointer), "`where` goes with `atMost`");
        }
    }

    fn strings(&self, texts: &[String], at: &str, faults: &mut Faults<'_>) -> Vec<PathPattern> {
        let mut paths = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let pointer = format!("{at}/{index}");
            if let Some((path, shape)) = self.place.path(text, &pointer, faults) {
                if !matches!(shape, Shape::String) || path.is_many() {
                    faults.value(&pointer, format!("`{text}` is not one string"));
                }
                paths.push(path);
            }
        }
        paths
    }

    fn at_most(&self, most: usize, faults: &mut Faults<'_>) -> Test {
        let counted = self.spec.counted.as_ref().map(|counted| {
            let mut inner = self.place.clone();
            if let Shape::List(item) = self.shape {
                inner.item = item;
            }
            when_of(counted, Own::Item, &format!("{}/where", self.pointer), &inner, faults)
        });
        Test::AtMost { most, counted }
    }
}
