//! The cost that a call may come to: sizes with bounds, costs that never overflow (`checker/cost.go` of cel-go, and
//! `library/cost.go` of `k8s.io/apiserver`). The API server decides by the upper end of a cost alone, so the lower one
//! is not kept.

use super::types::{CelType, LibraryType};

/// Cost of going over a string, for each character.
const STRING: f64 = 0.1;
/// Cost of a regular expression, for each of its characters.
const REGEX: f64 = 0.25;
/// Cost of a new list.
pub const NEW_LIST: u64 = 10;
/// Cost of a new map.
pub const NEW_MAP: u64 = 30;
/// The length of the longest regular expression behind a named format.
const FORMAT_PATTERN: f64 = 128.0;
/// The length of the longest text of a format.
const FORMAT_TEXT: u64 = 64;
/// Most bytes of an IP address.
const ADDRESS: SizeBounds = SizeBounds { min: 4, max: 16 };

/// Bounds of a string's, list's or map's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeBounds {
    pub min: u64,
    pub max: u64,
}

impl SizeBounds {
    pub const UNKNOWN: Self = Self { min: 0, max: u64::MAX };

    pub const fn fixed(size: u64) -> Self {
        Self { min: size, max: size }
    }

    pub fn plus(self, other: Self) -> Self {
        Self { min: self.min.saturating_add(other.min), max: self.max.saturating_add(other.max) }
    }

    pub fn times(self, other: Self) -> Self {
        Self { min: self.min.saturating_mul(other.min), max: self.max.saturating_mul(other.max) }
    }

    pub fn union(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    /// The cost of something done for each unit.
    fn cost(self, factor: f64) -> u64 {
        times_factor(self.max, factor)
    }
}

/// Sizes of the keys (or indices) and values of a list or a map.
#[derive(Clone, Copy, Debug)]
pub struct EntrySizes {
    pub list: bool,
    pub key: SizeBounds,
    pub value: SizeBounds,
}

impl EntrySizes {
    pub fn union(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let (one, other) = (one?, other?);
        Some(Self { list: one.list, key: one.key.union(other.key), value: one.value.union(other.value) })
    }
}

/// A call whose cost is asked for: the types that the overload takes, and what is known of the arguments. The target of
/// a method is the first.
#[derive(Debug)]
pub struct CallSizes<'c> {
    pub params: &'c [CelType<'static>],
    /// As far as they are known.
    pub sizes: &'c [Option<SizeBounds>],
    /// Arguments that are integers in the rule itself.
    pub literals: &'c [Option<i64>],
    pub types: &'c [CelType<'c>],
    /// The size of each item of the first argument.
    pub item: SizeBounds,
}

impl CallSizes<'_> {
    fn size(&self, at: usize) -> SizeBounds {
        self.sizes.get(at).copied().flatten().unwrap_or(SizeBounds::UNKNOWN)
    }

    fn literal(&self, at: usize) -> Option<i64> {
        self.literals.get(at).copied().flatten()
    }

    fn takes(&self, at: usize, wanted: &CelType<'static>) -> bool {
        self.params.get(at).is_some_and(|param| param.is(wanted))
    }
}

/// The cost of a call without that of its arguments, and the size of its result where that is known.
#[derive(Clone, Copy, Debug)]
pub struct CallCost {
    pub cost: u64,
    pub size: Option<SizeBounds>,
}

impl CallCost {
    fn new(cost: u64) -> Self {
        Self { cost, size: None }
    }

    fn sized(cost: u64, size: SizeBounds) -> Self {
        Self { cost, size: Some(size) }
    }
}

