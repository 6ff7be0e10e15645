//! Manifests changed at random, mostly for the worse: types, nulls, unknown and missing fields, names, labels.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom};
use serde_json::{Map, Value, json};

/// Changes one thing.
pub fn mutate(manifest: &mut Value, rng: &mut StdRng) {
    // an earlier change may have left nothing to change in it
    if !manifest["metadata"].is_object() {
        return anywhere(&mut manifest["spec"], rng);
    }
    match rng.random_range(0..20) {
        0..6 => anywhere(&mut manifest["spec"], rng),
        6..9 => unknown(&mut manifest["spec"], rng),
        9..12 => remove(&mut manifest["spec"], rng),
        12..14 => name(manifest, rng),
        14..16 => strings(manifest, rng),
        16 | 17 => metadata(manifest, rng),
        18 => top(manifest, rng),
        _ => typo(&mut manifest["spec"], rng),
    }
}

fn choose<T: Clone>(values: &[T], rng: &mut StdRng) -> T {
    values.choose(rng).cloned().unwrap()
}

/// A value of any type.
fn value(rng: &mut StdRng) -> Value {
    choose(
        &[
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(7),
            json!(3.0),
            json!(1e3),
            json!(1.5),
            json!(-0.0),
            json!(3.000_000_000_1),
            json!(u64::MAX),
            json!(9_007_199_254_740_993_i64),
            json!(9_007_199_254_740_992.0),
            json!(1e300),
            json!(""),
            json!("text"),
            json!(" padded\u{a0}"),
            json!("7"),
            json!("5m"),
            json!("nul\u{0}"),
            json!([]),
            json!([null]),
            json!(["a", 1]),
            json!([{}]),
            json!({}),
            json!({"a": null}),
            json!({"a": "b"}),
            json!({"a": {"b": [1]}}),
        ],
        rng,
    )
}

/// Calls `work` with a random value at or below this one.
fn anywhere_do(root: &mut Value, rng: &mut StdRng, work: &mut dyn FnMut(&mut Value, &mut StdRng)) {
    let stop = rng.random_bool(0.25);
    match root {
        Value::Object(map) if !stop && !map.is_empty() => {
            if let Some((_, inner)) = map.iter_mut().choose(rng) {
                anywhere_do(inner, rng, work);
            }
        }
        Value::Array(items) if !stop && !items.is_empty() => {
            let at = rng.random_range(0..items.len());
            anywhere_do(&mut items[at], rng, work);
        }
        other => work(other, rng),
    }
}

pub fn anywhere(root: &mut Value, rng: &mut StdRng) {
    anywhere_do(root, rng, &mut |place, rng| *place = value(rng));
}

/// Calls `work` with a random object at or below this one.
fn object_do(root: &mut Value, rng: &mut StdRng, work: &mut dyn FnMut(&mut Map<String, Value>, &mut StdRng)) {
    let deeper = rng.random_bool(0.6);
    match root {
        Value::Object(map) => {
            if deeper
                && let Some((_, inner)) = map.iter_mut().filter(|(_, v)| v.is_object() || v.is_array()).choose(rng)
            {
                return object_do(inner, rng, work);
            }
            work(map, rng);
        }
        Value::Array(items) if !items.is_empty() => {
            let at = rng.random_range(0..items.len());
            object_do(&mut items[at], rng, work);
        }
        _ => {}
    }
}

fn unknown(root: &mut Value, rng: &mut StdRng) {
    object_do(root, rng, &mut |map, rng| {
        let name = choose(&["unknown", "apiVersion", "kind", "metadata", "Type", "", "a.b", "x-y"], rng);
        let value = choose(&[json!(null), json!("x"), json!({"deep": [{"er": 1}]}), json!([])], rng);
        map.entry(name.to_owned()).or_insert(value);
    });
}

fn remove(root: &mut Value, rng: &mut StdRng) {
    object_do(root, rng, &mut |map, rng| {
        if let Some(name) = map.keys().choose(rng).cloned() {
            map.remove(&name);
        }
    });
}

fn typo(root: &mut Value, rng: &mut StdRng) {
    object_do(root, rng, &mut |map, rng| {
        if let Some(name) = map.keys().choose(rng).cloned()
            && let Some(value) = map.remove(&name)
        {
            map.insert(format!("{name}s"), value);
        }
    });
}

