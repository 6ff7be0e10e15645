//! Checks every function against tables of what Go answered.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;

/// Lines of `{"in": .., "want": ..}`, or `{"in": .., "err": ..}` where Go fails.
fn table(name: &str, answer: impl Fn(&Value) -> Result<Value, Value>) {
    let folder = std::env::var_os("GO_TABLES")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/go_compat"), PathBuf::from);
    let lines = std::fs::read_to_string(folder.join(format!("{name}.jsonl"))).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in lines.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let want = match case.get("err") {
            Some(error) => Err(error.clone()),
            None => Ok(case["want"].clone()),
        };
        let got = answer(&case["in"]);
        if got != want {
            wrong.push(format!("{}: got {got:?}, want {want:?}", case["in"]));
        }
        count += 1;
    }
    println!("{name}: {count} cases");
    assert!(count > 0);
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
}

fn text(input: &Value) -> &str {
    input.as_str().unwrap()
}

#[test]
fn text_trim() {
    table("trim", |input| Ok(text::trim(text(input)).into()));
}

#[test]
fn text_lower() {
    table("lower", |input| Ok(text::lower(text(input)).into()));
}

#[test]
fn quoting() {
    table("quote", |input| Ok(quote::quote(text(input)).into()));
}

#[test]
fn durations() {
    table("duration", |input| duration::parse(text(input)).map(Value::from).map_err(Value::from));
}

/// The wanted value is the double's bits in hexadecimal.
#[test]
fn floats() {
    table("float", |input| {
        let value = float::parse(text(input)).map_err(Value::from)?;
        Ok(if value.is_nan() { "nan".into() } else { format!("{:016x}", value.to_bits()).into() })
    });
}

#[test]
fn base64_offsets() {
    table("base64", |input| base64::check(text(input)).map(|()| true.into()).map_err(|at| json!(at)));
}

#[test]
fn patterns() {
    table("regexp", |input| regexp::check(text(input)).map(|()| true.into()).map_err(Value::from));
}

/// The input is a JSON text, the wanted value what Go makes of it in one decode and encode.
#[test]
fn json_texts() {
    table("json", |input| {
        let value: Value = serde_json::from_str(text(input)).unwrap();
        Ok(json::encode(&json::normalize_numbers(value)).into())
    });
}
