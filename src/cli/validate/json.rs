//! Findings for programs.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::{Report, finish};
use crate::cli::finding::FindingLine;
use crate::validate::finding::Finding;
use crate::validate::run::ValidationSummary;

pub struct Json<W> {
    out: W,
    findings: Vec<Value>,
}

impl<W: Write> Json<W> {
    pub fn new(out: W) -> Self {
        Self { out, findings: Vec::new() }
    }
}

fn described(finding: &Finding) -> Value {
    serde_json::to_value(FindingLine::from(finding)).unwrap_or_default()
}

impl<W: Write> Report for Json<W> {
    fn file(&mut self, _: &Path, findings: &[Finding]) -> io::Result<()> {
        self.findings.extend(findings.iter().map(described));
        Ok(())
    }

    fn across(&mut self, findings: &[Finding]) -> io::Result<()> {
        self.findings.extend(findings.iter().map(described));
        Ok(())
    }

    fn end(&mut self, summary: &ValidationSummary) -> io::Result<()> {
        let report = json!({
            "findings": self.findings,
            "summary": {
                "files": summary.files,
                "objects": summary.objects,
                "skipped": summary.skipped,
                "errors": summary.errors,
                "warnings": summary.warnings,
                "unreadable": summary.unreadable,
            },
        });
        finish(&mut self.out, &format!("{report:#}\n"))
    }
}
