//! From one type to another: `int()`, `string()` and their like.

use super::arithmetic::in_range;
use super::number;
use super::value::{Fail, Outcome, Val, error, no_overload};
use crate::golang::time::{self, Moment};
use crate::golang::{duration, float};

/// Functions that make a value of one type from that of another.
pub const CONVERSIONS: [&str; 8] = ["bool", "bytes", "double", "duration", "int", "string", "timestamp", "uint"];

fn wrong<'v>(from: &Val<'_>, to: &str) -> Outcome<'v> {
    error(format!("type conversion error from '{}' to '{to}'", from.kind()))
}

fn ranged<'v, T>(number: Option<T>, make: fn(T) -> Val<'v>, what: &str) -> Outcome<'v> {
    number.map_or_else(|| error(format!("{what} overflow")), |number| Ok(make(number)))
}

pub fn int(value: Val<'_>) -> Outcome<'_> {
    match &value {
        Val::Int(_) | Val::Zero => Ok(value),
        Val::Uint(number) => ranged(i64::try_from(*number).ok(), Val::Int, "integer"),
        Val::Double(number) => ranged(number::to_int(*number), Val::Int, "integer"),
        Val::Text(text) => text.parse().map_or_else(|_| wrong(&value, "int"), |number| Ok(Val::Int(number))),
        Val::Time(time) => Ok(Val::Int(time.seconds)),
        Val::Duration(nanoseconds) => Ok(Val::Int(*nanoseconds)),
        _ => no_overload(),
    }
}

pub fn uint(value: Val<'_>) -> Outcome<'_> {
    match &value {
        Val::Uint(_) | Val::Zero => Ok(value),
        Val::Int(number) => ranged(u64::try_from(*number).ok(), Val::Uint, "unsigned integer"),
        Val::Double(number) => ranged(number::to_uint(*number), Val::Uint, "unsigned integer"),
        Val::Text(text) if text.starts_with('+') => wrong(&value, "uint"),
        Val::Text(text) => text.parse().map_or_else(|_| wrong(&value, "uint"), |number| Ok(Val::Uint(number))),
        _ => no_overload(),
    }
}

pub fn double(value: Val<'_>) -> Outcome<'_> {
    match &value {
        Val::Double(_) => Ok(value),
        Val::Zero => Ok(Val::Double(0.0)),
        Val::Int(number) => Ok(Val::Double(number::int_to_double(*number))),
        Val::Uint(number) => Ok(Val::Double(number::uint_to_double(*number))),
        Val::Text(text) => {
            float::parse(text).map_or_else(|_| wrong(&value, "double"), |number| Ok(Val::Double(number)))
        }
        _ => no_overload(),
    }
}

pub fn bool(value: Val<'_>) -> Outcome<'_> {
    match &value {
        Val::Bool(_) => Ok(value),
        Val::Text(text) => match &**text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(Val::Bool(true)),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Val::Bool(false)),
            _ => wrong(&value, "bool"),
        },
        _ => no_overload(),
    }
}

pub fn bytes(value: Val<'_>) -> Outcome<'_> {
    match value {
        Val::Bytes(_) => Ok(value),
        Val::Text(text) => Ok(Val::Bytes(text.into_owned().into_bytes().into())),
        _ => no_overload(),
    }
}

pub fn string(value: Val<'_>) -> Outcome<'_> {
    Ok(Val::text(match value {
        Val::Text(_) => return Ok(value),
        Val::Bool(flag) => flag.to_string(),
        Val::Int(number) => number.to_string(),
        Val::Uint(number) => number.to_string(),
        Val::Double(number) => float::general(number),
        Val::Bytes(bytes) => match String::from_utf8(bytes.into_owned()) {
            Ok(text) => text,
            Err(_) => return error("invalid UTF-8 in bytes, cannot convert to string"),
        },
        Val::Time(time) => time.text(),
        Val::Duration(nanoseconds) => seconds(nanoseconds),
        Val::Ip(address) => address.to_string(),
        Val::Cidr(cidr) => cidr.text(),
        Val::Zero => return Err(Fail::NotChecked("the type of an empty list's sum is not known here".to_owned())),
        _ => return no_overload(),
    }))
}

/// Seconds with as many decimals as a double has.
pub fn seconds(nanoseconds: i64) -> String {
    const SECOND: i64 = 1_000_000_000;
    let (whole, rest) = (nanoseconds / SECOND, nanoseconds % SECOND);
    format!("{}s", number::int_to_double(whole) + number::int_to_double(rest) / 1e9)
}

pub fn duration(value: Val<'_>) -> Outcome<'_> {
    match &value {
        Val::Duration(_) => Ok(value),
        Val::Text(text) => match duration::parse(text) {
            Ok(nanoseconds) => Ok(Val::Duration(nanoseconds)),
            Err(_) => wrong(&value, "google.protobuf.Duration"),
        },
        Val::Int(_) => wrong(&value, "google.protobuf.Duration"),
        _ => no_overload(),
    }
}

pub fn timestamp(value: Val<'_>) -> Outcome<'_> {
    match &value {
        Val::Time(_) => Ok(value),
        Val::Text(text) => match time::parse_rfc3339(text) {
            Some(time) => in_range(time),
            None => wrong(&value, "google.protobuf.Timestamp"),
        },
        Val::Int(seconds) => in_range(Moment { seconds: *seconds, nanos: 0, offset: 0 }),
        _ => no_overload(),
    }
}

pub fn kind(value: &Val<'_>) -> Outcome<'static> {
    match value {
        Val::Zero => Err(Fail::NotChecked("the type of an empty list's sum is not known here".to_owned())),
        value => Ok(Val::Type(value.kind())),
    }
}
