//! Operators on numbers, texts, lists and times. What overflows is an error, as in cel-go.

use super::value::{CelList, CelValue, Evaluated, EvaluationError, ListItems, ListSemantics, error, no_overload};
use crate::go_compat::time::Timestamp;

const SECOND: i64 = 1_000_000_000;

/// The years 1 to 9999, in seconds since 1970.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// A time in the range that the server knows.
pub fn in_range(time: Timestamp) -> Evaluated<'static> {
    if TIMES.contains(&time.seconds) { Ok(CelValue::Time(time)) } else { error("timestamp overflow") }
}

fn int(result: Option<i64>) -> Evaluated<'static> {
    result.map_or_else(|| error("integer overflow"), |number| Ok(CelValue::Int(number)))
}

fn uint(result: Option<u64>) -> Evaluated<'static> {
    result.map_or_else(|| error("unsigned integer overflow"), |number| Ok(CelValue::Uint(number)))
}

fn duration(result: Option<i64>) -> Evaluated<'static> {
    result.map_or_else(|| error("duration overflow"), |nanoseconds| Ok(CelValue::Duration(nanoseconds)))
}

/// A zero of no type takes that of the other operand.
fn settle<'v>(one: CelValue<'v>, other: CelValue<'v>) -> (CelValue<'v>, CelValue<'v>) {
    let zero = |like: &CelValue<'v>| match like {
        CelValue::Int(_) => CelValue::Int(0),
        CelValue::Uint(_) => CelValue::Uint(0),
        CelValue::Double(_) => CelValue::Double(0.0),
        CelValue::Duration(_) | CelValue::Time(_) => CelValue::Duration(0),
        _ => CelValue::Zero,
    };
    match (one, other) {
        (CelValue::Zero, other) => (zero(&other), other),
        (one, CelValue::Zero) => {
            let zero = zero(&one);
            (one, zero)
        }
        both => both,
    }
}

/// `+`.
pub fn add<'v>(one: CelValue<'v>, other: CelValue<'v>) -> Evaluated<'v> {
    match settle(one, other) {
        (CelValue::Zero, CelValue::Zero) => Ok(CelValue::Zero),
        (CelValue::Int(one), CelValue::Int(other)) => int(one.checked_add(other)),
        (CelValue::Uint(one), CelValue::Uint(other)) => uint(one.checked_add(other)),
        (CelValue::Double(one), CelValue::Double(other)) => Ok(CelValue::Double(one + other)),
        (CelValue::Text(one), CelValue::Text(other)) => Ok(CelValue::Text(one + other)),
        (CelValue::Bytes(one), CelValue::Bytes(other)) => Ok(CelValue::Bytes([&*one, &*other].concat().into())),
        (CelValue::Duration(one), CelValue::Duration(other)) => duration(one.checked_add(other)),
        (CelValue::Time(time), CelValue::Duration(nanoseconds))
        | (CelValue::Duration(nanoseconds), CelValue::Time(time)) => later(time, nanoseconds),
        (CelValue::List(one), CelValue::List(other)) => Ok(CelValue::List(joined(&one, &other))),
        _ => no_overload(),
    }
}

fn joined<'v>(one: &CelList<'v>, other: &CelList<'v>) -> CelList<'v> {
    match (one.is_made(), one.len(), other.len()) {
        (false, ..) => one.plus(other),
        (true, 0, _) => other.clone(),
        (true, _, 0) => one.clone(),
        _ => {
            let items = one.iter().chain(other.iter()).collect::<Vec<_>>();
            CelList { semantics: ListSemantics::Joined, items: ListItems::Made(items.into()) }
        }
    }
}

fn later(time: Timestamp, nanoseconds: i64) -> Evaluated<'static> {
    let nanos = i64::from(time.nanos) + nanoseconds.rem_euclid(SECOND);
    let seconds = time.seconds.checked_add(nanoseconds.div_euclid(SECOND) + nanos / SECOND);
    match (seconds, u32::try_from(nanos % SECOND)) {
        (Some(seconds), Ok(nanos)) => in_range(Timestamp { seconds, nanos, ..time }),
        _ => error("timestamp overflow"),
    }
}

