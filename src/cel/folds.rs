//! Types and costs of macros. cel-go expands them into loops; the costs here are those of the expansions.

use super::check::{CheckError, CheckResult, CheckedExpression, TypeChecker, sum};
use super::cost::{EntrySizes, NEW_LIST, NEW_MAP, SizeBounds};
use super::expression::{Expression, Fold, FoldKind};
use super::functions::SORT_BY_KEYS;
use super::types::CelType;

/// Cost of a variable.
const VARIABLE: u64 = 1;
/// Cost of a call that has no cost of its own.
const CALL: u64 = 1;
/// Cost of `result + [item]`, without that of the item.
const APPEND: u64 = CALL + VARIABLE + NEW_LIST;

/// A macro over a list or a map.
pub fn fold<'s>(checker: &mut TypeChecker<'s>, fold: &Fold) -> CheckResult<'s> {
    let range = checker.check(&fold.range)?;
    match fold.kind {
        FoldKind::SortBy => sort_by(checker, fold, &range),
        _ => over(checker, fold, &range),
    }
}

/// Variables of a loop over a value.
fn variables<'s>(
    checker: &mut TypeChecker<'s>,
    range: &CheckedExpression<'s>,
    two: bool,
) -> Result<Vec<CheckedExpression<'s>>, CheckError> {
    let kind = checker.types.substitute(&range.kind);
    let (key, value) = match &kind {
        CelType::List(item) => (CelType::Int, (**item).clone()),
        CelType::Map(key, value) => ((**key).clone(), (**value).clone()),
        CelType::Dyn | CelType::Param(_) => {
            checker.types.assign(&CelType::Dyn, &kind);
            (CelType::Dyn, CelType::Dyn)
        }
        other => {
            let message = format!("a macro goes over a list or a map, this is {}", other.told());
            return Err(CheckError::refused(message));
        }
    };
    let of_list = matches!(kind, CelType::List(_));
    let list = range.entry.map_or(of_list, |entry| entry.list);
    let variable = |kind: CelType<'s>, part: &str, size: Option<SizeBounds>| {
        let path = range.path.iter().cloned().chain([part.to_owned()]).collect();
        let own = CheckedExpression::new(kind, VARIABLE);
        CheckedExpression { path, size: own.size.or(size), ..own }
    };
    let keys = range.entry.map(|entry| entry.key);
    let values = range.entry.map(|entry| entry.value);
    let item = if list { "@items" } else { "@values" };
    Ok(match (two, list) {
        (true, _) => vec![variable(key, if list { "@indices" } else { "@keys" }, keys), variable(value, item, values)],
        (false, true) => vec![variable(if of_list { value } else { key }, item, values)],
        (false, false) => vec![variable(if of_list { value } else { key }, "@keys", keys)],
    })
}

