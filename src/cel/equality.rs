//! `==`, `in` and `<`: what is equal, and what comes first.
//!
//! Values of an expression compare with those of any type. Values of a manifest fail on those of another type, and
//! lists that are sets or maps by their schema compare whatever their order.

use std::cmp::Ordering;

use serde_json::Value;

use super::number::{int_with_double, int_with_uint, uint_with_double};
use super::value::{
    CelList, CelMap, CelValue, EvaluationError, HeldItem, ListItems, ListSemantics, error, no_overload, unknown,
};
use super::{data, names};

/// `==`.
pub fn equal<'v>(one: &CelValue<'v>, other: &CelValue<'v>) -> Result<bool, EvaluationError> {
    match (one, other) {
        (CelValue::Null, _) | (_, CelValue::Null) => Ok(matches!((one, other), (CelValue::Null, CelValue::Null))),
        _ => same(one, other),
    }
}

/// Equality without the exception for null.
fn same<'v>(one: &CelValue<'v>, other: &CelValue<'v>) -> Result<bool, EvaluationError> {
    Ok(match (one, other) {
        (CelValue::Broken(why), _) => return error(why.to_string()),
        (CelValue::Unknown, _) | (_, CelValue::Unknown) => return unknown(),
        (CelValue::Null, CelValue::Null) => true,
        (CelValue::Bool(one), CelValue::Bool(other)) => one == other,
        (CelValue::Text(one), CelValue::Text(other)) => one == other,
        (CelValue::Bytes(one), CelValue::Bytes(other)) => one == other,
        (CelValue::Type(one), CelValue::Type(other)) => one == other,
        (CelValue::Duration(one), CelValue::Duration(other)) => one == other,
        (CelValue::Zero, CelValue::Duration(other)) | (CelValue::Duration(other), CelValue::Zero) => *other == 0,
        (CelValue::Time(one), CelValue::Time(other)) => (one.seconds, one.nanos) == (other.seconds, other.nanos),
        (CelValue::Optional(one), CelValue::Optional(other)) => match (one, other) {
            (Some(one), Some(other)) => return same(one, other),
            (one, other) => one.is_none() && other.is_none(),
        },
        (CelValue::List(one), other) => return list(one, other),
        (CelValue::Map(one), other) => return map(one, other),
        (CelValue::Quantity(one), CelValue::Quantity(other)) => one.compare(other)? == Ordering::Equal,
        (CelValue::Ip(one), CelValue::Ip(other)) => one == other,
        (CelValue::Cidr(one), CelValue::Cidr(other)) => one == other,
        (CelValue::Url(one), CelValue::Url(other)) => one.text() == other.text(),
        (CelValue::Version(one), CelValue::Version(other)) => one.compare(other) == Ordering::Equal,
        (CelValue::Format(one), CelValue::Format(other)) => one.name == other.name,
        (
            CelValue::Quantity(_)
            | CelValue::Ip(_)
            | CelValue::Cidr(_)
            | CelValue::Url(_)
            | CelValue::Version(_)
            | CelValue::Format(_),
            _,
        ) => {
            return no_overload();
        }
        (CelValue::Opaque(one), other) => opaque(one, other),
        (one, other) => numbers(one, other) == Some(Ordering::Equal),
    })
}

/// Numbers of any type; `None` where one is none, or not a number.
fn numbers(one: &CelValue<'_>, other: &CelValue<'_>) -> Option<Ordering> {
    match (one, other) {
        (CelValue::Zero, other) => numbers(&CelValue::Int(0), other),
        (one, CelValue::Zero) => numbers(one, &CelValue::Int(0)),
        (CelValue::Int(one), CelValue::Int(other)) => Some(one.cmp(other)),
        (CelValue::Uint(one), CelValue::Uint(other)) => Some(one.cmp(other)),
        (CelValue::Double(one), CelValue::Double(other)) => one.partial_cmp(other),
        (CelValue::Int(one), CelValue::Uint(other)) => Some(int_with_uint(*one, *other)),
        (CelValue::Uint(one), CelValue::Int(other)) => Some(int_with_uint(*other, *one).reverse()),
        (CelValue::Int(one), CelValue::Double(other)) => int_with_double(*one, *other),
        (CelValue::Double(one), CelValue::Int(other)) => int_with_double(*other, *one).map(Ordering::reverse),
        (CelValue::Uint(one), CelValue::Double(other)) => uint_with_double(*one, *other),
        (CelValue::Double(one), CelValue::Uint(other)) => uint_with_double(*other, *one).map(Ordering::reverse),
        _ => None,
    }
}

