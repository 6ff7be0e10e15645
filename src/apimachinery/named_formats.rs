//! The formats that rules call by name: `format.dns1123Label()` and its like.

use crate::apimachinery::formats::{StringFormat, fits};
use crate::go_compat::url;

/// A format and what it has against a text.
#[derive(Debug)]
pub struct NamedFormat {
    /// As rules call it.
    pub word: &'static str,
    /// As the server tells formats apart.
    pub name: &'static str,
    check: fn(&str) -> Vec<Complaint>,
}

/// A text of the server; `None` where it is one of Go's, which are not known here.
pub type Complaint = Option<String>;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const OLD_LABEL: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

/// All of them.
pub static NAMED: [NamedFormat; 13] = [
    NamedFormat { word: "dns1123Label", name: "DNS1123Label", check: label },
    NamedFormat { word: "dns1123Subdomain", name: "DNS1123Subdomain", check: subdomain },
    NamedFormat { word: "dns1035Label", name: "DNS1035Label", check: old_label },
    NamedFormat { word: "qualifiedName", name: "QualifiedName", check: qualified_name },
    NamedFormat { word: "dns1123LabelPrefix", name: "DNS1123LabelPrefix", check: |text| label(&masked(text)) },
    NamedFormat {
        word: "dns1123SubdomainPrefix",
        name: "DNS1123SubdomainPrefix",
        check: |text| subdomain(&masked(text)),
    },
    NamedFormat { word: "dns1035LabelPrefix", name: "DNS1035LabelPrefix", check: |text| old_label(&masked(text)) },
    NamedFormat { word: "labelValue", name: "LabelValue", check: label_value },
    NamedFormat { word: "uri", name: "URI", check: |text| if url::is_request_uri(text) { vec![] } else { vec![None] } },
    NamedFormat { word: "uuid", name: "uuid", check: |text| schema("uuid", text, "does not match the UUID format") },
    NamedFormat { word: "byte", name: "byte", check: |text| schema("byte", text, "invalid base64") },
    NamedFormat { word: "date", name: "date", check: |text| schema("date", text, "invalid date") },
    NamedFormat { word: "datetime", name: "datetime", check: |text| schema("datetime", text, "invalid datetime") },
];

impl NamedFormat {
    pub fn find(word: &str) -> Option<&'static Self> {
        NAMED.iter().find(|one| one.word == word)
    }

    /// What it has against a text; nothing where the text has the format.
    pub fn check(&self, text: &str) -> Vec<Complaint> {
        (self.check)(text)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "others are not known")]
fn told(text: impl Into<String>) -> Complaint {
    Some(text.into())
}

fn schema(format: &str, text: &str, complaint: &str) -> Vec<Complaint> {
    if StringFormat::of(format).is_none_or(|format| format.fits(text)) { Vec::new() } else { vec![told(complaint)] }
}

/// A prefix may end with a dash, since something follows.
fn masked(text: &str) -> String {
    match text.strip_suffix('-') {
        Some(before) if !before.is_empty() => {
            let (kept, last) = before.char_indices().last().map_or((0, 0), |(at, last)| (at, last.len_utf8()));
            // of a longer character the server takes one byte, and leaves what no name may have
            format!("{}{}a", &before[..kept], "\u{1}".repeat(last.saturating_sub(1)))
        }
        _ => text.to_owned(),
    }
}

fn by_pattern(message: &str, pattern: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{message} (e.g. {}regex used for validation is '{pattern}')", examples.join(" or "))
}

fn label(text: &str) -> Vec<Complaint> {
    const MESSAGE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
                           must start and end with an alphanumeric character";
    let mut found = Vec::new();
    if text.len() > 63 {
        found.push(told("must be no more than 63 characters"));
    }
    if !fits("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", text) {
        let dots = is_subdomain(text);
        let why =
            if dots { "must not contain dots".to_owned() } else { by_pattern(MESSAGE, LABEL, &["my-name", "123-abc"]) };
        found.push(told(why));
    }
    found
}

fn old_label(text: &str) -> Vec<Complaint> {
    const MESSAGE: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
                           alphabetic character, and end with an alphanumeric character";
    let mut found = Vec::new();
    if text.len() > 63 {
        found.push(told("must be no more than 63 characters"));
    }
    if !fits("^[a-z]([-a-z0-9]*[a-z0-9])?$", text) {
        found.push(told(by_pattern(MESSAGE, OLD_LABEL, &["my-name", "abc-123"])));
    }
    found
}

fn is_subdomain(text: &str) -> bool {
    fits(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", text)
}

fn subdomain_by(text: &str, unit: &str) -> Vec<Complaint> {
    const MESSAGE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
                           '.', and must start and end with an alphanumeric character";
    let mut found = Vec::new();
    if text.len() > 253 {
        found.push(told(format!("must be no more than 253 {unit}")));
    }
    if !is_subdomain(text) {
        found.push(told(by_pattern(MESSAGE, SUBDOMAIN, &["example.com"])));
    }
    found
}

fn subdomain(text: &str) -> Vec<Complaint> {
    subdomain_by(text, "characters")
}

fn qualified_name(text: &str) -> Vec<Complaint> {
    const MESSAGE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                           alphanumeric character";
    let wrong = || by_pattern(MESSAGE, KEY, &["MyName", "my.name", "123-abc"]);
    let mut found = Vec::new();
    let name = match text.split_once('/') {
        None => text,
        Some((_, name)) if name.contains('/') => {
            let more = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![told(format!("a valid label key {} {more}", wrong()))];
        }
        Some(("", name)) => {
            found.push(told("prefix part must be non-empty"));
            name
        }
        Some((prefix, name)) => {
            let complaints = subdomain_by(prefix, "bytes").into_iter().flatten();
            found.extend(complaints.map(|complaint| told(format!("prefix part {complaint}"))));
            name
        }
    };
    if name.is_empty() {
        found.push(told("name part must be non-empty"));
    } else if name.len() > 63 {
        found.push(told("name part must be no more than 63 bytes"));
    }
    if !fits("^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$", name) {
        found.push(told(format!("name part {}", wrong())));
    }
    found
}

fn label_value(text: &str) -> Vec<Complaint> {
    const MESSAGE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
                           and must start and end with an alphanumeric character";
    let mut found = Vec::new();
    if text.len() > 63 {
        found.push(told("must be no more than 63 bytes"));
    }
    if !fits("^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$", text) {
        found.push(told(by_pattern(MESSAGE, &format!("({KEY})?"), &["MyValue", "my_value", "12345"])));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let good = |word: &str, text: &str| NamedFormat::find(word).unwrap().check(text).is_empty();
        assert!(good("dns1123Label", "a-1") && !good("dns1123Label", "a.b") && !good("dns1123Label", "a-"));
        assert!(good("dns1123LabelPrefix", "a-") && !good("dns1123LabelPrefix", "-"));
        assert!(good("dns1035Label", "a1") && !good("dns1035Label", "1a"));
        assert!(good("qualifiedName", "a.b/C_d") && !good("qualifiedName", "/a") && !good("qualifiedName", "a/b/c"));
        assert!(good("labelValue", "") && !good("labelValue", "-"));
        assert!(good("uri", "http://a") && !good("uri", "a"));
    }
}
