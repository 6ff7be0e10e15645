//! Values taken from elsewhere, trimmed keys, conditions in any case: what they make of a row, and of the CRD.

use orloj_operator::apimachinery::field_path::FieldPath;
use orloj_operator::kube_schema::SchemaNode;
use orloj_operator::registry::Registry;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
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

const CREW: &str = r"
group: crews.example.com
version: v1
kind: Crew
plural: crews
description: Who works with whom.
store: {table: crews, owner: operator, initialPhase: Pending}
normalize:
  - trim: ['spec.members[].name', 'spec.desks.*.lends[].to']
  - {dropItems: ['spec.desks.*.lends'], whereBlank: to}
rules:
  - for: spec.members[]
    as: i
    at: 'spec.members[{i}]'
    rules:
      - path: .name
        unique: member
        ignoreCase: true
        message: '{at}.name must be unique, {first} has it'
  - for: spec.desks.*
    as: desk
    at: 'spec.desks.{desk}'
    rules:
      - path: .place
        unique: place
        message: '{at}.place must be unique, {first} has it'
      - for: .lends[]
        rules:
          - path: .to
            differsFrom: desk
            message: '{at} must not lend to itself'
schema:
  type: object
  description: The crew.
  properties:
    members:
      type: array
      description: Its members.
      maxItems: 20
      items:
        type: object
        description: A member.
        properties:
          name: {type: string, maxLength: 30, description: Unique in any case.}
    desks:
      type: object
      description: Desks by name.
      maxProperties: 10
      additionalProperties:
        type: object
        description: A desk.
        properties:
          place: {type: string, maxLength: 30, description: Unique.}
          lends:
            type: array
            description: To whom it lends.
            maxItems: 10
            items:
              type: object
              description: A loan.
              properties:
                to: {type: string, maxLength: 30, description: Another desk.}
";

fn crews(text: &str) -> Registry {
    Registry::from_files([("crew.yaml".to_owned(), text.to_owned())]).unwrap_or_else(|error| panic!("{error}"))
}

/// The rules of the CRD, of specs whose texts are ASCII: exactly what normalise refuses.
#[test]
fn repeated_texts_and_keys_are_refused_by_the_crd() {
    let registry = crews(CREW);
    let kind = &registry.kinds()[0];
    let covered: Vec<_> = kind.coverage.iter().map(|rule| (rule.checked_by.told(), rule.why.clone())).collect();
    assert_eq!(
        covered,
        [
            ("the API server and the operator", None),
            ("the API server and the operator", None),
            ("the API server and the operator", None)
        ]
    );
    let root = SchemaNode::compile(&kind.schema.openapi(), &mut Vec::new());
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let words = ["", " ", "a", " a", "A", "b", "b ", "c", "d"];
    let mut refused = 0;
    for _ in 0..5_000 {
        let text = |rng: &mut StdRng| words[rng.random_range(0..words.len())];
        let object = |rng: &mut StdRng, field: &str| {
            if rng.random_ratio(1, 4) { json!({}) } else { json!({field: text(rng)}) }
        };
        let members: Vec<Value> = (0..rng.random_range(0..4)).map(|_| object(&mut rng, "name")).collect();
        let mut desks = serde_json::Map::new();
        for _ in 0..rng.random_range(0..3) {
            let mut desk = object(&mut rng, "place");
            desk["lends"] = (0..rng.random_range(0..3)).map(|_| object(&mut rng, "to")).collect();
            desks.insert(text(&mut rng).to_owned(), desk);
        }
        let spec = json!({"members": members, "desks": desks});
        let wrong = kind.desired(&resource(kind, spec.clone())).map(|_| ()).map_err(|error| error.text);
        let mut found = Vec::new();
        root.check_rules(&spec, &mut FieldPath::new(), &mut found);
        assert_eq!(wrong.is_ok(), found.is_empty(), "{spec}: {wrong:?}, {found:?}");
        refused += usize::from(wrong.is_err());
    }
    assert!((500..4_500).contains(&refused), "{refused}");
}

/// Why a rule is the operator's alone, so that an author knows what to add.
#[test]
fn what_the_crd_cannot_say_has_a_reason() {
    let why = |from: &str, to: &str, rule: usize| {
        assert!(CREW.contains(from), "{from}");
        let registry = crews(&CREW.replacen(from, to, 1));
        registry.kinds()[0].coverage[rule].why.clone().unwrap_or_default()
    };
    let cost = "a rule would cost more than the API server allows: ";
    assert_eq!(why("      maxItems: 20\n", "", 0), format!("{cost}spec.members needs maxItems"));
    assert_eq!(
        why("name: {type: string, maxLength: 30,", "name: {type: string,", 0),
        format!("{cost}spec.members[].name needs maxLength")
    );
    assert_eq!(why("            maxItems: 10\n", "", 2), format!("{cost}spec.desks.*.lends needs maxItems"));
    // in two lists
    let word = why("unique: place", "unique: member", 1);
    assert!(word.contains("in more lists than one"), "{word}");
    let when = why("unique: place", "when: {is: nonblank}\n        unique: place", 1);
    assert!(when.contains("under a condition"), "{when}");
    let test = "unique: place\n        message: '{at}.place must be unique, {first} has it'";
    let regex = why(test, "format: regex\n        message: '{at}.place must be a pattern'", 1);
    assert_eq!(regex, "CEL has nothing that judges a regular expression");
    let step = why("  - trim:", "  - {replace: ['spec.desks.*.place'], with: {x: z}}\n  - trim:", 1);
    assert!(step.starts_with("a step changes the value before"), "{step}");
}
