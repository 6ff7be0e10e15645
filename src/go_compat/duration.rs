//! Durations as `time.ParseDuration` reads them (`kinds/ORLOJD.md` 4.2).

use super::quote::quote_bytes;

/// Magnitudes are collected unsigned; this one is allowed only behind a minus sign.
const LIMIT: u64 = 1 << 63;

/// Parses a signed sequence of decimal numbers with units, such as `1h30m` or `-.5s`, into nanoseconds.
///
/// Nothing is trimmed. The error is Go's text, naming the whole input.
pub fn parse(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote_bytes(text));
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if unsigned == "0" {
        return Ok(0);
    }
    if unsigned.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let (digits, after) = split_digits(rest);
        let (decimals, after) = match after.strip_prefix('.') {
            Some(after) => split_digits(after),
            None => ("", after),
        };
        if digits.is_empty() && decimals.is_empty() {
            return Err(invalid());
        }
        let whole = whole(digits).ok_or_else(invalid)?;
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote_bytes(text)));
        }
        let scale = nanoseconds(unit)
            .ok_or_else(|| format!("time: unknown unit {} in duration {}", quote_bytes(unit), quote_bytes(text)))?;
        let part = whole.checked_mul(scale).filter(|part| *part <= LIMIT).ok_or_else(invalid)?;
        let part = part.checked_add(fraction(decimals, scale)).filter(|part| *part <= LIMIT).ok_or_else(invalid)?;
        // two parts of exactly 2^63 wrap around to zero in Go, and so pass
        total = total.wrapping_add(part);
        if total > LIMIT {
            return Err(invalid());
        }
        rest = after;
    }
    if negative { Ok(0_i64.wrapping_sub_unsigned(total)) } else { i64::try_from(total).map_err(|_| invalid()) }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn whole(digits: &str) -> Option<u64> {
    digits.bytes().try_fold(0_u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0')).filter(|value| *value <= LIMIT)
    })
}

/// The decimals' share of a unit. Digits that no longer fit into 63 bits are dropped, and the
/// arithmetic is Go's double precision, rounding towards zero at the end.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn fraction(decimals: &str, unit: u64) -> u64 {
    let mut value: u64 = 0;
    let mut scale = 1.0_f64;
    for digit in decimals.bytes() {
        let Some(next) = value
            .checked_mul(10)
            .filter(|_| value <= (LIMIT - 1) / 10)
            .and_then(|next| next.checked_add(u64::from(digit - b'0')))
            .filter(|next| *next <= LIMIT)
        else {
            break;
        };
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

fn nanoseconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // both the micro sign and the Greek letter
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3_600 * 1_000_000_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    /// The pattern of `kinds/ORLOJD.md` 4.2, which the CRDs carry too.
    static SHAPE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^[-+]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$").unwrap());

    #[test]
    fn the_edges_of_the_range() {
        assert_eq!(parse("-9223372036854775808ns"), Ok(i64::MIN));
        assert_eq!(parse("9223372036854775807ns"), Ok(i64::MAX));
        assert!(parse("9223372036854775808ns").is_err());
        assert!(parse("2562048h").is_err());
    }

    proptest! {
        #[test]
        fn the_verdict_is_that_of_the_pattern(text in "[-+]?([0-9]{0,3}(\\.[0-9]{0,3})?(ns|us|µs|μs|ms|s|m|h|d|)){0,3}") {
            prop_assert_eq!(parse(&text).is_ok(), SHAPE.is_match(&text), "{}", text);
        }

        #[test]
        fn so_it_is_for_any_text(text in "[-+ 0-9.nuµmshd]{0,8}") {
            // short enough that nothing overflows
            prop_assert_eq!(parse(&text).is_ok(), SHAPE.is_match(&text), "{}", text);
        }
    }
}
