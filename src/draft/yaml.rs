//! YAML with comments, written so that any reader, 1.1 or 1.2, and yamllint take it: block style, long texts folded.

use std::fmt::Write as _;

use serde_json::Value;

/// Longest line of a text and of a list in one line.
const WIDTH: usize = 100;

/// Longest line that is left as it is.
const LONGEST: usize = 120;

/// A value to write.
#[derive(Clone, Debug)]
pub enum Item {
    Scalar(Value),
    /// On one line where it is short.
    Words(Vec<String>),
    Map(Vec<Entry>),
    List(Vec<Vec<Entry>>),
    /// JSON as a flow value: for defaults of any shape.
    Json(Value),
}

/// A key and its value, below a comment.
#[derive(Clone, Debug)]
pub struct Entry {
    pub comment: Option<String>,
    pub key: String,
    pub item: Item,
}

impl Entry {
    pub fn new(key: &str, item: Item) -> Self {
        Self { comment: None, key: key.to_owned(), item }
    }

    pub fn scalar(key: &str, value: impl Into<Value>) -> Self {
        Self::new(key, Item::Scalar(value.into()))
    }

    pub fn words<T: AsRef<str>>(key: &str, words: &[T]) -> Self {
        Self::new(key, Item::Words(words.iter().map(|word| word.as_ref().to_owned()).collect()))
    }

    pub fn with_comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }
}

