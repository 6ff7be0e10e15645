//! Quantities such as `100m` and `1Gi`, as `resource.Quantity` of `k8s.io/apimachinery` holds them: a number of 64 bits
//! and a power of ten where that is enough, or else a decimal of any size.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;

use num_bigint::{BigInt, Sign};

/// Highest power of ten that is written out. The server has no limit here, but its memory.
const MOST_DIGITS: i64 = 20_000;

/// Digits that 64 bits hold.
const INT_DIGITS: usize = 18;

/// Decimals that are kept.
const NANO: i32 = -9;

/// Why a quantity cannot be read or counted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantityError {
    /// The text is none, in the words of the server.
    Malformed(&'static str),
    /// Its digits are more than are written out here.
    TooLarge,
}

/// A quantity. Copies share what they hold, as in the server, where arithmetic with large ones changes the operand.
#[derive(Clone, Debug)]
pub struct Quantity(Rc<RefCell<Amount>>);

#[derive(Clone, Debug)]
enum Amount {
    /// A value, times ten to the power of the scale.
    Int {
        value: i64,
        scale: i32,
    },
    Decimal(Rc<RefCell<Decimal>>),
}

/// An unscaled number, divided by ten to the power of the scale.
#[derive(Clone, Debug)]
struct Decimal {
    unscaled: BigInt,
    scale: i64,
}

/// The parts of a quantity's text.
struct QuantityParts<'t> {
    positive: bool,
    /// Sign and number.
    value: &'t str,
    whole: &'t str,
    decimals: &'t str,
    suffix: &'t str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum QuantitySuffix {
    /// A power of two.
    Binary(u32),
    /// A power of ten.
    Decimal(i32),
}

fn power(exponent: i64) -> Result<BigInt, QuantityError> {
    match u32::try_from(exponent) {
        Ok(exponent) if i64::from(exponent) <= MOST_DIGITS => Ok(BigInt::from(10).pow(exponent)),
        _ => Err(QuantityError::TooLarge),
    }
}

fn suffix(text: &str) -> Option<QuantitySuffix> {
    Some(match text {
        "" => QuantitySuffix::Decimal(0),
        "n" => QuantitySuffix::Decimal(-9),
        "u" => QuantitySuffix::Decimal(-6),
        "m" => QuantitySuffix::Decimal(-3),
        "k" => QuantitySuffix::Decimal(3),
        "M" => QuantitySuffix::Decimal(6),
        "G" => QuantitySuffix::Decimal(9),
        "T" => QuantitySuffix::Decimal(12),
        "P" => QuantitySuffix::Decimal(15),
        "E" => QuantitySuffix::Decimal(18),
        "Ki" => QuantitySuffix::Binary(10),
        "Mi" => QuantitySuffix::Binary(20),
        "Gi" => QuantitySuffix::Binary(30),
        "Ti" => QuantitySuffix::Binary(40),
        "Pi" => QuantitySuffix::Binary(50),
        "Ei" => QuantitySuffix::Binary(60),
        other => {
            let exponent = other.strip_prefix(['e', 'E'])?.parse::<i64>().ok()?;
            #[expect(clippy::cast_possible_truncation, reason = "as in Go")]
            let exponent = exponent as i32;
            QuantitySuffix::Decimal(exponent)
        }
    })
}

/// Takes a text apart; what has no digits is zero.
fn parts(text: &str) -> Option<QuantityParts<'_>> {
    let positive = !text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let trimmed = unsigned.trim_start_matches('0');
    if trimmed.is_empty() {
        return Some(QuantityParts { positive, value: "0", whole: "0", decimals: "", suffix: "" });
    }
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = trimmed.split_at(digits(trimmed));
    let (decimals, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    let value = &text[..text.len() - rest.len()];
    let letters = rest.bytes().take_while(|byte| b"eEinumkKMGTP".contains(byte)).count();
    let exponent = &rest[letters..];
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let fits = exponent.bytes().all(|byte| byte.is_ascii_digit());
    let whole = if whole.is_empty() { "0" } else { whole };
    fits.then_some(QuantityParts { positive, value, whole, decimals, suffix: rest })
}

