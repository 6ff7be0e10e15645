//! From one type to another: `int()`, `string()` and their like.

use super::arithmetic::in_range;
use super::number;
use super::value::{CelValue, Evaluated, EvaluationError, error, no_overload};
use crate::go_compat::time::{self, Timestamp};
use crate::go_compat::{duration, float};

/// Functions that make a value of one type from that of another.
pub const CONVERSIONS: [&str; 8] = ["bool", "bytes", "double", "duration", "int", "string", "timestamp", "uint"];

fn wrong<'v>(from: &CelValue<'_>, to: &str) -> Evaluated<'v> {
    error(format!("type conversion error from '{}' to '{to}'", from.kind()))
}

fn ranged<'v, T>(number: Option<T>, make: fn(T) -> CelValue<'v>, what: &str) -> Evaluated<'v> {
    number.map_or_else(|| error(format!("{what} overflow")), |number| Ok(make(number)))
}

pub fn int(value: CelValue<'_>) -> Evaluated<'_> {
    match &value {
        CelValue::Int(_) | CelValue::Zero => Ok(value),
        CelValue::Uint(number) => ranged(i64::try_from(*number).ok(), CelValue::Int, "integer"),
        CelValue::Double(number) => ranged(number::to_int(*number), CelValue::Int, "integer"),
        CelValue::Text(text) => text.parse().map_or_else(|_| wrong(&value, "int"), |number| Ok(CelValue::Int(number))),
        CelValue::Time(time) => Ok(CelValue::Int(time.seconds)),
        CelValue::Duration(nanoseconds) => Ok(CelValue::Int(*nanoseconds)),
        _ => no_overload(),
    }
}

pub fn uint(value: CelValue<'_>) -> Evaluated<'_> {
    match &value {
        CelValue::Uint(_) | CelValue::Zero => Ok(value),
        CelValue::Int(number) => ranged(u64::try_from(*number).ok(), CelValue::Uint, "unsigned integer"),
        CelValue::Double(number) => ranged(number::to_uint(*number), CelValue::Uint, "unsigned integer"),
        CelValue::Text(text) if text.starts_with('+') => wrong(&value, "uint"),
        CelValue::Text(text) => {
            text.parse().map_or_else(|_| wrong(&value, "uint"), |number| Ok(CelValue::Uint(number)))
        }
        _ => no_overload(),
    }
}

pub fn double(value: CelValue<'_>) -> Evaluated<'_> {
    match &value {
        CelValue::Double(_) => Ok(value),
        CelValue::Zero => Ok(CelValue::Double(0.0)),
        CelValue::Int(number) => Ok(CelValue::Double(number::int_to_double(*number))),
        CelValue::Uint(number) => Ok(CelValue::Double(number::uint_to_double(*number))),
        CelValue::Text(text) => {
            float::parse(text).map_or_else(|_| wrong(&value, "double"), |number| Ok(CelValue::Double(number)))
        }
        _ => no_overload(),
    }
}

pub fn bool(value: CelValue<'_>) -> Evaluated<'_> {
    match &value {
        CelValue::Bool(_) => Ok(value),
        CelValue::Text(text) => match &**text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(CelValue::Bool(true)),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(CelValue::Bool(false)),
            _ => wrong(&value, "bool"),
        },
        _ => no_overload(),
    }
}

pub fn bytes(value: CelValue<'_>) -> Evaluated<'_> {
    match value {
        CelValue::Bytes(_) => Ok(value),
        CelValue::Text(text) => Ok(CelValue::Bytes(text.into_owned().into_bytes().into())),
        _ => no_overload(),
    }
}

pub fn string(value: CelValue<'_>) -> Evaluated<'_> {
    Ok(CelValue::text(match value {
        CelValue::Text(_) => return Ok(value),
        CelValue::Bool(flag) => flag.to_string(),
        CelValue::Int(number) => number.to_string(),
        CelValue::Uint(number) => number.to_string(),
        CelValue::Double(number) => float::general(number),
        CelValue::Bytes(bytes) => match String::from_utf8(bytes.into_owned()) {
            Ok(text) => text,
            Err(_) => return error("invalid UTF-8 in bytes, cannot convert to string"),
        },
        CelValue::Time(time) => time.text(),
        CelValue::Duration(nanoseconds) => seconds(nanoseconds),
        CelValue::Ip(address) => address.to_string(),
        CelValue::Cidr(cidr) => cidr.text(),
        CelValue::Zero => {
            return Err(EvaluationError::NotChecked("the type of an empty list's sum is not known here".to_owned()));
        }
        _ => return no_overload(),
    }))
}

/// Seconds with as many decimals as a double has.
pub fn seconds(nanoseconds: i64) -> String {
    const SECOND: i64 = 1_000_000_000;
    let (whole, rest) = (nanoseconds / SECOND, nanoseconds % SECOND);
    format!("{}s", number::int_to_double(whole) + number::int_to_double(rest) / 1e9)
}

pub fn duration(value: CelValue<'_>) -> Evaluated<'_> {
    match &value {
        CelValue::Duration(_) => Ok(value),
        CelValue::Text(text) => match duration::parse(text) {
            Ok(nanoseconds) => Ok(CelValue::Duration(nanoseconds)),
            Err(_) => wrong(&value, "google.protobuf.Duration"),
        },
        CelValue::Int(_) => wrong(&value, "google.protobuf.Duration"),
        _ => no_overload(),
    }
}

pub fn timestamp(value: CelValue<'_>) -> Evaluated<'_> {
    match &value {
        CelValue::Time(_) => Ok(value),
        CelValue::Text(text) => match time::parse_rfc3339(text) {
            Some(time) => in_range(time),
            None => wrong(&value, "google.protobuf.Timestamp"),
        },
        CelValue::Int(seconds) => in_range(Timestamp { seconds: *seconds, nanos: 0, offset: 0 }),
        _ => no_overload(),
    }
}

pub fn kind(value: &CelValue<'_>) -> Evaluated<'static> {
    match value {
        CelValue::Zero => {
            Err(EvaluationError::NotChecked("the type of an empty list's sum is not known here".to_owned()))
        }
        value => Ok(CelValue::Type(value.kind())),
    }
}
