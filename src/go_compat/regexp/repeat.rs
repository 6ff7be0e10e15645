//! Repetition operators and what they do to the reckoning.

use super::fault::{self, fault, upto};
use super::limits::PatternNode;

/// The most often anything may be repeated, nested repetitions multiplied.
const MOST: u32 = 1000;

/// How often, as written.
#[derive(Clone, Copy)]
pub(super) enum Times {
    Star,
    Plus,
    Optional,
    /// `{min}`, `{min,}` (no maximum) or `{min,max}`.
    Counted(u32, Option<u32>),
}

impl Times {
    /// How many copies the nesting limit has to reckon with.
    fn copies(self) -> u32 {
        match self {
            Self::Counted(min, max) => max.unwrap_or(min).max(1),
            _ => 1,
        }
    }

    /// The repeated node, and whether nested counts multiply to at most [`MOST`].
    pub(super) fn apply(self, node: PatternNode) -> (PatternNode, bool) {
        let size = match self {
            Self::Star | Self::Counted(0, None) => node.size + 2,
            Self::Plus | Self::Optional => node.size + 1,
            Self::Counted(min, None) => u64::from(min) * node.size + 1,
            Self::Counted(min, Some(max)) => u64::from(max) * node.size + u64::from(max - min),
        };
        // what is repeated zero times no longer counts
        let copies = if matches!(self, Self::Counted(_, Some(0))) { 1 } else { self.copies() * node.copies };
        let strict = matches!(self, Self::Counted(min, max) if min >= 2 || max >= Some(2));
        (node.wrapped(size.max(1), copies), !strict || copies <= MOST)
    }
}

/// The repetition operator at the start of the text, with what follows it and its laziness mark.
///
/// `None` if there is none: braces that do not form a count are ordinary characters.
pub(super) fn operator(text: &str) -> Option<Result<(Times, &str), String>> {
    let (times, after) = match text.as_bytes().first()? {
        b'*' => (Times::Star, &text[1..]),
        b'+' => (Times::Plus, &text[1..]),
        b'?' => (Times::Optional, &text[1..]),
        b'{' => {
            let (inner, after) = text[1..].split_once('}')?;
            let (min, max) = match inner.split_once(',') {
                None => (number(inner)?, Some(number(inner)?)),
                Some((min, "")) => (number(min)?, None),
                Some((min, max)) => (number(min)?, Some(number(max)?)),
            };
            if min > MOST || max.is_some_and(|max| max > MOST || max < min) {
                return Some(Err(fault(fault::COUNT, upto(text, after))));
            }
            (Times::Counted(min, max), after)
        }
        _ => return None,
    };
    Some(Ok((times, after.strip_prefix('?').unwrap_or(after))))
}

/// Decimal digits without a leading zero; a number too large for 32 bits stays too large.
fn number(digits: &str) -> Option<u32> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let padded = digits.len() > 1 && digits.starts_with('0');
    (plain && !padded).then(|| digits.parse().unwrap_or(u32::MAX))
}