impl QuantityParts<'_> {
    /// As 64 bits and a power of ten, where the server takes the short way.
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "of lengths that are small")]
    fn short(&self, suffix: QuantitySuffix) -> Option<Amount> {
        let length = self.whole.len() + self.decimals.len();
        let (mantissa, scale) = match suffix {
            QuantitySuffix::Decimal(exponent) => (i64::from(length <= INT_DIGITS), exponent),
            QuantitySuffix::Binary(exponent) => {
                let fits = self.decimals.is_empty() && self.whole.len() + 1 + exponent as usize * 3 / 10 <= 15;
                (if fits { 1_i64 << exponent } else { 0 }, 0)
            }
        };
        let scale = scale.wrapping_sub(self.decimals.len() as i32);
        if mantissa == 0 || scale < NANO {
            return None;
        }
        let value = format!("{}{}", self.whole, self.decimals).parse::<i64>().ok()?.checked_mul(mantissa)?;
        Some(Amount::Int { value: if self.positive { value } else { -value }, scale })
    }

    fn long(&self, suffix: QuantitySuffix) -> Result<Option<Decimal>, QuantityError> {
        let digits: String = self.value.chars().filter(|c| *c != '.').collect();
        let Ok(mut unscaled) = digits.parse::<BigInt>() else { return Ok(None) };
        let mut scale = i64::try_from(self.decimals.len()).unwrap_or(i64::MAX);
        match suffix {
            QuantitySuffix::Decimal(exponent) => scale -= i64::from(exponent),
            QuantitySuffix::Binary(exponent) => unscaled <<= exponent,
        }
        let negative = unscaled.sign() == Sign::Minus;
        if negative {
            unscaled = -unscaled;
        }
        let mut decimal = Decimal { unscaled, scale };
        if decimal.unscaled.sign() != Sign::NoSign {
            decimal.round_up_to_nanos()?;
        }
        let most = Decimal { unscaled: BigInt::from(i64::MAX), scale: 0 };
        if matches!(suffix, QuantitySuffix::Binary(_)) && decimal.compare(&most)? == Ordering::Greater {
            decimal = most;
        }
        if negative {
            decimal.unscaled = -decimal.unscaled;
        }
        Ok(Some(decimal))
    }
}

impl Decimal {
    fn round_up_to_nanos(&mut self) -> Result<(), QuantityError> {
        let nanos = i64::from(-NANO);
        if self.scale <= nanos {
            self.unscaled *= power(nanos - self.scale)?;
        } else {
            let divisor = power(self.scale - nanos)?;
            let up = (&self.unscaled % &divisor).sign() != Sign::NoSign;
            self.unscaled = &self.unscaled / &divisor + BigInt::from(i32::from(up));
        }
        self.scale = nanos;
        Ok(())
    }

    /// Both unscaled numbers at one scale, which is the larger.
    fn aligned(&self, other: &Self) -> Result<(BigInt, BigInt, i64), QuantityError> {
        let scale = self.scale.max(other.scale);
        let raised = |one: &Self| Ok::<_, QuantityError>(&one.unscaled * power(scale - one.scale)?);
        Ok((raised(self)?, raised(other)?, scale))
    }

    fn compare(&self, other: &Self) -> Result<Ordering, QuantityError> {
        let (one, other, _) = self.aligned(other)?;
        Ok(one.cmp(&other))
    }
}

fn plus(one: (i64, i32), other: (i64, i32)) -> Option<(i64, i32)> {
    match (one, other) {
        (one, (0, _)) => Some(one),
        ((0, _), other) => Some(other),
        ((a, high), (b, low)) if high > low => Some((raise(a, high - low)?.checked_add(b)?, low)),
        ((a, low), (b, high)) => Some((a.checked_add(raise(b, high - low)?)?, low)),
    }
}

/// Times a power of ten.
fn raise(value: i64, scale: i32) -> Option<i64> {
    if value == 0 || scale == 0 {
        return Some(value);
    }
    value.checked_mul(10_i64.checked_pow(u32::try_from(scale).ok()?)?)
}

impl Amount {
    fn decimal(&self) -> Decimal {
        match self {
            Self::Int { value, scale } => Decimal { unscaled: BigInt::from(*value), scale: -i64::from(*scale) },
            Self::Decimal(decimal) => decimal.borrow().clone(),
        }
    }
}

