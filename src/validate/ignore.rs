//! Findings that are meant, and why: an annotation of the object itself.

use std::collections::BTreeMap;

use serde_json::Value;

use super::finding::ObjectFinding;
use super::rule::{self, RULES, ValidationRule};
use crate::apimachinery::field_path::FieldPath;
use crate::apimachinery::suggest::suggest;
use crate::orlojd::VALIDATE_IGNORE;

/// Rules that an object is excused from, each with the reason.
pub type Ignored = BTreeMap<&'static str, String>;

/// Reads an object's annotation: `rule: reason; rule: reason`. What is wrong with it is a finding.
pub fn read(object: &Value, found: &mut Vec<ObjectFinding>) -> Ignored {
    let Some(text) = object["metadata"]["annotations"][VALIDATE_IGNORE].as_str() else { return Ignored::new() };
    let mut ignored = Ignored::new();
    for entry in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (id, reason) = entry.split_once(':').map_or((entry, ""), |(id, reason)| (id.trim(), reason.trim()));
        let mut refuse = |rule: &'static ValidationRule, text: String, help: Option<String>| {
            let at = FieldPath::of(&["metadata", "annotations", VALIDATE_IGNORE]);
            found.push(ObjectFinding::new(rule, at, text).help(help));
        };
        match rule::find(id) {
            None => {
                let help = suggest(id, RULES.iter().map(|rule| rule.id));
                let help = help.or_else(|| Some("`orloj-operator validate --list-rules` names the rules".to_owned()));
                refuse(&rule::IGNORE_UNKNOWN_RULE, format!("there is no rule `{id}` to ignore"), help);
            }
            Some(rule) if reason.is_empty() => {
                let text = format!("`{}` is ignored without a reason", rule.id);
                refuse(&rule::IGNORE_WITHOUT_REASON, text, Some(format!("write `{}: why`", rule.id)));
            }
            Some(rule) => drop(ignored.insert(rule.id, reason.to_owned())),
        }
    }
    ignored
}
