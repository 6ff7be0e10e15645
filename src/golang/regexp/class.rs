//! Character classes and escapes.

use super::{Rest, names};

/// The greatest code point; surrogates below it are fine in an escape.
const MAX_POINT: u32 = 0x0010_FFFF;

/// Behind an opening bracket: consumes up to and with the closing one.
pub(super) fn bracket(text: &str) -> Rest<'_> {
    let mut rest = text.strip_prefix('^').unwrap_or(text);
    // a closing bracket in first place is an ordinary character
    let mut first = true;
    loop {
        if !first && let Some(after) = rest.strip_prefix(']') {
            return Ok(after);
        }
        first = false;
        if let Some((name, after)) = rest.strip_prefix("[:").and_then(|named| named.split_once(":]")) {
            if !names::is_posix(name) {
                return Err(format!("unknown character class [:{name}:]"));
            }
            rest = after;
        } else if let Some(after) = named(rest)? {
            rest = after;
        } else {
            rest = range(rest)?;
        }
    }
}

/// One character of a class, or two with a hyphen between them.
fn range(text: &str) -> Rest<'_> {
    let (low, after) = character(text)?;
    match after.strip_prefix('-') {
        // a hyphen in last place is an ordinary character
        Some(end) if !end.is_empty() && !end.starts_with(']') => {
            let (high, after) = character(end)?;
            if high < low {
                return Err(format!("reversed range {}", &text[..text.len() - after.len()]));
            }
            Ok(after)
        }
        _ => Ok(after),
    }
}

fn character(text: &str) -> Result<(u32, &str), String> {
    match text.chars().next() {
        None => Err("missing closing ]".to_owned()),
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
        braced.split_once('}').ok_or("class name without a closing }")?
    } else {
        class.split_at(class.chars().next().map_or(0, char::len_utf8))
    };
    if names::is_unicode(name.strip_prefix('^').unwrap_or(name)) {
        Ok(Some(after))
    } else {
        Err(format!("unknown character class \\p{{{name}}}"))
    }
}

/// An escape that stands for one code point.
pub(super) fn escape(text: &str) -> Result<(u32, &str), String> {
    let escaped = &text[1..];
    let Some(c) = escaped.chars().next() else { return Err("backslash at the end".to_owned()) };
    let after = &escaped[c.len_utf8()..];
    let refuse = || format!("unknown escape \\{c}");
    match c {
        '0' => Ok(octal(escaped)),
        // one digit alone would be a back-reference, which RE2 does not have
        '1'..='7' if after.starts_with(|c| matches!(c, '0'..='7')) => Ok(octal(escaped)),
        'x' => hexadecimal(after).ok_or_else(|| "invalid escape \\x".to_owned()),
        'a' => Ok((7, after)),
        'f' => Ok((12, after)),
        'n' => Ok((10, after)),
        'r' => Ok((13, after)),
        't' => Ok((9, after)),
        'v' => Ok((11, after)),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok((c.into(), after)),
        _ => Err(refuse()),
    }
}

/// Up to three octal digits.
fn octal(text: &str) -> (u32, &str) {
    let len = text.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let (digits, after) = text.split_at(len);
    (u32::from_str_radix(digits, 8).unwrap_or(0), after)
}

/// Two hexadecimal digits, or any number of them in braces.
fn hexadecimal(text: &str) -> Option<(u32, &str)> {
    let (digits, after) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => text.split_at_checked(2)?,
    };
    if digits.is_empty() {
        return None;
    }
    let point = digits
        .chars()
        .try_fold(0, |point, c| Some(point * 16 + c.to_digit(16)?).filter(|point| *point <= MAX_POINT))?;
    Some((point, after))
}
