//! The value of an expression, by the rules of cel-go: what is not reached is not evaluated, and errors count only where
//! the outcome depends on them.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::lists;
use super::number::whole;
use super::tree::{Access, Fold, FoldKind, Tree};
use super::value::{Fail, Items, Key, List, ListSemantics, Map, Outcome, Val, Zero, error, no_overload};

/// Variables in reach, by their place.
pub type Scope<'v> = Vec<Val<'v>>;

/// Evaluates a tree.
pub fn evaluate<'v>(tree: &'v Tree, scope: &mut Scope<'v>) -> Outcome<'v> {
    if let Some(literal) = tree.literal() {
        return Ok(literal);
    }
    match tree {
        Tree::Variable(place) => variable(scope, *place),
        Tree::Chain(base, accesses) => chain(base, accesses, scope),
        Tree::Has(base, accesses) => has(base, accesses, scope),
        Tree::List(items) => list(items, scope),
        Tree::Map(entries) => map(entries, scope),
        Tree::Not(inner) => match evaluate(inner, scope)? {
            Val::Bool(flag) => Ok(Val::Bool(!flag)),
            _ => no_overload(),
        },
        Tree::And(one, other) => either(one, other, scope, false),
        Tree::Or(one, other) => either(one, other, scope, true),
        Tree::If(test, yes, no) => match evaluate(test, scope)? {
            Val::Bool(true) => evaluate(yes, scope),
            Val::Bool(false) => evaluate(no, scope),
            _ => no_overload(),
        },
        Tree::Else(optional, other, plain) => match evaluate(optional, scope)? {
            Val::Optional(None) => evaluate(other, scope),
            Val::Optional(Some(value)) if *plain => Rc::unwrap_or_clone(value).sound(),
            found => Ok(found),
        },
        Tree::Call(function, args) => {
            let args: Vec<Val<'v>> = args.iter().map(|arg| evaluate(arg, scope)).collect::<Result<_, _>>()?;
            function.call(args)
        }
        Tree::Fold(inner) => fold(inner, scope),
        Tree::Within(optional, body, flat) => match evaluate(optional, scope)? {
            Val::Optional(None) => Ok(Val::Optional(None)),
            Val::Optional(Some(value)) => {
                scope.push(Rc::unwrap_or_clone(value));
                let value = evaluate(body, scope);
                scope.pop();
                if *flat { value } else { value.map(Val::some) }
            }
            _ => no_overload(),
        },
        _ => error("it cannot be evaluated"),
    }
}

/// A variable's value. An optional one loses its schema on the way, as it does in the server.
fn variable<'v>(scope: &Scope<'v>, place: usize) -> Outcome<'v> {
    match scope.get(place).cloned().map(Val::sound) {
        Some(Ok(Val::Optional(Some(value)))) => Ok(Val::some(Rc::unwrap_or_clone(value).untyped())),
        Some(value) => value,
        None => error("no such attribute"),
    }
}

/// What a chain begins with, and whether that was an optional with a value; `None` where it was one without.
fn start<'v>(base: &'v Tree, scope: &mut Scope<'v>) -> Result<Option<(Val<'v>, bool)>, Fail> {
    let value = match base {
        Tree::Variable(place) => scope.get(*place).cloned().unwrap_or(Val::Null).sound()?,
        base => evaluate(base, scope)?,
    };
    Ok(match value {
        Val::Optional(None) => None,
        Val::Optional(Some(value)) => Some((Rc::unwrap_or_clone(value).untyped().sound()?, true)),
        value => Some((value, false)),
    })
}

fn chain<'v>(base: &'v Tree, accesses: &'v [Access], scope: &mut Scope<'v>) -> Outcome<'v> {
    follow(base, &mut vec![accesses], scope)
}

/// Follows accesses, of which the last ones come first. Of a choice they belong to both sides, as in the server.
fn follow<'v>(base: &'v Tree, accesses: &mut Vec<&'v [Access]>, scope: &mut Scope<'v>) -> Outcome<'v> {
    match base {
        Tree::If(test, yes, no) => match evaluate(test, scope)? {
            Val::Bool(test) => return follow(if test { yes } else { no }, accesses, scope),
            _ => return no_overload(),
        },
        Tree::Chain(base, first) => {
            accesses.push(first);
            return follow(base, accesses, scope);
        }
        _ => {}
    }
    let Some((mut value, mut optional)) = start(base, scope)? else { return Ok(Val::Optional(None)) };
    for access in accesses.iter().rev().copied().flatten() {
        optional |= access.optional;
        let key = evaluate(&access.key, scope)?;
        value = match (qualify(&value, &key, optional)?, optional) {
            (Some(found), _) => found,
            (None, true) => return Ok(Val::Optional(None)),
            (None, false) => return error(missing(&value, &key)),
        };
    }
    Ok(if optional { Val::some(value) } else { value })
}

