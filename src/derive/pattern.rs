//! Patterns and word lists: what a formula over one string leaves of it, where RE2 can say that.

use super::formula::{Atom, AtomTest, Formula};
use crate::go_compat::text;
use crate::rules::Format;

/// White space as Go trims it.
const SPACE: &str = r"[\s\x0b\x{85}\pZ]";

/// A Go duration; that it fits 64 bits of nanoseconds is more than a pattern can say.
const DURATION: &str = r"[-+]?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)";

/// All that Go reads as a number, and more.
const NUMBER: &str = r"[-+]?(?i:inf|infinity|nan|0x[0-9a-f_.]+(?:p[-+]?[0-9_]+)?|[0-9_.]+(?:e[-+]?[0-9_]+)?)";

/// Padded standard base64. Go passes over line ends.
const BASE64: &str = r"[\r\n]*(?:(?:[A-Za-z0-9+/][\r\n]*){4})*(?:(?:[A-Za-z0-9+/][\r\n]*){2}=[\r\n]*=[\r\n]*|(?:[A-Za-z0-9+/][\r\n]*){3}=[\r\n]*)?";

/// A time in RFC 3339 as Go reads it; that the day is one of its month is more than a pattern can say.
const TIMESTAMP: &str = r"[0-9]{4}-(?:0[1-9]|1[0-2])-[0-9]{2}T(?:2[0-3]|[01]?[0-9]):[0-5][0-9]:[0-5][0-9](?:[.,][0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})";

/// Five fields of a cron schedule; the numbers that each may hold are more than is said here.
const CRON: &str = r"[\s\x0b\x{85}\pZ]*(?:[-+0-9*,/]+[\s\x0b\x{85}\pZ]+){4}[-+0-9*,/]+[\s\x0b\x{85}\pZ]*";

/// What a time zone's name is made of.
const ZONE: &str = r"[-+_/A-Za-z0-9]*";

/// A constraint of a string in a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StringConstraint {
    Pattern(String),
    Words(Vec<String>),
    /// Something but white space.
    Nonblank(String),
    /// At most this many bytes.
    Bytes(usize),
}

/// Texts that are accepted.
enum Accepted {
    Nonblank,
    Bytes(usize),
    Exact(Vec<Box<str>>),
    /// `padded`: with white space around them.
    Closed {
        padded: bool,
        body: String,
    },
    /// Whatever follows.
    Open {
        padded: bool,
        prefix: String,
    },
}

/// What a formula that accepts values of one string comes to.
pub(super) fn of(accepts: &Formula) -> Option<StringConstraint> {
    let mut found = Vec::new();
    collect(accepts, &mut found)?;
    match found.as_slice() {
        [Accepted::Nonblank] => return Some(StringConstraint::Nonblank(format!("[^{}]", &SPACE[1..SPACE.len() - 1]))),
        [Accepted::Bytes(most)] => return Some(StringConstraint::Bytes(*most)),
        [] => return None,
        _ => {}
    }
    if found.iter().any(|one| matches!(one, Accepted::Nonblank | Accepted::Bytes(_))) {
        return None;
    }
    if found.iter().all(|one| matches!(one, Accepted::Exact(_))) {
        // the empty text last: the others are what people are told
        found.sort_by_key(|one| matches!(one, Accepted::Exact(words) if words.iter().all(|word| word.is_empty())));
        let words = found.into_iter().flat_map(|one| match one {
            Accepted::Exact(words) => words,
            _ => Vec::new(),
        });
        let mut words: Vec<String> = words.map(String::from).collect();
        words.dedup();
        return Some(StringConstraint::Words(words));
    }
    Some(StringConstraint::Pattern(pattern(&found)))
}

fn collect(formula: &Formula, found: &mut Vec<Accepted>) -> Option<()> {
    match formula {
        Formula::Any(parts) => parts.iter().try_for_each(|part| collect(part, found)),
        Formula::Not(Atom { test: AtomTest::Blank, .. }) => {
            found.push(Accepted::Nonblank);
            Some(())
        }
        Formula::Not(Atom { test: AtomTest::LongerThan(most), reading, .. }) if !reading.trim => {
            found.push(Accepted::Bytes(*most));
            Some(())
        }
        Formula::Not(Atom { test: AtomTest::Misformed(format), reading, .. }) if !reading.lower => {
            found.push(Accepted::Closed { padded: reading.trim, body: format!("(?:{})", form(*format)?) });
            Some(())
        }
        Formula::Atom(atom) => {
            found.push(accepted(atom)?);
            Some(())
        }
        _ => None,
    }
}

