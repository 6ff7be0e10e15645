//! Operators, conversions, sizes, times and optionals: what CEL itself has.

#![expect(clippy::unnecessary_wraps, reason = "a function of the language may fail, whether it does or not")]

use std::cmp::Ordering;
use std::rc::Rc;

use super::{A, Arguments, B, COMPARABLE, CelFunction, optional};
use crate::cel::arithmetic::{add, divide, modulo, multiply, negate, subtract};
use crate::cel::equality::{contains, equal, order};
use crate::cel::times::{self, TimePart};
use crate::cel::types::CelType;
use crate::cel::types::CelType::{Bool, Bytes, Double, Duration, Dyn, Int, String, Timestamp, Type, Uint};
use crate::cel::value::{CelMap, CelValue, Evaluated, error, no_overload};
use crate::cel::{convert, cost};

const NUMBERS: [CelType<'static>; 3] = [Int, Uint, Double];

pub(super) fn functions() -> Vec<CelFunction> {
    [logic(), arithmetic(), comparisons(), conversions(), optionals(), times()].into_iter().flatten().collect()
}

/// What does not evaluate all of its arguments, and the steps along a chain.
fn logic() -> Vec<CelFunction> {
    let [list, map] = [CelType::list(A), CelType::map(A, B)];
    let value = CelType::optional;
    vec![
        CelFunction::in_place("_&&_", false).takes([Bool, Bool], Bool).costs(cost::free),
        CelFunction::in_place("_||_", false).takes([Bool, Bool], Bool).costs(cost::free),
        CelFunction::in_place("!_", false).takes([Bool], Bool),
        CelFunction::in_place("_?_:_", false).takes([Bool, A, A], A).costs(cost::conditional),
        CelFunction::in_place("_[_]", false)
            .takes([list.clone(), Int], A)
            .takes([map.clone(), A], B)
            .takes([value(list.clone()), Int], value(A))
            .takes([value(map.clone()), A], value(B)),
        CelFunction::in_place("_[?_]", false)
            .takes([list.clone(), Int], value(A))
            .takes([value(list), Int], value(A))
            .takes([map.clone(), A], value(B))
            .takes([value(map), A], value(B)),
        CelFunction::in_place("or", true).takes([value(A), value(A)], value(A)),
        CelFunction::in_place("orValue", true).takes([value(A), A], A),
    ]
}

fn arithmetic() -> Vec<CelFunction> {
    let list = CelType::list(A);
    let number = |number: CelType<'static>| ([number.clone(), number.clone()], number);
    vec![
        CelFunction::global("_+_", |args| add(args.take(0), args.take(1)))
            .takes_each(&[Bytes, Double, Duration], number)
            .takes([Duration, Timestamp], Timestamp)
            .takes([Timestamp, Duration], Timestamp)
            .takes([Int, Int], Int)
            .takes([list.clone(), list.clone()], list)
            .takes_each(&[String, Uint], number)
            .costs(cost::add),
        CelFunction::global("_-_", |args| subtract(args.take(0), args.take(1)))
            .takes_each(&[Double, Duration, Int], number)
            .takes([Timestamp, Duration], Timestamp)
            .takes([Timestamp, Timestamp], Duration)
            .takes([Uint, Uint], Uint),
        CelFunction::global("_*_", |args| multiply(args.take(0), args.take(1))).takes_each(&NUMBERS, number),
        CelFunction::global("_/_", |args| divide(args.take(0), args.take(1))).takes_each(&NUMBERS, number),
        CelFunction::global("_%_", |args| modulo(args.take(0), args.take(1))).takes_each(&[Int, Uint], number),
        CelFunction::global("-_", |args| negate(args.get(0))).takes([Double], Double).takes([Int], Int),
    ]
}

fn comparisons() -> Vec<CelFunction> {
    let ordered = |function: CelFunction| {
        let function = function.takes_each(&COMPARABLE, |one| ([one.clone(), one], Bool)).costs(cost::order);
        NUMBERS.iter().fold(function, |function, one| {
            let others: Vec<_> = NUMBERS.iter().filter(|other| !other.is(one)).cloned().collect();
            function.takes_each(&others, |other| ([one.clone(), other], Bool))
        })
    };
    vec![
        CelFunction::global("_==_", |args| equal(args.get(0), args.get(1)).map(CelValue::Bool))
            .takes([A, A], Bool)
            .costs(cost::equal),
        CelFunction::global("_!=_", |args| equal(args.get(0), args.get(1)).map(|same| CelValue::Bool(!same)))
            .takes([A, A], Bool)
            .costs(cost::different),
        ordered(CelFunction::global("_<_", |args| compared(args, Ordering::is_lt))),
        ordered(CelFunction::global("_<=_", |args| compared(args, Ordering::is_le))),
        ordered(CelFunction::global("_>_", |args| compared(args, Ordering::is_gt))),
        ordered(CelFunction::global("_>=_", |args| compared(args, Ordering::is_ge))),
        CelFunction::global("@in", |args| contains(args.get(1), args.get(0)).map(CelValue::Bool))
            .takes([A, CelType::list(A)], Bool)
            .takes([A, CelType::map(A, B)], Bool)
            .costs(cost::within),
    ]
}

fn conversions() -> Vec<CelFunction> {
    let sized = |function: CelFunction| {
        function.takes_each(&[Bytes, CelType::list(A), CelType::map(A, B), String], |one| ([one], Int))
    };
    let library = [CelType::Library(super::LibraryType::Cidr), CelType::Library(super::LibraryType::Ip)];
    vec![
        sized(CelFunction::global("size", size)),
        sized(CelFunction::method("size", size)),
        CelFunction::global("int", |args| convert::int(args.take(0)))
            .takes_each(&[Int, Double, Duration, String, Timestamp, Uint], |one| ([one], Int)),
        CelFunction::global("uint", |args| convert::uint(args.take(0)))
            .takes_each(&[Uint, Double, Int, String], |one| ([one], Uint)),
        CelFunction::global("double", |args| convert::double(args.take(0)))
            .takes_each(&[Double, Int, String, Uint], |one| ([one], Double)),
        CelFunction::global("bool", |args| convert::bool(args.take(0)))
            .takes_each(&[Bool, String], |one| ([one], Bool)),
        CelFunction::global("string", |args| convert::string(args.take(0)))
            .takes_each(&[String, Bool, Bytes, Double, Duration, Int, Timestamp, Uint], |one| ([one], String))
            .takes_each(&library, |one| ([one], String))
            .costs(cost::string),
        CelFunction::global("bytes", |args| convert::bytes(args.take(0)))
            .takes_each(&[Bytes, String], |one| ([one], Bytes))
            .costs(cost::bytes),
        CelFunction::global("duration", |args| convert::duration(args.take(0)))
            .takes_each(&[Duration, Int, String], |one| ([one], Duration)),
        CelFunction::global("timestamp", |args| convert::timestamp(args.take(0)))
            .takes_each(&[Timestamp, Int, String], |one| ([one], Timestamp)),
        CelFunction::global("dyn", |args| Ok(args.take(0))).takes([A], Dyn),
        CelFunction::global("type", |args| convert::kind(args.get(0))).takes([A], Type),
    ]
}

fn optionals() -> Vec<CelFunction> {
    functions! {
        global "optional.of" (A) -> optional(A); one => |args| Ok(CelValue::some(args.take(0)));
        global "optional.none" () -> optional(A); one => |_| Ok(CelValue::Optional(None));
        global "optional.ofNonZeroValue" (A) -> optional(A); one => of_non_zero;
        method "hasValue" (optional(A)) -> Bool; one => |args| match args.get(0) {
            CelValue::Optional(value) => Ok(CelValue::Bool(value.is_some())),
            _ => no_overload(),
        };
        method "value" (optional(A)) -> A; one => |args| match args.take(0) {
            CelValue::Optional(Some(value)) => Rc::unwrap_or_clone(value).sound(),
            CelValue::Optional(None) => error("optional.none() dereference"),
            _ => no_overload(),
        };
    }
}

fn times() -> Vec<CelFunction> {
    macro_rules! of_time {
        ($($name:literal: $part:ident $(or $duration:ident)?;)*) => {
            vec![$(
                CelFunction::method($name, |args| times::part(TimePart::$part, args.get(0), args.given(1)))
                    .takes([Timestamp], Int)
                    .takes([Timestamp, String], Int)
                    $(.takes([$duration], Int))?
            ),*]
        };
    }
    of_time! {
        "getFullYear": FullYear;
        "getMonth": Month;
        "getDate": Date;
        "getDayOfMonth": DayOfMonth;
        "getDayOfWeek": DayOfWeek;
        "getDayOfYear": DayOfYear;
        "getHours": Hours or Duration;
        "getMinutes": Minutes or Duration;
        "getSeconds": Seconds or Duration;
        "getMilliseconds": Milliseconds or Duration;
    }
}

fn compared<'v>(args: &Arguments<'v>, wanted: fn(Ordering) -> bool) -> Evaluated<'v> {
    order(args.get(0), args.get(1)).map(|order| CelValue::Bool(wanted(order)))
}

