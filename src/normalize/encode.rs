//! A tree into JSON as Go encodes it: what omitempty drops is dropped.

use serde_json::{Map, Value};

use super::fault::Fault;
use super::shape::{ObjectShape, Presence, Shape};
use super::tree::Tree;
use crate::go_compat::json;

/// Encodes an object. A string that holds U+0000 is a fault: no store takes it.
pub fn encode(tree: Tree, shape: &Shape) -> Result<Value, Fault> {
    match (tree, shape) {
        (Tree::Object(slots), Shape::Object(object)) => encode_object(slots, object),
        (Tree::Map(entries), Shape::Map(inner)) => {
            let mut map = Map::new();
            for (key, tree) in entries {
                sound(&key).map_err(|fault| fault.at_key(&key))?;
                let value = encode(tree, inner).map_err(|fault| fault.at_key(&key))?;
                map.insert(key, value);
            }
            Ok(Value::Object(map))
        }
        (Tree::List(items), Shape::List(inner)) => items
            .into_iter()
            .enumerate()
            .map(|(index, tree)| encode(tree, inner).map_err(|fault| fault.at_index(index)))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        (Tree::String(text), _) => {
            sound(&text)?;
            Ok(Value::String(text))
        }
        (Tree::Integer(whole), _) => Ok(Value::from(whole)),
        (Tree::Number(number), _) => Ok(json::normalize_numbers(Value::Number(number))),
        (Tree::Boolean(flag), _) => Ok(Value::Bool(flag)),
        (Tree::Free(value), _) => {
            sound_value(&value)?;
            Ok(json::normalize_numbers(value))
        }
        // a tree fits its shape
        (Tree::Object(_) | Tree::Map(_) | Tree::List(_), _) => Ok(Value::Null),
    }
}

fn encode_object(slots: Vec<Option<Tree>>, object: &ObjectShape) -> Result<Value, Fault> {
    let mut map = Map::new();
    for (slot, field) in slots.into_iter().zip(object.fields()) {
        let tree = match (slot, field.presence) {
            (Some(tree), Presence::OmitZero) if is_zero(&tree) => continue,
            (Some(tree), _) => tree,
            (None, Presence::Always) => Tree::zero(&field.shape),
            (None, _) => continue,
        };
        let value = encode(tree, &field.shape).map_err(|fault| fault.at_key(&field.name))?;
        map.insert(field.name.to_string(), value);
    }
    Ok(Value::Object(map))
}

fn is_zero(tree: &Tree) -> bool {
    match tree {
        Tree::String(text) => text.is_empty(),
        Tree::Integer(whole) => *whole == 0,
        Tree::Number(number) => number.as_f64() == Some(0.0),
        Tree::Boolean(flag) => !flag,
        Tree::Map(entries) => entries.is_empty(),
        Tree::List(items) => items.is_empty(),
        Tree::Free(Value::Object(map)) => map.is_empty(),
        Tree::Object(_) | Tree::Free(_) => false,
    }
}

fn sound(text: &str) -> Result<(), Fault> {
    if text.as_bytes().contains(&0) {
        return Err(Fault::new("must not contain U+0000: the store cannot hold it".to_owned()));
    }
    Ok(())
}

fn sound_value(value: &Value) -> Result<(), Fault> {
    match value {
        Value::String(text) => sound(text),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| sound_value(item).map_err(|fault| fault.at_index(index))),
        Value::Object(map) => map
            .iter()
            .try_for_each(|(key, item)| sound(key).and_then(|()| sound_value(item)).map_err(|fault| fault.at_key(key))),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Prints an encoded value with the keys of objects in the order of their shape: Go's own text, which hashes of
/// a spec are made of (`kinds/ORLOJD.md` 1.2).
pub fn encode_ordered(out: &mut String, value: &Value, shape: &Shape) {
    match (value, shape) {
        (Value::Object(map), Shape::Object(object)) => {
            out.push('{');
            let mut first = true;
            for field in object.fields() {
                if let Some(value) = map.get(&*field.name) {
                    separate(out, &mut first);
                    json::write_string(out, &field.name);
                    out.push(':');
                    encode_ordered(out, value, &field.shape);
                }
            }
            out.push('}');
        }
        (Value::Object(map), Shape::Map(inner)) => {
            out.push('{');
            let mut first = true;
            for (key, value) in map {
                separate(out, &mut first);
                json::write_string(out, key);
                out.push(':');
                encode_ordered(out, value, inner);
            }
            out.push('}');
        }
        (Value::Array(items), Shape::List(inner)) => {
            out.push('[');
            let mut first = true;
            for item in items {
                separate(out, &mut first);
                encode_ordered(out, item, inner);
            }
            out.push(']');
        }
        (value, _) => out.push_str(&json::encode(value)),
    }
}

fn separate(out: &mut String, first: &mut bool) {
    if !std::mem::take(first) {
        out.push(',');
    }
}
