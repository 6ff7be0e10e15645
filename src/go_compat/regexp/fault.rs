//! What Go says of a pattern that it refuses.

pub(super) const CLASS_RANGE: &str = "invalid character class range";
pub(super) const COUNT: &str = "invalid repeat count";
pub(super) const DEEP: &str = "expression nests too deeply";
pub(super) const ESCAPE: &str = "invalid escape sequence";
pub(super) const LARGE: &str = "expression too large";
pub(super) const BRACKET: &str = "missing closing ]";
pub(super) const NAME: &str = "invalid named capture";
pub(super) const NESTED_REPEAT: &str = "invalid nested repetition operator";
pub(super) const NO_OPERAND: &str = "missing argument to repetition operator";
pub(super) const PAREN: &str = "missing closing )";
pub(super) const PERL: &str = "invalid or unsupported Perl syntax";
pub(super) const TRAILING_BACKSLASH: &str = "trailing backslash at end of expression";
pub(super) const UNEXPECTED_PAREN: &str = "unexpected )";

/// The error text for a part of the pattern.
pub(super) fn fault(what: &str, part: &str) -> String {
    format!("error parsing regexp: {what}: `{part}`")
}

/// What was consumed between two remainders of one pattern.
pub(super) fn upto<'a>(from: &'a str, after: &str) -> &'a str {
    &from[..from.len() - after.len()]
}
