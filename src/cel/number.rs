//! Numbers of CEL: `int` and `uint` of 64 bits whose arithmetic does not overflow unseen, and `double`. They compare
//! across types.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "as in Go, to come to the same number"
)]

use std::cmp::Ordering;

/// 2^63 and 2^64.
const HALF: f64 = 9_223_372_036_854_775_808.0;
const FULL: f64 = 18_446_744_073_709_551_616.0;

/// A double as `int`, cut off; `None` outside of its range, whose ends are left out.
pub fn to_int(double: f64) -> Option<i64> {
    (double > -HALF && double < HALF).then_some(double as i64)
}

/// A double as `uint`, cut off; `None` outside of its range.
pub fn to_uint(double: f64) -> Option<u64> {
    (0.0..FULL).contains(&double).then_some(double as u64)
}

/// A double that is a whole `int`.
pub fn whole(double: f64) -> Option<i64> {
    to_int(double).filter(|int| exactly(*int as f64, double))
}

/// A double that is a whole `uint`.
pub fn whole_unsigned(double: f64) -> Option<u64> {
    to_uint(double).filter(|uint| exactly(*uint as f64, double))
}

fn exactly(one: f64, other: f64) -> bool {
    one.partial_cmp(&other) == Some(Ordering::Equal)
}

pub fn int_with_double(int: i64, double: f64) -> Option<Ordering> {
    if double < -HALF {
        Some(Ordering::Greater)
    } else if double > HALF {
        Some(Ordering::Less)
    } else {
        (int as f64).partial_cmp(&double)
    }
}

pub fn uint_with_double(uint: u64, double: f64) -> Option<Ordering> {
    if double < 0.0 {
        Some(Ordering::Greater)
    } else if double > FULL {
        Some(Ordering::Less)
    } else {
        (uint as f64).partial_cmp(&double)
    }
}

pub fn int_with_uint(int: i64, uint: u64) -> Ordering {
    u64::try_from(int).map_or(Ordering::Less, |int| int.cmp(&uint))
}

pub fn int_to_double(int: i64) -> f64 {
    int as f64
}

pub fn uint_to_double(uint: u64) -> f64 {
    uint as f64
}
