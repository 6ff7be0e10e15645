//! The schema: what the API server refuses although `normalize` would mend it, and CEL rules.

use regex::Regex;

use super::Desk;
use super::cel::{self, CRD_LIMIT, RULE_LIMIT, Verdict};
use super::facts::{Fact, Facts};
use crate::registry::file::{KindFile, Replaced, RuleSpec};
use crate::registry::problem::suggest;
use crate::registry::schema::{Schema, Validation};

const STRICTER: &str = "schema-stricter";

pub(super) fn check(desk: &mut Desk<'_>, file: &KindFile, facts: &Facts) {
    node(desk, file, facts, &file.schema, "/schema", "spec");
    rules(desk, &file.schema);
}

fn node(desk: &mut Desk<'_>, file: &KindFile, facts: &Facts, schema: &Schema, pointer: &str, path: &str) {
    let fact = facts.get(path);
    text(desk, file, schema, pointer, path, &fact);
    numbers(desk, schema, pointer, path, &fact);
    for (index, name) in schema.required.iter().enumerate() {
        if let Some((to, _)) = &facts.get(&format!("{path}.{name}")).filled {
            let message = format!("`{path}.{name}` is required, although a step would set it to {to}");
            let help = format!("leave `{name}` out of `required`");
            desk.value(STRICTER, &format!("{pointer}/required/{index}"), message, Some(help));
        }
    }
    for (index, validation) in schema.validations.iter().enumerate() {
        field_path(desk, schema, validation, &format!("{pointer}/x-kubernetes-validations/{index}/fieldPath"));
    }
    for (name, child) in &schema.properties {
        node(desk, file, facts, child, &format!("{pointer}/properties/{name}"), &format!("{path}.{name}"));
    }
    if let Some(items) = &schema.items {
        node(desk, file, facts, items, &format!("{pointer}/items"), &format!("{path}[]"));
    }
    if let Some(values) = &schema.additional_properties {
        node(desk, file, facts, values, &format!("{pointer}/additionalProperties"), &format!("{path}.*"));
    }
}

/// Constraints of strings. What a step mends must get past the API server first.
fn text(desk: &mut Desk<'_>, file: &KindFile, schema: &Schema, pointer: &str, path: &str, fact: &Fact) {
    let mended = match fact {
        Fact { lowered: true, .. } => Some("another case or white space around it, which `normalize` would mend"),
        Fact { trimmed: true, .. } => Some("white space around it, which `normalize` would mend"),
        Fact { changed: true, .. } => Some("a value that a step replaces"),
        Fact { filled: Some(_), .. } => Some("a value that a step fills in"),
        _ => choices(&file.rules, path).any(|(_, aside)| aside).then_some("another case, which the rules take"),
    };
    if let Some(mended) = mended.filter(|_| !schema.values.is_empty()) {
        let message = format!("`enum` refuses {mended}");
        let help = "use a `oneOf` rule and a pattern such as '^\\s*(?i:a|b)?\\s*$'".to_owned();
        desk.key(STRICTER, &format!("{pointer}/enum"), message, Some(help));
    }
    let blank = fact.filled.as_ref().is_some_and(|(_, replaces)| *replaces != Replaced::Absent);
    if blank && schema.min_length.is_some_and(|least| least > 0) {
        let help = "take `minLength` out".to_owned();
        desk.key(
            STRICTER,
            &format!("{pointer}/minLength"),
            "an empty value is refused, although a step fills it in",
            Some(help),
        );
    }
    let Some(pattern) = schema.pattern.as_deref().and_then(|pattern| Regex::new(pattern).ok()) else { return };
    let mut tried: Vec<String> = Vec::new();
    if blank {
        tried.push(String::new());
    }
    for (word, aside) in choices(&file.rules, path) {
        tried.push(word.clone());
        if fact.lowered || aside {
            tried.push(word.to_uppercase());
        }
        if fact.lowered || fact.trimmed || aside {
            tried.push(format!(" {word}\t"));
        }
    }
    if let Some(refused) = tried.iter().find(|text| !pattern.is_match(text)) {
        let message = format!("the pattern refuses {refused:?}, which `normalize` and the rules accept");
        let help = "a choice that ignores case and white space is '^\\s*(?i:a|b)?\\s*$'".to_owned();
        desk.value(STRICTER, &format!("{pointer}/pattern"), message, Some(help));
    }
}

