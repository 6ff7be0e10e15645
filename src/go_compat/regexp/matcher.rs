//! A Go pattern as one of the `regex` crate's that matches the same texts.
//!
//! Both are descendants of RE2. What differs: `\s`, `\d`, `\w` and `\b` are ASCII in Go, groups may share a name there,
//! braces that are no count are characters, a backslash before a mark is that mark, and within brackets `[`, `&&`, `--`
//! and `~~` mean nothing special.

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

use super::fault::upto;
use super::{class, repeat};

/// Most bytes of a compiled pattern.
const SIZE: usize = 64 << 20;

/// Compiles a pattern that Go takes; the error says why it cannot be matched here.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    super::check(pattern)?;
    let translated = translate(pattern);
    RegexBuilder::new(&translated).size_limit(SIZE).build().map_err(|error| {
        let text = error.to_string();
        text.lines().last().unwrap_or_default().trim().to_owned()
    })
}

fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\\' => escape(after, &mut out),
            '[' => brackets(after, &mut out),
            '(' => group(after, &mut out),
            '*' | '+' | '?' | '{' => match repeat::operator(rest) {
                Some(Ok((_, after))) => {
                    repetition(upto(rest, after), &mut out);
                    after
                }
                // braces that are no count are themselves
                _ => literal(c, after, &mut out),
            },
            '.' | '^' | '$' | '|' | ')' => {
                out.push(c);
                after
            }
            _ => literal(c, after, &mut out),
        };
    }
    out
}

/// A repetition; in Go, one behind flags repeats what stands before these.
fn repetition(operator: &str, out: &mut String) {
    let mut at = out.len();
    while let Some(open) = out[..at].strip_suffix(')').and_then(|before| before.rfind("(?"))
        && out[open + 2..at - 1].bytes().all(|byte| b"imsU-".contains(&byte))
    {
        at = open;
    }
    if at == out.len() {
        out.push_str(operator);
        return;
    }
    // a question mark behind another repetition would make that lazy
    let operator = operator.strip_prefix('?').map_or(operator.to_owned(), |lazy| format!("{{0,1}}{lazy}"));
    out.insert_str(at, &operator);
}

/// A character that stands for itself.
fn literal<'a>(c: char, after: &'a str, out: &mut String) -> &'a str {
    out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    after
}

/// A group that has a name loses it: Go lets two share one, and nothing asks for it.
fn group<'a>(after: &'a str, out: &mut String) -> &'a str {
    // flags that set nothing
    if let Some(rest) = after.strip_prefix("?)") {
        return rest;
    }
    out.push('(');
    let named = after.strip_prefix("?P<").or_else(|| after.strip_prefix("?<"));
    named.and_then(|named| named.split_once('>')).map_or(after, |(_, rest)| rest)
}

/// What stands behind a backslash.
fn escape<'a>(after: &'a str, out: &mut String) -> &'a str {
    let Some(c) = after.chars().next() else { return after };
    let rest = &after[c.len_utf8()..];
    let class = match c {
        's' => "\\t\\n\\x0c\\r ",
        'S' => "^\\t\\n\\x0c\\r ",
        'd' => "0-9",
        'D' => "^0-9",
        'w' => "0-9A-Za-z_",
        'W' => "^0-9A-Za-z_",
        'b' => {
            out.push_str("(?-u:\\b)");
            return rest;
        }
        'B' => {
            out.push_str("(?-u:\\B)");
            return rest;
        }
        'Q' => {
            let (literal, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
            out.push_str(&regex::escape(literal));
            return rest;
        }
        '0'..='7' => return octal(after, out),
        'p' | 'P' => return unicode(after, out),
        // its braces are no count
        'x' if rest.starts_with('{') => {
            let end = rest.find('}').map_or(rest.len(), |at| at + 1);
            out.push_str("\\x");
            out.push_str(&rest[..end]);
            return &rest[end..];
        }
        // `\<` and its like mean something to the other engine
        _ if !c.is_ascii_alphanumeric() => return literal(c, rest, out),
        _ => {
            out.push('\\');
            out.push(c);
            return rest;
        }
    };
    out.push('[');
    out.push_str(class);
    out.push(']');
    rest
}

/// `\123`: up to three octal digits.
fn octal<'a>(digits: &'a str, out: &mut String) -> &'a str {
    let length = digits.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    let (number, rest) = digits.split_at(length);
    let number = u32::from_str_radix(number, 8).unwrap_or_default();
    let _ = write!(out, "\\x{{{number:x}}}");
    rest
}

