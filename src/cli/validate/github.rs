//! Commands of a GitHub workflow: each finding becomes an annotation of the line in the pull request.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use super::{Report, count, finish, whole_text};
use crate::cli::finding::plain_name;
use crate::validate::finding::Finding;
use crate::validate::run::ValidationSummary;

pub struct Github<W> {
    out: W,
}

impl<W: Write> Github<W> {
    pub fn new(out: W) -> Self {
        Self { out }
    }

    fn findings(&mut self, findings: &[Finding]) -> io::Result<()> {
        for finding in findings {
            let mut properties = format!("file={}", property(&plain_name(&finding.file)));
            for (name, number) in [("line", finding.line), ("col", finding.column), ("endColumn", finding.end_column)] {
                if number > 0 {
                    let _ = write!(properties, ",{name}={number}");
                }
            }
            let text = data(&whole_text(finding));
            writeln!(self.out, "::{} {properties},title={}::{text}", finding.severity.name(), finding.rule.id)?;
        }
        Ok(())
    }
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

impl<W: Write> Report for Github<W> {
    fn file(&mut self, _: &Path, findings: &[Finding]) -> io::Result<()> {
        self.findings(findings)
    }

    fn across(&mut self, findings: &[Finding]) -> io::Result<()> {
        self.findings(findings)
    }

    fn end(&mut self, summary: &ValidationSummary) -> io::Result<()> {
        let text = format!(
            "{} in {}: {}, {}\n",
            count(summary.objects, "object"),
            count(summary.files, "file"),
            count(summary.errors, "error"),
            count(summary.warnings, "warning")
        );
        finish(&mut self.out, &text)
    }
}
