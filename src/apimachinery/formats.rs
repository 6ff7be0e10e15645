//! Formats of strings that `kube-apiserver` checks (`k8s.io/kube-openapi/pkg/validation/strfmt`); all others it
//! ignores.

use std::collections::HashMap;
use std::sync::LazyLock;

use parking_lot::Mutex;
use regex::Regex;

use crate::apimachinery::metadata::names;
use crate::go_compat::{self, mail, netip, regexp::matcher, time, url};

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringFormat {
    BsonObjectId,
    Byte,
    Cidr,
    CreditCard,
    Date,
    DateTime,
    Duration,
    Email,
    HexColor,
    Hostname,
    Ipv4,
    Ipv6,
    Isbn,
    Isbn10,
    Isbn13,
    LongName,
    Mac,
    RgbColor,
    ShortName,
    Ssn,
    Uri,
    Uuid,
    Uuid3,
    Uuid4,
    Uuid5,
}

/// Their names, without dashes: the server leaves these out as well.
const NAMES: [(&str, StringFormat); 25] = [
    ("bsonobjectid", StringFormat::BsonObjectId),
    ("byte", StringFormat::Byte),
    ("cidr", StringFormat::Cidr),
    ("creditcard", StringFormat::CreditCard),
    ("date", StringFormat::Date),
    ("datetime", StringFormat::DateTime),
    ("duration", StringFormat::Duration),
    ("email", StringFormat::Email),
    ("hexcolor", StringFormat::HexColor),
    ("hostname", StringFormat::Hostname),
    ("ipv4", StringFormat::Ipv4),
    ("ipv6", StringFormat::Ipv6),
    ("isbn", StringFormat::Isbn),
    ("isbn10", StringFormat::Isbn10),
    ("isbn13", StringFormat::Isbn13),
    ("k8slongname", StringFormat::LongName),
    ("k8sshortname", StringFormat::ShortName),
    ("mac", StringFormat::Mac),
    ("rgbcolor", StringFormat::RgbColor),
    ("ssn", StringFormat::Ssn),
    ("uri", StringFormat::Uri),
    ("uuid", StringFormat::Uuid),
    ("uuid3", StringFormat::Uuid3),
    ("uuid4", StringFormat::Uuid4),
    ("uuid5", StringFormat::Uuid5),
];

const CREDIT_CARD: &str = r"^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$";
const HOSTNAME: &str = r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$";
const RGB: &str = r"^rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$";

impl StringFormat {
    /// The format of that name; `None` where the server checks nothing, as for `password`.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let folded = name.replace('-', "");
        NAMES.iter().find(|(name, _)| *name == folded).map(|(_, format)| *format)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DateTime => "date-time",
            Self::ShortName => "k8s-short-name",
            Self::LongName => "k8s-long-name",
            other => NAMES.iter().find(|(_, format)| *format == other).map_or("", |(name, _)| name),
        }
    }

    /// Whether a text has the format.
    #[must_use]
    pub fn fits(self, text: &str) -> bool {
        match self {
            Self::BsonObjectId => text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            Self::Byte => {
                let form = r"^(?:[A-Za-z0-9+\/]{4})*(?:[A-Za-z0-9+\/]{2}==|[A-Za-z0-9+\/]{3}=|[A-Za-z0-9+\/]{4})$";
                fits(form, text)
            }
            Self::Cidr => netip::is_sloppy_cidr(text),
            Self::CreditCard => is_credit_card(text),
            Self::Date => time::parse_date(text).is_some(),
            Self::DateTime => is_date_time(text),
            Self::Duration => duration(text).is_some(),
            Self::Email => mail::is_address(text),
            Self::HexColor => fits("^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$", text),
            Self::Hostname => {
                text.len() <= 255 && text.split('.').all(|label| label.len() <= 63) && fits(HOSTNAME, text)
            }
            Self::Ipv4 => text.contains('.') && netip::parse_sloppy(text).is_some(),
            Self::Ipv6 => text.contains(':') && netip::parse_ip(text).is_some(),
            Self::Isbn => is_isbn10(text) || is_isbn13(text),
            Self::Isbn10 => is_isbn10(text),
            Self::Isbn13 => is_isbn13(text),
            Self::LongName => names::subdomain(text).is_none(),
            Self::Mac => is_mac(text),
            Self::RgbColor => fits(RGB, text),
            Self::ShortName => names::label(text).is_none(),
            Self::Ssn => text.len() == 11 && fits(r"^\d{3}[- ]?\d{2}[- ]?\d{4}$", text),
            Self::Uri => url::is_request_uri(text),
            Self::Uuid => fits("(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$", text),
            Self::Uuid3 => fits("(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$", text),
            Self::Uuid4 => fits("(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$", text),
            Self::Uuid5 => fits("(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$", text),
        }
    }
}

