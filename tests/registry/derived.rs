//! Values taken from elsewhere, trimmed keys, conditions in any case: what they make of a row, and of the CRD.

use orloj_operator::registry::Registry;
use serde_json::{Value, json};

use super::resource;

const PERMIT: &str = r"
group: permits.example.com
version: v1
kind: Permit
plural: permits
description: Who may do what.
store: {table: permits, owner: operator, initialPhase: Pending}
normalize:
  - trim: [spec.tool]
  - {set: [spec.tool], from: metadata.name, if: blank}
  - {set: [spec.backoff], to: 5s, if: blank}
  - {set: [spec.message_backoff], from: spec.backoff, if: blank}
  - trimKeys: [spec.keys]
rules:
  - path: spec.message_backoff
    format: duration
    message: 'invalid spec.message_backoff {raw|quote}: {detail}'
  - path: spec.model
    when: {path: spec.strategy, in: [judge], ignoreCase: true}
    refuse: blank
    message: spec.model is required for the strategy judge
schema:
  type: object
  description: The permit.
  properties:
    tool: {type: string, description: The tool; the name where blank.}
    backoff: {type: string, description: How long to wait.}
    message_backoff: {type: string, description: The same for messages.}
    strategy: {type: string, description: 'In any case, and kept so.'}
    model: {type: string, description: Needed by judges.}
    keys:
      type: object
      description: Keys by name.
      additionalProperties:
        type: object
        description: A key.
        properties:
          id: {type: string, description: Its id.}
";

fn permits() -> Registry {
    Registry::from_files([("permit.yaml".to_owned(), PERMIT.to_owned())]).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn values_are_taken_from_elsewhere_and_keys_trimmed() {
    let registry = permits();
    let kind = &registry.kinds()[0];
    let row = |spec: Value| kind.desired(&resource(kind, spec)).map(|row| row.spec).map_err(|error| error.text);
    let name = resource(kind, json!({})).id.object.name.to_string();
    assert_eq!(row(json!({"tool": " "})), Ok(json!({"tool": name, "backoff": "5s", "message_backoff": "5s"})));
    let keys = json!({"tool": "t", "backoff": "1s", "keys": {" a ": {"id": "x"}, " ": {"id": "y"}, "b": {"id": "z"}}});
    let stored = json!({
        "tool": "t", "backoff": "1s", "message_backoff": "1s", "keys": {"a": {"id": "x"}, "b": {"id": "z"}},
    });
    assert_eq!(row(keys), Ok(stored));
    let judged = row(json!({"strategy": " JUDGE "}));
    assert_eq!(judged, Err("spec.model is required for the strategy judge".to_owned()));
    let kept = row(json!({"strategy": " JUDGE ", "model": "m"})).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(kept["strategy"], " JUDGE ");
    // what is taken is judged in its new place
    assert!(row(json!({"backoff": "soon"})).is_err_and(|text| text.contains("spec.message_backoff")));
}

#[test]
fn the_crd_follows() {
    let schema = permits().kinds()[0].schema.openapi();
    let rules = schema["x-kubernetes-validations"].as_array().cloned().unwrap_or_default();
    let rules: Vec<&str> = rules.iter().filter_map(|rule| rule["rule"].as_str()).collect();
    assert_eq!(rules.len(), 2, "{rules:?}");
    // of its own value a pattern says it, of the one that it takes a rule
    assert!(schema["properties"]["message_backoff"]["pattern"].is_string());
    assert!(
        rules[0].starts_with("(has(self.message_backoff)") && rules[0].contains("self.backoff.matches("),
        "{rules:?}"
    );
    let judge = "!has(self.strategy) || self.strategy.trim().lowerAscii() != 'judge' || (has(self.model) && \
                 self.model.trim() != '')";
    assert_eq!(rules[1], judge);
}