/// `<` and the like.
pub fn order(one: &CelValue<'_>, other: &CelValue<'_>) -> Result<Ordering, EvaluationError> {
    let number = |value: &CelValue<'_>| {
        matches!(value, CelValue::Int(_) | CelValue::Uint(_) | CelValue::Double(_) | CelValue::Zero)
    };
    Ok(match (one, other) {
        (CelValue::Bool(one), CelValue::Bool(other)) => one.cmp(other),
        (CelValue::Text(one), CelValue::Text(other)) => one.cmp(other),
        (CelValue::Bytes(one), CelValue::Bytes(other)) => one.cmp(other),
        (CelValue::Duration(one), CelValue::Duration(other)) => one.cmp(other),
        (CelValue::Zero, CelValue::Duration(other)) => 0.cmp(other),
        (CelValue::Duration(one), CelValue::Zero) => one.cmp(&0),
        (CelValue::Time(one), CelValue::Time(other)) => (one.seconds, one.nanos).cmp(&(other.seconds, other.nanos)),
        (one, other) if number(one) && number(other) => match numbers(one, other) {
            Some(order) => order,
            None => return error("NaN values cannot be ordered"),
        },
        _ => return no_overload(),
    })
}

fn list<'v>(one: &CelList<'v>, other: &CelValue<'v>) -> Result<bool, EvaluationError> {
    let CelValue::List(other) = other else { return if one.is_made() { Ok(false) } else { no_overload() } };
    if one.len() != other.len() {
        return Ok(false);
    }
    match one.semantics {
        ListSemantics::Plain | ListSemantics::Joined => {
            let mut failed = None;
            for (one_item, item) in one.iter().zip(other.iter()) {
                match equal(&one_item, &item) {
                    Ok(false) => return Ok(false),
                    Ok(true) => {}
                    Err(not_checked @ EvaluationError::NotChecked(_)) => return Err(not_checked),
                    Err(problem) => failed = failed.or(Some(problem)),
                }
            }
            // only a list that was put together minds an item that could not be compared
            failed.filter(|_| one.semantics == ListSemantics::Joined).map_or(Ok(true), Err)
        }
        ListSemantics::Atomic => {
            for (one, other) in one.iter().zip(other.iter()) {
                if !same(&one, &other)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        ListSemantics::Set => {
            let known: Vec<Scalar<'_>> = one.raw_scalars();
            let others = other.native_scalars();
            Ok(others.iter().all(|scalar| !matches!(scalar, Scalar::Other) && known.contains(scalar)))
        }
        ListSemantics::Keyed(names) => keyed(one, other, names),
    }
}

/// A value as Go's maps compare keys: numbers of different types differ.
#[derive(Clone, Debug, PartialEq)]
enum Scalar<'v> {
    Nothing,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(std::borrow::Cow<'v, str>),
    /// Of a type that data of the manifest never has.
    Other,
}

fn scalar_of_data(value: &Value) -> Scalar<'_> {
    match value {
        Value::Null => Scalar::Nothing,
        Value::Bool(flag) => Scalar::Bool(*flag),
        Value::String(text) => Scalar::Text(text.as_str().into()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Scalar::Int(whole),
            None => Scalar::Double(number.as_f64().unwrap_or_default()),
        },
        Value::Array(_) | Value::Object(_) => Scalar::Other,
    }
}

fn scalar_of<'v>(value: &CelValue<'v>) -> Scalar<'v> {
    match value {
        CelValue::Bool(flag) => Scalar::Bool(*flag),
        CelValue::Int(int) => Scalar::Int(*int),
        CelValue::Double(double) => Scalar::Double(*double),
        CelValue::Text(text) => Scalar::Text(text.clone()),
        _ => Scalar::Other,
    }
}

impl<'v> CelList<'v> {
    /// Its items as they are in the manifest.
    fn raw_scalars(&self) -> Vec<Scalar<'v>> {
        let raw = self.raw();
        raw.iter()
            .map(|item| match item {
                HeldItem::Data(value) => scalar_of_data(value),
                HeldItem::Made(value) => scalar_of(value),
            })
            .collect()
    }

    /// Its items as the schema types them.
    fn native_scalars(&self) -> Vec<Scalar<'v>> {
        self.iter().map(|item| scalar_of(&item)).collect()
    }

    /// `+` on a list of the manifest: a set takes what it does not have, a map list replaces what has the same key.
    pub fn plus(&self, other: &CelList<'v>) -> CelList<'v> {
        let mut raw = self.raw();
        match self.semantics {
            ListSemantics::Plain | ListSemantics::Joined => {}
            ListSemantics::Atomic => raw.extend(other.iter().map(HeldItem::Made)),
            ListSemantics::Set => {
                let mut known = self.raw_scalars();
                for item in other.iter() {
                    let scalar = scalar_of(&item);
                    if scalar == Scalar::Other || !known.contains(&scalar) {
                        known.push(scalar);
                        raw.push(HeldItem::Made(item));
                    }
                }
            }
            ListSemantics::Keyed(names) => {
                let mut keys: Vec<_> = raw.iter().map(|item| raw_key(item, names)).collect();
                for item in other.iter() {
                    let key = key_of(&item, names);
                    if let Some(at) = keys.iter().position(|known| key.is_some() && *known == key) {
                        raw[at] = HeldItem::Made(item);
                    } else {
                        keys.push(key);
                        raw.push(HeldItem::Made(item));
                    }
                }
            }
        }
        CelList { semantics: self.semantics, items: ListItems::Mixed(raw.into(), self.node()) }
    }
}

