//! What go-yaml, by which kubectl reads, takes otherwise than the reader here: written so that both take it alike.
//!
//! Lines stay as they are; only columns behind such a scalar move.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle};
use serde_json::Value;

/// Most rounds over a text: an error of the reader hides what is behind it.
const ROUNDS: usize = 64;

/// A plain scalar as go-yaml resolves it (`resolve` of `go.yaml.in/yaml/v2`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GoScalar {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text,
}

/// The text with scalars quoted or written out where `read`, which reads one alone, has another value than go-yaml.
pub fn adapted<'t>(text: &'t str, read: &dyn Fn(&str) -> Option<Value>) -> Cow<'t, str> {
    let mut found = Cow::Borrowed(text);
    if [":,", ":]", ":}"].iter().any(|end| text.contains(end)) {
        for _ in 0..ROUNDS {
            let patches = words_with_colons(&found);
            if patches.is_empty() {
                break;
            }
            found = Cow::Owned(patched(&found, &patches));
        }
    }
    if found.split(|c: char| c.is_whitespace() || "[]{},:".contains(c)).any(is_odd) {
        let patches = scalars(&found, read);
        if !patches.is_empty() {
            found = Cow::Owned(patched(&found, &patches));
        }
    }
    found
}

type Patch = (Range<usize>, String);

fn patched(text: &str, patches: &[Patch]) -> String {
    let mut out = String::with_capacity(text.len() + patches.len() * 2);
    let mut from = 0;
    for (at, new) in patches {
        out.push_str(&text[from..at.start]);
        out.push_str(new);
        from = at.end;
    }
    out.push_str(&text[from..]);
    out
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether a word may be read in more than one way: numbers but the plainest, and words for true, false and null in an
/// unusual case.
fn is_odd(word: &str) -> bool {
    let Some(first) = word.chars().next() else { return false };
    if first.is_ascii_digit() || "+-.".contains(first) {
        // refused by both
        if word.eq_ignore_ascii_case(".nan") {
            return false;
        }
        let digits = word.strip_prefix('-').unwrap_or(word);
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() < 18;
        return !plain || digits.len() > 1 && digits.starts_with('0');
    }
    word.len() <= 5 && resolve(word) == GoScalar::Text && resolve(&word.to_ascii_lowercase()) != GoScalar::Text
}

/// Plain scalars that are read otherwise.
fn scalars(text: &str, read: &dyn Fn(&str) -> Option<Value>) -> Vec<Patch> {
    let mut found = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(Ok((event, span))) = parser.next_event() {
        let Event::Scalar(value, ScalarStyle::Plain, _, None) = event else { continue };
        let Some(range) = span.byte_range().filter(|_| is_odd(&value)) else { continue };
        if text.get(range.clone()) != Some(&*value) {
            continue;
        }
        let scalar = resolve(&value);
        // what no JSON holds is refused
        if scalar == GoScalar::Float(f64::INFINITY) || scalar == GoScalar::Float(f64::NEG_INFINITY) {
            continue;
        }
        if read(&value) != Some(scalar.value(&value)) {
            found.push((range, scalar.written(&value)));
        }
    }
    found
}

impl GoScalar {
    /// As kubectl hands it on.
    fn value(self, text: &str) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => flag.into(),
            Self::Int(number) => number.into(),
            Self::Uint(number) => number.into(),
            Self::Float(number) => super::typeless::whole_number(number),
            Self::Text => text.into(),
        }
    }

    fn written(self, text: &str) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(flag) => flag.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Uint(number) => number.to_string(),
            Self::Float(number) => format!("{number:?}"),
            Self::Text => quoted(text),
        }
    }
}

/// What go-yaml makes of a plain scalar.
pub fn resolve(text: &str) -> GoScalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return GoScalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            return GoScalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            return GoScalar::Bool(false);
        }
        _ => {}
    }
    if [".inf", "+.inf", "-.inf"].contains(&&*text.to_ascii_lowercase()) {
        return GoScalar::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let float = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        text.parse().ok().filter(|_| digits).map(GoScalar::Float)
    };
    match text.as_bytes().first() {
        Some(b'.') => float(text),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            let plain = text.replace('_', "");
            integer(&plain).or_else(|| float(&plain))
        }
        _ => None,
    }
    .unwrap_or(GoScalar::Text)
}

/// `strconv.ParseInt` and, of what is too large for it, `ParseUint`, of any base.
fn integer(text: &str) -> Option<GoScalar> {
    // a sign may stand there
    if let Some(number) = text.strip_prefix("0b").and_then(|digits| i64::from_str_radix(digits, 2).ok()) {
        return Some(GoScalar::Int(number));
    }
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => ("", &text[1..]),
        b'-' => ("-", &text[1..]),
        _ => ("", text),
    };
    let lower = digits.to_ascii_lowercase();
    let based =
        [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(mark, base)| Some((lower.strip_prefix(mark)?, base)));
    let (digits, base) = match based {
        Some(found) => found,
        None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        None => (&*lower, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    let unsigned = text.starts_with(|c: char| c.is_ascii_digit());
    let small = i64::from_str_radix(&format!("{sign}{digits}"), base).ok().map(GoScalar::Int);
    small.or_else(|| u64::from_str_radix(digits, base).ok().filter(|_| unsigned).map(GoScalar::Uint))
}

/// Plain scalars in flow lists and mappings that end in a colon with no blank behind it: it is part of them.
fn words_with_colons(text: &str) -> Vec<Patch> {
    let mut found = Vec::new();
    let mut parser = Parser::new_from_str(text);
    let mut end = 0;
    while let Some(Ok((event, span))) = parser.next_event() {
        let flow = matches!(
            event,
            Event::SequenceStart(StructureStyle::Flow, ..) | Event::MappingStart(StructureStyle::Flow, ..)
        );
        let start = span.byte_range().map_or(0, |range| range.start);
        if flow && start >= end && text[start..].starts_with(['[', '{']) {
            end = within_flow(text, start, &mut found);
        }
    }
    found
}

/// Walks a flow collection; returns its end.
fn within_flow(text: &str, start: usize, found: &mut Vec<Patch>) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(c) = text[at..].chars().next() {
        let next = at + c.len_utf8();
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            '"' | '\'' => {
                at = end_of_quotes(text, next, c);
                continue;
            }
            '#' => {
                at = text[at..].find('\n').map_or(text.len(), |length| at + length);
                continue;
            }
            ',' | ':' | '?' => {}
            c if c.is_whitespace() => {}
            _ => {
                let word = plain(&text[at..]);
                if word.len() > 1 && word.ends_with(':') && text[at + word.len()..].starts_with([',', ']', '}']) {
                    found.push((at..at + word.len(), quoted(word)));
                }
                at += word.len().max(c.len_utf8());
                continue;
            }
        }
        at = next;
        if depth == 0 {
            break;
        }
    }
    at
}

fn end_of_quotes(text: &str, start: usize, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text[start..].char_indices() {
        if !escaped && c == quote {
            return start + at + 1;
        }
        escaped = !escaped && quote == '"' && c == '\\';
    }
    text.len()
}

/// The plain scalar that a text begins with, on its line.
fn plain(text: &str) -> &str {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let ends = match c {
            ',' | '[' | ']' | '{' | '}' | '\n' => true,
            ':' => next.is_none_or(char::is_whitespace),
            _ => c.is_whitespace() && next == Some('#'),
        };
        if ends {
            return text[..at].trim_end();
        }
    }
    text.trim_end()
}
