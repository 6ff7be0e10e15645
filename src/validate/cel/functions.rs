//! The functions of CEL in Kubernetes: those of the crate `cel`, regular expressions as Go has them, and the list and
//! set libraries.

#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "a function of the language has the signature that the crate asks for"
)]

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;

use cel::common::types::{CelBool, CelString, INT_TYPE, LIST_TYPE, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError, Value, extensions};
use regex::Regex;

use crate::golang::regexp::matcher;

/// Names before a dot that make one function with what stands behind it.
pub const SPACES: [&str; 8] = ["cel", "sets", "math", "optional", "lists", "strings", "base64", "format"];

/// Every function that rules may use, operators and what macros expand to included.
pub const KNOWN: &[&str] = &[
    "_?_:_",
    "_&&_",
    "_||_",
    "!_",
    "_-_",
    "_+_",
    "_*_",
    "_/_",
    "_%_",
    "_==_",
    "_!=_",
    "_>=_",
    "_<=_",
    "_>_",
    "_<_",
    "-_",
    "_[_]",
    "_[?_]",
    "_?._",
    "@in",
    "@not_strictly_false",
    "has",
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "find",
    "findAll",
    "trim",
    "lowerAscii",
    "upperAscii",
    "replace",
    "split",
    "join",
    "substring",
    "charAt",
    "indexOf",
    "lastIndexOf",
    "format",
    "strings.quote",
    "reverse",
    "isSorted",
    "sum",
    "min",
    "max",
    "sort",
    "slice",
    "flatten",
    "distinct",
    "lists.range",
    "@sortByAssociatedKeys",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "bytes",
    "type",
    "dyn",
    "optional.of",
    "optional.none",
    "optional.ofNonZeroValue",
    "hasValue",
    "value",
    "or",
    "orValue",
    "math.greatest",
    "math.@max",
    "math.@min",
    "math.least",
    "math.ceil",
    "math.floor",
    "math.round",
    "math.trunc",
    "math.abs",
    "math.sign",
    "math.isNaN",
    "math.isInf",
    "math.isFinite",
    "sets.contains",
    "sets.equivalent",
    "sets.intersects",
];

/// The environment of all rules. What cannot be declared is not there, and rules that use it fail.
pub fn env() -> Env {
    let mut env = Env::stdlib();
    let declared = env
        .add_extension(extensions::strings)
        .and_then(|()| env.add_extension(extensions::lists))
        .and_then(|()| env.add_extension(extensions::math))
        .and_then(|()| kubernetes(&mut env));
    debug_assert!(declared.is_ok(), "{declared:?}");
    env
}

fn kubernetes(env: &mut Env) -> Result<(), DeclarationError> {
    let two = || vec![STRING_TYPE, STRING_TYPE];
    env.add_overload("matches", "matches", two(), matches)?;
    env.add_member_overload("matches", "matches_string", STRING_TYPE, vec![STRING_TYPE], matches)?;
    env.add_member_overload("find", "string_find_string", STRING_TYPE, vec![STRING_TYPE], find)?;
    env.add_member_overload("findAll", "string_find_all_string", STRING_TYPE, vec![STRING_TYPE], find_all)?;
    let limited = vec![STRING_TYPE, INT_TYPE];
    env.add_member_overload("findAll", "string_find_all_string_int", STRING_TYPE, limited, find_all)?;
    env.add_member_overload("isSorted", "list_is_sorted", LIST_TYPE, vec![], is_sorted)?;
    env.add_member_overload("sum", "list_sum", LIST_TYPE, vec![], sum)?;
    env.add_member_overload("min", "list_min", LIST_TYPE, vec![], min)?;
    env.add_member_overload("max", "list_max", LIST_TYPE, vec![], max)?;
    let any = || vec![cel::common::types::DYN_TYPE];
    env.add_member_overload("indexOf", "list_index_of", LIST_TYPE, any(), index_of)?;
    env.add_member_overload("lastIndexOf", "list_last_index_of", LIST_TYPE, any(), last_index_of)?;
    let lists = || vec![LIST_TYPE, LIST_TYPE];
    env.add_overload("sets.contains", "sets_contains", lists(), sets_contain)?;
    env.add_overload("sets.equivalent", "sets_equivalent", lists(), sets_equal)?;
    env.add_overload("sets.intersects", "sets_intersect", lists(), sets_meet)?;
    Ok(())
}

type Outcome<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn flag<'b, 'v>(flag: bool) -> Outcome<'b, 'v> {
    Ok(CowVal::owned(CelBool::from(flag)))
}

fn made<'b, 'v>(value: Value) -> Outcome<'b, 'v> {
    let made: Box<dyn Val> = value.try_into()?;
    Ok(CowVal::Owned(made))
}

fn argument<'a>(args: &'a [CowVal<'_, '_>], at: usize) -> Result<Value, ExecutionError> {
    let value: &'a CowVal<'_, '_> = args.get(at).ok_or(ExecutionError::MissingArgumentOrTarget)?;
    Value::try_from(value.as_ref())
}

