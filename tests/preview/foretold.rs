//! Whether a plan said what then happened: rows before and after, and the report of the sync, held against it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::program::Ran;
use crate::stage::Rows;

const COUNTERS: [&str; 3] = ["resourceVersion", "generation", "createdAt"];

type Key = (String, String);

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

fn key(change: &Value) -> Key {
    (text(change, "kind").to_owned(), text(change, "key").to_owned())
}

/// Panics where the plan was wrong, or did not say all.
pub fn check(planned: &Ran, synced: &Ran, before: &Rows, after: &Rows) {
    let plan = planned.json();
    let changes = plan["changes"].as_array().unwrap();
    let context =
        || format!("\nplan {plan:#}\nsync {}{}\nbefore {before:#?}\nafter {after:#?}", synced.out, synced.err);
    let mut told: BTreeSet<Key> = BTreeSet::new();
    for change in changes.iter().filter(|change| change["action"] != "refuse") {
        assert!(told.insert(key(change)), "told twice: {change}{}", context());
        check_row(change, before, after).unwrap_or_else(|why| panic!("{why}: {change}{}", context()));
    }
    for change in changes.iter().filter(|change| change["action"] == "move") {
        let from = (text(change, "kind").to_owned(), text(change, "from").to_owned());
        if !told.contains(&from) {
            assert!(!after.contains_key(&from), "left behind: {from:?}{}", context());
            told.insert(from);
        }
    }
    for key in before.keys().chain(after.keys()).filter(|key| !told.contains(*key)) {
        assert_eq!(before.get(key), after.get(key), "not told: {key:?}{}", context());
    }
    check_report(changes, synced).unwrap_or_else(|why| panic!("{why}{}", context()));
    let expected = match synced.code {
        0 if changes.is_empty() => 0,
        0 => 2,
        _ => 1,
    };
    assert_eq!(planned.code, expected, "{}", context());
}

fn check_row(change: &Value, before: &Rows, after: &Rows) -> Result<(), String> {
    let own = key(change);
    let (stood, stands) = (before.get(&own), after.get(&own));
    let expect = |so: bool, what: &str| if so { Ok(()) } else { Err(what.to_owned()) };
    match text(change, "action") {
        "create" => expect(stood.is_none() && stands.is_some(), "no new row"),
        "delete" => expect(stood.is_some() && stands.is_none(), "no row that went"),
        "change" => {
            expect(stood != stands, "the row is as it was")?;
            check_fields(change, stood, stands)
        }
        "adopt" => check_fields(change, stood, stands),
        "release" => {
            let marks = stands.is_some_and(|row| row.to_string().contains("managed-by"));
            expect(!marks, "still marked")?;
            check_fields(change, stood, stands)
        }
        "move" => {
            let from = (own.0.clone(), text(change, "from").to_owned());
            check_fields(change, before.get(&from), stands)
        }
        other => Err(format!("an action {other}")),
    }
}

/// The fields, put into the row as it stood, give the row as it stands. Sealed values tell nothing.
fn check_fields(change: &Value, stood: Option<&Value>, stands: Option<&Value>) -> Result<(), String> {
    let (Some(stood), Some(stands)) = (stood, stands) else { return Err("no row".to_owned()) };
    let mut row = stood.clone();
    let empty = Vec::new();
    let fields = change["fields"].as_array().unwrap_or(&empty);
    // of a list the last entries first, as taking one out moves those after it
    for field in fields.iter().rev() {
        let way = way(text(field, "path"));
        let masked = field["masked"] == true;
        if masked {
            for side in ["before", "after"] {
                if !matches!(field.get(side), None | Some(Value::String(_)))
                    || field.get(side).is_some_and(|v| v != "***")
                {
                    return Err(format!("shown: {field}"));
                }
            }
        } else if find(stood, &way) != field.get("before") || find(stands, &way) != field.get("after") {
            return Err(format!("wrong field {field}"));
        }
        put(&mut row, &way, find(stands, &way).filter(|_| field.get("after").is_some()));
    }
    let sensitive = change["kind"] == "Secret";
    let comparable = |row: &Value| {
        let mut row = row.clone();
        for counter in COUNTERS {
            row["metadata"].as_object_mut().unwrap().remove(counter);
        }
        if sensitive {
            let data = row["spec"]["data"].as_object_mut();
            data.into_iter().flat_map(|data| data.values_mut()).for_each(|value| *value = Value::Null);
        }
        row
    };
    if comparable(&row) == comparable(stands) { Ok(()) } else { Err("other fields changed too".to_owned()) }
}