impl Quantity {
    /// `resource.ParseQuantity`; the error of a text that is none.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        const WRONG: &str =
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
        if text.is_empty() {
            return Err(QuantityError::Malformed(WRONG));
        }
        let Some(parts) = parts(text) else { return Err(QuantityError::Malformed(WRONG)) };
        let Some(suffix) = suffix(parts.suffix) else {
            return Err(QuantityError::Malformed("unable to parse quantity's suffix"));
        };
        let amount = match parts.short(suffix) {
            Some(amount) => amount,
            None => match parts.long(suffix)? {
                Some(decimal) => Amount::Decimal(Rc::new(RefCell::new(decimal))),
                None => return Err(QuantityError::Malformed("unable to parse numeric part of quantity")),
            },
        };
        Ok(Self(Rc::new(RefCell::new(amount))))
    }

    pub fn from_int(value: i64) -> Self {
        Self(Rc::new(RefCell::new(Amount::Int { value, scale: 0 })))
    }

    /// Which is the larger.
    pub fn compare(&self, other: &Self) -> Result<Ordering, QuantityError> {
        let (one, other) = (self.0.borrow(), other.0.borrow());
        if let (Amount::Int { value: a, scale: one }, Amount::Int { value: b, scale: other }) = (&*one, &*other) {
            // signs tell, however large the scales are
            if one == other || a.signum() != b.signum() || *a == 0 {
                return Ok(if one == other { a.cmp(b) } else { a.signum().cmp(&b.signum()) });
            }
        }
        one.decimal().compare(&other.decimal())
    }

    /// [`Quantity::compare`] as a method, after which a short quantity is a long one where the other is.
    pub fn compare_to(&self, other: &Self) -> Result<Ordering, QuantityError> {
        let order = self.compare(other)?;
        if matches!(&*other.0.borrow(), Amount::Decimal(_)) {
            self.lengthen();
        }
        Ok(order)
    }

    fn lengthen(&self) {
        let long = match &*self.0.borrow() {
            Amount::Int { .. } => Amount::Decimal(Rc::new(RefCell::new(self.0.borrow().decimal()))),
            Amount::Decimal(_) => return,
        };
        *self.0.borrow_mut() = long;
    }

    /// The sum; with `negative`, the difference.
    pub fn plus(&self, other: &Self, negative: bool) -> Result<Self, QuantityError> {
        let short = match (&*self.0.borrow(), &*other.0.borrow()) {
            (Amount::Int { value: a, scale: one }, Amount::Int { value: b, scale: other }) => {
                plus((*a, *one), (if negative { b.wrapping_neg() } else { *b }, *other))
            }
            _ => None,
        };
        if let Some((value, scale)) = short {
            return Ok(Self(Rc::new(RefCell::new(Amount::Int { value, scale }))));
        }
        let (one, other, scale) = self.0.borrow().decimal().aligned(&other.0.borrow().decimal())?;
        let sum = Decimal { unscaled: if negative { one - other } else { one + other }, scale };
        let amount = match &*self.0.borrow() {
            Amount::Int { .. } => Amount::Decimal(Rc::new(RefCell::new(sum))),
            // the server writes into the operand
            Amount::Decimal(shared) => {
                *shared.borrow_mut() = sum;
                Amount::Decimal(Rc::clone(shared))
            }
        };
        Ok(Self(Rc::new(RefCell::new(amount))))
    }

    /// As a whole number, where the server holds it as one.
    pub fn to_int(&self) -> Option<i64> {
        match &*self.0.borrow() {
            Amount::Int { value, scale } if *scale >= 0 => raise(*value, *scale),
            _ => None,
        }
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i64 {
        match &*self.0.borrow() {
            Amount::Int { value, .. } => value.signum(),
            Amount::Decimal(decimal) => match decimal.borrow().unscaled.sign() {
                Sign::Minus => -1,
                Sign::NoSign => 0,
                Sign::Plus => 1,
            },
        }
    }

    /// As a double: the number, times a power of ten that is a double as well.
    #[expect(clippy::cast_precision_loss, reason = "as in Go, to come to the same number")]
    pub fn to_double(&self) -> f64 {
        let (base, exponent) = match &*self.0.borrow() {
            Amount::Int { value, scale } => (*value as f64, i64::from(*scale)),
            Amount::Decimal(decimal) => {
                let decimal = decimal.borrow();
                (decimal.unscaled.to_string().parse().unwrap_or(f64::INFINITY), -decimal.scale)
            }
        };
        if exponent == 0 { base } else { base * power_of_ten(exponent) }
    }
}

/// `math.Pow10`, which multiplies two doubles of a table.
fn power_of_ten(exponent: i64) -> f64 {
    let entry = |exponent: i64| format!("1e{exponent}").parse::<f64>().unwrap_or(f64::NAN);
    match exponent {
        1..=308 => entry(exponent / 32 * 32) * entry(exponent % 32),
        -323..=0 => entry(-(-exponent / 32 * 32)) / entry(-exponent % 32),
        309.. => f64::INFINITY,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(one: &str, other: &str) -> Ordering {
        Quantity::parse(one).unwrap().compare(&Quantity::parse(other).unwrap()).unwrap()
    }

    #[test]
    fn quantities_compare_by_value() {
        for (one, other) in [
            ("1", "1000m"),
            ("1Ki", "1024"),
            ("1.5Gi", "1536Mi"),
            ("0.0000000001", "1n"),
            ("10Ei", "9223372036854775807"),
            ("1e3", "1k"),
            ("-1k", "-1000"),
            (".", "0"),
            ("m", "0"),
            ("123456789012345678901234567890", "123456789012345678901234567890.0"),
        ] {
            assert_eq!(order(one, other), Ordering::Equal, "{one} {other}");
        }
        assert_eq!(order("1e100000", "-1"), Ordering::Greater);
        for wrong in ["", "1x", "1ki", "1 ", "1.2.3", "e", "1e", "1m5", "1e5.5", "--1"] {
            assert!(matches!(Quantity::parse(wrong), Err(QuantityError::Malformed(_))), "{wrong}");
        }
    }

    #[test]
    fn whole_numbers_are_told_by_how_they_are_held() {
        let int = |text: &str| Quantity::parse(text).unwrap().to_int();
        assert_eq!(int("1k"), Some(1000));
        assert_eq!(int("1Gi"), Some(1 << 30));
        assert_eq!(int("1000m"), None);
        assert_eq!(int("9223372036854775807"), None);
        let sum = Quantity::parse("1").unwrap().plus(&Quantity::from_int(2), false).unwrap();
        assert_eq!(sum.to_int(), Some(3));
        assert!((Quantity::parse("1.5").unwrap().to_double() - 1.5).abs() < f64::EPSILON);
    }
}