/// A pattern of Go, one of a handful that stand in the code, each compiled once.
pub(crate) fn fits(pattern: &'static str, text: &str) -> bool {
    regex(pattern).is_some_and(|regex| regex.is_match(text))
}

fn regex(pattern: &'static str) -> Option<Regex> {
    static COMPILED: LazyLock<Mutex<HashMap<&'static str, Option<Regex>>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock();
    compiled.entry(pattern).or_insert_with(|| matcher::compile(pattern).ok()).clone()
}

/// A date, `T` and a time with an offset. What the server does not look at: anything behind a second `T`, the character
/// before the decimals, and how large the offset is.
fn is_date_time(text: &str) -> bool {
    let lower = go_compat::text::lower(text);
    let mut parts = lower.split('t');
    let (Some(date), Some(clock)) = (parts.next(), parts.next()) else { return false };
    let form = "^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$";
    let within = |range: std::ops::Range<usize>, most: &str| clock.get(range).is_some_and(|digits| digits <= most);
    time::parse_date(date).is_some()
        && fits(form, clock)
        && within(0..2, "23")
        && within(3..5, "59")
        && within(6..8, "59")
}

/// A duration of Go or, failing that, numbers with units up to weeks anywhere in the text; in nanoseconds.
#[must_use]
pub fn duration(text: &str) -> Option<i64> {
    const SECOND: i64 = 1_000_000_000;
    const UNITS: [(&[&str], i64); 8] = [
        (&["ns", "nano"], 1),
        (&["us", "µs", "micro"], 1_000),
        (&["ms", "milli"], 1_000_000),
        (&["s", "sec"], SECOND),
        (&["m", "min"], 60 * SECOND),
        (&["h", "hr", "hour"], 3_600 * SECOND),
        (&["d", "day"], 86_400 * SECOND),
        (&["w", "wk", "week"], 7 * 86_400 * SECOND),
    ];
    if let Ok(nanoseconds) = go_compat::duration::parse(text) {
        return Some(nanoseconds);
    }
    let mut sum = None;
    for found in regex(r"((\d+)\s*([A-Za-zµ]+))")?.captures_iter(text) {
        let factor = found.get(2)?.as_str().parse::<i64>().ok()?;
        let unit = go_compat::text::lower(found.get(3)?.as_str());
        for (names, nanoseconds) in UNITS {
            let long = names.last().is_some_and(|name| unit.starts_with(name));
            let short = names[..names.len() - 1].contains(&&*unit);
            if long || short {
                sum = Some(sum.unwrap_or(0_i64).wrapping_add(factor.wrapping_mul(nanoseconds)));
            }
        }
    }
    sum
}

fn is_credit_card(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if !fits(CREDIT_CARD, &digits) {
        return false;
    }
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0') * if at % 2 == 1 { 2 } else { 1 };
            digit % 10 + digit / 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The digits of an ISBN; blanks and dashes may be anywhere.
fn isbn(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '-' | ' ' | '\t' | '\n' | '\r' | '\u{c}')).collect()
}

fn is_isbn10(text: &str) -> bool {
    let digits = isbn(text);
    let value = |byte: u8| if byte == b'X' { 10 } else { u32::from(byte - b'0') };
    fits("^(?:[0-9]{9}X|[0-9]{10})$", &digits)
        && digits.bytes().zip(1_u32..).map(|(digit, weight)| weight * value(digit)).sum::<u32>().is_multiple_of(11)
}

fn is_isbn13(text: &str) -> bool {
    let digits = isbn(text);
    let weights = [1_u32, 3].into_iter().cycle();
    // the check digit has a weight of 1, which makes the whole sum a multiple of ten
    fits("^(?:[0-9]{13})$", &digits)
        && digits.bytes().zip(weights).map(|(digit, weight)| weight * u32::from(digit - b'0')).sum::<u32>() % 10 == 0
}