fn has<'v>(base: &'v Tree, accesses: &'v [Access], scope: &mut Scope<'v>) -> Outcome<'v> {
    if let Tree::If(test, yes, no) = base {
        return match evaluate(test, scope)? {
            Val::Bool(test) => has(if test { yes } else { no }, accesses, scope),
            _ => no_overload(),
        };
    }
    let Some((mut value, mut optional)) = start(base, scope)? else { return Ok(Val::Bool(false)) };
    for (at, access) in accesses.iter().enumerate() {
        let last = at + 1 == accesses.len();
        optional |= access.optional;
        let key = evaluate(&access.key, scope)?;
        value = match qualify(&value, &key, optional || last)? {
            Some(found) => found,
            None if optional || last => return Ok(Val::Bool(false)),
            None => return error(missing(&value, &key)),
        };
    }
    Ok(Val::Bool(true))
}

/// What is at a key or index; what has none is an error only where nobody asks whether it is there.
fn qualify<'v>(value: &Val<'v>, key: &Val<'v>, asked: bool) -> Result<Option<Val<'v>>, Fail> {
    let found = match value {
        Val::Map(map) => map.find(key)?,
        Val::List(list) => {
            let index = index(key)?;
            let found = usize::try_from(index).ok().and_then(|index| list.get(index));
            // items of the manifest are found by an int alone
            match key {
                Val::Int(_) => found,
                _ if list.is_made() => found,
                _ if found.is_some() => return error("unsupported index"),
                _ => found,
            }
        }
        _ if asked => None,
        _ => return error(missing(value, key)),
    };
    found.map(Val::sound).transpose()
}

/// A number that passes for an index.
fn index(key: &Val<'_>) -> Result<i64, Fail> {
    let index = match key {
        Val::Int(index) => Some(*index),
        Val::Uint(index) => i64::try_from(*index).ok(),
        Val::Double(index) => whole(*index),
        _ => None,
    };
    index.map_or_else(|| error("unsupported index"), Ok)
}

fn missing(value: &Val<'_>, key: &Val<'_>) -> String {
    match (value, key) {
        (Val::List(_), Val::Int(index)) => format!("index out of bounds: {index}"),
        (_, Val::Text(name)) => format!("no such key: {name}"),
        _ => "no such key".to_owned(),
    }
}

fn list<'v>(items: &'v [(Tree, bool)], scope: &mut Scope<'v>) -> Outcome<'v> {
    let mut made = Vec::with_capacity(items.len());
    for (item, optional) in items {
        match (evaluate(item, scope)?, optional) {
            (value, false) => made.push(value),
            (Val::Optional(None), true) => {}
            (Val::Optional(Some(value)), true) => made.push(Rc::unwrap_or_clone(value)),
            _ => return error("cannot initialize optional list element from non-optional value"),
        }
    }
    Ok(Val::list(made))
}

fn map<'v>(entries: &'v [(Tree, Tree, bool)], scope: &mut Scope<'v>) -> Outcome<'v> {
    let mut made = BTreeMap::new();
    for (key, value, optional) in entries {
        let key = evaluate(key, scope)?.key()?;
        match (evaluate(value, scope)?, optional) {
            (value, false) => drop(made.insert(key, value)),
            (Val::Optional(None), true) => drop(made.remove(&key)),
            (Val::Optional(Some(value)), true) => drop(made.insert(key, Rc::unwrap_or_clone(value))),
            _ => return error("cannot initialize optional entry from non-optional value"),
        }
    }
    Ok(Val::Map(Map::Made(Rc::new(made))))
}

/// `&&` and `||`: the one side that settles it does so whatever the other comes to.
fn either<'v>(one: &'v Tree, other: &'v Tree, scope: &mut Scope<'v>, settles: bool) -> Outcome<'v> {
    let flag = |outcome: Outcome<'v>| match outcome? {
        Val::Bool(flag) => Ok(flag),
        _ => no_overload(),
    };
    let first = flag(evaluate(one, scope));
    if first == Ok(settles) || matches!(first, Err(Fail::NotChecked(_))) {
        return first.map(Val::Bool);
    }
    let second = flag(evaluate(other, scope));
    if second == Ok(settles) || matches!(second, Err(Fail::NotChecked(_))) {
        return second.map(Val::Bool);
    }
    first.and(second).map(Val::Bool)
}

/// What a macro goes over: one or two values each time.
fn range<'v>(value: Val<'v>, two: bool) -> Result<Vec<(Val<'v>, Option<Val<'v>>)>, Fail> {
    match value {
        Val::List(list) if two => Ok((0_i64..).map(Val::Int).zip(list.iter().map(Some)).collect()),
        Val::List(list) => Ok(list.iter().map(|item| (item, None)).collect()),
        Val::Map(map) => {
            let value = |key: &Val<'v>| if two { map.find(key) } else { Ok(None) };
            map.keys().into_iter().map(|key| value(&key).map(|value| (key, value))).collect()
        }
        _ => no_overload(),
    }
}

