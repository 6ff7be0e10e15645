//! Formats of strings that `kube-apiserver` checks; all others it ignores.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;

use crate::metadata::names;

/// A format, named as the server names it: without dashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    DateTime,
    Date,
    Uuid(&'static str),
    Byte,
    Ipv4,
    Ipv6,
    Cidr,
    Mac,
    HexColor,
    Ssn,
    ShortName,
    LongName,
}

/// Formats that the server checks and this program does not.
const NOT_CHECKED: [&str; 10] =
    ["bsonobjectid", "uri", "email", "hostname", "isbn", "isbn10", "isbn13", "creditcard", "rgbcolor", "duration"];

impl Format {
    /// The format of that name; `None` where any string has it, an error where the server checks what we cannot.
    pub fn of(name: &str) -> Result<Option<Self>, String> {
        let folded = name.replace('-', "");
        let hex = |pattern| Ok(Some(Self::Uuid(pattern)));
        match folded.as_str() {
            "datetime" => Ok(Some(Self::DateTime)),
            "date" => Ok(Some(Self::Date)),
            "uuid" => hex("(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$"),
            "uuid3" => hex("(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$"),
            "uuid4" => hex("(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"),
            "uuid5" => hex("(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"),
            "byte" => Ok(Some(Self::Byte)),
            "ipv4" => Ok(Some(Self::Ipv4)),
            "ipv6" => Ok(Some(Self::Ipv6)),
            "cidr" => Ok(Some(Self::Cidr)),
            "mac" => Ok(Some(Self::Mac)),
            "hexcolor" => Ok(Some(Self::HexColor)),
            "ssn" => Ok(Some(Self::Ssn)),
            "k8sshortname" => Ok(Some(Self::ShortName)),
            "k8slongname" => Ok(Some(Self::LongName)),
            other if NOT_CHECKED.contains(&other) => Err(name.to_owned()),
            // `password` is any string, and what the server does not know it ignores
            _ => Ok(None),
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DateTime => "date-time",
            Self::Date => "date",
            Self::Uuid(_) => "uuid",
            Self::Byte => "byte",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Cidr => "cidr",
            Self::Mac => "mac",
            Self::HexColor => "hexcolor",
            Self::Ssn => "ssn",
            Self::ShortName => "k8s-short-name",
            Self::LongName => "k8s-long-name",
        }
    }

    #[must_use]
    pub fn fits(self, text: &str) -> bool {
        match self {
            Self::DateTime => is_date_time(text),
            Self::Date => is_date(text),
            Self::Uuid(pattern) => fits(pattern, text),
            // a line end anywhere is skipped, as Go does
            Self::Byte => STANDARD.decode(text.replace(['\r', '\n'], "")).is_ok(),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.contains(':') && text.parse::<Ipv6Addr>().is_ok(),
            Self::Cidr => is_cidr(text),
            Self::Mac => fits(
                "^(?i:[0-9a-f]{2}([:-][0-9a-f]{2}){5}(([:-][0-9a-f]{2}){2}|([:-][0-9a-f]{2}){14})?|[0-9a-f]{4}(\\.[0-9a-f]{4}){2}(\\.[0-9a-f]{4}|(\\.[0-9a-f]{4}){7})?)$",
                text,
            ),
            Self::HexColor => fits("^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$", text),
            Self::Ssn => fits("^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$", text),
            Self::ShortName => names::label(text).is_none(),
            Self::LongName => names::subdomain(text).is_none(),
        }
    }
}

/// One of a handful of patterns that stand in this file, each compiled once.
fn fits(pattern: &'static str, text: &str) -> bool {
    use std::collections::HashMap;
    use std::sync::Mutex;
    static COMPILED: OnceLock<Mutex<HashMap<&'static str, Option<Regex>>>> = OnceLock::new();
    let Ok(mut compiled) = COMPILED.get_or_init(Mutex::default).lock() else { return false };
    let regex = compiled.entry(pattern).or_insert_with(|| Regex::new(pattern).ok()).clone();
    drop(compiled);
    regex.is_some_and(|regex| regex.is_match(text))
}

fn is_date(text: &str) -> bool {
    fits("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", text) && text.parse::<jiff::civil::Date>().is_ok()
}

/// RFC 3339 as strfmt takes it: a date, `T` or a blank, a time with or without a fraction, an offset.
fn is_date_time(text: &str) -> bool {
    let form = "(?i)^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})$";
    fits(form, text) && text.get(..10).is_some_and(is_date) && text.to_uppercase().parse::<jiff::Timestamp>().is_ok()
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let plain = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
    let Some(bits) = bits.parse::<u8>().ok().filter(|_| plain) else { return false };
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => bits <= 32,
        Ok(IpAddr::V6(_)) => bits <= 128,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_judged() {
        for (name, text, expected) in [
            ("date-time", "2024-01-02T03:04:05Z", true),
            ("date-time", "2024-01-02T03:04:05.123+02:00", true),
            ("date-time", "2024-01-02", false),
            ("date-time", "2024-13-02T03:04:05Z", false),
            ("date", "2024-02-29", true),
            ("date", "2023-02-29", false),
            ("uuid", "123E4567-e89b-12d3-a456-426614174000", true),
            ("uuid", "123", false),
            ("byte", "dGV4dA==", true),
            ("byte", "dGV4dA", false),
            ("ipv4", "10.0.0.1", true),
            ("ipv4", "10.0.0.256", false),
            ("ipv6", "::1", true),
            ("ipv6", "10.0.0.1", false),
            ("cidr", "10.0.0.0/8", true),
            ("cidr", "10.0.0.0/33", false),
            ("mac", "00:00:5e:00:53:01", true),
            ("mac", "00:00:5e:00:53", false),
            ("hexcolor", "#fff", true),
            ("hexcolor", "#ff", false),
            ("k8s-short-name", "a-b", true),
            ("k8s-short-name", "a.b", false),
        ] {
            let format = Format::of(name).ok().flatten().unwrap_or_else(|| panic!("{name}"));
            assert_eq!(format.fits(text), expected, "{name} {text}");
        }
        assert_eq!(Format::of("whatever"), Ok(None));
        assert!(Format::of("email").is_err());
    }
}
