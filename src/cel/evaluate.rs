//! The value of an expression, by the rules of cel-go: what is not reached is not evaluated, and errors count only
//! where the outcome depends on them.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::expression::{Expression, Fold, FoldKind, MemberAccess};
use super::lists;
use super::number::whole;
use super::value::{
    CelKey, CelList, CelMap, CelValue, Evaluated, EvaluationError, ListItems, ListSemantics, NumberType, error,
    no_overload,
};

/// Variables in reach, by their place.
pub type Variables<'v> = Vec<CelValue<'v>>;

/// Evaluates a tree.
pub fn evaluate<'v>(tree: &'v Expression, scope: &mut Variables<'v>) -> Evaluated<'v> {
    if let Some(literal) = tree.literal() {
        return Ok(literal);
    }
    match tree {
        Expression::Variable(place) => variable(scope, *place),
        Expression::Chain(base, accesses) => chain(base, accesses, scope),
        Expression::Has(base, accesses) => has(base, accesses, scope),
        Expression::List(items) => list(items, scope),
        Expression::Map(entries) => map(entries, scope),
        Expression::Not(inner) => match evaluate(inner, scope)? {
            CelValue::Bool(flag) => Ok(CelValue::Bool(!flag)),
            _ => no_overload(),
        },
        Expression::And(one, other) => either(one, other, scope, false),
        Expression::Or(one, other) => either(one, other, scope, true),
        Expression::If(test, yes, no) => match evaluate(test, scope)? {
            CelValue::Bool(true) => evaluate(yes, scope),
            CelValue::Bool(false) => evaluate(no, scope),
            _ => no_overload(),
        },
        Expression::Else(optional, other, plain) => match evaluate(optional, scope)? {
            CelValue::Optional(None) => evaluate(other, scope),
            CelValue::Optional(Some(value)) if *plain => Rc::unwrap_or_clone(value).sound(),
            found => Ok(found),
        },
        Expression::Call(function, args) => {
            let args: Vec<CelValue<'v>> = args.iter().map(|arg| evaluate(arg, scope)).collect::<Result<_, _>>()?;
            function.call(args)
        }
        Expression::Fold(inner) => fold(inner, scope),
        Expression::Within(optional, body, flat) => match evaluate(optional, scope)? {
            CelValue::Optional(None) => Ok(CelValue::Optional(None)),
            CelValue::Optional(Some(value)) => {
                scope.push(Rc::unwrap_or_clone(value));
                let value = evaluate(body, scope);
                scope.pop();
                if *flat { value } else { value.map(CelValue::some) }
            }
            _ => no_overload(),
        },
        _ => error("it cannot be evaluated"),
    }
}

/// A variable's value. An optional one loses its schema on the way, as it does in the server.
fn variable<'v>(scope: &Variables<'v>, place: usize) -> Evaluated<'v> {
    match scope.get(place).cloned().map(CelValue::sound) {
        Some(Ok(CelValue::Optional(Some(value)))) => Ok(CelValue::some(Rc::unwrap_or_clone(value).untyped())),
        Some(value) => value,
        None => error("no such attribute"),
    }
}

/// What a chain begins with, and whether that was an optional with a value; `None` where it was one without.
fn start<'v>(base: &'v Expression, scope: &mut Variables<'v>) -> Result<Option<(CelValue<'v>, bool)>, EvaluationError> {
    let value = match base {
        Expression::Variable(place) => scope.get(*place).cloned().unwrap_or(CelValue::Null).sound()?,
        base => evaluate(base, scope)?,
    };
    Ok(match value {
        CelValue::Optional(None) => None,
        CelValue::Optional(Some(value)) => Some((Rc::unwrap_or_clone(value).untyped().sound()?, true)),
        value => Some((value, false)),
    })
}

fn chain<'v>(base: &'v Expression, accesses: &'v [MemberAccess], scope: &mut Variables<'v>) -> Evaluated<'v> {
    follow(base, &mut vec![accesses], scope)
}

