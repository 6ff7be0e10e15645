//! A Go pattern in the words that Go, Rust and JavaScript share: editors read schemas with JavaScript's regular
//! expressions, which know neither `\pZ` nor `(?i:...)` nor `\x{85}`.

use std::fmt::Write as _;

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look, Repetition};

/// The pattern, or nothing where it has no words for it: a schema without it is open there.
pub fn shared(pattern: &str) -> Option<String> {
    let rust = to_rust(pattern)?;
    let hir = regex_syntax::ParserBuilder::new().unicode(true).build().parse(&rust).ok()?;
    let mut out = String::new();
    write(&mut out, &hir, false)?;
    Some(out)
}

/// Go's syntax in Rust's: classes of Go's are ASCII, and a bracket within a class is a character.
fn to_rust(pattern: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    let mut class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let escaped = chars.next()?;
                let (set, not) = match escaped {
                    'd' | 'D' => ("0-9", escaped == 'D'),
                    'w' | 'W' => ("0-9A-Za-z_", escaped == 'W'),
                    's' | 'S' => (r"\t\n\x0c\r\x20", escaped == 'S'),
                    'Q' | 'E' | 'C' => return None,
                    _ => {
                        out.push('\\');
                        out.push(escaped);
                        continue;
                    }
                };
                match (class, not) {
                    (true, true) => return None,
                    (true, false) => out.push_str(set),
                    (false, not) => write!(out, "[{}{set}]", if not { "^" } else { "" }).ok()?,
                }
            }
            '[' if class && chars.peek() == Some(&':') => {
                // a named class, whole
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' if class => out.push_str(r"\["),
            '[' => {
                class = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                // first in a class it is a character
                if chars.next_if_eq(&']').is_some() {
                    out.push_str(r"\]");
                }
            }
            ']' => {
                class = false;
                out.push(']');
            }
            '-' if class && chars.peek() == Some(&'-') => return None,
            '&' | '~' if class => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    Some(out)
}

/// `grouped`: a repetition follows, which takes one thing.
fn write(out: &mut String, hir: &Hir, grouped: bool) -> Option<()> {
    match hir.kind() {
        HirKind::Empty => out.push_str("(?:)"),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            let many = grouped && text.chars().count() > 1;
            out.push_str(if many { "(?:" } else { "" });
            text.chars().for_each(|c| character(out, c, false));
            out.push_str(if many { ")" } else { "" });
        }
        HirKind::Class(Class::Unicode(set)) => class(out, set),
        HirKind::Class(Class::Bytes(_)) => return None,
        HirKind::Look(look) => out.push_str(match look {
            Look::Start => "^",
            Look::End => "$",
            Look::WordAscii | Look::WordUnicode => r"\b",
            Look::WordAsciiNegate | Look::WordUnicodeNegate => r"\B",
            _ => return None,
        }),
        HirKind::Repetition(repetition) => {
            if grouped {
                out.push_str("(?:");
            }
            write(out, &repetition.sub, true)?;
            times(out, repetition);
            if grouped {
                out.push(')');
            }
        }
        HirKind::Capture(capture) => write(out, &capture.sub, grouped)?,
        HirKind::Concat(parts) => {
            out.push_str(if grouped { "(?:" } else { "" });
            // an alternative within a sequence is a group already
            parts.iter().try_for_each(|part| write(out, part, false))?;
            out.push_str(if grouped { ")" } else { "" });
        }
        HirKind::Alternation(parts) => {
            out.push_str("(?:");
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    out.push('|');
                }
                write(out, part, false)?;
            }
            out.push(')');
        }
    }
    Some(())
}

fn times(out: &mut String, repetition: &Repetition) {
    let (min, max) = (repetition.min, repetition.max);
    let _ = match (min, max) {
        (0, None) => write!(out, "*"),
        (1, None) => write!(out, "+"),
        (0, Some(1)) => write!(out, "?"),
        (min, None) => write!(out, "{{{min},}}"),
        (min, Some(max)) if min == max => write!(out, "{{{min}}}"),
        (min, Some(max)) => write!(out, "{{{min},{max}}}"),
    };
    if !repetition.greedy {
        out.push('?');
    }
}

fn class(out: &mut String, set: &ClassUnicode) {
    let mut set = set.clone();
    let all = set.ranges().last().is_some_and(|range| range.end() == char::MAX);
    out.push_str(if all { "[^" } else { "[" });
    if all {
        set.negate();
    }
    for range in set.ranges() {
        character(out, range.start(), true);
        if range.end() > range.start() {
            if u32::from(range.end()) > u32::from(range.start()) + 1 {
                out.push('-');
            }
            character(out, range.end(), true);
        }
    }
    out.push(']');
}

fn character(out: &mut String, c: char, in_class: bool) {
    let syntax = if in_class { r"\]^-[" } else { r"\^$.|?*+()[]{}" };
    if syntax.contains(c) {
        out.push('\\');
        out.push(c);
    } else if u32::from(c) < 0x20 || c == '\u{7f}' || ('\u{80}'..='\u{ff}').contains(&c) && !c.is_alphanumeric() {
        let _ = write!(out, "\\x{:02x}", u32::from(c));
    } else {
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Same verdict by Rust's reconciler on Go's pattern and on the shared one.
    #[test]
    fn patterns_keep_their_meaning() {
        let padded = r"^[\s\x0b\x{85}\pZ]*(?i:ap[iİ]_key|bas[iİ]c)?[\s\x0b\x{85}\pZ]*$";
        let cases = [
            (
                padded,
                &["", " Basic ", "\u{a0}API_KEY", "\u{3000}basİc", "\u{85}", "\u{b}"][..],
                &["basics", "x", "a pi_key"][..],
            ),
            (r"^[^/]+/\d{2,3}(?:a|b+?)?$", &["x/12", "ab/123bb"], &["/12", "x/1", "x/12c", "x/٣٣"]),
            (r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)$", &["a-b", "a"], &["-a", "A"]),
            (r"^[]a[&~-]+$", &["]a[&~-"], &["b"]),
            (r"^\S+\.(?i)k$", &["a.K", "b.k"], &["a b.k", "bxk"]),
            ("^.$", &["a", "\r"], &["\n", "ab"]),
        ];
        for (pattern, takes, refuses) in cases {
            let shared = shared(pattern).unwrap_or_else(|| panic!("{pattern}"));
            assert!(!shared.contains("(?i") && !shared.contains("\\p") && !shared.contains("\\x{"), "{shared}");
            let regex = regex::Regex::new(&shared).unwrap_or_else(|error| panic!("{error}"));
            for text in takes {
                assert!(regex.is_match(text), "{pattern} as {shared} takes {text:?}");
            }
            for text in refuses {
                assert!(!regex.is_match(text), "{pattern} as {shared} refuses {text:?}");
            }
        }
    }

    #[test]
    fn what_has_no_words_is_left_out() {
        for pattern in ["(?m)^a$", r"\Qa.b\E", r"[^\S]", "a("] {
            assert_eq!(shared(pattern), None, "{pattern}");
        }
    }
}
