//! Functions and operators: which types they take, what they give, what they cost.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

use super::check::{Checker, Fault, Part, Type, is_namespace, mismatch, sum, unknown};
use super::cost::{Entry, REGEX, STRING, Size, quotient};
use crate::golang::{duration, float, regexp};
use crate::registry::problem::suggest;

/// What a call gives, without the cost of its arguments.
struct Given<'d> {
    kind: Type<'d>,
    cost: u64,
    size: Option<Size>,
    entry: Option<Entry>,
    path: Vec<String>,
}

impl<'d> Given<'d> {
    fn new(kind: Type<'d>, cost: u64) -> Self {
        Self { kind, cost, size: None, entry: None, path: Vec::new() }
    }

    fn sized(self, size: Size) -> Self {
        Self { size: Some(size), ..self }
    }
}

/// Functions that the API server knows, and whose types or costs are not known here.
const UNJUDGED: &str = " dyn type quantity isQuantity sign isInteger asInteger asApproximateFloat add sub \
    isGreaterThan isLessThan compareTo url isURL getScheme getHost getHostname getPort getEscapedPath getQuery ip isIP \
    isCIDR cidr containsIP containsCIDR prefixLength masked family isUnspecified isLoopback isLinkLocalMulticast \
    isLinkLocalUnicast isGlobalUnicast isCanonical semver isSemver major minor patch validate named format quote \
    slice flatten sort sortBy @sortByAssociatedKeys range distinct reverse hasValue value or orValue optMap optFlatMap \
    of none ofNonZeroValue unwrap unwrapOpt contains intersects equivalent all exists existsOne exists_one \
    transformList transformMap transformMapEntry check allowed reason error errored group resource subresource \
    namespace name path serviceAccount fieldSelector labelSelector escapeKey _?._ _[?_] ";

/// Macros that the parser leaves as calls: their first arguments are names of variables, which do not exist yet.
const MACROS: &str = " all exists existsOne exists_one map filter transformList transformMap transformMapEntry \
    optMap optFlatMap sortBy bind ";

/// Functions that are judged, to find the one that was meant.
const JUDGED: [&str; 44] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "lowerAscii",
    "upperAscii",
    "trim",
    "substring",
    "replace",
    "split",
    "join",
    "charAt",
    "indexOf",
    "lastIndexOf",
    "find",
    "findAll",
    "isSorted",
    "sum",
    "min",
    "max",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "bytes",
    "duration",
    "timestamp",
    "getFullYear",
    "getMonth",
    "getDayOfYear",
    "getDayOfMonth",
    "getDate",
    "getDayOfWeek",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
    "has",
    "all",
    "exists",
    "map",
    "filter",
];