/// Follows accesses, of which the last ones come first. Of a choice they belong to both sides, as in the server.
fn follow<'v>(
    base: &'v Expression,
    accesses: &mut Vec<&'v [MemberAccess]>,
    scope: &mut Variables<'v>,
) -> Evaluated<'v> {
    match base {
        Expression::If(test, yes, no) => match evaluate(test, scope)? {
            CelValue::Bool(test) => return follow(if test { yes } else { no }, accesses, scope),
            _ => return no_overload(),
        },
        Expression::Chain(base, first) => {
            accesses.push(first);
            return follow(base, accesses, scope);
        }
        _ => {}
    }
    let Some((mut value, mut optional)) = start(base, scope)? else { return Ok(CelValue::Optional(None)) };
    for access in accesses.iter().rev().copied().flatten() {
        optional |= access.optional;
        let key = evaluate(&access.key, scope)?;
        value = match (qualify(&value, &key, optional)?, optional) {
            (Some(found), _) => found,
            (None, true) => return Ok(CelValue::Optional(None)),
            (None, false) => return error(missing(&value, &key)),
        };
    }
    Ok(if optional { CelValue::some(value) } else { value })
}

fn has<'v>(base: &'v Expression, accesses: &'v [MemberAccess], scope: &mut Variables<'v>) -> Evaluated<'v> {
    if let Expression::If(test, yes, no) = base {
        return match evaluate(test, scope)? {
            CelValue::Bool(test) => has(if test { yes } else { no }, accesses, scope),
            _ => no_overload(),
        };
    }
    let Some((mut value, mut optional)) = start(base, scope)? else { return Ok(CelValue::Bool(false)) };
    for (at, access) in accesses.iter().enumerate() {
        let last = at + 1 == accesses.len();
        optional |= access.optional;
        let key = evaluate(&access.key, scope)?;
        value = match qualify(&value, &key, optional || last)? {
            Some(found) => found,
            None if optional || last => return Ok(CelValue::Bool(false)),
            None => return error(missing(&value, &key)),
        };
    }
    Ok(CelValue::Bool(true))
}

/// What is at a key or index; what has none is an error only where nobody asks whether it is there.
fn qualify<'v>(value: &CelValue<'v>, key: &CelValue<'v>, asked: bool) -> Result<Option<CelValue<'v>>, EvaluationError> {
    let found = match value {
        CelValue::Map(map) => map.find(key)?,
        CelValue::List(list) => {
            let index = index(key)?;
            let found = usize::try_from(index).ok().and_then(|index| list.get(index));
            // items of the manifest are found by an int alone
            match key {
                CelValue::Int(_) => found,
                _ if list.is_made() => found,
                _ if found.is_some() => return error("unsupported index"),
                _ => found,
            }
        }
        _ if asked => None,
        _ => return error(missing(value, key)),
    };
    found.map(CelValue::sound).transpose()
}

/// A number that passes for an index.
fn index(key: &CelValue<'_>) -> Result<i64, EvaluationError> {
    let index = match key {
        CelValue::Int(index) => Some(*index),
        CelValue::Uint(index) => i64::try_from(*index).ok(),
        CelValue::Double(index) => whole(*index),
        _ => None,
    };
    index.map_or_else(|| error("unsupported index"), Ok)
}

fn missing(value: &CelValue<'_>, key: &CelValue<'_>) -> String {
    match (value, key) {
        (CelValue::List(_), CelValue::Int(index)) => format!("index out of bounds: {index}"),
        (_, CelValue::Text(name)) => format!("no such key: {name}"),
        _ => "no such key".to_owned(),
    }
}

fn list<'v>(items: &'v [(Expression, bool)], scope: &mut Variables<'v>) -> Evaluated<'v> {
    let mut made = Vec::with_capacity(items.len());
    for (item, optional) in items {
        match (evaluate(item, scope)?, optional) {
            (value, false) => made.push(value),
            (CelValue::Optional(None), true) => {}
            (CelValue::Optional(Some(value)), true) => made.push(Rc::unwrap_or_clone(value)),
            _ => return error("cannot initialize optional list element from non-optional value"),
        }
    }
    Ok(CelValue::list(made))
}