/// A function's cost by what it is called with.
pub type CostRule = fn(&CallSizes<'_>) -> CallCost;

/// Whatever the arguments.
pub fn one(_: &CallSizes<'_>) -> CallCost {
    CallCost::new(1)
}

/// What is charged for elsewhere.
pub fn free(_: &CallSizes<'_>) -> CallCost {
    CallCost::new(0)
}

/// One of two branches.
pub fn conditional(call: &CallSizes<'_>) -> CallCost {
    CallCost::sized(0, call.size(1).union(call.size(2)))
}

/// Going once over the first argument, a text.
pub fn text(call: &CallSizes<'_>) -> CallCost {
    CallCost::new(call.size(0).cost(STRING))
}

/// Going over the first argument twice.
pub fn text_twice(call: &CallSizes<'_>) -> CallCost {
    CallCost::new(call.size(0).cost(2.0 * STRING))
}

/// Going once over the first argument, whose size the result has.
pub fn same_size(call: &CallSizes<'_>) -> CallCost {
    CallCost::sized(call.size(0).cost(STRING), call.size(0))
}

/// Going over the second argument.
pub fn other_text(call: &CallSizes<'_>) -> CallCost {
    CallCost::new(call.size(1).cost(STRING))
}

/// A text looked for within another.
pub fn contains(call: &CallSizes<'_>) -> CallCost {
    CallCost::new(call.size(0).cost(STRING).saturating_mul(call.size(1).cost(STRING)))
}

/// A regular expression as the second argument of a method.
pub fn matches(call: &CallSizes<'_>) -> CallCost {
    CallCost::new(searched(call))
}

/// A regular expression that is looked for.
pub fn find(call: &CallSizes<'_>) -> CallCost {
    CallCost::sized(searched(call), SizeBounds { min: 0, max: call.size(0).max })
}

fn searched(call: &CallSizes<'_>) -> u64 {
    call.size(0).plus(SizeBounds::fixed(1)).cost(STRING).saturating_mul(call.size(1).cost(REGEX))
}

pub fn split(call: &CallSizes<'_>) -> CallCost {
    // -1 is no limit, and becomes the largest number there is, as in Go
    let most = call.literal(2).map_or(call.size(0).max, i64::cast_unsigned);
    CallCost::sized(call.size(0).cost(2.0 * STRING), SizeBounds { min: 0, max: most })
}

pub fn replace(call: &CallSizes<'_>) -> CallCost {
    let (text, old, new) = (call.size(0), call.size(1), call.size(2));
    let (mut count, mut kept) = (SizeBounds::fixed(0), SizeBounds::fixed(0));
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
    CallCost::sized(text.cost(2.0 * STRING), count.times(new).plus(kept))
}

pub fn join(call: &CallSizes<'_>) -> CallCost {
    let size = call.size(0);
    let mut joined = size.times(call.item);
    if call.sizes.len() > 1 {
        let between = SizeBounds { min: size.min.saturating_sub(1), max: size.max.saturating_sub(1) };
        joined = joined.plus(call.size(1).times(between));
    }
    CallCost::sized(joined.cost(STRING), joined)
}

/// Each item of a list, or each character of a text.
pub fn through(call: &CallSizes<'_>) -> CallCost {
    let Some(CelType::List(item)) = call.types.first() else { return text(call) };
    let each = if matches!(**item, CelType::String | CelType::Bytes) { call.item.cost(STRING) } else { 0 };
    CallCost::new(call.size(0).max.saturating_mul(each.saturating_add(1)))
}

/// The size of both arguments together.
pub fn add(call: &CallSizes<'_>) -> CallCost {
    let size = call.size(0).plus(call.size(1));
    match call.params.first() {
        Some(CelType::String | CelType::Bytes) => CallCost::sized(size.cost(STRING), size),
        Some(CelType::List(_)) => CallCost::sized(1, size),
        _ => CallCost::new(1),
    }
}

/// `==` and `!=`.
pub fn equal(call: &CallSizes<'_>) -> CallCost {
    let [one, other] = call.types else { return different(call) };
    match Some(one).filter(|one| one.is(other)) {
        Some(CelType::Library(LibraryType::Format)) => CallCost::new(SizeBounds::fixed(FORMAT_TEXT).cost(STRING)),
        Some(CelType::Library(LibraryType::Url)) => {
            // the server looks at the second twice
            let size = call.sizes.get(1).copied().flatten().unwrap_or(SizeBounds::fixed(1));
            CallCost::new(size.cost(STRING))
        }
        Some(CelType::Library(_)) => CallCost::new(1),
        _ => different(call),
    }
}

/// `!=`, which goes over what it compares whatever its type.
pub fn different(call: &CallSizes<'_>) -> CallCost {
    CallCost::new(SizeBounds::fixed(call.size(0).max.min(call.size(1).max)).cost(STRING))
}

/// `<` and the like.
pub fn order(call: &CallSizes<'_>) -> CallCost {
    if call.takes(0, &CelType::String) || call.takes(0, &CelType::Bytes) { different(call) } else { CallCost::new(1) }
}

/// `in`.
pub fn within(call: &CallSizes<'_>) -> CallCost {
    match call.params.get(1) {
        Some(CelType::List(_)) => CallCost::new(call.size(1).cost(1.0)),
        _ => CallCost::new(1),
    }
}

/// `string()`.
pub fn string(call: &CallSizes<'_>) -> CallCost {
    if !call.takes(0, &CelType::Bytes) {
        return CallCost::new(1);
    }
    let size = call.size(0);
    CallCost::sized(size.cost(STRING), SizeBounds { min: size.min / 4, max: size.max })
}

/// `bytes()`.
pub fn bytes(call: &CallSizes<'_>) -> CallCost {
    if !call.takes(0, &CelType::String) {
        return CallCost::new(1);
    }
    let size = call.size(0);
    // wraps around as Go's product does
    CallCost::sized(size.cost(STRING), SizeBounds { min: size.min, max: size.max.wrapping_mul(4) })
}

pub fn quote(call: &CallSizes<'_>) -> CallCost {
    let size = call.size(0);
    // wraps around as Go's sum does
    let quoted = SizeBounds { min: size.min.wrapping_add(2), max: size.max.wrapping_mul(2).wrapping_add(2) };
    CallCost::sized(size.cost(STRING), quoted)
}

fn new_list(factor: f64, size: SizeBounds) -> CallCost {
    CallCost::sized(size.cost(factor).saturating_add(1 + NEW_LIST), size)
}

/// An integer of the rule itself; a negative one counts as none.
fn literal_or(call: &CallSizes<'_>, at: usize, otherwise: u64) -> u64 {
    call.literal(at).map_or(otherwise, |number| u64::try_from(number).unwrap_or(0))
}

pub fn slice(call: &CallSizes<'_>) -> CallCost {
    // wraps around as Go's difference does
    let count = literal_or(call, 2, call.size(0).max).wrapping_sub(literal_or(call, 1, 0));
    new_list(1.0, SizeBounds::fixed(count))
}

pub fn range(call: &CallSizes<'_>) -> CallCost {
    new_list(1.0, SizeBounds::fixed(literal_or(call, 0, u64::MAX)))
}

pub fn reverse(call: &CallSizes<'_>) -> CallCost {
    new_list(1.0, call.size(0))
}

#[expect(clippy::cast_precision_loss, reason = "as in Go, to come to the same number")]
pub fn flatten(call: &CallSizes<'_>) -> CallCost {
    let depth = if call.params.len() > 1 { literal_or(call, 1, u64::MAX) } else { 1 };
    new_list(depth as f64, call.size(0))
}

pub fn distinct(call: &CallSizes<'_>) -> CallCost {
    new_list(2.0, call.size(0).times(call.size(0)))
}

/// A sort by the items of the last list.
pub fn sort(call: &CallSizes<'_>) -> CallCost {
    let keys = call.params.len().saturating_sub(1);
    let texts = [CelType::String, CelType::Bytes].into_iter().any(|key| call.takes(keys, &CelType::list(key)));
    let size = call.size(keys);
    new_list(if texts { 2.0 + STRING } else { 2.0 }, size.times(size))
}

fn sets(call: &CallSizes<'_>, factor: f64) -> CallCost {
    CallCost::new(call.size(0).times(call.size(1)).cost(factor).saturating_add(1))
}

pub fn sets_compared(call: &CallSizes<'_>) -> CallCost {
    sets(call, 1.0)
}

pub fn sets_equivalent(call: &CallSizes<'_>) -> CallCost {
    sets(call, 2.0)
}

/// An address looked for in a network: both are compared, and a text is parsed before.
pub fn contains_address(call: &CallSizes<'_>) -> CallCost {
    let parsed = if call.takes(1, &CelType::String) { call.size(1).cost(STRING) } else { 0 };
    CallCost::new(ADDRESS.plus(ADDRESS).cost(STRING).saturating_add(parsed))
}

/// A network looked for in another.
pub fn contains_network(call: &CallSizes<'_>) -> CallCost {
    let CallCost { cost, .. } = contains_address(call);
    CallCost::new(cost.saturating_add(ADDRESS.cost(STRING)).saturating_add(1))
}

pub fn validate(call: &CallSizes<'_>) -> CallCost {
    CallCost::new(times_factor(call.size(1).cost(STRING), FORMAT_PATTERN * REGEX))
}

/// Product with a factor, rounded up, as cel-go computes it: in floating point.
#[expect(clippy::cast_precision_loss, reason = "as in Go, to come to the same number")]
fn times_factor(size: u64, factor: f64) -> u64 {
    whole(size as f64 * factor)
}

/// How often `part` goes into `whole`, rounded up, in floating point as well.
#[expect(clippy::cast_precision_loss, reason = "as in Go, to come to the same number")]
fn quotient(dividend: u64, divisor: u64) -> u64 {
    whole(dividend as f64 / divisor as f64)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within bounds, and never negative"
)]
fn whole(number: f64) -> u64 {
    let number = number.ceil();
    if number >= u64::MAX as f64 { u64::MAX } else { number as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_round_up_and_never_overflow() {
        assert_eq!([0, 1, 10, 11].map(|size| times_factor(size, STRING)), [0, 1, 1, 2]);
        assert_eq!(times_factor(u64::MAX, 1.0), u64::MAX);
        assert_eq!(times_factor(u64::MAX, 2.0), u64::MAX);
        assert_eq!(
            SizeBounds::UNKNOWN.plus(SizeBounds::fixed(1)).times(SizeBounds::fixed(2)),
            SizeBounds { min: 2, max: u64::MAX }
        );
        assert_eq!([quotient(10, 3), quotient(u64::MAX, 1)], [4, u64::MAX]);
    }
}
