//! Kubernetes' list library, the third version of cel-go's, and sets.

use std::cmp::Ordering;

use super::{A, COMPARABLE, CelFunction};
use crate::kube_schema::cel::cost;
use crate::kube_schema::cel::types::CelType;
use crate::kube_schema::cel::types::CelType::{Bool, Double, Duration, Dyn, Int, String, Uint};
use crate::kube_schema::cel::value::CelValue;
use crate::kube_schema::cel::{lists, texts};

/// The method that the macro `sortBy` sorts with; no rule can call it.
pub const SORT_BY_KEYS: &str = "@sortByAssociatedKeys";

pub(super) fn functions() -> Vec<CelFunction> {
    [of_kubernetes(), of_cel(), sets()].into_iter().flatten().collect()
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
        CelFunction::method("indexOf", |args| match args.get(0) {
            CelValue::List(list) if args.given(2).is_none() => lists::index_of(list, args.get(1)),
            _ => texts::index_of(args.text(0)?, args.text(1)?, args.optional_int(2)?.unwrap_or(0)),
        })
        .takes([CelType::list(A), A], Int)
        .takes([String, String], Int)
        .takes([String, String, Int], Int)
        .costs(cost::through),
        CelFunction::method("lastIndexOf", |args| match args.get(0) {
            CelValue::List(list) if args.given(2).is_none() => lists::last_index_of(list, args.get(1)),
            _ => texts::last_index_of(args.text(0)?, args.text(1)?, args.optional_int(2)?),
        })
        .takes([CelType::list(A), A], Int)
        .takes([String, String], Int)
        .takes([String, String, Int], Int)
        .costs(cost::through),
    ]
}

fn of_cel() -> Vec<CelFunction> {
    let list = || CelType::list(A);
    let strings = || CelType::list(String);
    vec![
        CelFunction::method("join", |args| {
            lists::join(args.list(0)?, if args.given(1).is_some() { args.text(1)? } else { "" })
        })
        .takes([strings()], String)
        .takes([strings(), String], String)
        .costs(cost::join),
        CelFunction::method("slice", |args| lists::slice(args.list(0)?, args.int(1)?, args.int(2)?))
            .takes([list(), Int, Int], list())
            .costs(cost::slice),
        CelFunction::method("flatten", |args| {
            lists::flatten(args.list(0)?, args.optional_int(1)?.unwrap_or(1)).map(CelValue::list)
        })
        .takes([CelType::list(list())], list())
        .takes([CelType::list(Dyn), Int], CelType::list(Dyn))
        .costs(cost::flatten),
        CelFunction::method("sort", |args| lists::sort(args.list(0)?))
            .takes_each(&COMPARABLE, |item| ([CelType::list(item.clone())], CelType::list(item)))
            .costs(cost::sort),
        CelFunction::in_place(SORT_BY_KEYS, true)
            .takes_each(&COMPARABLE, |key| ([list(), CelType::list(key)], list()))
            .costs(cost::sort),
        CelFunction::method("reverse", |args| Ok(lists::reverse(args.list(0)?)))
            .takes([list()], list())
            .costs(cost::reverse),
        CelFunction::method("distinct", |args| lists::distinct(args.list(0)?))
            .takes([list()], list())
            .costs(cost::distinct),
        CelFunction::global("lists.range", |args| lists::range(args.int(0)?))
            .takes([Int], CelType::list(Int))
            .costs(cost::range),
        CelFunction::method("first", |args| lists::edge(args.list(0)?, false)).takes([list()], CelType::optional(A)),
        CelFunction::method("last", |args| lists::edge(args.list(0)?, true)).takes([list()], CelType::optional(A)),
        CelFunction::method("unwrapOpt", |args| lists::unwrap(args.list(0)?))
            .takes([CelType::list(CelType::optional(A))], list()),
        CelFunction::global("optional.unwrap", |args| lists::unwrap(args.list(0)?))
            .takes([CelType::list(CelType::optional(A))], list()),
    ]
}

fn sets() -> Vec<CelFunction> {
    let lists = || [CelType::list(A), CelType::list(A)];
    vec![
        CelFunction::global("sets.contains", |args| lists::holds_all(args.list(0)?, args.list(1)?).map(CelValue::Bool))
            .takes(lists(), Bool)
            .costs(cost::sets_compared),
        CelFunction::global("sets.intersects", |args| lists::meet(args.list(0)?, args.list(1)?).map(CelValue::Bool))
            .takes(lists(), Bool)
            .costs(cost::sets_compared),
        CelFunction::global("sets.equivalent", |args| {
            let (one, other) = (args.list(0)?, args.list(1)?);
            Ok(CelValue::Bool(lists::holds_all(one, other)? && lists::holds_all(other, one)?))
        })
        .takes(lists(), Bool)
        .costs(cost::sets_equivalent),
    ]
}
