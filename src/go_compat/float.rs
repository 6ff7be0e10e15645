//! Numbers as `strconv.ParseFloat` reads them (`kinds/ORLOJD.md` 4.4).

use super::quote::quote;

/// Writes a number as `strconv.FormatFloat(number, 'g', -1, 32)` does: in the fewest digits that are a `float32` of
/// their own.
#[must_use]
pub fn format_short(number: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "as Go does")]
    let number = number as f32;
    if !number.is_finite() {
        return if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }
        .to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// Parses a decimal or hexadecimal number, an infinity or NaN into a double.
///
/// Nothing is trimmed. The error is Go's text.
pub fn parse(text: &str) -> Result<f64, String> {
    let refuse = |why| Err(format!("strconv.ParseFloat: parsing {}: {why}", quote(text)));
    if let Some(special) = special(text) {
        return Ok(special);
    }
    let Some(literal) = Literal::read(text) else { return refuse("invalid syntax") };
    let value = if literal.hex { literal.hex_value() } else { literal.decimal_value() };
    match value {
        Some(value) if value.is_finite() => Ok(if literal.negative { -value } else { value }),
        Some(_) => refuse("value out of range"),
        None => refuse("invalid syntax"),
    }
}

/// A double as `%g` shows it: as short as possible, with an exponent where that is below -4 or above 5.
#[must_use]
pub fn general(value: f64) -> String {
    if !value.is_finite() {
        return special_text(value);
    }
    // the shortest digits, as d.ddde±x
    let text = format!("{value:e}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    match exponent.parse::<i32>() {
        Ok(-4..=5) => format!("{value}"),
        Ok(_) => scientific_exponent(&format!("{}e{exponent}", even(value, digits))),
        Err(_) => text,
    }
}

/// Of two shortest numbers that are as close Go takes the one with the even digit, as `serde_json` does.
fn even(value: f64, digits: &str) -> String {
    let other = serde_json::Number::from_f64(value).map(|number| number.to_string()).unwrap_or_default();
    let other = other.split('e').next().unwrap_or_default().trim_start_matches('-').replace('.', "");
    let other = other.trim_start_matches('0').trim_end_matches('0');
    let plain = digits.trim_start_matches('-').replace('.', "");
    match (plain.len() == other.len(), digits.char_indices().last(), other.chars().last()) {
        (true, Some((at, _)), Some(last)) if plain.len() > 1 => format!("{}{last}", &digits[..at]),
        _ => digits.to_owned(),
    }
}

/// NaN and the infinities as `fmt` shows them.
fn special_text(value: f64) -> String {
    let text = if value.is_nan() { "NaN" } else { "+Inf" };
    if value < 0.0 { "-Inf".to_owned() } else { text.to_owned() }
}