fn size<'v>(args: &mut Arguments<'v>) -> Evaluated<'v> {
    let size = match args.get(0) {
        CelValue::Text(text) => text.chars().count(),
        CelValue::Bytes(bytes) => bytes.len(),
        CelValue::List(list) => list.len(),
        CelValue::Map(map) => map.len(),
        _ => return no_overload(),
    };
    Ok(CelValue::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}

fn of_non_zero<'v>(args: &mut Arguments<'v>) -> Evaluated<'v> {
    let value = args.take(0);
    let zero = match &value {
        CelValue::Null | CelValue::Optional(None) | CelValue::Zero => true,
        CelValue::Bool(flag) => !flag,
        CelValue::Int(number) | CelValue::Duration(number) => *number == 0,
        CelValue::Uint(number) => *number == 0,
        CelValue::Double(number) => *number == 0.0,
        CelValue::Text(text) => text.is_empty(),
        CelValue::Bytes(bytes) => bytes.is_empty(),
        CelValue::Time(time) => time.seconds == -62_135_596_800 && time.nanos == 0,
        CelValue::List(list) => list.is_made() && list.len() == 0,
        CelValue::Map(map) => !matches!(map, CelMap::Data(_, Some(_))) && map.len() == 0,
        _ => false,
    };
    Ok(if zero { CelValue::Optional(None) } else { CelValue::some(value) })
}