/// 6, 8 or 20 bytes, each behind a colon or each behind a dash, or two at a time behind a dot.
fn is_mac(text: &str) -> bool {
    let hex = |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (separator, length) = match text.as_bytes() {
        [_, _, b':', ..] => (':', 2),
        [_, _, b'-', ..] => ('-', 2),
        [_, _, _, _, b'.', ..] => ('.', 4),
        // as of Go 1.26
        _ => return hex(text, text.len()) && [12, 16, 40].contains(&text.len()),
    };
    let parts = text.split(separator);
    parts.clone().all(|part| hex(part, length)) && [6, 8, 20].contains(&(parts.count() * length / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, good: &[&str], bad: &[&str]) {
        let format = StringFormat::of(name).unwrap_or_else(|| panic!("{name}"));
        for (text, fits) in good.iter().map(|text| (text, true)).chain(bad.iter().map(|text| (text, false))) {
            assert_eq!(format.fits(text), fits, "{name} {text:?}");
        }
    }

    #[test]
    fn durations_have_more_units_than_in_go() {
        assert!(crate::go_compat::duration::parse("1d").is_err());
        assert_eq!(duration("1d 2 hours"), Some((86_400 + 7_200) * 1_000_000_000));
    }

    #[test]
    fn times_and_numbers_are_checked() {
        check(
            "date-time",
            &[
                "2024-01-02T03:04:05Z",
                "2024-01-02t03:04:05.123+02:00",
                "2024-01-02T03:04:05x1z",
                "2024-01-02T03:04:05ZTx",
            ],
            &[
                "2024-01-02",
                "2024-13-02T03:04:05Z",
                "2024-01-02T24:04:05Z",
                "2024-01-02T03:04:05",
                "2024-01-02 03:04:05Z",
            ],
        );
        check("date", &["2024-02-29"], &["2023-02-29", "2024-2-29", ""]);
        check("duration", &["1h", "22 ns", "1 Week", "3 days x", "-1.5h"], &["", "1", "x", "1 y"]);
        check("isbn", &["0321751043", "978-0321751041", "0-8044-2957-X"], &["0321751044", "978-0321751042", "X"]);
        check("isbn10", &["0321751043"], &["978-0321751041"]);
        check("isbn13", &["978 0321751041"], &["0321751043"]);
        check("creditcard", &["4111-1111-1111-1111", "a378282246310005"], &["4111111111111112", "1"]);
        check("ssn", &["123-45-6789", "123 45-6789"], &["123456789", "12-345-6789"]);
    }

    #[test]
    fn names_and_addresses_are_checked() {
        check("uuid", &["123E4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"], &["123"]);
        check("byte", &["dGV4dA=="], &["dGV4dA", "", "dGV4\ndA==", "dGV4d-=="]);
        check("ipv4", &["10.0.0.1", "010.0.0.1", "::ffff:1.2.3.4"], &["10.0.0.256", "::1"]);
        check("ipv6", &["::1", "::ffff:1.2.3.4"], &["10.0.0.1", "fe80::1%a"]);
        check("cidr", &["10.0.0.0/8", "10.0.0.0/08"], &["10.0.0.0/33", "10.0.0.0"]);
        check(
            "mac",
            &["00:00:5e:00:53:01", "0000.5e00.5301", "00005e005301"],
            &["00:00:5e:00:53", "00:00-5e:00:53:01", ""],
        );
        check("hexcolor", &["#fff", "abcdef"], &["#ff", "#ggg"]);
        check("rgbcolor", &["rgb(0, 10,255)"], &["rgb(0,0,256)", "rgb(0,0)", "rgba(0,0,0)"]);
        check("hostname", &["a", "a-b.example.com", "ä.de"], &["", "-a", "a.b", "a_b"]);
        check("email", &["a@b", "A <a@b>"], &["a", "a@"]);
        check("uri", &["http://a", "/a"], &["a", ""]);
        check("bsonobjectid", &["507f1f77bcf86cd799439011"], &["507f1f77bcf86cd79943901", "507f1f77bcf86cd79943901g"]);
        check("k8s-short-name", &["a-b"], &["a.b"]);
        check("k8s-long-name", &["a.b"], &["a_b"]);
        assert_eq!(StringFormat::of("whatever"), None);
        assert_eq!(StringFormat::of("password"), None);
    }
}
