//! Standard output and standard error. A closed pipe is an error, not a panic.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

pub fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

pub fn text(text: &str) -> io::Result<()> {
    bytes(text.as_bytes())
}

pub fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

pub fn json(value: &impl Serialize) -> io::Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

pub fn json_line(value: &impl Serialize) -> io::Result<()> {
    line(&serde_json::to_string(value)?)
}

pub fn yaml(value: &impl Serialize) -> io::Result<()> {
    line(yaml_text(value)?.trim_end())
}

/// A YAML document, with a line's end at its end.
pub fn yaml_text(value: &impl Serialize) -> io::Result<String> {
    // a long word, such as an encrypted value, stays on the line of its key
    let options = serde_saphyr::ser_options! { folded_wrap_chars: 1 << 20 };
    serde_saphyr::to_string_with_options(value, options).map_err(|error| io::Error::other(error.to_string()))
}

/// Columns below a header, with no ruling and no white space at the ends of lines.
#[must_use]
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    // comfy-table pads both sides of a cell
    table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned() + "\n").collect()
}

/// A text from a row as people are to see it: what would move the cursor, end the line or turn its direction is
/// escaped. Names of rows are checked by nobody.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(misleads) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if misleads(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// Whether a terminal or a reviewer would be misled: controls, ends of lines, directions, what has no width.
#[must_use]
pub fn misleads(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A word to whoever sits at the terminal; what goes wrong with that is lost.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// An error with its causes, each said once.
pub fn error(error: &dyn Error) {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    note(&format!("error: {text}"));
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn names_stay_on_their_line() {
        for (text, shown) in [
            ("team-a/söme name", "team-a/söme name"),
            ("a\nb\r\t", "a\\nb\\r\\t"),
            ("\u{1b}[31m\u{9b}\u{7f}", "\\u{1b}[31m\\u{9b}\\u{7f}"),
            ("a\u{202e}b\u{2028}", "a\\u{202e}b\\u{2028}"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }
}
