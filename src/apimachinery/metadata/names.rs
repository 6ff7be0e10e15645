//! Names as the API server takes them. Each check says what is wrong, in the server's words, or nothing.

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
    start and end with an alphanumeric character";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
    '.', and must start and end with an alphanumeric character";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
    with an alphanumeric character";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
    '.', and must start and end with an alphanumeric character";

/// Most characters of a label, a label's value and the name part of a key.
pub const MAX_LABEL: usize = 63;
/// Most characters of a subdomain.
pub const MAX_SUBDOMAIN: usize = 253;

/// Most of a generated name that is given, and what stands for the characters that follow.
const MAX_GIVEN: usize = 58;
const RANDOM: &str = "x5x5x";

fn too_long(text: &str, most: usize) -> Option<String> {
    (text.len() > most).then(|| format!("must be no more than {most} bytes"))
}

fn is_label(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().copied().is_some_and(inner)
        && bytes.last().copied().is_some_and(inner)
        && bytes.iter().all(|c| inner(*c) || *c == b'-')
}

/// A DNS label (RFC 1123): a namespace.
#[must_use]
pub fn label(text: &str) -> Option<String> {
    too_long(text, MAX_LABEL).or_else(|| (!is_label(text)).then(|| LABEL.to_owned()))
}

/// A DNS subdomain (RFC 1123): a resource's name.
#[must_use]
pub fn subdomain(text: &str) -> Option<String> {
    too_long(text, MAX_SUBDOMAIN).or_else(|| (!text.split('.').all(is_label)).then(|| SUBDOMAIN.to_owned()))
}

/// What a name may begin with, where the rest is generated.
#[must_use]
pub fn prefix(text: &str) -> Option<String> {
    // Go's maskTrailingDash, bytes and all: the dash and what stands before it give way to one letter
    match text.len().checked_sub(2).filter(|_| text.ends_with('-')) {
        Some(left) => {
            text.get(..left).map_or_else(|| Some(SUBDOMAIN.to_owned()), |left| subdomain(&format!("{left}a")))
        }
        None => subdomain(text),
    }
}

/// The name that is made of such a beginning where there is no other.
#[must_use]
pub fn generated(prefix: &str) -> Option<String> {
    let given = prefix.get(..MAX_GIVEN.min(prefix.len()));
    given.map_or_else(|| Some(SUBDOMAIN.to_owned()), |given| subdomain(&format!("{given}{RANDOM}")))
}

fn is_qualified(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
}

/// The key of a label or, in lower case, of an annotation; a finalizer.
#[must_use]
pub fn qualified(text: &str) -> Option<String> {
    let (prefix, name) = match text.split_once('/') {
        Some((_, rest)) if rest.contains('/') => {
            return Some(format!("a qualified name has at most one `/`: {QUALIFIED}"));
        }
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    if let Some(prefix) = prefix {
        if prefix.is_empty() {
            return Some("prefix part must be non-empty".to_owned());
        }
        if let Some(fault) = subdomain(prefix) {
            return Some(format!("prefix part {fault}"));
        }
    }
    if name.is_empty() {
        return Some("name part must be non-empty".to_owned());
    }
    too_long(name, MAX_LABEL)
        .map(|fault| format!("name part {fault}"))
        .or_else(|| (!is_qualified(name)).then(|| QUALIFIED.to_owned()))
}

/// The value of a label.
#[must_use]
pub fn label_value(text: &str) -> Option<String> {
    too_long(text, MAX_LABEL).or_else(|| (!text.is_empty() && !is_qualified(text)).then(|| LABEL_VALUE.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_server() {
        for (check, sound, broken) in [
            (
                label as fn(&str) -> Option<String>,
                &["a", "a-b", "0", "a0"][..],
                &["", "-a", "a-", "A", "a.b", "a_b", "é", " a"][..],
            ),
            (subdomain, &["a", "a.b", "a-b.c0"], &["", ".a", "a.", "a..b", "A", "a_b", "a-.b", "a/b"]),
            (
                prefix,
                &["a-", "a", "a.b-", "a--", "A-", "_-", "--"],
                &["-", "", "a--\u{e9}", "\u{e9}-", "aA--a", "A-b-"],
            ),
            (generated, &["a-", "a", "a.b-", "a--", "0"], &["A-", "_-", "-", "--", "\u{e9}-", "a.-"]),
            (qualified, &["a", "A.b_c-d", "x.y/Z"], &["", "/a", "a/", "a/b/c", "-a", "X/y", "a b", "é"]),
            (label_value, &["", "a", "A_b.c"], &["-a", "a ", "a/b", "é"]),
        ] {
            for text in sound {
                assert_eq!(check(text), None, "{text}");
            }
            for text in broken {
                assert!(check(text).is_some(), "{text:?}");
            }
        }
        // a long beginning is cut, at a character or within one
        assert_eq!(generated(&"a".repeat(90)), None);
        assert!(generated(&format!("{}{}", "a".repeat(57), "\u{e9}".repeat(9))).is_some());
        assert!(label(&"a".repeat(64)).is_some() && label(&"a".repeat(63)).is_none());
        assert!(subdomain(&"a".repeat(254)).is_some() && subdomain(&"a".repeat(253)).is_none());
        assert!(label_value(&"a".repeat(64)).is_some() && qualified(&format!("a/{}", "b".repeat(64))).is_some());
    }
}
