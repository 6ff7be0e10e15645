//! Functions of strings, the second version of cel-go's library and regular expressions. Positions count characters.

#![expect(clippy::unnecessary_wraps, reason = "a function of the language may fail, whether it does or not")]

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;

use super::value::{CelValue, Evaluated, EvaluationError, error};
use crate::go_compat::{regexp::matcher, text};

fn out_of_range<'v>(at: i64) -> Evaluated<'v> {
    error(format!("index out of range: {at}"))
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Does something with a text and a pattern, which is compiled once a thread.
pub fn with_regex<T>(text: &str, pattern: &str, work: impl FnOnce(&str, &Regex) -> T) -> Result<T, EvaluationError> {
    const MOST: usize = 256;
    thread_local! {
        static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(regex) = compiled.get(pattern) {
            return Ok(work(text, regex));
        }
        let regex = matcher::compile(pattern).map_err(EvaluationError::Error)?;
        if compiled.len() >= MOST {
            compiled.clear();
        }
        let found = work(text, &regex);
        compiled.insert(pattern.to_owned(), regex);
        Ok(found)
    })
}

/// Go finds no empty match right behind another match.
pub fn find_all(regex: &Regex, text: &str, most: i64) -> Vec<String> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let found = regex.find_iter(text).take(most);
    found.map(|found| found.as_str().to_owned()).collect()
}

pub fn char_at<'v>(text: &str, at: i64) -> Evaluated<'v> {
    let Ok(index) = usize::try_from(at) else { return out_of_range(at) };
    match text.chars().nth(index) {
        Some(found) => Ok(CelValue::text(found.to_string())),
        None if text.chars().count() == index => Ok(CelValue::text("")),
        None => out_of_range(at),
    }
}

/// From a character on, to another one or the end.
pub fn substring<'v>(text: &str, start: i64, end: Option<i64>) -> Evaluated<'v> {
    let length = number(text.chars().count());
    if end.is_some_and(|end| start > end) {
        return error("invalid substring range");
    }
    let end = end.unwrap_or(length);
    if let Some(wrong) = [start, end].into_iter().find(|at| *at < 0 || *at > length) {
        return out_of_range(wrong);
    }
    let (Ok(skipped), Ok(taken)) = (usize::try_from(start), usize::try_from(end - start)) else {
        return out_of_range(start);
    };
    Ok(CelValue::text(text.chars().skip(skipped).take(taken).collect::<String>()))
}

pub fn index_of<'v>(text: &str, part: &str, from: i64) -> Evaluated<'v> {
    if part.is_empty() {
        return Ok(CelValue::Int(from));
    }
    let Ok(skipped) = usize::try_from(from) else { return out_of_range(from) };
    let Some((start, _)) = text.char_indices().nth(skipped) else { return Ok(CelValue::Int(-1)) };
    let found = text[start..].find(part);
    Ok(CelValue::Int(found.map_or(-1, |at| from + number(text[start..start + at].chars().count()))))
}

/// The last place at or before a character, which is the last one where none is given.
pub fn last_index_of<'v>(text: &str, part: &str, from: Option<i64>) -> Evaluated<'v> {
    let chars: Vec<char> = text.chars().collect();
    let wanted: Vec<char> = part.chars().collect();
    let from = match from {
        None if wanted.is_empty() => return Ok(CelValue::Int(number(chars.len()))),
        None if text.len() < part.len() => return Ok(CelValue::Int(-1)),
        None => number(chars.len()) - 1,
        Some(from) if wanted.is_empty() => return Ok(CelValue::Int(from)),
        Some(from) => from,
    };
    let Ok(most) = usize::try_from(from) else { return out_of_range(from) };
    if most >= chars.len() {
        return Ok(CelValue::Int(-1));
    }
    let mut starts = chars.windows(wanted.len()).take(most + 1);
    Ok(CelValue::Int(starts.rposition(|window| window == wanted).map_or(-1, number)))
}

/// Replaces at most so many, or all where that is negative.
pub fn replace<'v>(text: &str, old: &str, new: &str, most: i64) -> Evaluated<'v> {
    Ok(CelValue::text(match usize::try_from(most) {
        Ok(most) => text.replacen(old, new, most),
        Err(_) => text.replace(old, new),
    }))
}

/// At most so many parts, or all where that is negative. Without a separator, the characters.
pub fn split<'v>(text: &str, separator: &str, most: i64) -> Evaluated<'v> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if most == 0 {
        return Ok(CelValue::list(Vec::new()));
    }
    if !separator.is_empty() {
        return Ok(CelValue::texts(text.splitn(most, separator).map(str::to_owned)));
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if parts.len() + 1 == most {
            break;
        }
        let (part, later) = rest.split_at(first.len_utf8());
        parts.push(part.to_owned());
        rest = later;
    }
    if !rest.is_empty() {
        parts.push(rest.to_owned());
    }
    Ok(CelValue::texts(parts))
}

pub fn trim(text: &str) -> CelValue<'static> {
    CelValue::text(text::trim(text).to_owned())
}

/// In double quotes, with the escapes of the language.
pub fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(outcome: Evaluated<'_>) -> String {
        match outcome {
            Ok(CelValue::Text(text)) => text.into_owned(),
            Ok(CelValue::Int(number)) => number.to_string(),
            Ok(CelValue::List(list)) => list.iter().map(|item| shown(Ok(item))).collect::<Vec<_>>().join("|"),
            _ => "error".to_owned(),
        }
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(shown(char_at("äb", 1)), "b");
        assert_eq!(shown(char_at("äb", 2)), "");
        assert_eq!(shown(char_at("äb", 3)), "error");
        assert_eq!(shown(substring("äbc", 1, None)), "bc");
        assert_eq!(shown(substring("äbc", 2, Some(1))), "error");
        assert_eq!(shown(index_of("äbäb", "b", 2)), "3");
        assert_eq!(shown(index_of("a", "", 7)), "7");
        assert_eq!(shown(last_index_of("äbäb", "äb", None)), "2");
        assert_eq!(shown(last_index_of("äbäb", "äb", Some(1))), "0");
        assert_eq!(shown(last_index_of("a", "", None)), "1");
    }

    #[test]
    fn parts_are_those_of_go() {
        assert_eq!(shown(split("a,b,c", ",", 2)), "a|b,c");
        assert_eq!(shown(split("äbc", "", -1)), "ä|b|c");
        assert_eq!(shown(split("abc", "", 2)), "a|bc");
        assert_eq!(shown(split("", "", -1)), "");
        assert_eq!(shown(replace("aaa", "a", "b", 2)), "bba");
        assert_eq!(shown(replace("ab", "", "-", -1)), "-a-b-");
    }
}
