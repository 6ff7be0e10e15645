//! SARIF 2.1.0, which code scanning reads.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::{Report, finish};
use crate::cli::finding::plain;
use crate::diagnostics::Severity;
use crate::source::manifest::STDIN;
use crate::validate::finding::Finding;
use crate::validate::rule::{RULES, ValidationRule};
use crate::validate::run::ValidationSummary;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub struct Sarif<W> {
    out: W,
    results: Vec<Value>,
}

impl<W: Write> Sarif<W> {
    pub fn new(out: W) -> Self {
        Self { out, results: Vec::new() }
    }
}

fn level(severity: Severity) -> &'static str {
    severity.name()
}

fn rule(rule: &ValidationRule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.summary},
        "helpUri": rule.help(),
        "defaultConfiguration": {"level": level(rule.severity)},
    })
}

/// Where a file is: a reference relative to where the program runs, or an absolute URI. What is no letter, digit or
/// harmless sign is escaped.
fn artifact(file: &Path) -> Value {
    if file == Path::new(STDIN) {
        return json!({"uri": "stdin", "description": {"text": "standard input"}});
    }
    let mut uri = String::from(if file.is_absolute() { "file://" } else { "" });
    for byte in plain(file).as_os_str().as_encoded_bytes() {
        let byte = *byte;
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    json!({"uri": uri})
}

fn result(finding: &Finding) -> Value {
    let mut text = finding.text.clone();
    for more in [&finding.help, &finding.note].into_iter().flatten() {
        text = format!("{text} ({more})");
    }
    let mut location = json!({"physicalLocation": {"artifactLocation": artifact(&finding.file)}});
    if finding.line > 0 {
        let mut region = json!({"startLine": finding.line});
        if finding.column > 0 {
            region["startColumn"] = finding.column.into();
            region["endColumn"] = finding.end_column.max(finding.column).into();
        }
        location["physicalLocation"]["region"] = region;
    }
    if let Some(object) = &finding.object {
        let name = if finding.path.is_empty() { object.clone() } else { format!("{object}: {}", finding.path) };
        location["logicalLocations"] = json!([{"fullyQualifiedName": name, "kind": "resource"}]);
    }
    json!({
        "ruleId": finding.rule.id,
        "ruleIndex": RULES.iter().position(|rule| *rule == finding.rule),
        "level": level(finding.severity),
        "message": {"text": text},
        "locations": [location],
    })
}

impl<W: Write> Report for Sarif<W> {
    fn file(&mut self, _: &Path, findings: &[Finding]) -> io::Result<()> {
        self.results.extend(findings.iter().map(result));
        Ok(())
    }

    fn across(&mut self, findings: &[Finding]) -> io::Result<()> {
        self.results.extend(findings.iter().map(result));
        Ok(())
    }

    fn end(&mut self, summary: &ValidationSummary) -> io::Result<()> {
        let report = json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {
                    "name": env!("CARGO_PKG_NAME"),
                    "version": env!("CARGO_PKG_VERSION"),
                    "informationUri": env!("CARGO_PKG_REPOSITORY"),
                    "rules": RULES.iter().copied().map(rule).collect::<Vec<_>>(),
                }},
                "invocations": [{"executionSuccessful": summary.unreadable == 0}],
                // columns are characters, not UTF-16 units
                "columnKind": "unicodeCodePoints",
                "results": self.results,
            }],
        });
        finish(&mut self.out, &format!("{report:#}\n"))
    }
}
