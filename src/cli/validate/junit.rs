//! JUnit XML: one test case a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use super::{Report, finish, whole_text};
use crate::cli::finding::plain_name;
use crate::diagnostics::Severity;
use crate::validate::finding::Finding;
use crate::validate::run::ValidationSummary;

pub struct Junit<W> {
    out: W,
    files: Vec<String>,
    /// By file; files without findings have none.
    findings: BTreeMap<String, Vec<Finding>>,
}

impl<W: Write> Junit<W> {
    pub fn new(out: W) -> Self {
        Self { out, files: Vec::new(), findings: BTreeMap::new() }
    }

    fn add(&mut self, findings: &[Finding]) {
        for finding in findings {
            self.findings.entry(plain_name(&finding.file)).or_default().push(finding.clone());
        }
    }
}

/// XML text; characters that XML has no place for are left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

fn place(finding: &Finding) -> String {
    let mut place = plain_name(&finding.file);
    for number in [finding.line, finding.column].into_iter().take_while(|number| *number > 0) {
        let _ = write!(place, ":{number}");
    }
    place
}

fn case(file: &str, findings: &[Finding]) -> String {
    let mut xml = format!("    <testcase name=\"{0}\" classname=\"{0}\"", escape(file));
    let errors: Vec<&Finding> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    if findings.is_empty() {
        return xml + "/>\n";
    }
    xml += ">\n";
    if let Some(first) = errors.first() {
        let message = if errors.len() == 1 { first.text.clone() } else { format!("{} errors", errors.len()) };
        let _ = writeln!(
            xml,
            "      <failure type=\"{}\" message=\"{}\">",
            first.rule.id,
            escape(&message).replace('\n', " ")
        );
        for finding in &errors {
            let _ = writeln!(xml, "{} [{}] {}", escape(&place(finding)), finding.rule.id, escape(&whole_text(finding)));
        }
        xml += "</failure>\n";
    }
    if errors.len() < findings.len() {
        xml += "      <system-out>\n";
        for finding in findings.iter().filter(|finding| finding.severity == Severity::Warning) {
            let text = escape(&whole_text(finding));
            let _ = writeln!(xml, "{} warning [{}] {text}", escape(&place(finding)), finding.rule.id);
        }
        xml += "</system-out>\n";
    }
    xml + "    </testcase>\n"
}

impl<W: Write> Report for Junit<W> {
    fn file(&mut self, file: &Path, findings: &[Finding]) -> io::Result<()> {
        self.files.push(plain_name(file));
        self.add(findings);
        Ok(())
    }

    fn across(&mut self, findings: &[Finding]) -> io::Result<()> {
        self.add(findings);
        Ok(())
    }

    fn end(&mut self, _: &ValidationSummary) -> io::Result<()> {
        let failed = |file: &&String| {
            self.findings.get(*file).is_some_and(|all| all.iter().any(|one| one.severity == Severity::Error))
        };
        let failures = self.files.iter().filter(failed).count();
        let counts = format!("tests=\"{}\" failures=\"{failures}\" errors=\"0\"", self.files.len());
        let head = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"orloj-operator validate\" {counts}>\n  \
             <testsuite name=\"manifests\" {counts}>\n"
        );
        self.out.write_all(head.as_bytes())?;
        for file in &self.files {
            let none = Vec::new();
            let findings = self.findings.get(file).unwrap_or(&none);
            self.out.write_all(case(file, findings).as_bytes())?;
        }
        finish(&mut self.out, "  </testsuite>\n</testsuites>\n")
    }
}
