//! What differs between two payloads, field by field.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::difference::compare;
use crate::orlojd::LAST_APPLIED;
use crate::registry::Kind;
use crate::resource::MASK;

/// Counted up by every write: they say that there is one, not what it is.
const COUNTERS: [&str; 3] = ["resourceVersion", "generation", "createdAt"];

/// A field of a payload that would be other than it is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Field {
    /// Its path from the payload's root, such as `spec.tags[0]` or `metadata.labels[app.kubernetes.io/name]`.
    pub path: String,
    /// As it stands; left out where the field is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// As it would be; left out where the field would go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// The values are secret, and shown as `***`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
}

/// What differs, in the order of the paths. Secret values are open in both payloads and masked in the answer.
pub fn differences(kind: &Kind, before: &Value, after: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    compare(before, after, &mut |path, before, after| {
        let names: Vec<&str> = path.iter().map(|segment| segment.name().unwrap_or_default()).collect();
        if matches!(names[..], ["metadata", name] if COUNTERS.contains(&name)) {
            return;
        }
        let masked = kind.hides(&names) || (kind.sensitive && names.contains(&LAST_APPLIED));
        let shown = |value: Option<&Value>| value.map(|value| if masked { MASK.into() } else { value.clone() });
        found.push(Field { path: path.to_string(), before: shown(before), after: shown(after), masked });
    });
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::Registry;

    fn told(sensitive: bool, before: &Value, after: &Value) -> Vec<String> {
        let registry = Registry::embedded().unwrap();
        let kind = registry.kinds().iter().find(|kind| kind.sensitive == sensitive).unwrap();
        let side = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
        let found = differences(kind, before, after);
        found.iter().map(|field| format!("{} {} {}", field.path, side(&field.before), side(&field.after))).collect()
    }

    #[test]
    fn fields_have_paths_and_counters_are_left_out() {
        let before = json!({"metadata": {"generation": 1, "resourceVersion": "1", "labels": {"a/b": "x"}},
            "spec": {"tags": ["a", "b"], "gone": null, "size": 1}});
        let after = json!({"metadata": {"generation": 2, "resourceVersion": "2", "labels": {"a/b": "y"}},
            "spec": {"tags": ["a", "c", "d"], "size": {"wide": true}}});
        assert_eq!(
            told(false, &before, &after),
            [
                r#"metadata.labels[a/b] "x" "y""#,
                "spec.gone null -",
                r#"spec.size 1 {"wide":true}"#,
                r#"spec.tags[1] "b" "c""#,
                r#"spec.tags[2] - "d""#,
            ]
        );
        assert_eq!(told(false, &before, &before), [""; 0]);
    }

    /// `NoPlaintext`.
    #[test]
    fn secret_values_are_masked() {
        let annotated = |text: &str| json!({"annotations": {LAST_APPLIED: text}});
        let before = json!({"metadata": annotated("one"), "spec": {"data": {"a": "one", "b": "same"}}});
        let after = json!({"metadata": annotated("two"), "spec": {"data": {"a": "two", "b": "same"}}});
        let path = format!(r#"metadata.annotations[{LAST_APPLIED}] "***" "***""#);
        assert_eq!(told(true, &before, &after), [path.as_str(), r#"spec.data.a "***" "***""#]);
        // a whole map that comes or goes
        assert_eq!(told(true, &json!({}), &before)[1], r#"spec - "***""#);
    }
}