fn map<'v>(entries: &'v [(Expression, Expression, bool)], scope: &mut Variables<'v>) -> Evaluated<'v> {
    let mut made = BTreeMap::new();
    for (key, value, optional) in entries {
        let key = evaluate(key, scope)?.key()?;
        match (evaluate(value, scope)?, optional) {
            (value, false) => drop(made.insert(key, value)),
            (CelValue::Optional(None), true) => drop(made.remove(&key)),
            (CelValue::Optional(Some(value)), true) => drop(made.insert(key, Rc::unwrap_or_clone(value))),
            _ => return error("cannot initialize optional entry from non-optional value"),
        }
    }
    Ok(CelValue::Map(CelMap::Made(Rc::new(made))))
}

/// `&&` and `||`: the one side that settles it does so whatever the other comes to.
fn either<'v>(one: &'v Expression, other: &'v Expression, scope: &mut Variables<'v>, settles: bool) -> Evaluated<'v> {
    let flag = |outcome: Evaluated<'v>| match outcome? {
        CelValue::Bool(flag) => Ok(flag),
        _ => no_overload(),
    };
    let first = flag(evaluate(one, scope));
    if first == Ok(settles) || matches!(first, Err(EvaluationError::NotChecked(_))) {
        return first.map(CelValue::Bool);
    }
    let second = flag(evaluate(other, scope));
    if second == Ok(settles) || matches!(second, Err(EvaluationError::NotChecked(_))) {
        return second.map(CelValue::Bool);
    }
    first.and(second).map(CelValue::Bool)
}

/// What a macro goes over: one or two values each time.
fn range<'v>(value: CelValue<'v>, two: bool) -> Result<Vec<(CelValue<'v>, Option<CelValue<'v>>)>, EvaluationError> {
    match value {
        CelValue::List(list) if two => Ok((0_i64..).map(CelValue::Int).zip(list.iter().map(Some)).collect()),
        CelValue::List(list) => Ok(list.iter().map(|item| (item, None)).collect()),
        CelValue::Map(map) => {
            let value = |key: &CelValue<'v>| if two { map.find(key) } else { Ok(None) };
            map.keys().into_iter().map(|key| value(&key).map(|value| (key, value))).collect()
        }
        _ => no_overload(),
    }
}

/// What a macro has come to.
struct FoldState<'v> {
    values: Vec<CelValue<'v>>,
    map: BTreeMap<CelKey<'v>, CelValue<'v>>,
    count: usize,
    /// The first error of `all` and `exists`, which a later value may settle nevertheless.
    failed: Option<EvaluationError>,
}

fn fold<'v>(fold: &'v Fold, scope: &mut Variables<'v>) -> Evaluated<'v> {
    let over = evaluate(&fold.range, scope)?;
    let zero = match (&over, fold.kind) {
        (CelValue::List(list), FoldKind::Filter) => list.zero(),
        (CelValue::List(list), FoldKind::Map) => zero_of(&fold.body, scope.len(), list),
        (_, FoldKind::Map) => zero_of(
            &fold.body,
            usize::MAX,
            &CelList { semantics: ListSemantics::Plain, items: ListItems::Made(Rc::default()) },
        ),
        _ => None,
    };
    let sorted = (fold.kind == FoldKind::SortBy).then(|| over.clone());
    let mut sum = FoldState { values: Vec::new(), map: BTreeMap::new(), count: 0, failed: None };
    for (first, second) in range(over, fold.two)? {
        let before = scope.len();
        scope.push(first.clone());
        scope.extend(second);
        let settled = turn(fold, &first, scope, &mut sum);
        scope.truncate(before);
        if let Some(settled) = settled? {
            return Ok(settled);
        }
    }
    if let Some(failed) = sum.failed {
        return Err(failed);
    }
    Ok(match fold.kind {
        FoldKind::All => CelValue::Bool(true),
        FoldKind::Exists => CelValue::Bool(false),
        FoldKind::ExistsOne => CelValue::Bool(sum.count == 1),
        FoldKind::Map | FoldKind::Filter => match zero.filter(|_| sum.values.is_empty()) {
            Some(zero) => CelValue::List(CelList { semantics: ListSemantics::Plain, items: ListItems::Empty(zero) }),
            None => CelValue::list(sum.values),
        },
        FoldKind::TransformMap | FoldKind::TransformMapEntry => CelValue::Map(CelMap::Made(Rc::new(sum.map))),
        FoldKind::SortBy => match sorted {
            Some(CelValue::List(list)) => return lists::sort_by(&list, sum.values),
            _ => return no_overload(),
        },
    })
}