fn numbers(desk: &mut Desk<'_>, schema: &Schema, pointer: &str, path: &str, fact: &Fact) {
    let Some((least, most)) = fact.bounds else { return };
    let message =
        |what: &str| format!("`{what}` refuses what a step would bound: `{path}` is clamped to {least} to {most}");
    // 0 makes an integer unsigned, which has its meaning beyond the bound
    if schema.minimum.is_some_and(|minimum| minimum != 0 && minimum > i64::MIN && least > i64::MIN) {
        desk.key(
            STRICTER,
            &format!("{pointer}/minimum"),
            message("minimum"),
            Some("take one of the two out".to_owned()),
        );
    }
    if schema.maximum.is_some() && most < i64::MAX {
        desk.key(
            STRICTER,
            &format!("{pointer}/maximum"),
            message("maximum"),
            Some("take one of the two out".to_owned()),
        );
    }
}

/// The words that a field may have, by the rules outside of blocks, and whether case does not count.
fn choices<'f>(rules: &'f [RuleSpec], path: &'f str) -> impl Iterator<Item = (&'f String, bool)> {
    let fits = rules.iter().filter(|rule| rule.path.as_deref() == Some(path) && rule.when.is_none());
    fits.flat_map(|rule| rule.one_of.iter().flatten().map(|word| (word, rule.ignore_case == Some(true))))
}

fn rules(desk: &mut Desk<'_>, schema: &Schema) {
    let mut total = 0_u64;
    for judged in cel::judge(schema) {
        let at = format!("/schema{}/rule", judged.pointer);
        match judged.verdict {
            Verdict::Wrong { message, help } => {
                desk.value("cel-type", &at, format!("the API server would refuse the rule: {message}"), help);
            }
            Verdict::Unknown { what } => {
                let help =
                    "`kinds crds | kubectl apply --server-side --dry-run=server -f -` asks an API server".to_owned();
                desk.value("cel-unjudged", &at, format!("the rule cannot be judged here: it uses {what}"), Some(help));
            }
            Verdict::Cost { cost } => {
                total = total.saturating_add(cost);
                if cost > RULE_LIMIT {
                    let message = format!("the rule's estimated cost is {}", times(cost, RULE_LIMIT));
                    desk.value("cel-cost", &at, message, Some(BOUNDS.to_owned()));
                }
            }
        }
    }
    if total > CRD_LIMIT {
        let message = format!("the estimated cost of all rules together is {}", times(total, CRD_LIMIT));
        desk.key("cel-cost-total", "/schema", message, Some(BOUNDS.to_owned()));
    }
    constant(desk, schema, "/schema");
}

const BOUNDS: &str = "give strings `maxLength`, lists `maxItems` and maps `maxProperties`, or make the rule simpler";

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn times(cost: u64, limit: u64) -> String {
    let factor = cost as f64 / limit as f64;
    if factor > 100.0 {
        return "more than 100 times what the API server allows".to_owned();
    }
    format!("{factor:.2} times what the API server allows")
}

/// Rules that do not look at what they judge.
fn constant(desk: &mut Desk<'_>, schema: &Schema, pointer: &str) {
    for (index, validation) in schema.validations.iter().enumerate() {
        if cel::paths(&validation.rule).is_empty() {
            let at = format!("{pointer}/x-kubernetes-validations/{index}/rule");
            let help = "fields are reached by `self`".to_owned();
            desk.value(
                "cel-constant",
                &at,
                "the rule does not look at `self`: its answer is always the same",
                Some(help),
            );
        }
    }
    for (name, child) in &schema.properties {
        constant(desk, child, &format!("{pointer}/properties/{name}"));
    }
    for (key, child) in [("items", &schema.items), ("additionalProperties", &schema.additional_properties)] {
        if let Some(child) = child {
            constant(desk, child, &format!("{pointer}/{key}"));
        }
    }
}

/// Where a CEL rule puts the blame: `.a.b` or `['a']`, no lists.
fn field_path(desk: &mut Desk<'_>, schema: &Schema, validation: &Validation, at: &str) {
    const ID: &str = "cel-field-path";
    let Some(path) = &validation.field_path else { return };
    let mut node = schema;
    let plain = path.replace("['", ".").replace("']", "");
    let Some(rest) = plain.strip_prefix('.') else {
        desk.value(ID, at, format!("`{path}`: the path of a field begins with `.`"), None);
        return;
    };
    for name in rest.split('.') {
        if let Some(values) = node.additional_properties.as_deref().filter(|_| path.contains("['")) {
            node = values;
        } else if let Some(child) = node.properties.get(name) {
            node = child;
        } else {
            let help = suggest(name, node.properties.keys().map(String::as_str));
            desk.value(ID, at, format!("`{path}` leads nowhere: there is no field `{name}`"), help);
            return;
        }
    }
}
