//! Rules that refuse nothing, or everything, or leave people without help.

use super::Desk;
use super::facts::{Fact, Facts, absolute};
use super::steps::always_there;
use crate::go_compat::text;
use crate::normalize::{PathPattern, Shape};
use crate::registry::file::{ConditionSpec, KindFile, Replaced, RuleSpec, State};

const CONSTANT: &str = "condition-constant";
const MISFIT: &str = "condition-misfit";
const PASSES: &str = "rule-never-fails";
const FAILS: &str = "rule-always-fails";
const UNREACHABLE: &str = "word-unreachable";

/// Parts of a message that help: what is expected, or what to do. `{detail}` is what a parser expected.
const HELP: [&str; 29] = [
    "expected",
    "required",
    "require",
    "must",
    "use ",
    "set ",
    "give ",
    "add ",
    "remove",
    "rename",
    "choose",
    "write ",
    "say ",
    "at most",
    "at least",
    "instead",
    "should",
    "need",
    "only ",
    "may not",
    "cannot",
    "exactly one",
    "one of",
    "unique",
    "already",
    "exceeds",
    "{detail}",
    "shorten",
    "change",
];

pub(super) fn check(desk: &mut Desk<'_>, file: &KindFile, shape: &Shape, facts: &Facts) {
    let mut walk = Walk { desk, spec: shape, facts };
    walk.rules(&file.rules, "/rules", "spec", true);
}

struct Walk<'w, 's> {
    desk: &'w mut Desk<'s>,
    spec: &'w Shape,
    facts: &'w Facts,
}

