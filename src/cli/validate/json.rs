//! Findings for programs.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::{Report, finish, plain_name};
use crate::validate::finding::Finding;
use crate::validate::run::Summary;

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
    let mut value = json!({
        "rule": finding.rule.id,
        "severity": finding.severity,
        "stage": finding.rule.stage,
        "file": plain_name(&finding.file),
        "message": finding.text,
        "helpUri": finding.rule.help(),
    });
    for (name, number) in [("line", finding.line), ("column", finding.column), ("endColumn", finding.end_column)] {
        if number > 0 {
            value[name] = number.into();
        }
    }
    for (name, text) in [("object", &finding.object), ("help", &finding.help), ("note", &finding.note)] {
        if let Some(text) = text {
            value[name] = text.as_str().into();
        }
    }
    if !finding.path.is_empty() {
        value["path"] = finding.path.as_str().into();
    }
    value
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

    fn end(&mut self, summary: &Summary) -> io::Result<()> {
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
