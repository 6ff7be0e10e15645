//! A label selector as kubectl takes it.

use kube::core::{Expression, Selector};

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unable to read the selector at \"{0}\": it is a comma-separated list of key=value, key!=value, key in (a,b), \
     key notin (a,b), key and !key"
)]
pub struct SelectorError(String);

/// Reads a selector; an empty one selects all.
pub fn parse(text: &str) -> Result<Selector, SelectorError> {
    let mut selector = Selector::default();
    for part in parts(text) {
        selector.extend(expression(part).ok_or_else(|| SelectorError(part.to_owned()))?);
    }
    Ok(selector)
}

/// Parted by the commas that are not within parentheses.
fn parts(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    let parts: Vec<_> = parts.map(str::trim).collect();
    if parts == [""] { Vec::new() } else { parts }
}

fn expression(part: &str) -> Option<Expression> {
    if let Some(rest) = part.strip_suffix(')') {
        let (head, values) = rest.split_once('(')?;
        let (key, word) = head.trim_end().rsplit_once(char::is_whitespace)?;
        let values = values.split(',').map(|value| value_of(value.trim())).collect::<Option<_>>()?;
        let key = key_of(key.trim())?;
        return match word {
            "in" => Some(Expression::In(key, values)),
            "notin" => Some(Expression::NotIn(key, values)),
            _ => None,
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Some(Expression::NotEqual(key_of(key.trim())?, value_of(value.trim())?));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Some(Expression::Equal(key_of(key.trim())?, value_of(value.trim())?));
    }
    match part.strip_prefix('!') {
        Some(key) => Some(Expression::DoesNotExist(key_of(key.trim())?)),
        None => Some(Expression::Exists(key_of(part)?)),
    }
}

fn key_of(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (!text.is_empty() && text.chars().all(plain)).then(|| text.to_owned())
}

/// A value may be empty.
fn value_of(text: &str) -> Option<String> {
    if text.is_empty() { Some(String::new()) } else { key_of(text).filter(|value| !value.contains('/')) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kube::core::SelectorExt as _;

    use super::*;

    #[test]
    fn selectors_mean_what_they_mean_to_kubectl() {
        let labels: BTreeMap<String, String> =
            [("tier", "web"), ("a.b/c", "x"), ("none", "")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        for (selector, expected) in [
            ("", true),
            ("tier=web", true),
            ("tier==web, a.b/c = x", true),
            ("tier=web,a.b/c=y", false),
            ("tier!=web", false),
            ("absent!=web", true),
            ("tier in (db, web)", true),
            ("tier in (db)", false),
            ("tier notin (db,web)", false),
            ("absent notin (db)", true),
            ("tier", true),
            ("!tier", false),
            ("!absent,none=", true),
        ] {
            assert_eq!(parse(selector).unwrap().matches(&labels), expected, "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_told() {
        for selector in ["=x", "a=b=c", "a b", "a in (b", "a of (b)", "in (a)", ",", "a,,b", "!", "a>1", "a=b c"] {
            let error = parse(selector).unwrap_err().to_string();
            assert!(error.starts_with("unable to read the selector at"), "{selector}: {error}");
        }
    }
}
