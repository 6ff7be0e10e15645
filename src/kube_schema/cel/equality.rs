//! `==`, `in` and `<`: what is equal, and what comes first.
//!
//! Values of an expression compare with those of any type. Values of a manifest fail on those of another type, and
//! lists that are sets or maps by their schema compare whatever their order.

use std::cmp::Ordering;

use serde_json::Value;

use super::number::{int_with_double, int_with_uint, uint_with_double};
use super::value::{Fail, Items, List, ListSemantics, Map, Raw, Val, error, no_overload, unknown};
use super::{data, names};

/// `==`.
pub fn equal<'v>(one: &Val<'v>, other: &Val<'v>) -> Result<bool, Fail> {
    match (one, other) {
        (Val::Null, _) | (_, Val::Null) => Ok(matches!((one, other), (Val::Null, Val::Null))),
        _ => same(one, other),
    }
}

/// Equality without the exception for null.
fn same<'v>(one: &Val<'v>, other: &Val<'v>) -> Result<bool, Fail> {
    Ok(match (one, other) {
        (Val::Broken(why), _) => return error(why.to_string()),
        (Val::Unknown, _) | (_, Val::Unknown) => return unknown(),
        (Val::Null, Val::Null) => true,
        (Val::Bool(one), Val::Bool(other)) => one == other,
        (Val::Text(one), Val::Text(other)) => one == other,
        (Val::Bytes(one), Val::Bytes(other)) => one == other,
        (Val::Type(one), Val::Type(other)) => one == other,
        (Val::Duration(one), Val::Duration(other)) => one == other,
        (Val::Zero, Val::Duration(other)) | (Val::Duration(other), Val::Zero) => *other == 0,
        (Val::Time(one), Val::Time(other)) => (one.seconds, one.nanos) == (other.seconds, other.nanos),
        (Val::Optional(one), Val::Optional(other)) => match (one, other) {
            (Some(one), Some(other)) => return same(one, other),
            (one, other) => one.is_none() && other.is_none(),
        },
        (Val::List(one), other) => return list(one, other),
        (Val::Map(one), other) => return map(one, other),
        (Val::Quantity(one), Val::Quantity(other)) => one.compare(other)? == Ordering::Equal,
        (Val::Ip(one), Val::Ip(other)) => one == other,
        (Val::Cidr(one), Val::Cidr(other)) => one == other,
        (Val::Url(one), Val::Url(other)) => one.text() == other.text(),
        (Val::Version(one), Val::Version(other)) => one.compare(other) == Ordering::Equal,
        (Val::Format(one), Val::Format(other)) => one.name == other.name,
        (Val::Quantity(_) | Val::Ip(_) | Val::Cidr(_) | Val::Url(_) | Val::Version(_) | Val::Format(_), _) => {
            return no_overload();
        }
        (Val::Opaque(one), other) => opaque(one, other),
        (one, other) => numbers(one, other) == Some(Ordering::Equal),
    })
}

/// Numbers of any type; `None` where one is none, or not a number.
fn numbers(one: &Val<'_>, other: &Val<'_>) -> Option<Ordering> {
    match (one, other) {
        (Val::Zero, other) => numbers(&Val::Int(0), other),
        (one, Val::Zero) => numbers(one, &Val::Int(0)),
        (Val::Int(one), Val::Int(other)) => Some(one.cmp(other)),
        (Val::Uint(one), Val::Uint(other)) => Some(one.cmp(other)),
        (Val::Double(one), Val::Double(other)) => one.partial_cmp(other),
        (Val::Int(one), Val::Uint(other)) => Some(int_with_uint(*one, *other)),
        (Val::Uint(one), Val::Int(other)) => Some(int_with_uint(*other, *one).reverse()),
        (Val::Int(one), Val::Double(other)) => int_with_double(*one, *other),
        (Val::Double(one), Val::Int(other)) => int_with_double(*other, *one).map(Ordering::reverse),
        (Val::Uint(one), Val::Double(other)) => uint_with_double(*one, *other),
        (Val::Double(one), Val::Uint(other)) => uint_with_double(*other, *one).map(Ordering::reverse),
        _ => None,
    }
}

/// `<` and the like.
pub fn order(one: &Val<'_>, other: &Val<'_>) -> Result<Ordering, Fail> {
    let number = |value: &Val<'_>| matches!(value, Val::Int(_) | Val::Uint(_) | Val::Double(_) | Val::Zero);
    Ok(match (one, other) {
        (Val::Bool(one), Val::Bool(other)) => one.cmp(other),
        (Val::Text(one), Val::Text(other)) => one.cmp(other),
        (Val::Bytes(one), Val::Bytes(other)) => one.cmp(other),
        (Val::Duration(one), Val::Duration(other)) => one.cmp(other),
        (Val::Zero, Val::Duration(other)) => 0.cmp(other),
        (Val::Duration(one), Val::Zero) => one.cmp(&0),
        (Val::Time(one), Val::Time(other)) => (one.seconds, one.nanos).cmp(&(other.seconds, other.nanos)),
        (one, other) if number(one) && number(other) => match numbers(one, other) {
            Some(order) => order,
            None => return error("NaN values cannot be ordered"),
        },
        _ => return no_overload(),
    })
}

fn list<'v>(one: &List<'v>, other: &Val<'v>) -> Result<bool, Fail> {
    let Val::List(other) = other else { return if one.is_made() { Ok(false) } else { no_overload() } };
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
                    Err(not_checked @ Fail::NotChecked(_)) => return Err(not_checked),
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

