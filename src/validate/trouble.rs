//! Parts of a stream that hold no objects.

use std::sync::Arc;

use super::finding::{Excerpt, Finding};
use super::rule;
use crate::diagnostics::Severity;
use crate::source::manifest::{ManifestError, Trouble};

/// The finding about a part of a stream that cannot be read.
#[must_use]
pub fn broken(trouble: Trouble, error: &ManifestError, text: &str) -> Finding {
    let rule = match trouble {
        Trouble::Io => &rule::UNREADABLE,
        Trouble::NotText => &rule::NOT_TEXT,
        Trouble::Syntax => &rule::SYNTAX,
        Trouble::DuplicateKey => &rule::DUPLICATE_KEY,
        Trouble::Limits => &rule::TOO_DEEP,
        Trouble::TooLarge => &rule::DOCUMENT_TOO_LARGE,
    };
    Finding {
        rule,
        severity: Severity::Error,
        file: Arc::clone(&error.file),
        line: error.line,
        column: error.column,
        end_column: if error.column == 0 { 0 } else { error.column + 1 },
        object: None,
        path: String::new(),
        text: error.text.clone(),
        help: hint(trouble, error, text),
        note: None,
        excerpt: excerpt(error),
    }
}

fn hint(trouble: Trouble, error: &ManifestError, text: &str) -> Option<String> {
    match trouble {
        Trouble::Syntax if is_indented_by_tab(text) => Some("YAML is indented by blanks, never by tabs".to_owned()),
        Trouble::Limits => Some("write it out, with fewer levels or aliases".to_owned()),
        Trouble::DuplicateKey if error.text.contains("duplicate") => {
            Some("take one of the two out: kubectl would use the last without a word".to_owned())
        }
        _ => None,
    }
}

/// Whether a line of a YAML text is indented by a tab.
fn is_indented_by_tab(text: &str) -> bool {
    let is_json = text.trim_start().starts_with(['{', '[']);
    !is_json && text.lines().any(|line| line.trim_start_matches(' ').starts_with('\t'))
}

/// The line of a reader's snippet, `7 | text`, which is there only where it is no secret.
fn excerpt(error: &ManifestError) -> Option<Excerpt> {
    let (_, line) = error.snippet.as_ref()?.lines().next()?.split_once(" | ")?;
    let start = line.char_indices().nth(error.column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
    let end = line[start..].chars().next().map_or(start, |c| start + c.len_utf8());
    Some(Excerpt { line: line.to_owned(), start, end })
}
