//! Submitted JSON into a tree: unknown fields dropped, null as if not there, types checked.

use serde_json::{Number, Value};

use super::fault::Fault;
use super::shape::{ObjectShape, Shape};
use super::tree::{Tree, fill};

/// Decodes a value. `quiet` keeps values out of the fault's text.
pub fn decode(value: &Value, shape: &Shape, quiet: bool) -> Result<Tree, Fault> {
    match (shape, value) {
        // null as a map's value or a list's item is Go's zero value; null fields never come here
        (_, Value::Null) => Ok(Tree::zero(shape)),
        (Shape::String, Value::String(text)) => Ok(Tree::String(text.clone())),
        (Shape::Boolean, Value::Bool(flag)) => Ok(Tree::Boolean(*flag)),
        (Shape::Number, Value::Number(number)) => Ok(Tree::Number(number.clone())),
        (Shape::Integer { unsigned }, Value::Number(number)) => match integer(number) {
            Some(whole) if !unsigned || whole >= 0 => Ok(Tree::Integer(whole)),
            _ => Err(mismatch(value, shape, quiet)),
        },
        (Shape::Object(object), Value::Object(map)) => decode_object(map, object, quiet).map(Tree::Object),
        (Shape::Map(inner), Value::Object(map)) => map
            .iter()
            .map(|(key, value)| match decode(value, inner, quiet) {
                Ok(tree) => Ok((key.clone(), tree)),
                Err(fault) => Err(fault.at_key(key)),
            })
            .collect::<Result<_, _>>()
            .map(Tree::Map),
        (Shape::List(inner), Value::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(index, value)| decode(value, inner, quiet).map_err(|fault| fault.at_index(index)))
            .collect::<Result<_, _>>()
            .map(Tree::List),
        (Shape::Free, Value::Object(_)) => Ok(Tree::Free(value.clone())),
        _ => Err(mismatch(value, shape, quiet)),
    }
}

fn decode_object(
    map: &serde_json::Map<String, Value>,
    object: &ObjectShape,
    quiet: bool,
) -> Result<Vec<Option<Tree>>, Fault> {
    let mut slots = vec![None; object.fields().len()];
    for (name, value) in map {
        if value.is_null() {
            continue;
        }
        if let Some(position) = object.position(name) {
            let shape = &object.fields()[position].shape;
            slots[position] = Some(decode(value, shape, quiet).map_err(|fault| fault.at_key(name))?);
        }
    }
    fill(&mut slots, object);
    Ok(slots)
}

/// Whole floats pass as the integers they are: YAML and JavaScript tools write them.
fn integer(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|_| number.is_f64())?;
        // beyond 2^53 a float no longer says which integer it means
        #[allow(clippy::cast_possible_truncation)]
        (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
    })
}

fn mismatch(value: &Value, shape: &Shape, quiet: bool) -> Fault {
    let got = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) if quiet => "a boolean".to_owned(),
        Value::Number(_) if quiet => "a number".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    Fault::new(format!("expected {}, got {got}", shape.expected()))
}