/// The type of numbers that an expression gives, as far as that can be told without any. `place` is that of the
/// variable that stands for an item of the list.
fn zero_of(tree: &Expression, place: usize, list: &CelList<'_>) -> Option<NumberType> {
    match tree {
        Expression::Int(_) => Some(NumberType::Int),
        Expression::Uint(_) => Some(NumberType::Uint),
        Expression::Double(_) => Some(NumberType::Double),
        Expression::Variable(variable) if *variable == place => list.zero(),
        Expression::Chain(base, accesses) if matches!(**base, Expression::Variable(variable) if variable == place) => {
            let mut node = list.node()?;
            for access in accesses {
                node = match &access.key {
                    Expression::Text(name) if !access.optional => node.property(&super::names::unescape(name)?)?,
                    _ => return None,
                };
            }
            super::data::zero(node)
        }
        Expression::If(_, yes, no) => zero_of(yes, place, list).or_else(|| zero_of(no, place, list)),
        Expression::Call(function, args) => match function.name {
            "size" | "int" | "indexOf" | "lastIndexOf" | "asInteger" | "compareTo" | "major" | "minor" | "patch" => {
                Some(NumberType::Int)
            }
            "uint" => Some(NumberType::Uint),
            "double" | "asApproximateFloat" => Some(NumberType::Double),
            "duration" => Some(NumberType::Duration),
            "_+_" | "_-_" | "_*_" | "_/_" | "_%_" | "-_" => args.iter().find_map(|arg| zero_of(arg, place, list)),
            _ => None,
        },
        _ => None,
    }
}

fn test<'v>(tree: &'v Expression, scope: &mut Variables<'v>) -> Result<bool, EvaluationError> {
    match evaluate(tree, scope)? {
        CelValue::Bool(flag) => Ok(flag),
        _ => no_overload(),
    }
}

/// One turn of a macro; a value where no other turn is needed.
fn turn<'v>(
    fold: &'v Fold,
    first: &CelValue<'v>,
    scope: &mut Variables<'v>,
    sum: &mut FoldState<'v>,
) -> Result<Option<CelValue<'v>>, EvaluationError> {
    if let Some(filter) = &fold.filter
        && !test(filter, scope)?
    {
        return Ok(None);
    }
    match fold.kind {
        FoldKind::All | FoldKind::Exists => {
            let settles = fold.kind == FoldKind::Exists;
            match test(&fold.body, scope) {
                Ok(flag) if flag == settles => return Ok(Some(CelValue::Bool(settles))),
                Ok(_) => {}
                Err(not_checked @ EvaluationError::NotChecked(_)) => return Err(not_checked),
                Err(problem) => sum.failed = sum.failed.take().or(Some(problem)),
            }
        }
        FoldKind::ExistsOne => sum.count += usize::from(test(&fold.body, scope)?),
        FoldKind::Filter => {
            if test(&fold.body, scope)? {
                sum.values.push(first.clone().sound()?);
            }
        }
        FoldKind::Map | FoldKind::SortBy => sum.values.push(evaluate(&fold.body, scope)?),
        FoldKind::TransformMap => {
            let value = evaluate(&fold.body, scope)?;
            insert(&mut sum.map, first.clone().sound()?.key()?, value)?;
        }
        FoldKind::TransformMapEntry => {
            let CelValue::Map(entries) = evaluate(&fold.body, scope)? else { return no_overload() };
            for key in entries.keys() {
                let value = entries.find(&key)?.unwrap_or(CelValue::Null);
                insert(&mut sum.map, key.key()?, value)?;
            }
        }
    }
    Ok(None)
}

fn insert<'v>(
    map: &mut BTreeMap<CelKey<'v>, CelValue<'v>>,
    key: CelKey<'v>,
    value: CelValue<'v>,
) -> Result<(), EvaluationError> {
    if map.insert(key, value).is_some() {
        return error("insert failed: the key already exists");
    }
    Ok(())
}