/// `-` of two.
pub fn subtract<'v>(one: CelValue<'v>, other: CelValue<'v>) -> Evaluated<'v> {
    match settle(one, other) {
        (CelValue::Zero, CelValue::Zero) => Ok(CelValue::Zero),
        (CelValue::Int(one), CelValue::Int(other)) => int(one.checked_sub(other)),
        (CelValue::Uint(one), CelValue::Uint(other)) => uint(one.checked_sub(other)),
        (CelValue::Double(one), CelValue::Double(other)) => Ok(CelValue::Double(one - other)),
        (CelValue::Duration(one), CelValue::Duration(other)) => duration(one.checked_sub(other)),
        (CelValue::Time(time), CelValue::Duration(nanoseconds)) => match nanoseconds.checked_neg() {
            Some(negative) => later(time, negative),
            None => error("duration overflow"),
        },
        (CelValue::Time(one), CelValue::Time(other)) => {
            let seconds = one.seconds.checked_sub(other.seconds).and_then(|seconds| seconds.checked_mul(SECOND));
            duration(seconds.and_then(|seconds| seconds.checked_add(i64::from(one.nanos) - i64::from(other.nanos))))
        }
        _ => no_overload(),
    }
}

/// `*`.
pub fn multiply<'v>(one: CelValue<'v>, other: CelValue<'v>) -> Evaluated<'v> {
    match settle(one, other) {
        (CelValue::Zero, CelValue::Zero) => Ok(CelValue::Zero),
        (CelValue::Int(one), CelValue::Int(other)) => int(one.checked_mul(other)),
        (CelValue::Uint(one), CelValue::Uint(other)) => uint(one.checked_mul(other)),
        (CelValue::Double(one), CelValue::Double(other)) => Ok(CelValue::Double(one * other)),
        _ => no_overload(),
    }
}

fn typeless<'v>() -> Evaluated<'v> {
    Err(EvaluationError::NotChecked("the type of an empty list's sum is not known here".to_owned()))
}

/// `/`.
pub fn divide<'v>(one: CelValue<'v>, other: CelValue<'v>) -> Evaluated<'v> {
    match settle(one, other) {
        (CelValue::Zero, CelValue::Zero) => typeless(),
        (CelValue::Int(_), CelValue::Int(0)) | (CelValue::Uint(_), CelValue::Uint(0)) => error("division by zero"),
        (CelValue::Int(one), CelValue::Int(other)) => int(one.checked_div(other)),
        (CelValue::Uint(one), CelValue::Uint(other)) => uint(one.checked_div(other)),
        (CelValue::Double(one), CelValue::Double(other)) => Ok(CelValue::Double(one / other)),
        _ => no_overload(),
    }
}

/// `%`.
pub fn modulo<'v>(one: CelValue<'v>, other: CelValue<'v>) -> Evaluated<'v> {
    match settle(one, other) {
        (CelValue::Int(_) | CelValue::Zero, CelValue::Int(0) | CelValue::Zero)
        | (CelValue::Uint(_), CelValue::Uint(0)) => error("modulus by zero"),
        (CelValue::Int(one), CelValue::Int(other)) => int(one.checked_rem(other)),
        (CelValue::Uint(one), CelValue::Uint(other)) => uint(one.checked_rem(other)),
        _ => no_overload(),
    }
}

/// `-` of one.
pub fn negate<'v>(value: &CelValue<'v>) -> Evaluated<'v> {
    match *value {
        CelValue::Int(number) => int(number.checked_neg()),
        CelValue::Double(number) => Ok(CelValue::Double(-number)),
        CelValue::Zero => Ok(CelValue::Zero),
        _ => no_overload(),
    }
}
