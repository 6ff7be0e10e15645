//! Values of a manifest, typed by their schema (`UnstructuredToVal` of `k8s.io/apiserver/pkg/cel/common`).

use serde_json::{Map as JsonMap, Value};

use super::names::{escape, unescape};
use super::number;
use super::value::{Items, List, Map, Val, Zero};
use crate::golang::{base64, time};
use crate::kube_schema::schema::{SchemaNode, Shape};

/// A value by its schema; what does not fit is an error once it is used.
pub fn value<'v>(node: &'v SchemaNode, value: &'v Value) -> Val<'v> {
    match (node.shape(), value) {
        (_, Value::Null) if node.is_nullable() => Val::Null,
        (_, Value::Null) => Val::broken("invalid data, got null for schema with nullable=false"),
        (Shape::IntOrString | Shape::Text, Value::String(text)) => Val::text(text.as_str()),
        (Shape::IntOrString | Shape::Integer, Value::Number(number)) if number.is_i64() => {
            Val::Int(number.as_i64().unwrap_or_default())
        }
        (Shape::Object | Shape::Map | Shape::Empty, Value::Object(map)) => Val::Map(Map::Data(map, Some(node))),
        (Shape::List, Value::Array(items)) => {
            Val::List(List { sort: node.sort(), items: Items::Data(items, node.item()) })
        }
        (Shape::Duration | Shape::Date | Shape::DateTime | Shape::Bytes, Value::String(text)) => {
            formatted(node.shape(), text)
        }
        (Shape::Number, Value::Number(number)) => Val::Double(number.as_f64().unwrap_or_default()),
        (Shape::Boolean, Value::Bool(flag)) => Val::Bool(*flag),
        (Shape::Preserved, value) => Val::Opaque(value),
        (shape, _) => Val::broken(format!("invalid data, expected {shape:?}")),
    }
}

/// A text whose format gives it another type.
fn formatted(shape: Shape, text: &str) -> Val<'static> {
    let found = match shape {
        Shape::Duration => crate::kube_schema::schema::formats::duration(text).map(Val::Duration),
        Shape::Date => {
            time::parse_date(text).map(|days| Val::Time(time::Moment { seconds: days * 86_400, nanos: 0, offset: 0 }))
        }
        Shape::DateTime => time::parse_rfc3339(text).map(Val::Time),
        _ => base64::decode_url(text).map(|bytes| Val::Bytes(bytes.into())),
    };
    found.unwrap_or_else(|| Val::broken(format!("invalid {shape:?} formatted string")))
}

/// An object by its schema.
pub fn object<'v>(node: &'v SchemaNode, map: &'v JsonMap<String, Value>) -> Val<'v> {
    match node.shape() {
        Shape::Object | Shape::Map | Shape::Empty => Val::Map(Map::Data(map, Some(node))),
        _ => Val::broken("invalid data, got a map"),
    }
}

/// Whether a value of an expression passes for one of that schema.
pub fn takes(node: &SchemaNode, value: &Val<'_>) -> bool {
    match value {
        Val::Text(_) => matches!(node.shape(), Shape::Text | Shape::IntOrString),
        Val::Int(_) => matches!(node.shape(), Shape::Integer | Shape::IntOrString | Shape::Number),
        Val::Double(_) => node.shape() == Shape::Number,
        Val::Bool(_) => node.shape() == Shape::Boolean,
        _ => false,
    }
}

/// The value, as a double where the schema wants one.
pub fn number<'v>(node: &SchemaNode, value: &Val<'v>) -> Val<'v> {
    match value {
        Val::Int(int) if node.shape() == Shape::Number => Val::Double(number::int_to_double(*int)),
        other => other.clone(),
    }
}

/// The sum of no values of that schema; `None` where they cannot be summed up.
pub fn zero(node: &SchemaNode) -> Option<Zero> {
    match node.shape() {
        Shape::Integer => Some(Zero::Int),
        Shape::Number => Some(Zero::Double),
        Shape::Duration => Some(Zero::Duration),
        _ => None,
    }
}

/// A field or entry by the name that rules use.
pub fn field<'v>(node: &'v SchemaNode, map: &'v JsonMap<String, Value>, name: &str) -> Option<Val<'v>> {
    if node.shape() != Shape::Object {
        let inner = node.additional()?;
        return map.get(name).map(|found| value(inner, found));
    }
    let name = unescape(name)?;
    // null in an object's field is as good as none
    let found = map.get(&*name).filter(|found| !found.is_null())?;
    node.property(&name).map(|inner| value(inner, found))
}

/// The names of what rules see in a map.
pub fn keys<'v>(node: &'v SchemaNode, map: &'v JsonMap<String, Value>) -> Vec<Val<'v>> {
    let object = node.shape() == Shape::Object;
    let seen = |name: &&String| node.sees(name);
    let key = |name: &'v String| match escape(name).filter(|_| object) {
        Some(escaped) => Val::text(escaped),
        None => Val::text(name.as_str()),
    };
    map.keys().filter(seen).map(key).collect()
}
