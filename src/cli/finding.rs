//! Findings as `validate`, `sync` and `plan` tell them.

use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::output;
use crate::diagnostics::Severity;
use crate::source::manifest::file_name;
use crate::validate::finding::Finding;
use crate::validate::rule::Stage;

/// A finding for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingLine {
    /// As `validate --list-rules` names it.
    pub rule: String,
    pub severity: Severity,
    /// Who would say it.
    pub stage: Stage,
    pub file: String,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// From 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// Behind the last character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<usize>,
    /// Such as `Tool team-a/search`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The field; left out for the object as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What else there is to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where the rule is described.
    pub help_uri: String,
}

impl From<&Finding> for FindingLine {
    fn from(finding: &Finding) -> Self {
        let some = |number: usize| (number > 0).then_some(number);
        Self {
            rule: finding.rule.id.to_owned(),
            severity: finding.severity,
            stage: finding.rule.stage,
            file: plain_name(&finding.file),
            line: some(finding.line),
            column: some(finding.column),
            end_column: some(finding.end_column),
            object: finding.object.clone(),
            path: Some(finding.path.clone()).filter(|path| !path.is_empty()),
            message: finding.text.clone(),
            help: finding.help.clone(),
            note: finding.note.clone(),
            help_uri: finding.rule.help(),
        }
    }
}

impl FindingLine {
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// A line to standard error, and what else there is to say below it.
    pub fn tell(&self) {
        let mut place = self.file.clone();
        for number in self.line.into_iter().chain(self.column) {
            place = format!("{place}:{number}");
        }
        let object = self.object.as_ref().map(|object| format!("{object}: ")).unwrap_or_default();
        let text = output::plain(&self.message);
        output::note(&format!("{}: {place}: {}{text}", self.severity.name(), output::plain(&object)));
        for (word, more) in [("help", &self.help), ("note", &self.note)] {
            if let Some(more) = more {
                output::note(&format!("  {word}: {}", output::plain(more)));
            }
        }
    }
}

/// The error among findings that a text speaks of, else the first.
pub fn blamed<'f>(findings: &'f [FindingLine], text: &str) -> Option<&'f FindingLine> {
    let mut errors = findings.iter().filter(|finding| finding.is_error());
    errors.clone().find(|finding| finding.message == text).or_else(|| errors.next())
}

/// A path as programs are told it: those that show findings beside a change know files by paths without `.` segments.
pub fn plain_name(file: &Path) -> String {
    file_name(&plain(file))
}

pub fn plain(file: &Path) -> PathBuf {
    file.components().filter(|part| *part != Component::CurDir).collect()
}
