//! A CEL rule, asked of one value of one field: what it says where nothing else is given.

use serde_json::{Map, Value};

use crate::kube_schema::cel::SchemalessRule;

/// A rule, and the path from its `self` to the one field that it is asked of.
pub(super) struct RuleProbe<'r> {
    rule: SchemalessRule,
    path: &'r [String],
}

impl<'r> RuleProbe<'r> {
    pub fn new(rule: &str, path: &'r [String]) -> Option<Self> {
        Some(Self { rule: SchemalessRule::compile(rule).ok()?, path })
    }

    /// Whether the rule takes a value (`None`: a missing one), where it says so without any other field.
    pub fn takes(&self, value: Option<&Value>) -> Option<bool> {
        let itself = match (self.path.split_last(), value) {
            (None, None) => return None,
            (None, Some(value)) => value.clone(),
            (Some((last, around)), value) => {
                let mut map = Map::new();
                map.extend(value.map(|value| (last.clone(), value.clone())));
                let wrap = |inner: Value, name: &String| Value::Object(Map::from_iter([(name.clone(), inner)]));
                around.iter().rev().fold(Value::Object(map), wrap)
            }
        };
        self.rule.takes(&itself)
    }
}
