//! Properties of every kind, over specs drawn from its own schema.

use orloj_operator::registry::{Kind, Schema, SchemaType};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::verdict::Crd;
use super::{embedded, resource, widgets};

/// Words that mean something to some rule, padded and in odd case, and some that mean nothing.
const WORDS: &[&str] = &[
    "",
    " ",
    "\t",
    "\u{a0}",
    "a",
    " A ",
    "x",
    "İ",
    "K",
    "$.a",
    "$.",
    "1.5",
    "0x1p-2",
    "1e999",
    "nan",
    "5",
    "10s",
    " 10s ",
    "1d",
    "0",
    "-1h",
    "^ok$",
    "a**",
    "(",
    "/abs",
    "rel",
    "dg==",
    "YQ",
    "enc:abcd",
    "http",
    " HTTP ",
    "stdio",
    "mcp",
    "cli",
    "CLI ",
    "wasm",
    "a2a",
    "high",
    "Critical",
    "low",
    "none",
    "container",
    "kubernetes",
    "bearer",
    "basic",
    "api_key_header",
    "public",
    "openai",
    "ollama",
    "anthropic",
    "scoped",
    "Global ",
    "contract",
    "dynamic",
    "deny",
    "observe",
    "quorum",
    "WAIT_for_all",
    "skip",
    "read",
    "Write",
    "memory.read",
    "memory.list",
    "admin",
    "stdout",
    "full",
    "large",
    "small",
    "n1",
    "n2",
    "emoji 🙂",
    "<b>&amp;",
    "q\"uote",
    "\u{2028}",
    "\u{7f}",
];

fn word() -> BoxedStrategy<Value> {
    prop_oneof![9 => prop::sample::select(WORDS).prop_map(Value::from), 1 => ".{0,6}".prop_map(Value::from)].boxed()
}

fn anything() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word(),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,3}", inner), 0..4).prop_map(|entries| entries.into_iter().collect()),
        ]
    })
    .boxed()
}

/// Mostly words that the pattern takes, where there is one: else hardly any spec would be sound.
fn string(schema: &Schema) -> BoxedStrategy<Value> {
    let Some(pattern) = &schema.pattern else { return word() };
    let pattern = regex::Regex::new(pattern).unwrap_or_else(|error| panic!("{error}"));
    let fitting: Vec<&str> = WORDS.iter().copied().filter(|word| pattern.is_match(word)).collect();
    prop_oneof![9 => prop::sample::select(fitting).prop_map(Value::from), 1 => word()].boxed()
}

/// A value that fits the schema, mostly; with `wild`, now and then one that does not.
fn value(schema: &Schema, wild: bool) -> BoxedStrategy<Value> {
    let fitting = match schema.schema_type {
        None => prop_oneof![
            Just(json!({})),
            Just(json!({"type": "object", "a": [1, 1.0, null, {}], "b": {"c": 1e21}})),
            Just(json!({"a": 0})),
        ]
        .boxed(),
        Some(SchemaType::String) => string(schema),
        Some(SchemaType::Integer) => {
            let least = schema.minimum.unwrap_or(-5);
            prop_oneof![least..200_i64, Just(i64::MAX)].prop_map(Value::from).boxed()
        }
        Some(SchemaType::Number) => (-5.0..5.0).prop_map(Value::from).boxed(),
        Some(SchemaType::Boolean) => any::<bool>().prop_map(Value::from).boxed(),
        Some(SchemaType::Array) => match &schema.items {
            Some(items) => prop::collection::vec(value(items, wild), 0..4).prop_map(Value::from).boxed(),
            None => Just(json!([])).boxed(),
        },
        Some(SchemaType::Object) => object(schema, wild),
    };
    if wild { prop_oneof![30 => fitting, 1 => anything()].boxed() } else { fitting }
}

