//! Kubernetes' list library, the third version of cel-go's, and sets.

use std::cmp::Ordering;

use super::{A, COMPARABLE, CelFunction, list, optional};
use crate::cel::cost;
use crate::cel::types::CelType;
use crate::cel::types::CelType::{Bool, Double, Duration, Dyn, Int, String, Uint};
use crate::cel::value::CelValue;
use crate::cel::{lists, texts};

/// The method that the macro `sortBy` sorts with; no rule can call it.
pub const SORT_BY_KEYS: &str = "@sortByAssociatedKeys";

pub(super) fn functions() -> Vec<CelFunction> {
    [of_kubernetes(), sorts(), others()].into_iter().flatten().collect()
}

fn of_kubernetes() -> Vec<CelFunction> {
    let summable = [Int, Uint, Double, Duration];
    let item = |item: CelType<'static>| ([CelType::list(item.clone())], item);
    vec![
        CelFunction::method("isSorted", |args| lists::is_sorted(args.list(0)?))
            .takes_each(&COMPARABLE, |item| ([CelType::list(item)], Bool))
            .costs(cost::through),
        CelFunction::method("sum", |args| lists::sum(args.list(0)?)).takes_each(&summable, item).costs(cost::through),
        CelFunction::method("min", |args| lists::extreme(args.list(0)?, Ordering::Less, "min"))
            .takes_each(&COMPARABLE, item)
            .costs(cost::through),
        CelFunction::method("max", |args| lists::extreme(args.list(0)?, Ordering::Greater, "max"))
            .takes_each(&COMPARABLE, item)
            .costs(cost::through),
    ]
}

fn sorts() -> Vec<CelFunction> {
    vec![
        CelFunction::method("sort", |args| lists::sort(args.list(0)?))
            .takes_each(&COMPARABLE, |item| ([list(item.clone())], list(item)))
            .costs(cost::sort),
        CelFunction::in_place(SORT_BY_KEYS, true)
            .takes_each(&COMPARABLE, |key| ([list(A), list(key)], list(A)))
            .costs(cost::sort),
    ]
}

fn others() -> Vec<CelFunction> {
    functions! {
        method "indexOf" (list(A), A) -> Int, (String, String) -> Int, (String, String, Int) -> Int; through =>
            |args| match args.get(0) {
                CelValue::List(list) if args.given(2).is_none() => lists::index_of(list, args.get(1)),
                _ => texts::index_of(args.text(0)?, args.text(1)?, args.optional_int(2)?.unwrap_or(0)),
            };
        method "lastIndexOf" (list(A), A) -> Int, (String, String) -> Int, (String, String, Int) -> Int; through =>
            |args| match args.get(0) {
                CelValue::List(list) if args.given(2).is_none() => lists::last_index_of(list, args.get(1)),
                _ => texts::last_index_of(args.text(0)?, args.text(1)?, args.optional_int(2)?),
            };
        method "join" (list(String)) -> String, (list(String), String) -> String; join =>
            |args| lists::join(args.list(0)?, if args.given(1).is_some() { args.text(1)? } else { "" });
        method "slice" (list(A), Int, Int) -> list(A); slice =>
            |args| lists::slice(args.list(0)?, args.int(1)?, args.int(2)?);
        method "flatten" (list(list(A))) -> list(A), (list(Dyn), Int) -> list(Dyn); flatten =>
            |args| lists::flatten(args.list(0)?, args.optional_int(1)?.unwrap_or(1)).map(CelValue::list);
        method "reverse" (list(A)) -> list(A); reverse => |args| Ok(lists::reverse(args.list(0)?));
        method "distinct" (list(A)) -> list(A); distinct => |args| lists::distinct(args.list(0)?);
        method "first" (list(A)) -> optional(A); one => |args| lists::edge(args.list(0)?, false);
        method "last" (list(A)) -> optional(A); one => |args| lists::edge(args.list(0)?, true);
        method "unwrapOpt" (list(optional(A))) -> list(A); one => |args| lists::unwrap(args.list(0)?);
        global "optional.unwrap" (list(optional(A))) -> list(A); one => |args| lists::unwrap(args.list(0)?);
        global "lists.range" (Int) -> list(Int); range => |args| lists::range(args.int(0)?);
        global "sets.contains" (list(A), list(A)) -> Bool; sets_compared =>
            |args| lists::holds_all(args.list(0)?, args.list(1)?).map(CelValue::Bool);
        global "sets.intersects" (list(A), list(A)) -> Bool; sets_compared =>
            |args| lists::meet(args.list(0)?, args.list(1)?).map(CelValue::Bool);
        global "sets.equivalent" (list(A), list(A)) -> Bool; sets_equivalent => |args| {
            let (one, other) = (args.list(0)?, args.list(1)?);
            Ok(CelValue::Bool(lists::holds_all(one, other)? && lists::holds_all(other, one)?))
        };
    }
}