/// The steps of a path.
fn way(path: &str) -> Vec<Value> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (name, after) = inner.split_once(']').unwrap();
            rest = after;
            steps.push(name.parse::<u64>().map_or_else(|_| name.into(), Value::from));
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(rest[..end].into());
            rest = &rest[end..];
        }
    }
    steps
}

fn find<'v>(value: &'v Value, way: &[Value]) -> Option<&'v Value> {
    way.iter().try_fold(value, |value, step| match step {
        Value::String(key) => value.get(key),
        index => value.get(usize::try_from(index.as_u64()?).ok()?),
    })
}

fn put(value: &mut Value, way: &[Value], new: Option<&Value>) {
    let (last, parents) = way.split_last().unwrap();
    let parent = parents.iter().fold(value, |value, step| match step {
        Value::String(key) => &mut value[key],
        index => &mut value[usize::try_from(index.as_u64().unwrap()).unwrap()],
    });
    match (parent, last, new) {
        (Value::Object(fields), Value::String(key), Some(new)) => drop(fields.insert(key.clone(), new.clone())),
        (Value::Object(fields), Value::String(key), None) => drop(fields.remove(key)),
        (Value::Array(items), index, Some(new)) => {
            let index = usize::try_from(index.as_u64().unwrap()).unwrap();
            items.resize(items.len().max(index + 1), Value::Null);
            items[index] = new.clone();
        }
        (Value::Array(items), _, None) => drop(items.pop()),
        (parent, last, _) => panic!("{last} in {parent}"),
    }
}

/// The sync's own words are the plan's.
fn check_report(changes: &[Value], synced: &Ran) -> Result<(), String> {
    let lines = synced.json_lines();
    // left by one resource and taken up by another at once: told of the one that has it then
    let adopted: BTreeSet<Key> = changes.iter().filter(|change| change["action"] == "adopt").map(key).collect();
    // what went and came again for another resource is one story in a plan
    let of_word = |field: &str, word: &str, all: &[Value]| -> BTreeSet<Key> {
        all.iter().filter(|value| value[field] == word).map(key).collect()
    };
    let (done, planned) = (of_word("result", "removed", &lines), of_word("action", "delete", changes));
    let stays: BTreeSet<Key> = changes.iter().filter(|change| change["action"] != "refuse").map(key).collect();
    if !planned.is_subset(&done) || !done.difference(&planned).all(|key| stays.contains(key)) {
        return Err(format!("removed: {done:?} but planned {planned:?}"));
    }
    let removed = lines.last().map_or(0, |sum| sum["summary"]["removed"].as_u64().unwrap_or(0));
    if removed != lines.iter().filter(|line| line["result"] == "removed").count() as u64 {
        return Err(format!("the sum says {removed} removed"));
    }
    for (result, action) in [("refused", "refuse"), ("moved", "move"), ("adopted", "adopt"), ("retained", "release")] {
        let tell = |value: &Value| (key(value), value["error"].clone(), value["file"].clone(), value["line"].clone());
        let place = |value: &Value| {
            if result == "retained" { (key(value), Value::Null, Value::Null, Value::Null) } else { tell(value) }
        };
        let of = |field: &str, word: &str, all: &[Value]| -> BTreeMap<String, Value> {
            let passed_on = |value: &Value| word == "retained" && adopted.contains(&key(value));
            let found = all.iter().filter(|value| value[field] == word && !passed_on(value));
            found.map(|value| (format!("{:?}", place(value)), Value::Null)).collect()
        };
        let (done, planned) = (of("result", result, &lines), of("action", action, changes));
        if done != planned {
            return Err(format!("{result}: {done:#?} but planned {planned:#?}"));
        }
    }
    Ok(())
}
