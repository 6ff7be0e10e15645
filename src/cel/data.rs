//! Values of a manifest, typed by their schema (`UnstructuredToVal` of `k8s.io/apiserver/pkg/cel/common`).

use serde_json::{Map as JsonMap, Value};

use super::names::{escape, unescape};
use super::number;
use super::schema::{DeclaredType, RuleSchema};
use super::value::{CelList, CelMap, CelValue, ListItems, NumberType};
use crate::go_compat::{base64, time};

/// A value by its schema; what does not fit is an error once it is used.
pub fn value<'v>(node: &'v dyn RuleSchema, value: &'v Value) -> CelValue<'v> {
    match (node.declared_type(), value) {
        (_, Value::Null) if node.is_nullable() => CelValue::Null,
        (_, Value::Null) => CelValue::broken("invalid data, got null for schema with nullable=false"),
        (DeclaredType::IntOrString | DeclaredType::Text, Value::String(text)) => CelValue::text(text.as_str()),
        (DeclaredType::IntOrString | DeclaredType::Integer, Value::Number(number)) if number.is_i64() => {
            CelValue::Int(number.as_i64().unwrap_or_default())
        }
        (DeclaredType::Object | DeclaredType::Map | DeclaredType::Empty, Value::Object(map)) => {
            CelValue::Map(CelMap::Data(map, Some(node)))
        }
        (DeclaredType::List, Value::Array(items)) => {
            CelValue::List(CelList { semantics: node.list_semantics(), items: ListItems::Data(items, node.item()) })
        }
        (
            DeclaredType::Duration | DeclaredType::Date | DeclaredType::DateTime | DeclaredType::Bytes,
            Value::String(text),
        ) => formatted(node.declared_type(), text),
        (DeclaredType::Number, Value::Number(number)) => CelValue::Double(number.as_f64().unwrap_or_default()),
        (DeclaredType::Boolean, Value::Bool(flag)) => CelValue::Bool(*flag),
        (DeclaredType::Preserved, value) => CelValue::Opaque(value),
        (declared, _) => CelValue::broken(format!("invalid data, expected {declared:?}")),
    }
}

/// A text whose format gives it another type.
fn formatted(declared: DeclaredType, text: &str) -> CelValue<'static> {
    let found = match declared {
        DeclaredType::Duration => crate::apimachinery::formats::duration(text).map(CelValue::Duration),
        DeclaredType::Date => time::parse_date(text)
            .map(|days| CelValue::Time(time::Timestamp { seconds: days * 86_400, nanos: 0, offset: 0 })),
        DeclaredType::DateTime => time::parse_rfc3339(text).map(CelValue::Time),
        _ => base64::decode_url(text).map(|bytes| CelValue::Bytes(bytes.into())),
    };
    found.unwrap_or_else(|| CelValue::broken(format!("invalid {declared:?} formatted string")))
}

/// An object by its schema.
pub fn object<'v>(node: &'v dyn RuleSchema, map: &'v JsonMap<String, Value>) -> CelValue<'v> {
    match node.declared_type() {
        DeclaredType::Object | DeclaredType::Map | DeclaredType::Empty => CelValue::Map(CelMap::Data(map, Some(node))),
        _ => CelValue::broken("invalid data, got a map"),
    }
}

/// Whether a value of an expression passes for one of that schema.
pub fn takes(node: &dyn RuleSchema, value: &CelValue<'_>) -> bool {
    match value {
        CelValue::Text(_) => matches!(node.declared_type(), DeclaredType::Text | DeclaredType::IntOrString),
        CelValue::Int(_) => {
            matches!(node.declared_type(), DeclaredType::Integer | DeclaredType::IntOrString | DeclaredType::Number)
        }
        CelValue::Double(_) => node.declared_type() == DeclaredType::Number,
        CelValue::Bool(_) => node.declared_type() == DeclaredType::Boolean,
        _ => false,
    }
}

/// The value, as a double where the schema wants one.
pub fn number<'v>(node: &dyn RuleSchema, value: &CelValue<'v>) -> CelValue<'v> {
    match value {
        CelValue::Int(int) if node.declared_type() == DeclaredType::Number => {
            CelValue::Double(number::int_to_double(*int))
        }
        other => other.clone(),
    }
}

/// The sum of no values of that schema; `None` where they cannot be summed up.
pub fn zero(node: &dyn RuleSchema) -> Option<NumberType> {
    match node.declared_type() {
        DeclaredType::Integer => Some(NumberType::Int),
        DeclaredType::Number => Some(NumberType::Double),
        DeclaredType::Duration => Some(NumberType::Duration),
        _ => None,
    }
}

/// A field or entry by the name that rules use.
pub fn field<'v>(node: &'v dyn RuleSchema, map: &'v JsonMap<String, Value>, name: &str) -> Option<CelValue<'v>> {
    if node.declared_type() != DeclaredType::Object {
        let inner = node.additional()?;
        return map.get(name).map(|found| value(inner, found));
    }
    let name = unescape(name)?;
    // null in an object's field is as good as none
    let found = map.get(&*name).filter(|found| !found.is_null())?;
    node.property(&name).map(|inner| value(inner, found))
}

/// The names of what rules see in a map.
pub fn keys<'v>(node: &'v dyn RuleSchema, map: &'v JsonMap<String, Value>) -> Vec<CelValue<'v>> {
    let object = node.declared_type() == DeclaredType::Object;
    let seen = |name: &&String| node.sees(name);
    let key = |name: &'v String| match escape(name).filter(|_| object) {
        Some(escaped) => CelValue::text(escaped),
        None => CelValue::text(name.as_str()),
    };
    map.keys().filter(seen).map(key).collect()
}
