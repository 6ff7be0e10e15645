//! Durations in Go's notation, as the original's flags take them.

use std::time::Duration;

use crate::go_compat;

/// Reads `5s`, `1m30s` or `250ms`; refuses what is negative.
pub fn parse(text: &str) -> Result<Duration, String> {
    let nanoseconds = go_compat::duration::parse(text.trim()).map_err(|fault| {
        let what = if fault.contains("missing unit") { "has no unit" } else { "is not a duration" };
        format!("{what}; write a number and a unit, such as 5s, 1m30s or 250ms")
    })?;
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
        // in whole nanoseconds: a sum of floats would lose the last one
        assert_eq!(parse("2500000h0.000000001s"), Ok(Duration::new(9_000_000_000, 1)));
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