fn object(schema: &Schema, wild: bool) -> BoxedStrategy<Value> {
    if let Some(values) = &schema.additional_properties {
        let key = prop::sample::select(&["n1", "n2", " k ", "k", "K", "", " "][..]);
        let entries = prop::collection::btree_map(key, value(values, wild), 0..4);
        return entries
            .prop_map(|entries| entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            .boxed();
    }
    let mut all = Just(Map::new()).boxed();
    for (name, field) in &schema.properties {
        let name = name.clone();
        let share = if schema.required.contains(&name) { 0.97 } else { 0.6 };
        let field = prop::option::weighted(share, value(field, wild));
        all = (all, field)
            .prop_map(move |(mut map, value)| {
                if let Some(value) = value {
                    map.insert(name.clone(), value);
                }
                map
            })
            .boxed();
    }
    all.prop_map(Value::Object).boxed()
}

fn each_kind(check: impl Fn(&Kind)) {
    embedded().kinds().iter().chain(widgets().kinds()).for_each(check);
}

fn runner() -> proptest::test_runner::TestRunner {
    // PROPTEST_CASES asks for more
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let config = ProptestConfig { cases: config.cases.max(400), ..config };
    proptest::test_runner::TestRunner::new(config)
}

/// A normalised spec is normalised: taken as a resource's spec it is accepted and stays what it is, and so does a
/// row made of it. No kind's quirk breaks this.
#[test]
fn normalising_twice_changes_nothing() {
    each_kind(|kind| {
        let accepted = std::cell::Cell::new(0);
        let run = runner().run(&value(&kind.schema, false), |spec| {
            let Ok(once) = kind.desired(&resource(kind, spec)) else { return Ok(()) };
            accepted.set(accepted.get() + 1);
            match kind.desired(&resource(kind, once.spec.clone())) {
                Ok(twice) => prop_assert_eq!(&once.spec, &twice.spec),
                Err(invalid) => prop_assert!(false, "{} of {}", invalid, once.spec),
            }
            let payload = kind.payload(&once, None, &Value::Null);
            prop_assert!(once.same_meaning(&kind.stored(&payload)));
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{}: {error}", kind.names.kind));
        // of an agent system, few random ones are sound
        assert!(accepted.get() > 0, "{}: nothing was accepted", kind.names.kind);
    });
}

/// Takes away one field of an object, at any depth: the field with this number, counted from the root.
fn without(value: &mut Value, field: &mut usize) -> bool {
    match value {
        Value::Object(map) => {
            for key in map.keys().cloned().collect::<Vec<_>>() {
                if *field == 0 {
                    return map.remove(&key).is_some();
                }
                *field -= 1;
                if map.get_mut(&key).is_some_and(|value| without(value, field)) {
                    return true;
                }
            }
            false
        }
        Value::Array(items) => items.iter_mut().any(|item| without(item, field)),
        _ => false,
    }
}

/// `NoWriteWar`: a row that lacks a field means the same exactly where a resource without the field would give the same
/// row: what normalisation fills in by itself is no difference, and what somebody set is one.
#[test]
fn only_what_normalisation_fills_in_may_be_missing_from_a_row() {
    let (same, other) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    each_kind(|kind| {
        let strategy = (value(&kind.schema, false), 0..12_usize);
        let run = runner().run(&strategy, |(spec, mut field)| {
            let Ok(desired) = kind.desired(&resource(kind, spec)) else { return Ok(()) };
            let mut payload = kind.payload(&desired, None, &Value::Null);
            if !without(&mut payload["spec"], &mut field) {
                return Ok(());
            }
            let stored = kind.stored(&payload);
            let Ok(again) = kind.desired(&resource(kind, payload["spec"].clone())) else {
                prop_assert!(!desired.same_meaning(&stored), "a spec that is refused: {}", payload["spec"]);
                return Ok(());
            };
            let count = if again.spec == desired.spec { &same } else { &other };
            count.set(count.get() + 1);
            prop_assert_eq!(again.spec == desired.spec, desired.same_meaning(&stored), "{}", payload["spec"]);
            let bytes = desired.meaning();
            let told = bytes == stored.meaning() || Some(bytes) == stored.completed_meaning();
            prop_assert_eq!(told, desired.same_meaning(&stored));
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{}: {error}", kind.names.kind));
    });
    assert!(same.get() > 20 && other.get() > 20, "{} {}", same.get(), other.get());
}

/// The API server answers in our place only where we would refuse as well: what patterns and CEL rules refuse, the
/// rules refuse.
#[test]
fn a_crd_is_never_stricter_than_the_rules() {
    each_kind(|kind| {
        let crd = Crd::new(kind);
        let run = runner().run(&value(&kind.schema, false), |spec| {
            if let Ok(desired) = kind.desired(&resource(kind, spec.clone())) {
                let refusals = crd.refusals(&spec, false);
                prop_assert!(refusals.is_empty(), "{:?}\n{}\n{}", refusals, spec, desired.spec);
            }
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{}: {error}", kind.names.kind));
    });
}

/// Whatever a resource holds, there is an answer and no panic, and the row read back is the row.
#[test]
fn anything_gets_an_answer() {
    each_kind(|kind| {
        let strategy = prop_oneof![value(&kind.schema, true), anything()];
        let run = runner().run(&strategy, |spec| {
            let _ = kind.stored(&json!({"spec": spec.clone()}));
            if let Err(invalid) = kind.desired(&resource(kind, spec)) {
                prop_assert!(!invalid.text.is_empty());
            }
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{}: {error}", kind.names.kind));
    });
}