impl Walk<'_, '_> {
    /// `always`: whatever the resource, these rules are asked.
    fn rules(&mut self, rules: &[RuleSpec], pointer: &str, item: &str, always: bool) {
        for (index, rule) in rules.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            let own = match &rule.each {
                Some(_) => None,
                None => rule
                    .path
                    .as_ref()
                    .map(|path| absolute(path, item))
                    .or_else(|| (item != "spec").then(|| item.to_owned())),
            };
            let holds = rule.when.as_ref().map(|when| {
                let mut conditions =
                    Conditions { desk: self.desk, spec: self.spec, item, own: own.as_deref(), facts: Some(self.facts) };
                conditions.check(when, &format!("{pointer}/when"))
            });
            if holds == Some(Some(false)) {
                self.desk.value(PASSES, &pointer, "the rule refuses nothing: its condition never holds", None);
            }
            if let Some(each) = &rule.each {
                let inner = absolute(each, item);
                let rules = rule.rules.as_deref().unwrap_or_default();
                if rules.is_empty() {
                    self.desk.value(PASSES, &pointer, "a block of no rules refuses nothing", None);
                }
                self.rules(rules, &format!("{pointer}/rules"), &inner, false);
                continue;
            }
            let always = always && rule.when.is_none();
            if let Some(path) = own {
                self.subject(rule, &pointer, &path, always);
            }
            self.lists(rule, &pointer);
            self.message(rule, &pointer);
            if let Some(first) = rules[..index].iter().position(|earlier| shadows(earlier, rule)) {
                let message = format!("rule {} of these refuses all of it before", first + 1);
                let help = "take one of the two out, or change what they ask".to_owned();
                self.desk.value("rule-shadowed", &pointer, message, Some(help));
            }
        }
    }

    /// What is asked of the subject, given what the steps have made of it.
    fn subject(&mut self, rule: &RuleSpec, pointer: &str, path: &str, always: bool) {
        let Ok(target) = PathPattern::compile(path, self.spec, None) else { return };
        let fact = if path.starts_with("raw.") { Fact::default() } else { self.facts.get(path) };
        if let Some(state) = rule.refuse {
            let at = format!("{pointer}/refuse");
            if let Some(why) = misfit(state, target.shape) {
                self.desk.value(MISFIT, &at, why, None);
            } else if always_there(path, self.spec) && matches!(state, State::Absent) {
                self.desk.value(PASSES, &at, format!("`{path}` is never absent"), None);
            } else if filled(&fact, state)
                && path.rsplit_once('.').is_some_and(|(parent, _)| always_there(parent, self.spec))
            {
                let message = format!("`{path}` is never {}: a step fills it in", told(state));
                self.desk.value(PASSES, &at, message, Some("take the step or the rule out".to_owned()));
            }
        }
        if self.facts.is_gone(path) && !path.starts_with("raw.") {
            let always = matches!(rule.refuse, Some(State::Absent | State::Blank | State::Empty));
            let id = if always { FAILS } else { PASSES };
            let help = "ask before the field is dropped, by `raw.spec`, or take the rule out".to_owned();
            self.desk.key(id, &format!("{pointer}/path"), format!("`{path}` has been dropped by a step"), Some(help));
        }
        if let Some(prefix) = &rule.starts_with {
            let at = format!("{pointer}/startsWith");
            if prefix.is_empty() {
                self.desk.value(PASSES, &at, "everything starts with nothing", None);
            } else if fact.lowered && text::lower(prefix) != *prefix {
                let help = Some(format!("write `{}`", text::lower(prefix)));
                self.desk.value(UNREACHABLE, &at, format!("`{path}` is in lower case by then"), help);
            }
        }
        if let Some(words) = &rule.one_of {
            self.words(rule, words, pointer, path, &fact);
            let filled = fact.filled.as_ref().filter(|_| !fact.changed).and_then(|(to, _)| to.as_str());
            let filled = filled.map(|word| if fact.lowered { text::lower(text::trim(word)) } else { word.to_owned() });
            if let Some(word) = filled.filter(|word| always && !words.is_empty() && !words.iter().any(|w| w == word)) {
                let message = format!("`{word}`, which a step sets where nothing is given, is refused here");
                let help = format!("add `{word}` to the words, or set one of them");
                self.desk.value("default-refused", &format!("{pointer}/oneOf"), message, Some(help));
            }
        }
    }

    fn words(&mut self, rule: &RuleSpec, words: &[String], pointer: &str, path: &str, fact: &Fact) {
        let mut seen = Vec::new();
        for (index, word) in words.iter().enumerate() {
            let at = format!("{pointer}/oneOf/{index}");
            let plain = text::lower(text::trim(word));
            if rule.ignore_case == Some(true) && plain != *word {
                let message =
                    format!("with `ignoreCase`, `{word}` is compared with lower case: nothing is equal to it");
                self.desk.value(UNREACHABLE, &at, message, Some(format!("write `{plain}`")));
            } else if !fact.reaches(word) {
                let message = format!("`{path}` is never `{word}`: a step has trimmed it or made it lower case");
                self.desk.value(UNREACHABLE, &at, message, Some(format!("write `{plain}`")));
            } else if seen.contains(&word) {
                self.desk.value(UNREACHABLE, &at, format!("`{word}` stands here twice"), None);
            }
            seen.push(word);
        }
    }

    /// Lists without anything in them.
    fn lists(&mut self, rule: &RuleSpec, pointer: &str) {
        let empty = |list: &Option<Vec<String>>| list.as_ref().is_some_and(Vec::is_empty);
        let cases = [
            ("oneOf", empty(&rule.one_of), FAILS, "no value is one of none: everything is refused"),
            ("anyNonblank", empty(&rule.any_nonblank), FAILS, "none of no fields is filled in: everything is refused"),
            ("noneNonblank", empty(&rule.none_nonblank), PASSES, "of no fields none is filled in: nothing is refused"),
        ];
        for (key, wrong, id, message) in cases {
            if wrong {
                self.desk.value(id, &format!("{pointer}/{key}"), message, None);
            }
        }
    }

    fn message(&mut self, rule: &RuleSpec, pointer: &str) {
        let Some(message) = &rule.message else { return };
        let lower = message.to_lowercase();
        if !HELP.iter().any(|part| lower.contains(part)) {
            let help = "say what is expected (`expected a, b or c`), required, or to be done".to_owned();
            let text = "the message says that something is wrong, not what to do about it";
            self.desk.value("message-without-help", &format!("{pointer}/message"), text, Some(help));
        }
    }
}

/// Whether a step leaves no value in this state.
fn filled(fact: &Fact, state: State) -> bool {
    let Some((to, replaces)) = fact.filled.as_ref().filter(|_| !fact.changed) else { return false };
    let something = match to {
        serde_json::Value::String(word) => !text::is_blank(word),
        serde_json::Value::Array(items) => !items.is_empty(),
        serde_json::Value::Object(map) => !map.is_empty(),
        _ => true,
    };
    let covered = match state {
        State::Absent => true,
        State::Empty => matches!(replaces, Replaced::Empty | Replaced::Blank),
        State::Blank => matches!(replaces, Replaced::Blank),
        _ => false,
    };
    something && covered
}

fn told(state: State) -> &'static str {
    match state {
        State::Present => "present",
        State::Absent => "absent",
        State::Blank => "blank",
        State::Nonblank => "nonblank",
        State::Empty => "empty",
        State::Nonempty => "nonempty",
        State::Set => "set",
    }
}

/// Why values of a shape are never in a state, or always.
fn misfit(state: State, shape: &Shape) -> Option<String> {
    let (fits, wanted) = match state {
        State::Present | State::Absent => return None,
        State::Set => (matches!(shape, Shape::Boolean), "a boolean"),
        State::Blank | State::Nonblank => (matches!(shape, Shape::String), "a string"),
        State::Empty | State::Nonempty => {
            let fits = matches!(shape, Shape::String | Shape::List(_) | Shape::Map(_) | Shape::Free);
            (fits, "a string, a list or a map")
        }
    };
    (!fits).then(|| format!("`{}` is said of {wanted}, this is {}", told(state), shape.expected()))
}