impl<'d> Checker<'d> {
    pub(super) fn call(&mut self, call: &CallExpr) -> Result<Part<'d>, Fault> {
        let name = call.func_name.as_str();
        if let Some(target) = &call.target
            && let Expr::Ident(space) = &target.expr
            && !self.is_variable(space)
            && is_namespace(space)
        {
            return Err(unknown(&format!("`{space}.{name}`")));
        }
        if MACROS.contains(&format!(" {name} ")) {
            return Err(unknown(&format!("the macro `{name}`")));
        }
        let mut parts = Vec::new();
        for part in call.target.iter().map(|target| &**target).chain(&call.args) {
            parts.push(self.part(part)?);
        }
        if let Some(open) = parts.iter().find(|part| matches!(part.kind, Type::Open)) {
            return Err(unknown(&format!("{} as an argument", open.kind.told())));
        }
        let ambiguous = ["isSorted", "min", "max", "sum"].contains(&name);
        if ambiguous && parts.first().is_some_and(|part| matches!(&part.kind, Type::List(item) if item.is_open())) {
            return Err(unknown(&format!("`{name}` of an empty list")));
        }
        let found = match &call.target {
            None => Self::operator(name, &parts).or_else(|| Some(Ok(function(name, &parts)?))),
            Some(_) => self.method(name, &parts, &call.args).map(Ok),
        };
        let given = match found {
            Some(given) => given?,
            None => return Err(unfit(name, call.target.is_some(), &parts)),
        };
        literals(name, call)?;
        let size = given.size.or_else(|| self.looked_up(&given.path, &given.kind));
        let own = match name {
            // of the two branches only one is taken
            operators::CONDITIONAL => sum([parts[0].cost, parts[1].cost.max(parts[2].cost)]),
            _ => sum(parts.iter().map(|part| part.cost)),
        };
        Ok(Part { kind: given.kind, cost: given.cost.saturating_add(own), path: given.path, size, entry: given.entry })
    }

    fn operator(name: &str, parts: &[Part<'d>]) -> Option<Result<Given<'d>, Fault>> {
        let given = match (name, parts) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [one, other]) => {
                (one.kind.is(&Type::Bool) && other.kind.is(&Type::Bool)).then(|| Given::new(Type::Bool, 0))
            }
            (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, [one]) => {
                one.kind.is(&Type::Bool).then(|| Given::new(Type::Bool, 1))
            }
            (operators::CONDITIONAL, [test, yes, no]) => {
                if !test.kind.is(&Type::Bool) {
                    return None;
                }
                let Some(kind) = yes.kind.join(&no.kind) else { return Some(Err(mismatch(&yes.kind, &no.kind))) };
                let size = yes.size_or_unknown().union(no.size_or_unknown());
                Some(Given { entry: Entry::union(yes.entry, no.entry), ..Given::new(kind, 0).sized(size) })
            }
            (operators::EQUALS | operators::NOT_EQUALS, [one, other]) => {
                if !one.kind.is(&other.kind) {
                    return Some(Err(mismatch(&one.kind, &other.kind)));
                }
                Some(Given::new(Type::Bool, compared(one, other)))
            }
            (
                operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
                [one, other],
            ) => order(one, other),
            (operators::ADD, [one, other]) => add(one, other),
            (operators::SUBSTRACT, [one, other]) => subtract(&one.kind, &other.kind).map(|kind| Given::new(kind, 1)),
            (operators::MULTIPLY | operators::DIVIDE, [one, other]) => {
                let fits = one.kind.is_number() && one.kind.is(&other.kind);
                fits.then(|| Given::new(one.kind.clone(), 1))
            }
            (operators::MODULO, [one, other]) => {
                let fits = matches!(one.kind, Type::Int | Type::Uint) && one.kind.is(&other.kind);
                fits.then(|| Given::new(one.kind.clone(), 1))
            }
            (operators::NEGATE, [one]) => {
                matches!(one.kind, Type::Int | Type::Double).then(|| Given::new(one.kind.clone(), 1))
            }
            (operators::INDEX, [from, at]) => index(from, at),
            (operators::IN, [what, within]) => contained(what, within),
            _ => None,
        };
        given.map(Ok)
    }

    /// A function that is called on a value, which is the first part.
    fn method(&self, name: &str, parts: &[Part<'d>], args: &[IdedExpr]) -> Option<Given<'d>> {
        let target = parts.first()?;
        match &target.kind {
            Type::String => of_string(name, parts, args),
            Type::List(item) => self.of_list(name, parts, item),
            Type::Map(..) | Type::Bytes if name == "size" && parts.len() == 1 => Some(Given::new(Type::Int, 1)),
            Type::Timestamp | Type::Duration => {
                let day = ["getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek"];
                let clock = ["getHours", "getMinutes", "getSeconds", "getMilliseconds"];
                let of_time = matches!(target.kind, Type::Timestamp);
                let zone = match &parts[1..] {
                    [] => true,
                    [zone] => of_time && matches!(zone.kind, Type::String),
                    _ => false,
                };
                let known = clock.contains(&name) || of_time && day.contains(&name);
                (known && zone).then(|| Given::new(Type::Int, 1))
            }
            _ => None,
        }
    }

    fn of_list(&self, name: &str, parts: &[Part<'d>], item: &Type<'d>) -> Option<Given<'d>> {
        let size = parts[0].size_or_unknown();
        let comparable = item.is_scalar() || matches!(item, Type::String | Type::Bytes);
        let summable = item.is_number() || matches!(item, Type::Duration);
        let each = match item {
            Type::String | Type::Bytes => self.item_size(&parts[0]).cost(STRING).saturating_add(1),
            _ => 1,
        };
        let through = size.max.saturating_mul(each);
        Some(match (name, parts.len()) {
            ("size", 1) => Given::new(Type::Int, 1),
            ("join", 1 | 2) if item.is(&Type::String) && parts.get(1).is_none_or(|s| s.kind.is(&Type::String)) => {
                let mut joined = size.times(self.item_size(&parts[0]));
                if let Some(separator) = parts.get(1) {
                    let between = Size { min: size.min.saturating_sub(1), max: size.max.saturating_sub(1) };
                    joined = joined.plus(separator.size_or_unknown().times(between));
                }
                Given::new(Type::String, joined.cost(STRING)).sized(joined)
            }
            ("isSorted", 1) if comparable => Given::new(Type::Bool, through),
            ("min" | "max", 1) if comparable => Given::new(item.clone(), through),
            ("sum", 1) if summable => Given::new(item.clone(), through),
            ("indexOf" | "lastIndexOf", 2) if item.is(&parts[1].kind) => Given::new(Type::Int, through),
            _ => return None,
        })
    }

    /// Size of a list's items, looked up in the schema alone.
    fn item_size(&self, list: &Part<'_>) -> Size {
        if list.path.is_empty() {
            return Size::UNKNOWN;
        }
        let mut path = list.path.clone();
        path.push("@items".to_owned());
        self.root.most_at(&path).map_or(Size::UNKNOWN, |max| Size { min: 0, max })
    }
}

fn compared(one: &Part<'_>, other: &Part<'_>) -> u64 {
    let most = one.size_or_unknown().max.min(other.size_or_unknown().max);
    Size::fixed(most).cost(STRING)
}

fn order<'d>(one: &Part<'_>, other: &Part<'_>) -> Option<Given<'d>> {
    let cost = match (&one.kind, &other.kind) {
        (Type::String, Type::String) | (Type::Bytes, Type::Bytes) => compared(one, other),
        (one, other) if one.is_number() && other.is_number() => 1,
        (Type::Bool, Type::Bool) | (Type::Timestamp, Type::Timestamp) | (Type::Duration, Type::Duration) => 1,
        _ => return None,
    };
    Some(Given::new(Type::Bool, cost))
}

fn add<'d>(one: &Part<'d>, other: &Part<'d>) -> Option<Given<'d>> {
    let size = one.size_or_unknown().plus(other.size_or_unknown());
    let entry = Entry::union(one.entry, other.entry);
    let given = match (&one.kind, &other.kind) {
        (Type::String, Type::String) | (Type::Bytes, Type::Bytes) => {
            Given::new(one.kind.clone(), size.cost(STRING)).sized(size)
        }
        (Type::List(_), Type::List(_)) => Given::new(one.kind.join(&other.kind)?, 1).sized(size),
        (Type::Timestamp, Type::Duration) | (Type::Duration, Type::Timestamp) => Given::new(Type::Timestamp, 1),
        (Type::Duration, Type::Duration) => Given::new(Type::Duration, 1),
        (kind, other) if kind.is_number() && kind.is(other) => Given::new(kind.clone(), 1),
        _ => return None,
    };
    Some(Given { entry, ..given })
}

fn subtract<'d>(one: &Type<'d>, other: &Type<'d>) -> Option<Type<'d>> {
    match (one, other) {
        (Type::Timestamp | Type::Duration, Type::Duration) => Some(one.clone()),
        (Type::Timestamp, Type::Timestamp) => Some(Type::Duration),
        (kind, other) if kind.is_number() && kind.is(other) => Some(kind.clone()),
        _ => None,
    }
}

fn index<'d>(from: &Part<'d>, at: &Part<'d>) -> Option<Given<'d>> {
    let (kind, step) = match (&from.kind, &at.kind) {
        (Type::List(item), Type::Int) => (item, "@items"),
        (Type::Map(key, value), at) if key.is(at) => (value, "@values"),
        _ => return None,
    };
    let mut path = from.path.clone();
    path.push(step.to_owned());
    Some(Given { path, size: from.entry.map(|entry| entry.value), ..Given::new((**kind).clone(), 1) })
}

fn contained<'d>(what: &Part<'_>, within: &Part<'_>) -> Option<Given<'d>> {
    let cost = match &within.kind {
        Type::List(item) if item.is(&what.kind) => within.size_or_unknown().cost(1.0),
        Type::Map(key, _) if key.is(&what.kind) => 1,
        _ => return None,
    };
    Some(Given::new(Type::Bool, cost))
}

/// A function that is called by its name alone.
fn function<'d>(name: &str, parts: &[Part<'d>]) -> Option<Given<'d>> {
    let kind = |index: usize| parts.get(index).map(|part| &part.kind);
    let given = match (name, kind(0)?, kind(1)) {
        ("size", Type::String | Type::Bytes | Type::List(_) | Type::Map(..), None) => Given::new(Type::Int, 1),
        ("int", Type::Int | Type::Uint | Type::Double | Type::Duration | Type::String | Type::Timestamp, None) => {
            Given::new(Type::Int, 1)
        }
        ("uint", Type::Int | Type::Uint | Type::Double | Type::String, None) => Given::new(Type::Uint, 1),
        ("double", Type::Int | Type::Uint | Type::Double | Type::String, None) => Given::new(Type::Double, 1),
        ("matches", Type::String, Some(Type::String)) | ("bool", Type::Bool | Type::String, None) => {
            Given::new(Type::Bool, 1)
        }
        ("string", Type::Bytes, None) => {
            let size = parts[0].size_or_unknown();
            Given::new(Type::String, size.cost(STRING)).sized(Size { min: size.min / 4, max: size.max })
        }
        ("string", kind, None) if kind.is_scalar() || matches!(kind, Type::String) => Given::new(Type::String, 1),
        ("bytes", Type::String, None) => {
            let size = parts[0].size_or_unknown();
            // wraps around as Go's product does
            let most = size.max.wrapping_mul(4);
            Given::new(Type::Bytes, size.cost(STRING)).sized(Size { min: size.min, max: most })
        }
        ("bytes", Type::Bytes, None) => Given::new(Type::Bytes, 1),
        ("duration", Type::Duration | Type::Int | Type::String, None) => Given::new(Type::Duration, 1),
        ("timestamp", Type::Timestamp | Type::Int | Type::String, None) => Given::new(Type::Timestamp, 1),
        _ => return None,
    };
    (parts.len() <= 2).then_some(given)
}