/// A comment, each line cut at white space.
pub fn comment(out: &mut String, indent: usize, text: &str) {
    for paragraph in text.lines() {
        for line in wrapped(paragraph, WIDTH) {
            let line = format!("{:indent$}# {line}", "");
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
}

pub fn entries(out: &mut String, indent: usize, all: &[Entry]) {
    for entry in all {
        if let Some(text) = &entry.comment {
            comment(out, indent, text);
        }
        let _ = write!(out, "{:indent$}{}:", "", quoted(&entry.key));
        item(out, indent + 2, &entry.item);
    }
}

/// What stands behind a key's colon, with the end of the line.
fn item(out: &mut String, indent: usize, item: &Item) {
    match item {
        Item::Scalar(Value::String(text)) => string(out, indent, text),
        Item::Scalar(value) | Item::Json(value) => {
            let line = flow(value);
            if line.chars().count() + indent <= LONGEST {
                let _ = writeln!(out, " {line}");
            } else {
                json_lines(out, indent, value);
            }
        }
        Item::Words(words) => {
            let line = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
            if line.chars().count() + indent <= WIDTH {
                let _ = writeln!(out, " [{line}]");
            } else {
                out.push('\n');
                for word in words {
                    let _ = writeln!(out, "{:indent$}- {}", "", quoted(word));
                }
            }
        }
        Item::Map(inner) if inner.is_empty() => out.push_str(" {}\n"),
        Item::Map(inner) => {
            out.push('\n');
            entries(out, indent, inner);
        }
        Item::List(items) => {
            out.push('\n');
            for inner in items {
                let mut text = String::new();
                entries(&mut text, indent + 2, inner);
                // the first key goes behind the dash; comments above it stay above the dash
                let first = text.lines().take_while(|line| line.trim_start().starts_with('#')).map(|l| l.len() + 1);
                let at: usize = first.sum();
                out.push_str(&text[..at]);
                let _ = write!(out, "{:indent$}- {}", "", text[at..].trim_start());
            }
        }
    }
}

fn string(out: &mut String, indent: usize, text: &str) {
    let printable = |c: char| !c.is_control() && !special(c);
    let lines: Vec<&str> = text.split('\n').collect();
    let plain_lines = lines.iter().all(|line| line.chars().all(printable) && line.trim_end() == *line);
    let starts_plainly = text.starts_with(|c: char| !c.is_whitespace());
    let too_long = lines.iter().any(|line| line.chars().count() + indent > LONGEST);
    let several = lines.len() > 1 && plain_lines && starts_plainly && !text.ends_with('\n');
    if several && too_long && lines.iter().all(|line| !line.starts_with([' ', '\t'])) {
        folded(out, indent, &lines);
    } else if several && too_long {
        escaped_lines(out, indent, text);
    } else if several {
        out.push_str(" |-\n");
        for line in lines {
            let _ = writeln!(out, "{}", format!("{:indent$}{line}", "").trim_end());
        }
    } else if text.chars().count() + indent > WIDTH && lines.len() == 1 && plain_lines && starts_plainly {
        out.push_str(" >-\n");
        for line in wrapped(text, WIDTH.saturating_sub(indent).max(40)) {
            let _ = writeln!(out, "{:indent$}{line}", "");
        }
    } else if text.chars().count() + indent > LONGEST {
        escaped_lines(out, indent, text);
    } else if is_plain(text, " _./-,;()+='`") {
        let _ = writeln!(out, " {text}");
    } else {
        let _ = writeln!(out, " {}", quoted(text));
    }
}

/// Lines that are folded: an empty one stands for the end of each.
fn folded(out: &mut String, indent: usize, lines: &[&str]) {
    out.push_str(" >-");
    for (at, line) in lines.iter().enumerate() {
        if line.is_empty() {
            out.push('\n');
            continue;
        }
        out.push_str(if at == 0 { "\n" } else { "\n\n" });
        let parts = wrapped(line, WIDTH.saturating_sub(indent).max(40));
        let parts: Vec<_> = parts.iter().map(|part| format!("{:indent$}{part}", "")).collect();
        out.push_str(&parts.join("\n"));
    }
    out.push('\n');
}

/// JSON over several lines, which is YAML as well.
fn json_lines(out: &mut String, indent: usize, value: &Value) {
    let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
    out.push('\n');
    for line in pretty.split('\n') {
        let _ = writeln!(out, "{:indent$}{}", "", spelled_out(line));
    }
}

/// In double quotes, over several lines: for texts whose own indentation counts.
fn escaped_lines(out: &mut String, indent: usize, text: &str) {
    let json = json_text(text);
    let mut line = String::new();
    out.push(' ');
    for word in json.split_inclusive(' ') {
        // the rest must not begin with a blank, which would be taken for indentation
        if line.chars().count() + word.chars().count() + indent > WIDTH && !word.starts_with(' ') && !line.is_empty() {
            let _ = write!(out, "{line}\\\n{:indent$}", "");
            line.clear();
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

/// Cut at single spaces, so that folding gives the same text again.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in split_at_single_spaces(text) {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

fn split_at_single_spaces(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut words = Vec::new();
    let mut start = 0;
    for at in 1..bytes.len().saturating_sub(1) {
        let blank = |at: usize| bytes[at] == b' ' || bytes[at] == b'\t';
        if bytes[at] == b' ' && !blank(at - 1) && !blank(at + 1) {
            words.push(&text[start..at]);
            start = at + 1;
        }
    }
    words.push(&text[start..]);
    words
}

/// What some reader of YAML takes for the end of a line, or for nothing.
fn special(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// A text that no reader takes for anything else. `marks` are characters that mean nothing where it stands.
fn is_plain(text: &str, marks: &str) -> bool {
    // a JSON path begins with a dot, and so do `.5` and `.inf`
    let path = text.starts_with(".spec") || text.starts_with(".metadata");
    let mut rest = text.chars();
    let lower = text.to_ascii_lowercase();
    (path || rest.next().is_some_and(|c| c.is_ascii_alphabetic()))
        && rest.all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
        && !text.ends_with(' ')
        && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&&*lower)
}

/// In quotes where it has to be, also within a list on one line.
fn quoted(text: &str) -> String {
    if is_plain(text, " _./-") {
        return text.to_owned();
    }
    if text.chars().any(|c| c.is_control() || special(c)) {
        return json_text(text);
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// As a JSON text, with what JSON leaves as it is and YAML does not spelled out.
fn json_text(text: &str) -> String {
    spelled_out(&Value::from(text).to_string())
}

fn spelled_out(json: &str) -> String {
    let escaped = |c: char| c.is_control() || special(c);
    json.chars().map(|c| if escaped(c) { format!("\\u{:04x}", u32::from(c)) } else { c.into() }).collect()
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let inner: Vec<_> = map.iter().map(|(key, value)| format!("{}: {}", quoted(key), flow(value))).collect();
            format!("{{{}}}", inner.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(all: &[Entry]) -> String {
        let mut out = String::new();
        entries(&mut out, 0, all);
        out
    }

    fn read(text: &str) -> Value {
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn texts_come_back_and_are_told_as_people_write_them() {
        let long = "word ".repeat(40) + "end";
        let all = [
            Entry::scalar("plain", "a b").with_comment("why"),
            Entry::scalar("no", "yes"),
            Entry::scalar("long", long.as_str()),
            Entry::scalar("lines", "a\n  b\n\nc"),
            Entry::words("path", &["spec.a[]", "b"]),
            Entry::new(
                "list",
                Item::List(vec![
                    vec![Entry::scalar("a", 1), Entry::scalar("b", true)],
                    vec![Entry::scalar("a", "x").with_comment("above the dash")],
                ]),
            ),
        ];
        let text = written(&all);
        assert!(text.starts_with("# why\nplain: a b\n'no': 'yes'\nlong: >-\n  word"), "{text}");
        assert!(text.contains("path: ['spec.a[]', b]\nlist:\n  - a: 1\n    b: true\n"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 110), "{text}");
        assert_eq!(read(&text)["long"], long.as_str());
        assert_eq!(read(&text)["lines"], "a\n  b\n\nc");
        assert_eq!(read(&text)["list"][1]["a"], "x");
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in prop_oneof!["\\PC{0,300}", any::<String>(), "[ ab:#'\\n\\t-]{0,250}", "([a-c]{1,9}( |\n| ?\n ?)){0,60}[ab]", "(([a-c]{1,9} ){30}(\n|\n\n| ){1,2}){1,3}[ab]", "(([a-c]{1,9} ){30}\n){1,3}  [ab]"]) {
            let all = [Entry::new("outer", Item::Map(vec![Entry::scalar("k", text.as_str()), Entry::scalar("z", 1)]))];
            prop_assert_eq!(&read(&written(&all))["outer"]["k"], text.as_str());
            let words = [Entry::words("w", &[text.as_str(), "b"])];
            prop_assert_eq!(&read(&written(&words))["w"][0], text.as_str());
            let json = serde_json::json!([{"a": text, "b c": [1, 2.5, true]}, text]);
            let defaults = [Entry::new("to", Item::Json(json.clone()))];
            prop_assert_eq!(&read(&written(&defaults))["to"], &json);
        }
    }
}
