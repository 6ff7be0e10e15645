//! Arithmetic of cel-go's cost estimate (`checker/cost.go`): sizes with bounds, costs that never overflow.
//! The API server decides by the upper end of a cost alone, so the lower one is not kept.

/// Cost of going over a string, for each character.
pub(super) const STRING: f64 = 0.1;
/// Cost of a regular expression, for each of its characters.
pub(super) const REGEX: f64 = 0.25;

/// Bounds of a string's, list's or map's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub min: u64,
    pub max: u64,
}

impl Size {
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
    pub fn cost(self, factor: f64) -> u64 {
        times_factor(self.max, factor)
    }
}

/// Sizes of the keys (or indices) and values of a list or a map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub list: bool,
    pub key: Size,
    pub value: Size,
}

impl Entry {
    pub fn union(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let (one, other) = (one?, other?);
        Some(Self { list: one.list, key: one.key.union(other.key), value: one.value.union(other.value) })
    }
}

/// Product with a factor, rounded up, as cel-go computes it: in floating point.
#[expect(clippy::cast_precision_loss, reason = "as in Go, to come to the same number")]
pub(super) fn times_factor(size: u64, factor: f64) -> u64 {
    let product = (size as f64 * factor).ceil();
    if product >= u64::MAX as f64 {
        return u64::MAX;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within bounds, and never negative")]
    let whole = product as u64;
    whole
}

/// How often `part` goes into `whole`, rounded up, in floating point as well.
#[expect(clippy::cast_precision_loss, reason = "as in Go, to come to the same number")]
pub(super) fn quotient(whole: u64, part: u64) -> u64 {
    let quotient = (whole as f64 / part as f64).ceil();
    if quotient >= u64::MAX as f64 {
        return u64::MAX;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within bounds, and never negative")]
    let whole = quotient as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_round_up_and_never_overflow() {
        assert_eq!([0, 1, 10, 11].map(|size| times_factor(size, STRING)), [0, 1, 1, 2]);
        assert_eq!(times_factor(u64::MAX, 1.0), u64::MAX);
        assert_eq!(times_factor(u64::MAX, 2.0), u64::MAX);
        assert_eq!(Size::UNKNOWN.plus(Size::fixed(1)).times(Size::fixed(2)), Size { min: 2, max: u64::MAX });
        assert_eq!([quotient(10, 3), quotient(u64::MAX, 1)], [4, u64::MAX]);
    }
}