fn of_string<'d>(name: &str, parts: &[Part<'d>], args: &[IdedExpr]) -> Option<Given<'d>> {
    let kinds: String = parts[1..]
        .iter()
        .map(|part| match part.kind {
            Type::String => 's',
            Type::Int => 'i',
            _ => '?',
        })
        .collect();
    let size = parts[0].size_or_unknown();
    let other = parts.get(1).map_or(Size::UNKNOWN, Part::size_or_unknown);
    let through = size.cost(STRING);
    let product = |one: u64, other: u64| one.saturating_mul(other);
    Some(match (name, kinds.as_str()) {
        ("size", "") => Given::new(Type::Int, 1),
        ("startsWith" | "endsWith", "s") => Given::new(Type::Bool, other.cost(STRING)),
        ("contains", "s") => Given::new(Type::Bool, product(through, other.cost(STRING))),
        ("matches", "s") => Given::new(Type::Bool, searched(size, other)),
        ("lowerAscii" | "upperAscii" | "trim", "") | ("substring", "i" | "ii") => {
            Given::new(Type::String, through).sized(size)
        }
        ("charAt", "i") => Given::new(Type::String, 1),
        ("indexOf" | "lastIndexOf", "s" | "si") => Given::new(Type::Int, through),
        ("find", "s") => Given::new(Type::String, searched(size, other)).sized(Size { min: 0, max: size.max }),
        ("findAll", "s" | "si") => Given::new(strings(), searched(size, other)).sized(Size { min: 0, max: size.max }),
        ("split", "s" | "si") => {
            let most = match args.get(1).map(|limit| &limit.expr) {
                // -1 is no limit, and becomes the largest number there is, as in Go
                #[expect(clippy::cast_sign_loss, reason = "as in Go")]
                Some(Expr::Literal(LiteralValue::Int(limit))) => *limit.inner() as u64,
                _ => size.max,
            };
            Given::new(strings(), size.cost(2.0 * STRING)).sized(Size { min: 0, max: most })
        }
        ("replace", "ss" | "ssi") => {
            let with = parts[2].size_or_unknown();
            Given::new(Type::String, size.cost(2.0 * STRING)).sized(replaced(size, other, with))
        }
        _ => return None,
    })
}