/// `1e6` as `1e+06`.
fn scientific_exponent(text: &str) -> String {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

fn special(text: &str) -> Option<f64> {
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    let (negative, name) = sign(text);
    let infinite = name.eq_ignore_ascii_case("inf") || name.eq_ignore_ascii_case("infinity");
    infinite.then_some(if negative { f64::NEG_INFINITY } else { f64::INFINITY })
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// The parts of a well-formed number, underscores removed.
struct Literal {
    negative: bool,
    hex: bool,
    whole: String,
    decimals: String,
    exponent: i64,
}

impl Literal {
    fn read(text: &str) -> Option<Self> {
        let (negative, body) = sign(text);
        let prefixed = body.strip_prefix("0x").or_else(|| body.strip_prefix("0X"));
        let hex = prefixed.is_some();
        let number = prefixed.unwrap_or(body);
        let (mantissa, exponent) = match number.split_once(if hex { ['p', 'P'] } else { ['e', 'E'] }) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (number, None),
        };
        // a hexadecimal mantissa says nothing without its power of two
        if hex && exponent.is_none() {
            return None;
        }
        let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let (whole, decimals) = (digits(whole, hex)?, digits(decimals, hex)?);
        if whole.is_empty() && decimals.is_empty() {
            return None;
        }
        let exponent = exponent.map_or(Some(0), read_exponent)?;
        underscores_fit(number, hex).then_some(Self { negative, hex, whole, decimals, exponent })
    }

    fn decimal_value(&self) -> Option<f64> {
        format!("{}.{}e{}", self.whole, self.decimals, self.exponent).parse().ok()
    }

    /// `None` does not occur: every character was checked to be a digit.
    #[allow(clippy::cast_possible_wrap)]
    fn hex_value(&self) -> Option<f64> {
        let mut mantissa: u64 = 0;
        // the power of two that the mantissa's last bit stands for
        let mut power = self.exponent - 4 * self.decimals.len() as i64;
        for digit in self.whole.chars().chain(self.decimals.chars()) {
            let digit = u64::from(digit.to_digit(16)?);
            if mantissa >> 59 == 0 {
                mantissa = mantissa << 4 | digit;
            } else {
                // out of room: what is dropped still decides ties, so it stays as a sticky bit
                mantissa |= u64::from(digit != 0);
                power += 4;
            }
        }
        Some(scale(mantissa, power))
    }
}

/// The digits of one run without its underscores; `None` at any other character.
fn digits(run: &str, hex: bool) -> Option<String> {
    let radix = if hex { 16 } else { 10 };
    run.chars().filter(|c| *c != '_').map(|c| c.is_digit(radix).then_some(c)).collect()
}

/// A decimal exponent. Go stops reading once it has five digits; more would not change a verdict.
fn read_exponent(text: &str) -> Option<i64> {
    let (negative, run) = sign(text);
    // an underscore may come later, but not first
    if !run.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = digits(run, false)?
        .bytes()
        .fold(0_i64, |value, digit| if value < 10_000 { value * 10 + i64::from(digit - b'0') } else { value });
    Some(if negative { -value } else { value })
}

/// Underscores stand between digits only, or right behind a base prefix, which counts as a digit.
///
/// A prefix of another base than 16 cannot occur: `b` and `o` are no digits.
fn underscores_fit(number: &str, hex: bool) -> bool {
    let is_digit = |c: char| c.is_ascii_digit() || (hex && c.is_ascii_hexdigit());
    let mut digit_before = hex;
    let mut chars = number.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '_' && !(digit_before && chars.peek().copied().is_some_and(is_digit)) {
            return false;
        }
        digit_before = is_digit(c);
    }
    true
}

/// `mantissa * 2^power`, rounded to the nearest double, ties to even.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn scale(mantissa: u64, power: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    // left-align, so that the value is in [2^63, 2^64) * 2^power
    let shift = mantissa.leading_zeros();
    let (mantissa, power) = (mantissa << shift, power - i64::from(shift));
    // doubles keep 53 bits, and none below 2^-1074
    let dropped = (-1074 - power).max(11);
    if dropped > 64 {
        return 0.0;
    }
    let kept = if dropped == 64 { 0 } else { mantissa >> dropped };
    let half = 1_u64 << (dropped - 1);
    let tail = if dropped == 64 { mantissa } else { mantissa & ((1 << dropped) - 1) };
    let kept = kept + u64::from(tail > half || (tail == half && kept & 1 == 1));
    let power = power + dropped;
    if power > 1023 {
        return f64::INFINITY;
    }
    // both factors are exact; the product overflows to infinity by itself
    kept as f64 * two_to(power)
}

/// 2 to a power from -1074 to 1023.
#[allow(clippy::cast_sign_loss)]
fn two_to(power: i64) -> f64 {
    if power < -1022 { f64::from_bits(1 << (power + 1074)) } else { f64::from_bits(((power + 1023) as u64) << 52) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ties_go_to_even() {
        assert_eq!(parse("0x1.00000000000008p0"), Ok(1.0));
        assert_eq!(parse("0x1.000000000000080000000000001p0"), Ok(1.0 + f64::EPSILON));
        assert_eq!(parse("0x1p-1074"), Ok(f64::from_bits(1)));
        assert_eq!(parse("0x1p-1075"), Ok(0.0));
        assert_eq!(parse("0x1.8p-1075"), Ok(f64::from_bits(1)));
        assert!(parse("0x1.fffffffffffff8p1023").is_err());
    }

    proptest! {
        #[test]
        fn a_double_reads_back(value in any::<f64>()) {
            prop_assert_eq!(parse(&format!("{value:e}")), Ok(value));
        }
    }
}