/// A bracket expression, up to its end.
fn brackets<'a>(after: &'a str, out: &mut String) -> &'a str {
    out.push('[');
    let mut rest = after;
    if let Some(negated) = rest.strip_prefix('^') {
        out.push('^');
        rest = negated;
    }
    let mut first = true;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if c == ']' && !first {
            out.push(']');
            return after;
        }
        first = false;
        if let Some((name, after)) = rest.strip_prefix("[:").and_then(|named| named.split_once(":]")) {
            let _ = write!(out, "[:{name}:]");
            rest = after;
        } else if class::named(rest).is_ok_and(|after| after.is_some()) {
            rest = escape(after, out);
        } else if let Ok((low, high, after)) = class::range(rest, rest) {
            let _ = write!(out, "\\x{{{low:x}}}-\\x{{{high:x}}}");
            rest = after;
        } else {
            // what Go refuses does not come here
            break;
        }
    }
    rest
}

/// `\pL`, `\p{Greek}` and `\p{^Greek}`.
fn unicode<'a>(after: &'a str, out: &mut String) -> &'a str {
    let (mut negated, name) = (after.starts_with('P'), &after[1..]);
    let (mut name, rest) = match name.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
        Some(parts) => parts,
        None => name.split_at(name.chars().next().map_or(0, char::len_utf8)),
    };
    if let Some(other) = name.strip_prefix('^') {
        (negated, name) = (!negated, other);
    }
    let _ = write!(out, "\\{}{{{name}}}", if negated { 'P' } else { 'p' });
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(text)
    }

    /// Each checked against Go.
    #[test]
    fn texts_are_matched_as_in_go() {
        for (pattern, text, expected) in [
            (r"^\s$", "\u{a0}", false),
            (r"^\s$", "\u{b}", false),
            (r"^\s$", "\u{c}", true),
            (r"^[\s\x0b]$", "\u{b}", true),
            (r"^[^\s]$", "\u{a0}", true),
            (r"^\d$", "\u{661}", false),
            (r"^[\D]$", "\u{661}", true),
            (r"^\w$", "é", false),
            (r"a\b", "aé", true),
            (r"^(?i:k)$", "\u{212a}", true),
            (r"^(?i:s)$", "\u{17f}", true),
            (r"^[[]$", "[", true),
            (r"^[a&&b]$", "&", true),
            (r"^[]a]$", "]", true),
            (r"^\Qa.b\E$", "a.b", true),
            (r"^\101$", "A", true),
            (r"^\x{e9}\x41$", "éA", true),
            (r"(?P<n>a)(?P<m>b)", "ab", true),
            (r"^[\s\x0b\x{85}\pZ]*$", "\u{2003}\u{85}", true),
            (r"x$", "x\n", false),
            (r"^[[:alpha:]]$", "é", false),
            (r"^{[a-z]+}$", "{abc}", true),
            (r"^{[a-z]+}$", "abc", false),
            (r"^a{,5}$", "a{,5}", true),
            (r"^a{,5}$", "aaa", false),
            (r"^a{2,}$", "aaa", true),
            (r"^a{1,2}?$", "aa", true),
            (r"^a{01}$", "a{01}", true),
            (r"^a{1", "a{1", true),
            (r"^[a-c--b]$", "5", true),
            (r"^[a-c--b]$", "c", true),
            (r"^[a-c--b]$", "d", false),
            (r"^[a-c--b]$", "+", false),
            (r"^[--/]$", ".", true),
            (r"^[a-]$", "-", true),
            (r"^[^-a]$", "-", false),
            (r"^[+--]$", ",", true),
            (r"^[\[-\]]$", "\\", true),
            (r"^\<b\>$", "<b>", true),
            (r"^\_\-\#\`$", "_-#`", true),
            (r"^[\_\<\x{41}-C]+$", "_<B", true),
            (r"^\p{^Greek}$", "a", true),
            (r"^[\P{^Greek}x]+$", "αx", true),
            (r"^(?)a}]$", "a}]", true),
            (r"^(?i)[k-k]$", "\u{212a}", true),
            (r"^ab(?i){2}C$", "abbc", true),
            (r"^b+(?i)?$", "", true),
            (r"^[~~a&&-]+$", "~&-a", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text:?}");
        }
    }
}