/// Whether an earlier rule of the same block refuses all that this one would.
fn shadows(earlier: &RuleSpec, rule: &RuleSpec) -> bool {
    let same = |one: &RuleSpec, other: &RuleSpec| {
        let bare = |rule: &RuleSpec| RuleSpec { message: None, when: None, refuse: None, one_of: None, ..rule.clone() };
        format!("{:?}", bare(one)) == format!("{:?}", bare(other))
    };
    if earlier.each.is_some() || rule.each.is_some() || !same(earlier, rule) {
        return false;
    }
    let wider = earlier.when.is_none() || format!("{:?}", earlier.when) == format!("{:?}", rule.when);
    let refuses = match (earlier.refuse, rule.refuse) {
        (Some(State::Blank), Some(State::Blank | State::Empty | State::Absent))
        | (Some(State::Empty), Some(State::Empty | State::Absent)) => true,
        (one, other) => one == other,
    };
    let words = match (&earlier.one_of, &rule.one_of) {
        (None, None) => true,
        (Some(few), Some(many)) => few.iter().all(|word| many.contains(word)),
        _ => false,
    };
    wider && refuses && words
}

/// Conditions: states that do not fit, lists of nothing.
pub(super) struct Conditions<'w, 's> {
    pub desk: &'w mut Desk<'s>,
    pub spec: &'w Shape,
    /// Path of the enclosing block's item.
    pub item: &'w str,
    /// Path of the rule's subject.
    pub own: Option<&'w str>,
    /// What the steps have made of the fields, where all of them have been taken.
    pub facts: Option<&'w Facts>,
}

impl Conditions<'_, '_> {
    /// Whether it always holds or never does, where one of these is so; says where.
    pub fn check(&mut self, spec: &ConditionSpec, pointer: &str) -> Option<bool> {
        if let Some(inner) = &spec.not {
            return self.check(inner, &format!("{pointer}/not")).map(|holds| !holds);
        }
        for (key, list) in [("all", &spec.all), ("any", &spec.any)] {
            let Some(list) = list else { continue };
            let at = format!("{pointer}/{key}");
            let is_all = key == "all";
            if list.is_empty() {
                let message = format!("`{key}` of nothing {} holds", if is_all { "always" } else { "never" });
                self.desk.value(CONSTANT, &at, message, None);
                return Some(is_all);
            }
            let mut found = Vec::new();
            for (index, inner) in list.iter().enumerate() {
                found.push(self.check(inner, &format!("{at}/{index}")));
            }
            let deciding = found.contains(&Some(!is_all));
            let settled = found.iter().all(|holds| *holds == Some(is_all));
            return if deciding { Some(!is_all) } else { settled.then_some(is_all) };
        }
        self.leaf(spec, pointer)
    }

    fn leaf(&mut self, spec: &ConditionSpec, pointer: &str) -> Option<bool> {
        if spec.one_of.as_ref().is_some_and(Vec::is_empty) {
            self.desk.value(CONSTANT, &format!("{pointer}/in"), "no value is in an empty list", None);
            return Some(false);
        }
        if spec.name.is_some() {
            return None;
        }
        let path = spec.path.as_ref().map(|path| absolute(path, self.item)).or_else(|| self.own.map(str::to_owned))?;
        let shape = PathPattern::compile(&path, self.spec, None).ok()?.shape;
        if let Some(state) = spec.is {
            let why = misfit(state, shape)?;
            let never = matches!(state, State::Set);
            self.desk.value(MISFIT, &format!("{pointer}/is"), why, None);
            return never.then_some(false);
        }
        let words = spec.one_of.as_ref()?;
        if !matches!(shape, Shape::String) {
            let message = format!("`in` is asked of a string, `{path}` is {}", shape.expected());
            self.desk.value(MISFIT, &format!("{pointer}/in"), message, None);
            return Some(words.iter().any(String::is_empty));
        }
        let fact = self.facts.map(|facts| facts.get(&path)).unwrap_or_default();
        let mut reached = spec.ignore_case == Some(true);
        for (index, word) in words.iter().enumerate().filter(|_| spec.ignore_case != Some(true)) {
            if fact.reaches(word) {
                reached = true;
                continue;
            }
            let help = Some(format!("write `{}`", text::lower(text::trim(word))));
            let message = format!("`{path}` is never `{word}`: a step has trimmed it or made it lower case");
            self.desk.value(UNREACHABLE, &format!("{pointer}/in/{index}"), message, help);
        }
        (!reached).then_some(false)
    }
}