fn accepted(atom: &Atom) -> Option<Accepted> {
    let padded = atom.reading.trim;
    Some(match &atom.test {
        AtomTest::Blank => Accepted::Closed { padded: true, body: String::new() },
        AtomTest::Empty => Accepted::Exact(vec!["".into()]),
        AtomTest::StartsWith(prefix) if !atom.reading.lower => Accepted::Open { padded, prefix: escaped(prefix) },
        AtomTest::In(words) if !padded => Accepted::Exact(words.iter().cloned().collect()),
        AtomTest::In(words) => {
            let some: Vec<String> = words.iter().filter(|word| !word.is_empty()).map(|word| escaped(word)).collect();
            let mut body = match atom.reading.lower {
                _ if some.is_empty() => String::new(),
                true => format!("(?i:{})", some.join("|").replace('i', "[iİ]")),
                false => format!("(?:{})", some.join("|")),
            };
            if words.contains("") && !body.is_empty() {
                body.push('?');
            }
            Accepted::Closed { padded, body }
        }
        _ => return None,
    })
}

fn pattern(found: &[Accepted]) -> String {
    let mut closed: Vec<&str> = Vec::new();
    let mut blank = false;
    let all_padded = found.iter().all(|one| match one {
        Accepted::Closed { padded: true, body } => {
            blank |= body.is_empty();
            closed.extend(Some(body.as_str()).filter(|body| !body.is_empty()));
            true
        }
        _ => false,
    });
    if all_padded {
        let inner = match closed.as_slice() {
            [] => String::new(),
            [one] if one.ends_with('?') || !blank => (*one).to_owned(),
            [one] => format!("{one}?"),
            many => format!("(?:{}){}", many.join("|"), if blank { "?" } else { "" }),
        };
        return format!("^{SPACE}*{inner}{SPACE}*$");
    }
    let open = found.iter().any(|one| matches!(one, Accepted::Open { .. }));
    let end = if open { "$" } else { "" };
    let alternatives: Vec<String> = found
        .iter()
        .flat_map(|one| match one {
            Accepted::Closed { padded: true, body } if body.is_empty() => vec![format!("{SPACE}*{end}")],
            Accepted::Closed { padded: true, body } => vec![format!("{SPACE}*{body}{SPACE}*{end}")],
            Accepted::Closed { padded: false, body } => vec![format!("{body}{end}")],
            Accepted::Open { padded, prefix } => {
                vec![format!("{}{prefix}", if *padded { format!("{SPACE}*") } else { String::new() })]
            }
            Accepted::Exact(words) => words.iter().map(|word| format!("{}{end}", escaped(word))).collect(),
            Accepted::Nonblank | Accepted::Bytes(_) => Vec::new(),
        })
        .collect();
    format!("^(?:{}){}", alternatives.join("|"), if open { "" } else { "$" })
}

/// The pattern of a form, where RE2 can say it.
pub(super) fn form(format: Format) -> Option<&'static str> {
    match format {
        Format::Duration => Some(DURATION),
        Format::Number => Some(NUMBER),
        Format::Base64 => Some(BASE64),
        Format::Timestamp => Some(TIMESTAMP),
        Format::Cron => Some(CRON),
        Format::Timezone => Some(ZONE),
        Format::Regex => None,
    }
}

/// A text as a pattern of itself.
fn escaped(word: &str) -> String {
    let mut out = String::new();
    for c in word.chars() {
        if c.is_ascii_punctuation() && !"_-/:@,;<>=!#%&'\"`~".contains(c) {
            out.push('\\');
        }
        if c.is_control() || text::is_blank(c.encode_utf8(&mut [0; 4])) && c != ' ' {
            out.extend(format!("\\x{{{:x}}}", u32::from(c)).chars());
        } else {
            out.push(c);
        }
    }
    out
}
