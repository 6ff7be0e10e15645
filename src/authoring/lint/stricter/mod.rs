//! The schema where it is stricter than the operator: what the API server refuses although the steps would mend it or
//! the rules take it, and what a step fills in that nobody could write.
//!
//! Nothing is guessed from the names of steps: values are tried. A value counts that the constraint refuses, that the
//! steps turn into another one, and that all else takes then. So `if: absent` says nothing against an `enum`, which a
//! missing field passes, and `if: blank` does, as the API server sees `''`.

mod filled;

use serde_json::{Value, json};

use super::Desk;
use super::facts::Facts;
use super::mend::{Field, Outcome};
use crate::derive::schema::{Schema, SchemaType};
use crate::go_compat::regexp::matcher;
use crate::go_compat::text;
use crate::registry::file::{KindFile, Replaced};

const STRICTER: &str = "schema-stricter";

/// Texts that patterns are tried with, where nothing says which words there are.
const SAMPLES: [&str; 10] = ["a", "abc", "a-b", "a1", "1", "30s", "a/b", "a.b", "http://a", "a@b.c"];

pub(super) fn check(desk: &mut Desk<'_>, file: &KindFile, facts: &Facts) {
    let mut walk = Walk { desk, file, facts };
    walk.node(&file.schema, "/schema", "spec");
}

struct Walk<'w, 's> {
    desk: &'w mut Desk<'s>,
    file: &'w KindFile,
    facts: &'w Facts,
}

impl Walk<'_, '_> {
    fn node(&mut self, schema: &Schema, pointer: &str, path: &str) {
        // what is dropped may be anything
        if self.facts.is_gone(path) {
            return;
        }
        self.text(schema, pointer, path);
        self.numbers(schema, pointer, path);
        self.items(schema, pointer, path);
        self.required(schema, pointer, path);
        filled::check(self.desk, self.file, schema, pointer, path);
        for (name, child) in &schema.properties {
            self.node(child, &format!("{pointer}/properties/{name}"), &format!("{path}.{name}"));
        }
        if let Some(items) = &schema.items {
            self.node(items, &format!("{pointer}/items"), &format!("{path}[]"));
        }
        if let Some(values) = &schema.additional_properties {
            self.node(values, &format!("{pointer}/additionalProperties"), &format!("{path}.*"));
        }
    }

    /// Constraints of strings. What a step mends must get past the API server first.
    fn text(&mut self, schema: &Schema, pointer: &str, path: &str) {
        if schema.schema_type != Some(SchemaType::String) {
            return;
        }
        let field = Field::new(self.file, path);
        let tried = texts(schema, &field);
        for (key, takes) in constraints(schema) {
            let refused = tried.iter().find_map(|word| {
                let made = made_of(&field, word, &|word| takes_all(schema, word))?;
                (!takes(word)).then_some((word, made))
            });
            if let Some((word, made)) = refused {
                let message = format!("`{key}` refuses {}, {made}", shown(word));
                self.desk.key(STRICTER, &format!("{pointer}/{key}"), message, Some(way_out(key, word)));
            }
        }
    }

    fn numbers(&mut self, schema: &Schema, pointer: &str, path: &str) {
        if let Some((least, most)) = self.facts.get(path).bounds {
            let message = |what: &str| {
                format!("`{what}` refuses what a step would bound: `{path}` is clamped to {least} to {most}")
            };
            let help = || Some("take one of the two out".to_owned());
            // 0 makes an integer unsigned, which has its meaning beyond the bound
            if schema.minimum.is_some_and(|minimum| minimum != 0) && least > i64::MIN {
                self.desk.key(STRICTER, &format!("{pointer}/minimum"), message("minimum"), help());
            }
            if schema.maximum.is_some() && most < i64::MAX {
                self.desk.key(STRICTER, &format!("{pointer}/maximum"), message("maximum"), help());
            }
        } else if schema.minimum.is_some_and(|minimum| minimum > 0) {
            let outcome = Field::new(self.file, path).run(Some(json!(0)), 0);
            if let Outcome::Kept(Some(set)) = outcome
                && set != json!(0)
            {
                let message = format!("`minimum` refuses 0, which a step sets to {set}");
                let help = "say `minimum: 0`, or take it out".to_owned();
                self.desk.key(STRICTER, &format!("{pointer}/minimum"), message, Some(help));
            }
        }
    }

    fn items(&mut self, schema: &Schema, pointer: &str, path: &str) {
        let filled = self.facts.sets(path).any(|(_, replaces)| replaces == Replaced::Empty);
        if filled && schema.min_items.is_some_and(|least| least > 0) {
            let help = "take `minItems` out".to_owned();
            let message = "`minItems` refuses an empty list, which a step fills in";
            self.desk.key(STRICTER, &format!("{pointer}/minItems"), message, Some(help));
        }
    }