fn items(args: &[CowVal<'_, '_>], at: usize) -> Result<Vec<Value>, ExecutionError> {
    match argument(args, at)? {
        Value::List(items) => Ok(items.to_vec()),
        other => Err(other.error_expected_type(cel::objects::ValueType::List)),
    }
}

/// Does something with a text and a pattern, which is compiled once a thread.
fn with_regex<T>(args: &[CowVal<'_, '_>], work: impl FnOnce(&str, &Regex) -> T) -> Result<T, ExecutionError> {
    const MOST: usize = 256;
    thread_local! {
        static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::default();
    }
    let text = |at: usize| {
        let value = args.get(at).ok_or(ExecutionError::MissingArgumentOrTarget)?;
        let text = value.as_ref().downcast_ref::<CelString<'_>>();
        text.ok_or_else(|| ExecutionError::function_error("matches", "not a string"))
    };
    let (text, pattern) = (text(0)?.inner(), text(1)?.inner());
    COMPILED.with_borrow_mut(|compiled| {
        if !compiled.contains_key(pattern) {
            let regex = matcher::compile(pattern).map_err(|error| ExecutionError::function_error("matches", error))?;
            if compiled.len() >= MOST {
                compiled.clear();
            }
            compiled.insert(pattern.to_owned(), regex);
        }
        match compiled.get(pattern) {
            Some(regex) => Ok(work(text, regex)),
            None => Err(ExecutionError::function_error("matches", "no pattern")),
        }
    })
}

fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    flag(with_regex(&args, |text, regex| regex.is_match(text))?)
}

fn find<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    made(with_regex(&args, |text, regex| Value::from(regex.find(text).map_or("", |found| found.as_str())))?)
}

fn find_all<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let most = match args.get(2) {
        Some(_) => match argument(&args, 2)? {
            Value::Int(most) => usize::try_from(most).unwrap_or(usize::MAX),
            _ => usize::MAX,
        },
        None => usize::MAX,
    };
    let found = with_regex(&args, |text, regex| {
        regex.find_iter(text).take(most).map(|found| Value::from(found.as_str())).collect::<Vec<_>>()
    })?;
    made(Value::from(found))
}

fn compared(a: &Value, b: &Value) -> Result<Ordering, ExecutionError> {
    a.partial_cmp(b).ok_or_else(|| ExecutionError::ValuesNotComparable(a.clone(), b.clone()))
}

fn is_sorted<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let items = items(&args, 0)?;
    for pair in items.windows(2) {
        if let [a, b] = pair
            && compared(a, b)? == Ordering::Greater
        {
            return flag(false);
        }
    }
    flag(true)
}

fn sum<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let overflow = || ExecutionError::function_error("sum", "integer overflow");
    let mut sum = None;
    for item in items(&args, 0)? {
        sum = Some(match (sum, item) {
            (None, first) => first,
            (Some(Value::Int(a)), Value::Int(b)) => Value::Int(a.checked_add(b).ok_or_else(overflow)?),
            (Some(Value::UInt(a)), Value::UInt(b)) => Value::UInt(a.checked_add(b).ok_or_else(overflow)?),
            (Some(Value::Float(a)), Value::Float(b)) => Value::Float(a + b),
            _ => return Err(ExecutionError::function_error("sum", "the items are no numbers of one type")),
        });
    }
    made(sum.unwrap_or(Value::Int(0)))
}

fn extreme<'b, 'v>(args: &[CowVal<'b, 'v>], name: &str, wanted: Ordering) -> Outcome<'b, 'v> {
    let mut found: Option<Value> = None;
    for item in items(args, 0)? {
        if match &found {
            Some(best) => compared(&item, best)? == wanted,
            None => true,
        } {
            found = Some(item);
        }
    }
    made(found.ok_or_else(|| ExecutionError::function_error(name, format!("{name} called on empty list")))?)
}

fn min<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    extreme(&args, "min", Ordering::Less)
}

fn max<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    extreme(&args, "max", Ordering::Greater)
}

fn position<'b, 'v>(at: Option<usize>) -> Outcome<'b, 'v> {
    made(Value::Int(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)))
}

fn index_of<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let wanted = argument(&args, 1)?;
    position(items(&args, 0)?.iter().position(|item| *item == wanted))
}

fn last_index_of<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let wanted = argument(&args, 1)?;
    position(items(&args, 0)?.iter().rposition(|item| *item == wanted))
}

fn sets_contain<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let (all, some) = (items(&args, 0)?, items(&args, 1)?);
    flag(some.iter().all(|item| all.contains(item)))
}

fn sets_equal<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let (a, b) = (items(&args, 0)?, items(&args, 1)?);
    flag(a.iter().all(|item| b.contains(item)) && b.iter().all(|item| a.contains(item)))
}

fn sets_meet<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let (a, b) = (items(&args, 0)?, items(&args, 1)?);
    flag(a.iter().any(|item| b.contains(item)))
}
