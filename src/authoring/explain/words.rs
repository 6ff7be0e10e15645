//! Steps, conditions and rules in words.

use serde_json::Value;

use super::{ExplainedEntry, absolute, looked_at, touches};
use crate::registry::file::{ConditionSpec, Format, KindFile, Replaced, RuleSpec, State, StepSpec, Unique};

/// The steps that touch a path, or what is below it, or that it decides about.
pub(super) fn steps(file: &KindFile, wanted: &str) -> Vec<ExplainedEntry> {
    let mut found = Vec::new();
    for (index, step) in file.normalize.iter().enumerate() {
        let (paths, what) = operation(step);
        let mut guards = Vec::new();
        if let Some(when) = &step.when {
            looked_at(when, "spec", &mut guards);
        }
        let mut touched: Vec<&str> = paths.iter().copied().filter(|path| touches(path, wanted)).collect();
        if touched.is_empty() && guards.iter().any(|path| path == wanted) {
            touched.clone_from(&paths);
        }
        if !touched.is_empty() {
            let when = step.when.as_ref().map(|when| format!(", when {}", condition(when, "spec"))).unwrap_or_default();
            let text = format!("{}: {what}{when}", touched.join(", "));
            found.push(ExplainedEntry { number: (index + 1).to_string(), text, message: None, checked_by: None });
        }
    }
    found
}

fn json(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(word)) => quoted(word),
        Some(value) => value.to_string(),
        None => "nothing".to_owned(),
    }
}

fn new_value(step: &StepSpec) -> String {
    step.from.as_ref().map_or_else(|| json(step.to.as_ref()), |from| format!("what {from} is"))
}

fn quoted(word: &str) -> String {
    if word.is_empty() { "an empty text".to_owned() } else { word.to_owned() }
}

/// Fields, and what is done to them.
fn operation(step: &StepSpec) -> (Vec<&str>, String) {
    let paths = |list: &'_ Option<Vec<String>>| list.is_some();
    let with = || {
        let pairs = step.with.iter().flatten().map(|(old, new)| format!("{} becomes {}", quoted(old), quoted(new)));
        pairs.collect::<Vec<_>>().join(", ")
    };
    let simple = [
        (&step.trim, "trimmed".to_owned()),
        (&step.lower, "trimmed and made lower case".to_owned()),
        (&step.set, format!("set to {}{}", new_value(step), step.replaces.map(replaced).unwrap_or_default())),
        (&step.clean, cleaned(step.unique)),
        (&step.replace, with()),
        (&step.clean_keys, "keys trimmed and made lower case, values trimmed, blank keys dropped".to_owned()),
        (&step.trim_keys, "keys trimmed, blank ones dropped".to_owned()),
        (&step.clamp, bounded(step.min, step.max)),
        (
            &step.drop_items,
            format!("items whose `{}` is blank are dropped", step.where_blank.as_deref().unwrap_or_default()),
        ),
        (&step.drop, "dropped".to_owned()),
    ];
    if let Some((list, what)) = simple.into_iter().find(|(list, _)| paths(list)) {
        return (list.iter().flatten().map(String::as_str).collect(), what);
    }
    let both = step.encode.iter().chain(&step.into).map(String::as_str).collect();
    (both, "values of the first as base64 into the second, under their trimmed keys".to_owned())
}

fn replaced(which: Replaced) -> &'static str {
    match which {
        Replaced::Absent => " where it is absent",
        Replaced::Empty => " where it is empty",
        Replaced::Blank => " where it is blank",
        Replaced::NotPositive => " where it is zero or less",
    }
}

fn cleaned(unique: Option<Unique>) -> String {
    let repeated = match unique {
        None => "",
        Some(Unique::Exact) => " and repeated ones",
        Some(Unique::IgnoreCase) => " and repeated ones, case aside,",
    };
    format!("items trimmed, blank ones{repeated} dropped")
}

fn bounded(min: Option<i64>, max: Option<i64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("bounded to {min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "left as it is".to_owned(),
    }
}