/// The key of an item of a map list; `None` where it is no object of the manifest.
fn key_of<'v>(item: &CelValue<'v>, names: &[String]) -> Option<Vec<Scalar<'v>>> {
    let CelValue::Map(CelMap::Data(map, _)) = item else { return None };
    // the server looks for the escaped name in the plain object
    let scalar = |name: &String| {
        let found = names::escape(name).map_or_else(|| map.get(name), |escaped| map.get(&escaped));
        found.map_or(Scalar::Nothing, scalar_of_data)
    };
    Some(names.iter().map(scalar).collect())
}

fn raw_key<'v>(item: &HeldItem<'v>, names: &[String]) -> Option<Vec<Scalar<'v>>> {
    match item {
        HeldItem::Data(Value::Object(map)) => key_of(&CelValue::Map(CelMap::Data(map, None)), names),
        HeldItem::Data(_) => None,
        HeldItem::Made(value) => key_of(value, names),
    }
}

fn keyed<'v>(one: &CelList<'v>, other: &CelList<'v>, names: &[String]) -> Result<bool, EvaluationError> {
    let keys: Vec<_> = one.raw().iter().map(|item| raw_key(item, names)).collect();
    for item in other.iter() {
        let key = key_of(&item, names);
        // of items with one key the last counts
        let Some(at) = keys.iter().rposition(|known| key.is_some() && *known == key) else { return Ok(false) };
        let Some(found) = one.get(at) else { return Ok(false) };
        if !same(&found, &item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn map<'v>(one: &CelMap<'v>, other: &CelValue<'v>) -> Result<bool, EvaluationError> {
    let typed = matches!(one, CelMap::Data(_, Some(_)));
    let CelValue::Map(other) = other else { return if typed { no_overload() } else { Ok(false) } };
    if one.len() != other.len() {
        return Ok(false);
    }
    if let CelMap::Data(entries, Some(node)) = one {
        for (name, value) in *entries {
            let key = CelValue::text(name.as_str());
            if !node.sees(name) {
                match other {
                    CelMap::Data(others, Some(_)) if others.get(name).is_none_or(|other| other == value) => continue,
                    CelMap::Data(_, Some(_)) => return Ok(false),
                    _ => return no_overload(),
                }
            }
            match (data::field(*node, entries, name), other.find(&key)?) {
                (Some(value), Some(other)) if same(&value, &other)? => {}
                (None, None) => {}
                _ => return Ok(false),
            }
        }
        return Ok(true);
    }
    for key in one.keys() {
        let (Some(value), Ok(found)) = (one.find(&key)?, other.find(&key)) else { continue };
        let Some(found) = found else { return Ok(false) };
        // what cannot be compared does not count
        match equal(&value, &found) {
            Ok(false) => return Ok(false),
            Err(not_checked @ EvaluationError::NotChecked(_)) => return Err(not_checked),
            Ok(true) | Err(EvaluationError::Error(_)) => {}
        }
    }
    Ok(true)
}

fn opaque(one: &Value, other: &CelValue<'_>) -> bool {
    match other {
        CelValue::Opaque(other) => one == *other,
        CelValue::Null => one.is_null(),
        CelValue::Map(CelMap::Data(map, _)) => one.as_object() == Some(*map),
        CelValue::List(CelList { items: ListItems::Data(items, _), .. }) => {
            one.as_array().is_some_and(|one| one[..] == items[..])
        }
        other => {
            !matches!(one, Value::Null) && scalar_of(other) != Scalar::Other && scalar_of_data(one) == scalar_of(other)
        }
    }
}

/// `in`.
pub fn contains<'v>(within: &CelValue<'v>, value: &CelValue<'v>) -> Result<bool, EvaluationError> {
    match within {
        CelValue::List(list) => {
            let mut failed = None;
            for item in list.iter() {
                let found = if list.is_made() { same(value, &item) } else { same(&item, value) };
                match found {
                    Ok(true) => return Ok(true),
                    Ok(false) => {}
                    Err(not_checked @ EvaluationError::NotChecked(_)) => return Err(not_checked),
                    Err(problem) => failed = failed.or(Some(problem)),
                }
            }
            failed.filter(|_| !list.is_made()).map_or(Ok(false), Err)
        }
        CelValue::Map(map) => Ok(map.find(value)?.is_some()),
        _ => no_overload(),
    }
}
