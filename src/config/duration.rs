//! Durations in Go's notation, as the original's flags take them.

use std::time::Duration;

/// Reads `5s`, `1m30s` or `250ms`; refuses what is negative.
pub fn parse(text: &str) -> Result<Duration, String> {
    let nanoseconds = go_nanoseconds(text.trim())?;
    u64::try_from(nanoseconds)
        .map(Duration::from_nanos)
        .map_err(|_| "is negative; write a duration such as 5s or 1m30s".to_owned())
}

/// Writes what [`parse`] reads, in Go's way: `1m30s`, `250ms`.
#[must_use]
pub fn format(duration: Duration) -> String {
    if duration.is_zero() {
        return "0s".to_owned();
    }
    if duration < Duration::from_secs(1) {
        return format!("{}ms", duration.as_secs_f64() * 1e3);
    }
    let whole = duration.as_secs();
    let (hours, minutes) = (whole / 3600, whole % 3600 / 60);
    let seconds = f64::from(u32::try_from(whole % 60).unwrap_or(0)) + f64::from(duration.subsec_nanos()) / 1e9;
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// Nanoseconds, by the rules of Go's `time.ParseDuration`.
///
/// The one place to swap for `crate::golang::duration::parse` once that has landed.
fn go_nanoseconds(text: &str) -> Result<i64, String> {
    const UNITS: [(&str, f64); 8] =
        [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];
    let invalid = || "is not a duration; write a number and a unit, such as 5s, 1m30s or 250ms".to_owned();
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: f64 = number.parse().map_err(|_| invalid())?;
        if unit.is_empty() {
            return Err("has no unit; write it as 5s, 1m30s or 250ms".to_owned());
        }
        let scale = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?.1;
        total += number * scale;
        rest = tail;
    }
    let total = (sign * total).round();
    // 2^63: the first value that an i64 of nanoseconds can't hold
    if total.abs() >= 9_223_372_036_854_775_808.0 {
        return Err("is longer than Go's durations go, about 292 years".to_owned());
    }
    #[allow(clippy::cast_possible_truncation, reason = "the range was checked above")]
    Ok(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_go_notation() {
        assert_eq!(parse("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("1.5h"), Ok(Duration::from_mins(90)));
        assert_eq!(parse("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn refuses_what_go_refuses() {
        for text in ["", "5", "s", "5 s", "5d", "-5s", "1h-3m", "five", "99999999h"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["5s", "1m30s", "250ms", "1h0m0s", "1.5s", "0s"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
    }
}
