//! The two questions about a character whose answer depends on the version of Unicode.
//!
//! Go 1.26 carries Unicode 15.0; Rust's tables move on with each release. The classes below are
//! pinned by the `Age` property, so an upgrade of either side does not move the answer.

use std::sync::LazyLock;

use regex::Regex;

/// `None` only if the `regex` crate lost its Unicode tables; then nothing beyond ASCII is claimed.
static ASSIGNED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\A\p{Age:15.0}\z").ok());
static PRINTABLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\A[[\p{L}\p{M}\p{N}\p{P}\p{S}]&&\p{Age:15.0}]\z").ok());

/// Whether Unicode 15.0 knows the character.
pub(super) fn is_assigned(c: char) -> bool {
    c.is_ascii() || matches(&ASSIGNED, c)
}

/// `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub(super) fn is_printable(c: char) -> bool {
    if c.is_ascii() { matches!(c, ' '..='~') } else { matches(&PRINTABLE, c) }
}

fn matches(class: &LazyLock<Option<Regex>>, c: char) -> bool {
    class.as_ref().is_some_and(|class| class.is_match(c.encode_utf8(&mut [0; 4])))
}