fn strings<'d>() -> Type<'d> {
    Type::List(Box::new(Type::String))
}

/// Cost of a regular expression over a string.
fn searched(text: Size, pattern: Size) -> u64 {
    text.plus(Size::fixed(1)).cost(STRING).saturating_mul(pattern.cost(REGEX))
}

/// Size of a string in which `old` is replaced by `new`.
fn replaced(text: Size, old: Size, new: Size) -> Size {
    let (mut count, mut kept) = (Size::fixed(0), Size::fixed(0));
    if old.min == 0 {
        count.max = text.max.saturating_add(1);
        kept.max = text.max;
    } else if new.max <= old.min {
        kept.max = text.max;
    } else {
        count.max = quotient(text.max, old.min);
    }
    if old.max == 0 {
        count.min = text.min.saturating_add(1);
        kept.min = text.min;
    } else if old.max <= new.min {
        kept.min = text.min;
    } else {
        count.min = quotient(text.min, old.max);
    }
    count.times(new).plus(kept)
}

/// Literals that the API server looks into.
fn literals(name: &str, call: &CallExpr) -> Result<(), Fault> {
    let Some(Expr::Literal(LiteralValue::String(text))) = call.args.last().map(|arg| &arg.expr) else { return Ok(()) };
    let text = text.inner();
    match name {
        "matches" => regexp::check(text).map_err(|error| Fault::wrong(format!("invalid pattern: {error}"))),
        "duration" => duration::parse(text).map(|_| ()).map_err(Fault::wrong),
        // what does not change is computed when the CRD is installed
        "int" if text.parse::<i64>().is_err() => Err(Fault::wrong(format!("{text:?} is no integer"))),
        "uint" if text.parse::<u64>().is_err() => Err(Fault::wrong(format!("{text:?} is no unsigned integer"))),
        "double" => float::parse(text).map(|_| ()).map_err(Fault::wrong),
        "bool" => Err(unknown("a boolean as text")),
        "timestamp" => Err(unknown("a time stamp as text")),
        _ => Ok(()),
    }
}

fn unfit(name: &str, is_method: bool, parts: &[Part<'_>]) -> Fault {
    if UNJUDGED.contains(&format!(" {name} ")) {
        return unknown(&if name.contains('?') { "optional values".to_owned() } else { format!("`{name}`") });
    }
    let told: Vec<String> = parts.iter().map(|part| part.kind.told()).collect();
    let known = JUDGED.contains(&name) || name.contains(|c: char| !c.is_ascii_alphanumeric());
    if !known {
        let message = format!("there is no function `{name}`");
        return Fault::Wrong { message, help: suggest(name, JUDGED) };
    }
    let name = name.trim_matches(['_', '@']);
    Fault::wrong(match (is_method, told.split_first()) {
        (true, Some((target, []))) => format!("`{name}` is nothing that {target} has"),
        (true, Some((target, rest))) => format!("`{name}` of {target} does not take {}", rest.join(" and ")),
        _ => format!("`{name}` does not take {}", told.join(" and ")),
    })
}

/// All functions that are known here, with types or without.
#[cfg(test)]
pub(crate) fn functions() -> impl Iterator<Item = &'static str> {
    UNJUDGED.split_whitespace().chain(JUDGED)
}