/// What a macro has come to.
struct Sum<'v> {
    values: Vec<Val<'v>>,
    map: BTreeMap<Key<'v>, Val<'v>>,
    count: usize,
    /// The first error of `all` and `exists`, which a later value may settle nevertheless.
    failed: Option<Fail>,
}

fn fold<'v>(fold: &'v Fold, scope: &mut Scope<'v>) -> Outcome<'v> {
    let over = evaluate(&fold.range, scope)?;
    let zero = match (&over, fold.kind) {
        (Val::List(list), FoldKind::Filter) => list.zero(),
        (Val::List(list), FoldKind::Map) => zero_of(&fold.body, scope.len(), list),
        (_, FoldKind::Map) => zero_of(
            &fold.body,
            usize::MAX,
            &List { semantics: ListSemantics::Plain, items: Items::Made(Rc::default()) },
        ),
        _ => None,
    };
    let sorted = (fold.kind == FoldKind::SortBy).then(|| over.clone());
    let mut sum = Sum { values: Vec::new(), map: BTreeMap::new(), count: 0, failed: None };
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
        FoldKind::All => Val::Bool(true),
        FoldKind::Exists => Val::Bool(false),
        FoldKind::ExistsOne => Val::Bool(sum.count == 1),
        FoldKind::Map | FoldKind::Filter => match zero.filter(|_| sum.values.is_empty()) {
            Some(zero) => Val::List(List { semantics: ListSemantics::Plain, items: Items::Empty(zero) }),
            None => Val::list(sum.values),
        },
        FoldKind::TransformMap | FoldKind::TransformMapEntry => Val::Map(Map::Made(Rc::new(sum.map))),
        FoldKind::SortBy => match sorted {
            Some(Val::List(list)) => return lists::sort_by(&list, sum.values),
            _ => return no_overload(),
        },
    })
}

/// The type of numbers that an expression gives, as far as that can be told without any. `place` is that of the variable
/// that stands for an item of the list.
fn zero_of(tree: &Tree, place: usize, list: &List<'_>) -> Option<Zero> {
    match tree {
        Tree::Int(_) => Some(Zero::Int),
        Tree::Uint(_) => Some(Zero::Uint),
        Tree::Double(_) => Some(Zero::Double),
        Tree::Variable(variable) if *variable == place => list.zero(),
        Tree::Chain(base, accesses) if matches!(**base, Tree::Variable(variable) if variable == place) => {
            let mut node = list.node()?;
            for access in accesses {
                node = match &access.key {
                    Tree::Text(name) if !access.optional => node.property(&super::names::unescape(name)?)?,
                    _ => return None,
                };
            }
            super::data::zero(node)
        }
        Tree::If(_, yes, no) => zero_of(yes, place, list).or_else(|| zero_of(no, place, list)),
        Tree::Call(function, args) => match function.name {
            "size" | "int" | "indexOf" | "lastIndexOf" | "asInteger" | "compareTo" | "major" | "minor" | "patch" => {
                Some(Zero::Int)
            }
            "uint" => Some(Zero::Uint),
            "double" | "asApproximateFloat" => Some(Zero::Double),
            "duration" => Some(Zero::Duration),
            "_+_" | "_-_" | "_*_" | "_/_" | "_%_" | "-_" => args.iter().find_map(|arg| zero_of(arg, place, list)),
            _ => None,
        },
        _ => None,
    }
}

fn test<'v>(tree: &'v Tree, scope: &mut Scope<'v>) -> Result<bool, Fail> {
    match evaluate(tree, scope)? {
        Val::Bool(flag) => Ok(flag),
        _ => no_overload(),
    }
}

/// One turn of a macro; a value where no other turn is needed.
fn turn<'v>(
    fold: &'v Fold,
    first: &Val<'v>,
    scope: &mut Scope<'v>,
    sum: &mut Sum<'v>,
) -> Result<Option<Val<'v>>, Fail> {
    if let Some(filter) = &fold.filter
        && !test(filter, scope)?
    {
        return Ok(None);
    }
    match fold.kind {
        FoldKind::All | FoldKind::Exists => {
            let settles = fold.kind == FoldKind::Exists;
            match test(&fold.body, scope) {
                Ok(flag) if flag == settles => return Ok(Some(Val::Bool(settles))),
                Ok(_) => {}
                Err(not_checked @ Fail::NotChecked(_)) => return Err(not_checked),
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
            let Val::Map(entries) = evaluate(&fold.body, scope)? else { return no_overload() };
            for key in entries.keys() {
                let value = entries.find(&key)?.unwrap_or(Val::Null);
                insert(&mut sum.map, key.key()?, value)?;
            }
        }
    }
    Ok(None)
}

fn insert<'v>(map: &mut BTreeMap<Key<'v>, Val<'v>>, key: Key<'v>, value: Val<'v>) -> Result<(), Fail> {
    if map.insert(key, value).is_some() {
        return error("insert failed: the key already exists");
    }
    Ok(())
}