pub(super) fn condition(spec: &ConditionSpec, item: &str) -> String {
    if let Some(inner) = &spec.not {
        return format!("not ({})", condition(inner, item));
    }
    for (list, word) in [(&spec.all, " and "), (&spec.any, " or ")] {
        if let Some(list) = list {
            let parts = list.iter().map(|inner| {
                let text = condition(inner, item);
                if inner.all.is_some() || inner.any.is_some() { format!("({text})") } else { text }
            });
            return parts.collect::<Vec<_>>().join(word);
        }
    }
    let subject = match (&spec.path, &spec.name) {
        (Some(path), _) => absolute(path, item),
        (None, Some(name)) => format!("the {name}"),
        (None, None) => "it".to_owned(),
    };
    let aside = if spec.ignore_case == Some(true) { ", case aside" } else { "" };
    match (&spec.is, &spec.one_of) {
        (Some(state), _) => format!("{subject} is {}", self::state(*state)),
        (None, Some(words)) if words.len() == 1 => format!("{subject} is {}{aside}", quoted(&words[0])),
        (None, words) => {
            format!(
                "{subject} is one of {}{aside}",
                words.iter().flatten().map(|w| quoted(w)).collect::<Vec<_>>().join(", ")
            )
        }
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Present => "present",
        State::Absent => "absent",
        State::Blank => "blank",
        State::Nonblank => "not blank",
        State::Empty => "empty",
        State::Nonempty => "not empty",
        State::Set => "true",
    }
}

/// What a rule asks; `around` are all conditions that it is asked under, its own too.
pub(super) fn rule(rule: &RuleSpec, item: &str, around: &[String]) -> String {
    let subject = rule.path.as_ref().map_or_else(|| item.to_owned(), |path| absolute(path, item));
    let list = |paths: &[String]| paths.iter().map(|path| absolute(path, item)).collect::<Vec<_>>().join(", ");
    let text = if let Some(refused) = rule.refuse {
        let wanted = match refused {
            State::Present => "must be absent",
            State::Absent => "must be present",
            State::Blank => "must not be blank",
            State::Nonblank => "must be blank",
            State::Empty => "must not be empty",
            State::Nonempty => "must be empty",
            State::Set => "must not be true",
        };
        format!("{subject} {wanted}")
    } else if let Some(words) = &rule.one_of {
        let aside = if rule.ignore_case == Some(true) { ", case aside" } else { "" };
        format!(
            "{subject} must be one of {}{aside}",
            words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ")
        )
    } else if let Some(format) = rule.format {
        let form = match format {
            Format::Duration => "a Go duration, such as 1m30s",
            Format::Regex => "a regular expression of Go",
            Format::Number => "a number",
            Format::Base64 => "padded standard base64",
        };
        format!("{subject} must be {form}")
    } else if let Some(prefix) = &rule.starts_with {
        format!("{subject} must start with {prefix}")
    } else if let Some(paths) = &rule.any_nonblank {
        format!("one of {} must not be blank", list(paths))
    } else if let Some(paths) = &rule.none_nonblank {
        format!("{} must all be blank", list(paths))
    } else if let Some(most) = rule.at_most {
        let counted = rule.counted.as_ref().map(|counted| condition(counted, "an item")).unwrap_or_default();
        format!(
            "{subject} may have {most} items at most {}",
            if counted.is_empty() { String::new() } else { format!("where {counted}") }
        )
    } else if let Some(among) = &rule.unique {
        format!("{subject} must occur once as a {among}")
    } else if let Some(name) = &rule.differs_from {
        format!("{subject} must differ from the {name}")
    } else if let Some(key) = &rule.has_key {
        format!("{subject} must have the key {key}")
    } else {
        sized(rule, &subject)
    };
    let conditions = around.join(" and ");
    let refuses = text.is_empty();
    match (refuses, conditions.is_empty()) {
        (true, _) => format!("refused when {conditions}"),
        (false, true) => text.trim_end().to_owned(),
        (false, false) => format!("{}, when {conditions}", text.trim_end()),
    }
}

fn sized(rule: &RuleSpec, subject: &str) -> String {
    let sizes = [
        (rule.max_bytes, "bytes"),
        (rule.max_json_bytes, "bytes as JSON"),
        (rule.max_depth, "objects within each other"),
    ];
    let found = sizes.into_iter().find_map(|(most, what)| Some((most?, what)));
    found.map(|(most, what)| format!("{subject} may have {most} {what} at most")).unwrap_or_default()
}
