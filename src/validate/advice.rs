//! What neither the API server nor the operator minds, seen in one object alone.

use serde_json::Value;

use super::finding::ObjectFinding;
use super::{graph, rule, walk};
use crate::apimachinery::field_path::{FieldPath, PathSegment};
use crate::desired::Desired;
use crate::orlojd::LAST_APPLIED;
use crate::registry::Kind;

/// Collects advice on an object.
pub fn check(kind: &Kind, object: &Value, desired: Option<&Desired>, found: &mut Vec<ObjectFinding>) {
    for warning in desired.into_iter().flat_map(|desired| &desired.warnings) {
        let text = format!("metadata.name: {warning}");
        found.push(ObjectFinding::new(&rule::NAME_WARNING, FieldPath::of(&["metadata", "name"]), text));
    }
    if kind.sensitive {
        secrets(kind, object, found);
    }
    outdated(kind, object, found);
    if let Some(graph) = &kind.relations.graph {
        graph::check(graph, object, found);
    }
}

fn secrets(kind: &Kind, object: &Value, found: &mut Vec<ObjectFinding>) {
    let fields = object["spec"].as_object().into_iter().flatten();
    let holds =
        |value: &Value| value.as_object().is_some_and(|map| map.values().any(|value| value.as_str() != Some("")));
    if let Some((field, _)) = fields.into_iter().find(|(_, value)| holds(value)) {
        let text = format!(
            "spec.{field} holds secret values: whoever reads this file has them, and after a client-side apply \
             whoever reads the resource's annotations"
        );
        let help = format!(
            "create the {} from a secret store outside of Git, refer to it by its name, and apply with \
             `kubectl apply --server-side`",
            kind.names.kind
        );
        found.push(
            ObjectFinding::new(&rule::PLAINTEXT_SECRET, FieldPath::of(&["spec", field]), text).key().help(Some(help)),
        );
    }
    if object["metadata"]["annotations"].get(LAST_APPLIED).is_some() {
        let text = format!("the annotation {LAST_APPLIED} holds a copy of the secret values");
        let help = "take it out; `kubectl apply --server-side` writes none".to_owned();
        let at = FieldPath::of(&["metadata", "annotations", LAST_APPLIED]);
        found.push(ObjectFinding::new(&rule::LAST_APPLIED_SECRET, at, text).key().help(Some(help)));
    }
}

fn outdated(kind: &Kind, object: &Value, found: &mut Vec<ObjectFinding>) {
    for one in &kind.relations.outdated {
        walk::each(&one.path, object, None, &mut |value, way| {
            let what = match &one.value {
                None => way.to_string(),
                Some(old) => {
                    let given = value.as_str().unwrap_or_default().trim();
                    if !given.eq_ignore_ascii_case(old) {
                        return;
                    }
                    format!("{way}: \"{old}\"")
                }
            };
            let (rule, text) = match (&one.removed, &one.deprecated) {
                (Some(version), _) => (&rule::REMOVED_VALUE, format!("{what} was removed in orlojd {version}")),
                (None, Some(version)) => {
                    (&rule::DEPRECATED_VALUE, format!("{what} is deprecated since orlojd {version}"))
                }
                (None, None) => return,
            };
            let draft = ObjectFinding::new(rule, way.clone(), text).help(Some(one.instead.clone()));
            found.push(if one.value.is_none() && matches!(way.last(), Some(PathSegment::Key(_))) {
                draft.key()
            } else {
                draft
            });
        });
    }
}