fn scalar_of<'v>(value: &Val<'v>) -> Scalar<'v> {
    match value {
        Val::Bool(flag) => Scalar::Bool(*flag),
        Val::Int(int) => Scalar::Int(*int),
        Val::Double(double) => Scalar::Double(*double),
        Val::Text(text) => Scalar::Text(text.clone()),
        _ => Scalar::Other,
    }
}

impl<'v> List<'v> {
    /// Its items as they are in the manifest.
    fn raw_scalars(&self) -> Vec<Scalar<'v>> {
        let raw = self.raw();
        raw.iter()
            .map(|item| match item {
                Raw::Data(value) => scalar_of_data(value),
                Raw::Made(value) => scalar_of(value),
            })
            .collect()
    }

    /// Its items as the schema types them.
    fn native_scalars(&self) -> Vec<Scalar<'v>> {
        self.iter().map(|item| scalar_of(&item)).collect()
    }

    /// `+` on a list of the manifest: a set takes what it does not have, a map list replaces what has the same key.
    pub fn plus(&self, other: &List<'v>) -> List<'v> {
        let mut raw = self.raw();
        match self.semantics {
            ListSemantics::Plain | ListSemantics::Joined => {}
            ListSemantics::Atomic => raw.extend(other.iter().map(Raw::Made)),
            ListSemantics::Set => {
                let mut known = self.raw_scalars();
                for item in other.iter() {
                    let scalar = scalar_of(&item);
                    if scalar == Scalar::Other || !known.contains(&scalar) {
                        known.push(scalar);
                        raw.push(Raw::Made(item));
                    }
                }
            }
            ListSemantics::Keyed(names) => {
                let mut keys: Vec<_> = raw.iter().map(|item| raw_key(item, names)).collect();
                for item in other.iter() {
                    let key = key_of(&item, names);
                    if let Some(at) = keys.iter().position(|known| key.is_some() && *known == key) {
                        raw[at] = Raw::Made(item);
                    } else {
                        keys.push(key);
                        raw.push(Raw::Made(item));
                    }
                }
            }
        }
        List { semantics: self.semantics, items: Items::Mixed(raw.into(), self.node()) }
    }
}

/// The key of an item of a map list; `None` where it is no object of the manifest.
fn key_of<'v>(item: &Val<'v>, names: &[String]) -> Option<Vec<Scalar<'v>>> {
    let Val::Map(Map::Data(map, _)) = item else { return None };
    // the server looks for the escaped name in the plain object
    let scalar = |name: &String| {
        let found = names::escape(name).map_or_else(|| map.get(name), |escaped| map.get(&escaped));
        found.map_or(Scalar::Nothing, scalar_of_data)
    };
    Some(names.iter().map(scalar).collect())
}

fn raw_key<'v>(item: &Raw<'v>, names: &[String]) -> Option<Vec<Scalar<'v>>> {
    match item {
        Raw::Data(Value::Object(map)) => key_of(&Val::Map(Map::Data(map, None)), names),
        Raw::Data(_) => None,
        Raw::Made(value) => key_of(value, names),
    }
}

fn keyed<'v>(one: &List<'v>, other: &List<'v>, names: &[String]) -> Result<bool, Fail> {
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

fn map<'v>(one: &Map<'v>, other: &Val<'v>) -> Result<bool, Fail> {
    let typed = matches!(one, Map::Data(_, Some(_)));
    let Val::Map(other) = other else { return if typed { no_overload() } else { Ok(false) } };
    if one.len() != other.len() {
        return Ok(false);
    }
    if let Map::Data(entries, Some(node)) = one {
        for (name, value) in *entries {
            let key = Val::text(name.as_str());
            if !node.sees(name) {
                match other {
                    Map::Data(others, Some(_)) if others.get(name).is_none_or(|other| other == value) => continue,
                    Map::Data(_, Some(_)) => return Ok(false),
                    _ => return no_overload(),
                }
            }
            match (data::field(node, entries, name), other.find(&key)?) {
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
            Err(not_checked @ Fail::NotChecked(_)) => return Err(not_checked),
            Ok(true) | Err(Fail::Error(_)) => {}
        }
    }
    Ok(true)
}

fn opaque(one: &Value, other: &Val<'_>) -> bool {
    match other {
        Val::Opaque(other) => one == *other,
        Val::Null => one.is_null(),
        Val::Map(Map::Data(map, _)) => one.as_object() == Some(*map),
        Val::List(List { items: Items::Data(items, _), .. }) => one.as_array().is_some_and(|one| one[..] == items[..]),
        other => {
            !matches!(one, Value::Null) && scalar_of(other) != Scalar::Other && scalar_of_data(one) == scalar_of(other)
        }
    }
}

/// `in`.
pub fn contains<'v>(within: &Val<'v>, value: &Val<'v>) -> Result<bool, Fail> {
    match within {
        Val::List(list) => {
            let mut failed = None;
            for item in list.iter() {
                let found = if list.is_made() { same(value, &item) } else { same(&item, value) };
                match found {
                    Ok(true) => return Ok(true),
                    Ok(false) => {}
                    Err(not_checked @ Fail::NotChecked(_)) => return Err(not_checked),
                    Err(problem) => failed = failed.or(Some(problem)),
                }
            }
            failed.filter(|_| !list.is_made()).map_or(Ok(false), Err)
        }
        Val::Map(map) => Ok(map.find(value)?.is_some()),
        _ => no_overload(),
    }
}