fn name(manifest: &mut Value, rng: &mut StdRng) {
    let long = "a".repeat(254);
    let label = "b".repeat(64);
    let names = [
        "a",
        "0",
        "a.b",
        "a-b",
        "A",
        "a_b",
        "-a",
        "a-",
        ".a",
        "a.",
        "a..b",
        "a b",
        "é",
        "status",
        "logs",
        "Status",
        "exec",
        "",
        "a/b",
        "a\u{0}",
        &long,
        &long[1..],
        &label,
        "a.-b",
    ];
    let metadata = &mut manifest["metadata"];
    match rng.random_range(0..10) {
        0 => {
            // what is masked in a beginning counts in the name that is made of it, but not beside another
            metadata["generateName"] =
                json!(choose(&["a-", "A-", "a", "-", "a.", "stat", "A--", "a_-", "--", "é-"], rng));
            if rng.random_bool(0.6) {
                metadata.as_object_mut().unwrap().remove("name");
            }
        }
        1 => drop(metadata.as_object_mut().unwrap().remove("name")),
        _ => metadata["name"] = json!(choose(&names, rng)),
    }
}

fn strings(manifest: &mut Value, rng: &mut StdRng) {
    let long = "v".repeat(64);
    let prefixed = format!("example.com/{long}");
    let keys = [
        "a",
        "A",
        "a.b/c",
        "A/b",
        "a/b/c",
        "/a",
        "a/",
        "",
        "-a",
        "a-",
        "a b",
        "orloj.dev/mcp-server",
        "é",
        &long,
        &prefixed,
        "orloj.dev/target-namespace",
        "a_b.c",
    ];
    let values = [
        json!(""),
        json!("a"),
        json!("A_b-c.d"),
        json!("-a"),
        json!("a-"),
        json!("a b"),
        json!("a/b"),
        json!("é"),
        json!(long),
        json!(null),
        json!(1),
        json!(true),
        json!({}),
        json!(["a"]),
        json!("x".repeat(300_000)),
    ];
    let field = choose(&["labels", "annotations"], rng);
    let few = if field == "labels" { &values[..14] } else { &values[..] };
    let entry = json!({choose(&keys, rng): choose(few, rng)});
    manifest["metadata"][field] = match rng.random_range(0..12) {
        0 => value(rng),
        _ => entry,
    };
}

fn metadata(manifest: &mut Value, rng: &mut StdRng) {
    let (field, values) = choose(
        &[
            ("finalizers", vec![json!(["a/b"]), json!(["a"]), json!(["A b"]), json!([null]), json!("a"), json!([1])]),
            ("finalizers", vec![json!(["foregroundDeletion", "orphan"]), json!([]), json!(["orphan"])]),
            (
                "ownerReferences",
                vec![
                    json!([{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}]),
                    json!([{"apiVersion": "v1", "kind": "Pod", "name": "p"}]),
                    json!([{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "x": 1}]),
                    json!([{"apiVersion": "", "kind": "Pod", "name": "p", "uid": "u"}]),
                    json!([{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": "yes"}]),
                    json!([
                        {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": true},
                        {"apiVersion": "v1", "kind": "Pod", "name": "q", "uid": "w", "controller": true},
                    ]),
                    json!([null]),
                    json!({}),
                ],
            ),
            ("unknown", vec![json!(1), json!(null), json!({"a": 1})]),
            ("Name", vec![json!("a")]),
            (
                "creationTimestamp",
                vec![json!(null), json!("2024-01-02T03:04:05Z"), json!("yesterday"), json!(1), json!("")],
            ),
            ("generation", vec![json!(1), json!(-1), json!(1.5), json!(2.0), json!("1")]),
            ("uid", vec![json!("u"), json!(1)]),
            ("labels", vec![json!([]), json!("a"), json!(null)]),
            ("annotations", vec![json!([]), json!("a"), json!(null)]),
            ("deletionGracePeriodSeconds", vec![json!(1), json!("1"), json!(null)]),
            ("selfLink", vec![json!("x"), json!(1)]),
        ],
        rng,
    );
    manifest["metadata"][field] = choose(&values, rng);
}

fn top(manifest: &mut Value, rng: &mut StdRng) {
    let (field, value) = choose(
        &[
            ("spce", json!({})),
            ("data", json!({"a": "b"})),
            ("status", json!({})),
            ("status", json!({"phase": 1})),
            ("status", json!({"phase": "x", "unknown": 1})),
            ("status", json!({"conditions": [{"type": "T", "odd": 1}]})),
            ("status", json!("x")),
            ("status", json!(null)),
            ("spec", json!(null)),
            ("spec", json!([])),
            ("spec", json!("x")),
            ("spec", json!({})),
            ("metadata", json!([])),
            ("metadata", json!(null)),
            ("unknown", json!(null)),
        ],
        rng,
    );
    manifest[field] = value;
}
