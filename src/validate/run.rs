//! Many files, judged side by side and told in their order.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::across::Across;
use super::file::{FileReport, Validator};
use super::finding::Finding;
use super::parallel::in_order;
use super::rule;
use crate::diagnostics::Severity;
use crate::source::manifest::ManifestError;
use crate::source::manifest::files;

/// What is told while files are judged.
#[derive(Debug)]
pub enum Event<'e> {
    /// A file is done; its findings so far.
    File(&'e Path, &'e [Finding]),
    /// All files are done: findings of one of them that look at more than one object.
    Across(&'e [Finding]),
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidationSummary {
    pub files: usize,
    /// Objects of known kinds.
    pub objects: usize,
    /// Objects of other groups, by group; the core group is `v1`.
    pub skipped: BTreeMap<String, usize>,
    pub errors: usize,
    pub warnings: usize,
    /// Files and folders that could not be read.
    pub unreadable: usize,
}

/// Judges all manifests of the paths. Files are read on all cores; findings come in the order of the files, whatever
/// finishes first, and little of a file is kept ([`super::facts`]).
pub fn run<E>(
    validator: &Validator,
    paths: &[PathBuf],
    tell: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
) -> Result<ValidationSummary, E> {
    let mut run = Run::default();
    let feed = |tell: &mut dyn FnMut(Result<Arc<Path>, ManifestError>)| files::walk(paths, tell);
    let judge = |file| match file {
        Ok(file) => validator.file(&file),
        Err(error) => validator.unreadable(&error),
    };
    in_order(feed, judge, &mut |mut report: FileReport| {
        run.take_up(&mut report);
        tell(Event::File(&report.file, &report.findings))?;
        run.across.add(&report.file, report.text, report.facts);
        Ok(())
    })?;
    let Run { across, mut summary, .. } = run;
    across.judge(validator, &mut |findings| {
        summary.count(&findings);
        tell(Event::Across(&findings))
    })?;
    Ok(summary)
}

#[derive(Default)]
struct Run {
    summary: ValidationSummary,
    across: Across,
    /// What of a kind cannot be checked, and was told.
    told: HashSet<String>,
}

impl Run {
    fn take_up(&mut self, report: &mut FileReport) {
        // what cannot be checked is a matter of the kind, not of each of its objects: told once
        report.findings.retain(|finding| {
            let of_kind = [&rule::CEL_UNSUPPORTED, &rule::SCHEMA_UNSUPPORTED].contains(&finding.rule);
            !of_kind || self.told.insert(finding.text.clone())
        });
        self.summary.files += 1;
        self.summary.objects += report.objects;
        for (group, objects) in std::mem::take(&mut report.skipped) {
            *self.summary.skipped.entry(group).or_default() += objects;
        }
        self.summary.count(&report.findings);
    }
}

impl ValidationSummary {
    fn count(&mut self, findings: &[Finding]) {
        for finding in findings {
            match finding.severity {
                Severity::Error => self.errors += 1,
                Severity::Warning => self.warnings += 1,
            }
            self.unreadable += usize::from(*finding.rule == rule::UNREADABLE);
        }
    }
}