fn over<'s>(checker: &mut TypeChecker<'s>, fold: &Fold, range: &CheckedExpression<'s>) -> CheckResult<'s> {
    let variables = variables(checker, range, fold.two)?;
    let first = variables[0].clone();
    let (filter, body) = checker.with(variables, |checker| {
        let filter = fold.filter.as_ref().map(|filter| checker.check(filter)).transpose()?;
        Ok((filter, checker.check(&fold.body)?))
    })?;
    if let Some(filter) = &filter {
        condition(checker, filter)?;
    }
    // the start, one turn and the result of the loop
    let turn = |cost: u64| sum([cost, body.cost, filter.as_ref().map_or(0, |filter| filter.cost)]);
    let appended = |item: SizeBounds| {
        Some(EntrySizes { list: true, key: SizeBounds::fixed(1), value: SizeBounds { min: 0, max: item.max } })
    };
    let count = range.size_or_unknown();
    let cost = |start: u64, turn: u64, result: u64| sum([range.cost, start, result, count.max.saturating_mul(turn)]);
    let made = |kind: CelType<'s>, cost: u64, entry: Option<EntrySizes>| CheckedExpression {
        size: Some(count),
        entry,
        ..CheckedExpression::new(kind, cost)
    };
    Ok(match fold.kind {
        FoldKind::All => flag(checker, &body, cost(0, turn(VARIABLE + CALL + VARIABLE), VARIABLE))?,
        FoldKind::Exists => flag(checker, &body, cost(0, turn(VARIABLE + CALL + CALL + VARIABLE), VARIABLE))?,
        FoldKind::ExistsOne => flag(checker, &body, cost(0, turn(CALL + VARIABLE), VARIABLE + CALL))?,
        FoldKind::Filter => {
            condition(checker, &body)?;
            let entry = appended(checker.size_of(&first));
            let kind = CelType::list(first.kind);
            made(kind, cost(NEW_LIST, turn(APPEND + VARIABLE), VARIABLE), entry)
        }
        FoldKind::Map => {
            let entry = appended(body.size_or_unknown());
            let kind = CelType::list(body.kind.clone());
            made(kind, cost(NEW_LIST, turn(APPEND), VARIABLE), entry)
        }
        FoldKind::TransformMap => {
            let kind = CelType::map(first.kind, body.kind.clone());
            made(kind, cost(NEW_MAP, turn(CALL + VARIABLE + VARIABLE), VARIABLE), None)
        }
        FoldKind::TransformMapEntry => {
            let kind = CelType::map(checker.types.fresh(), checker.types.fresh());
            if !checker.types.assign(&body.kind, &kind) {
                return Err(CheckError::refused(format!("an entry is a map, this is {}", body.kind.told())));
            }
            made(kind, cost(NEW_MAP, turn(CALL + VARIABLE), VARIABLE), None)
        }
        FoldKind::SortBy => return Err(CheckError::NotChecked("`sortBy`".to_owned())),
    })
}

fn condition<'s>(checker: &mut TypeChecker<'s>, body: &CheckedExpression<'s>) -> Result<(), CheckError> {
    if checker.types.assign(&body.kind, &CelType::Bool) {
        return Ok(());
    }
    let told = checker.types.substitute(&body.kind).told();
    Err(CheckError::refused(format!("a condition is true or false, this one is {told}")))
}

fn flag<'s>(checker: &mut TypeChecker<'s>, body: &CheckedExpression<'s>, cost: u64) -> CheckResult<'s> {
    condition(checker, body)?;
    Ok(CheckedExpression::new(CelType::Bool, cost))
}

/// `list.sortBy(item, key)`: a list of keys is made, and both are put in order together.
fn sort_by<'s>(checker: &mut TypeChecker<'s>, fold: &Fold, range: &CheckedExpression<'s>) -> CheckResult<'s> {
    let list = CheckedExpression { cost: VARIABLE, ..range.clone() };
    let keys = Fold { kind: FoldKind::Map, ..fold.clone() };
    let keys = over(checker, &keys, &list)?;
    let sorted = checker.named_call(SORT_BY_KEYS, true, &[list, keys])?;
    Ok(CheckedExpression { cost: sum([sorted.cost, range.cost, NEW_LIST]), ..sorted })
}

/// `optMap` and `optFlatMap`: a choice by `hasValue()`, of which one side binds the value to a name.
pub fn within<'s>(
    checker: &mut TypeChecker<'s>,
    target: &Expression,
    body: &Expression,
    flat: bool,
) -> CheckResult<'s> {
    let target = checker.check(target)?;
    let test = checker.named_call("hasValue", true, std::slice::from_ref(&target))?;
    let value = checker.named_call("value", true, std::slice::from_ref(&target))?;
    let value_cost = value.cost;
    let body = checker.with(vec![value], |checker| checker.check(body))?;
    let bound = CheckedExpression { cost: sum([NEW_LIST, value_cost, body.cost]), path: Vec::new(), ..body };
    let yes = if flat { bound } else { checker.named_call("optional.of", false, &[bound])? };
    let no = checker.named_call("optional.none", false, &[])?;
    let cost = test.cost.saturating_add(yes.cost.max(no.cost));
    let entry = EntrySizes::union(yes.entry, no.entry);
    let found = checker.named_call("_?_:_", false, &[test, yes, no])?;
    Ok(CheckedExpression { cost, entry, ..found })
}