    fn required(&mut self, schema: &Schema, pointer: &str, path: &str) {
        for (index, name) in schema.required.iter().enumerate() {
            let inner = format!("{path}.{name}");
            let made = match Field::new(self.file, &inner).run(None, 0) {
                Outcome::Kept(Some(to)) => format!("a step would set it to {to}"),
                Outcome::Dropped => "a step drops items without it".to_owned(),
                Outcome::Kept(None) => continue,
            };
            let message = format!("`{inner}` is required, although {made}");
            let help = format!("leave `{name}` out of `required`");
            self.desk.value(STRICTER, &format!("{pointer}/required/{index}"), message, Some(help));
        }
    }
}

/// The schema at a path from the spec.
pub(super) fn at<'s>(schema: &'s Schema, path: &str) -> Option<&'s Schema> {
    let mut node = schema;
    for part in path.split('.').skip(1) {
        let name = part.trim_end_matches("[]");
        node = match &node.additional_properties {
            Some(values) if name == "*" => values,
            _ => node.properties.get(name)?,
        };
        for _ in part.matches("[]") {
            node = node.items.as_deref()?;
        }
    }
    Some(node)
}

/// The constraint that refuses each of these texts.
pub(super) fn refuses_all(schema: &Schema, words: &[String]) -> Option<&'static str> {
    let refuses = |takes: &dyn Fn(&str) -> bool| !words.iter().any(|word| takes(word));
    constraints(schema).into_iter().find(|(_, takes)| refuses(takes)).map(|(key, _)| key)
}

/// Values to be tried: words in another case, with white space around them, as they are, and none at all.
fn texts(schema: &Schema, field: &Field<'_>) -> Vec<String> {
    let mut words: Vec<&str> = schema.values.iter().map(String::as_str).collect();
    words.extend(field.words().into_iter().map(String::as_str));
    if words.is_empty() {
        words.extend(SAMPLES.iter().filter(|word| takes_all(schema, word)));
    }
    words.retain(|word| !word.is_empty());
    let case = words.iter().flat_map(|word| [word.to_uppercase(), word.to_lowercase()]);
    let space = words.iter().map(|word| format!(" {word}\t"));
    let plain = words.iter().map(|word| (*word).to_owned());
    case.chain(space).chain(plain).chain([String::new(), " ".to_owned()]).collect()
}

type Constraint<'s> = (&'static str, Box<dyn Fn(&str) -> bool + 's>);

/// The constraints of a string that a step could mend. `maxLength` is none: it bounds what is sent, too.
fn constraints(schema: &Schema) -> Vec<Constraint<'_>> {
    let mut found: Vec<Constraint<'_>> = Vec::new();
    if !schema.values.is_empty() {
        found.push(("enum", Box::new(|word| schema.values.iter().any(|known| known == word))));
    }
    if let Some(least) = schema.min_length {
        found.push(("minLength", Box::new(move |word| word.chars().count() >= least as usize)));
    }
    if let Some(pattern) = schema.pattern.as_deref().and_then(|pattern| matcher::compile(pattern).ok()) {
        found.push(("pattern", Box::new(move |word| pattern.is_match(word))));
    }
    found
}

fn takes_all(schema: &Schema, word: &str) -> bool {
    constraints(schema).iter().all(|(_, takes)| takes(word))
}

/// What the operator makes of a text that it takes; `None` where it does not, or where it leaves it as it is and no
/// rule names it.
fn made_of(field: &Field<'_>, word: &str, schema_takes: &dyn Fn(&str) -> bool) -> Option<String> {
    let given = Value::from(word);
    match field.run(Some(given.clone()), 0) {
        Outcome::Dropped => field.passes(Some(&given), None).then(|| "which a step drops".to_owned()),
        Outcome::Kept(Some(now)) => {
            let choice = field.is_choice(&now);
            let known = choice || now.as_str().is_some_and(schema_takes);
            if !field.passes(Some(&given), Some(&now)) {
                return None;
            }
            if now != given {
                return known.then(|| turned(Some(&given), &now));
            }
            choice.then(|| "which the rules take".to_owned())
        }
        Outcome::Kept(None) => None,
    }
}

fn turned(given: Option<&Value>, now: &Value) -> String {
    let blank = given.is_none_or(|given| given.as_str().is_none_or(text::is_blank));
    if blank { format!("which a step sets to {now}") } else { format!("which `normalize` turns into {now}") }
}

fn shown(word: &str) -> String {
    if word.is_empty() { "an empty text".to_owned() } else { format!("{word:?}") }
}

fn way_out(key: &str, word: &str) -> String {
    match key {
        "minLength" => "take `minLength` out".to_owned(),
        "enum" if word.is_empty() => "add '' to the `enum`, or take the `enum` out and use a `oneOf` rule".to_owned(),
        "enum" => "take the `enum` out and use a `oneOf` rule: what the API server checks follows from it".to_owned(),
        _ => "take the `pattern` out and say it by a rule: what the API server checks follows from it".to_owned(),
    }
}
