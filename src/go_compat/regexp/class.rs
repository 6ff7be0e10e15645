//! Character classes and escapes.

use super::fault::{self, fault, upto};
use super::{Rest, names};

/// The greatest code point; surrogates below it are fine in an escape.
const MAX_POINT: u32 = 0x0010_FFFF;

/// From an opening bracket up to and with the closing one.
pub(super) fn bracket(text: &str) -> Rest<'_> {
    let inner = &text[1..];
    let mut rest = inner.strip_prefix('^').unwrap_or(inner);
    // a closing bracket in first place is an ordinary character
    let mut first = true;
    loop {
        if !first && let Some(after) = rest.strip_prefix(']') {
            return Ok(after);
        }
        first = false;
        if let Some((name, after)) = rest.strip_prefix("[:").and_then(|named| named.split_once(":]")) {
            if !names::is_posix(name) {
                return Err(fault(fault::CLASS_RANGE, upto(rest, after)));
            }
            rest = after;
        } else if let Some(after) = named(rest)? {
            rest = after;
        } else {
            (_, _, rest) = range(rest, text)?;
        }
    }
}

/// One character of a class, or two with a hyphen between them; the first and the last of what they stand for.
pub(super) fn range<'a>(text: &'a str, class: &str) -> Result<(u32, u32, &'a str), String> {
    let (low, after) = character(text, class)?;
    match after.strip_prefix('-') {
        // a hyphen in last place is an ordinary character
        Some(end) if !end.is_empty() && !end.starts_with(']') => {
            let (high, after) = character(end, class)?;
            if high < low { Err(fault(fault::CLASS_RANGE, upto(text, after))) } else { Ok((low, high, after)) }
        }
        _ => Ok((low, low, after)),
    }
}

fn character<'a>(text: &'a str, class: &str) -> Result<(u32, &'a str), String> {
    match text.chars().next() {
        None => Err(fault(fault::BRACKET, class)),
        Some('\\') => escape(text),
        Some(c) => Ok((c.into(), &text[c.len_utf8()..])),
    }
}

/// A class by name: `\d` and its like, `\pL`, `\p{Greek}`. `None` if the text starts otherwise.
pub(super) fn named(text: &str) -> Result<Option<&str>, String> {
    if let Some(after) = text.strip_prefix('\\').and_then(|text| text.strip_prefix(['d', 'D', 's', 'S', 'w', 'W'])) {
        return Ok(Some(after));
    }
    let Some(class) = text.strip_prefix("\\p").or_else(|| text.strip_prefix("\\P")) else { return Ok(None) };
    let (name, after) = if let Some(braced) = class.strip_prefix('{') {
        braced.split_once('}').ok_or_else(|| fault(fault::CLASS_RANGE, text))?
    } else {
        class.split_at(class.chars().next().map_or(0, char::len_utf8))
    };
    if names::is_unicode(name.strip_prefix('^').unwrap_or(name)) {
        Ok(Some(after))
    } else {
        Err(fault(fault::CLASS_RANGE, upto(text, after)))
    }
}

/// An escape that stands for one code point.
pub(super) fn escape(text: &str) -> Result<(u32, &str), String> {
    let escaped = &text[1..];
    let Some(c) = escaped.chars().next() else { return Err(fault(fault::TRAILING_BACKSLASH, "")) };
    let after = &escaped[c.len_utf8()..];
    match c {
        '0' => Ok(octal(escaped)),
        // one digit alone would be a back-reference, which RE2 does not have
        '1'..='7' if after.starts_with(|c| matches!(c, '0'..='7')) => Ok(octal(escaped)),
        'x' => hexadecimal(after).map_err(|after| fault(fault::ESCAPE, upto(text, after))),
        'a' => Ok((7, after)),
        'f' => Ok((12, after)),
        'n' => Ok((10, after)),
        'r' => Ok((13, after)),
        't' => Ok((9, after)),
        'v' => Ok((11, after)),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok((c.into(), after)),
        _ => Err(fault(fault::ESCAPE, upto(text, after))),
    }
}

/// Up to three octal digits.
fn octal(text: &str) -> (u32, &str) {
    let len = text.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let (digits, after) = text.split_at(len);
    (u32::from_str_radix(digits, 8).unwrap_or(0), after)
}

/// Two hexadecimal digits, or any number of them in braces. The error is what is left at the fault.
fn hexadecimal(text: &str) -> Result<(u32, &str), &str> {
    let braced = text.strip_prefix('{');
    let mut point = 0;
    let mut rest = braced.unwrap_or(text);
    for read in 0_usize.. {
        if braced.is_none() && read == 2 {
            break;
        }
        let c = rest.chars().next().ok_or("")?;
        rest = &rest[c.len_utf8()..];
        if braced.is_some() && c == '}' && read > 0 {
            break;
        }
        match c.to_digit(16).map(|digit| point * 16 + digit) {
            Some(next) if next <= MAX_POINT => point = next,
            // of two digits both are read before either is judged
            _ if braced.is_none() && read == 0 => {
                return Err(rest.chars().next().map_or(rest, |c| &rest[c.len_utf8()..]));
            }
            _ => return Err(rest),
        }
    }
    Ok((point, rest))
}
