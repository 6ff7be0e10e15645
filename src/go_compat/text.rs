//! Trimming and lowering (`kinds/ORLOJD.md` 4.1).

use super::unicode::is_assigned;

/// `strings.TrimSpace`: Unicode white space off both ends.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim()
}

/// Whether nothing is left after [`trim`].
#[must_use]
pub fn is_blank(text: &str) -> bool {
    trim(text).is_empty()
}

/// `strings.ToLower`: one code point becomes one code point.
///
/// Rust's full mapping differs in three ways, all undone here: `İ` (U+0130) becomes two code points
/// there and `i` in Go, a final `Σ` becomes `ς` there and `σ` in Go, and letters that came after
/// Unicode 15 stay as they are in Go.
#[must_use]
pub fn lower(text: &str) -> String {
    text.chars().map(lower_char).collect()
}

fn lower_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let first = c.to_lowercase().next().unwrap_or(c);
    if first == c || is_assigned(c) { first } else { c }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn white_space_beyond_ascii_is_trimmed() {
        assert_eq!(trim("\u{85}\u{a0}\u{2003}\u{3000} a\u{200b} \t"), "a\u{200b}");
        assert!(is_blank("\u{2028}\n"));
        assert!(!is_blank("\u{feff}"));
    }

    #[test]
    fn one_code_point_stays_one() {
        assert_eq!(lower("İK\u{212a} ΟΔΟΣ"), "ikk οδοσ");
    }

    proptest! {
        #[test]
        fn lowering_twice_changes_nothing_more(text in any::<String>()) {
            let once = lower(&text);
            prop_assert_eq!(once.chars().count(), text.chars().count());
            prop_assert_eq!(lower(&once), once);
        }
    }
}
