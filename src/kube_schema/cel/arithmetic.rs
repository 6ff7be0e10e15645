//! Operators on numbers, texts, lists and times. What overflows is an error, as in cel-go.

use super::value::{Fail, Items, List, ListSemantics, Outcome, Val, error, no_overload};
use crate::golang::time::Moment;

const SECOND: i64 = 1_000_000_000;

/// The years 1 to 9999, in seconds since 1970.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// A time in the range that the server knows.
pub fn in_range(time: Moment) -> Outcome<'static> {
    if TIMES.contains(&time.seconds) { Ok(Val::Time(time)) } else { error("timestamp overflow") }
}

fn int(result: Option<i64>) -> Outcome<'static> {
    result.map_or_else(|| error("integer overflow"), |number| Ok(Val::Int(number)))
}

fn uint(result: Option<u64>) -> Outcome<'static> {
    result.map_or_else(|| error("unsigned integer overflow"), |number| Ok(Val::Uint(number)))
}

fn duration(result: Option<i64>) -> Outcome<'static> {
    result.map_or_else(|| error("duration overflow"), |nanoseconds| Ok(Val::Duration(nanoseconds)))
}

/// A zero of no type takes that of the other operand.
fn settle<'v>(one: Val<'v>, other: Val<'v>) -> (Val<'v>, Val<'v>) {
    let zero = |like: &Val<'v>| match like {
        Val::Int(_) => Val::Int(0),
        Val::Uint(_) => Val::Uint(0),
        Val::Double(_) => Val::Double(0.0),
        Val::Duration(_) | Val::Time(_) => Val::Duration(0),
        _ => Val::Zero,
    };
    match (one, other) {
        (Val::Zero, other) => (zero(&other), other),
        (one, Val::Zero) => {
            let zero = zero(&one);
            (one, zero)
        }
        both => both,
    }
}

/// `+`.
pub fn add<'v>(one: Val<'v>, other: Val<'v>) -> Outcome<'v> {
    match settle(one, other) {
        (Val::Zero, Val::Zero) => Ok(Val::Zero),
        (Val::Int(one), Val::Int(other)) => int(one.checked_add(other)),
        (Val::Uint(one), Val::Uint(other)) => uint(one.checked_add(other)),
        (Val::Double(one), Val::Double(other)) => Ok(Val::Double(one + other)),
        (Val::Text(one), Val::Text(other)) => Ok(Val::Text(one + other)),
        (Val::Bytes(one), Val::Bytes(other)) => Ok(Val::Bytes([&*one, &*other].concat().into())),
        (Val::Duration(one), Val::Duration(other)) => duration(one.checked_add(other)),
        (Val::Time(time), Val::Duration(nanoseconds)) | (Val::Duration(nanoseconds), Val::Time(time)) => {
            later(time, nanoseconds)
        }
        (Val::List(one), Val::List(other)) => Ok(Val::List(joined(&one, &other))),
        _ => no_overload(),
    }
}

fn joined<'v>(one: &List<'v>, other: &List<'v>) -> List<'v> {
    match (one.is_made(), one.len(), other.len()) {
        (false, ..) => one.plus(other),
        (true, 0, _) => other.clone(),
        (true, _, 0) => one.clone(),
        _ => {
            let items = one.iter().chain(other.iter()).collect::<Vec<_>>();
            List { semantics: ListSemantics::Joined, items: Items::Made(items.into()) }
        }
    }
}

fn later(time: Moment, nanoseconds: i64) -> Outcome<'static> {
    let nanos = i64::from(time.nanos) + nanoseconds.rem_euclid(SECOND);
    let seconds = time.seconds.checked_add(nanoseconds.div_euclid(SECOND) + nanos / SECOND);
    match (seconds, u32::try_from(nanos % SECOND)) {
        (Some(seconds), Ok(nanos)) => in_range(Moment { seconds, nanos, ..time }),
        _ => error("timestamp overflow"),
    }
}

/// `-` of two.
pub fn subtract<'v>(one: Val<'v>, other: Val<'v>) -> Outcome<'v> {
    match settle(one, other) {
        (Val::Zero, Val::Zero) => Ok(Val::Zero),
        (Val::Int(one), Val::Int(other)) => int(one.checked_sub(other)),
        (Val::Uint(one), Val::Uint(other)) => uint(one.checked_sub(other)),
        (Val::Double(one), Val::Double(other)) => Ok(Val::Double(one - other)),
        (Val::Duration(one), Val::Duration(other)) => duration(one.checked_sub(other)),
        (Val::Time(time), Val::Duration(nanoseconds)) => match nanoseconds.checked_neg() {
            Some(negative) => later(time, negative),
            None => error("duration overflow"),
        },
        (Val::Time(one), Val::Time(other)) => {
            let seconds = one.seconds.checked_sub(other.seconds).and_then(|seconds| seconds.checked_mul(SECOND));
            duration(seconds.and_then(|seconds| seconds.checked_add(i64::from(one.nanos) - i64::from(other.nanos))))
        }
        _ => no_overload(),
    }
}

/// `*`.
pub fn multiply<'v>(one: Val<'v>, other: Val<'v>) -> Outcome<'v> {
    match settle(one, other) {
        (Val::Zero, Val::Zero) => Ok(Val::Zero),
        (Val::Int(one), Val::Int(other)) => int(one.checked_mul(other)),
        (Val::Uint(one), Val::Uint(other)) => uint(one.checked_mul(other)),
        (Val::Double(one), Val::Double(other)) => Ok(Val::Double(one * other)),
        _ => no_overload(),
    }
}

fn typeless<'v>() -> Outcome<'v> {
    Err(Fail::NotChecked("the type of an empty list's sum is not known here".to_owned()))
}

/// `/`.
pub fn divide<'v>(one: Val<'v>, other: Val<'v>) -> Outcome<'v> {
    match settle(one, other) {
        (Val::Zero, Val::Zero) => typeless(),
        (Val::Int(_), Val::Int(0)) | (Val::Uint(_), Val::Uint(0)) => error("division by zero"),
        (Val::Int(one), Val::Int(other)) => int(one.checked_div(other)),
        (Val::Uint(one), Val::Uint(other)) => uint(one.checked_div(other)),
        (Val::Double(one), Val::Double(other)) => Ok(Val::Double(one / other)),
        _ => no_overload(),
    }
}

/// `%`.
pub fn modulo<'v>(one: Val<'v>, other: Val<'v>) -> Outcome<'v> {
    match settle(one, other) {
        (Val::Int(_) | Val::Zero, Val::Int(0) | Val::Zero) | (Val::Uint(_), Val::Uint(0)) => error("modulus by zero"),
        (Val::Int(one), Val::Int(other)) => int(one.checked_rem(other)),
        (Val::Uint(one), Val::Uint(other)) => uint(one.checked_rem(other)),
        _ => no_overload(),
    }
}

/// `-` of one.
pub fn negate<'v>(value: &Val<'v>) -> Outcome<'v> {
    match *value {
        Val::Int(number) => int(number.checked_neg()),
        Val::Double(number) => Ok(Val::Double(-number)),
        Val::Zero => Ok(Val::Zero),
        _ => no_overload(),
    }
}
