//! One file: every object in it as the API server would hand it on.

use std::path::Path;
use std::sync::Arc;

use super::merged::{DirectoryEntry, DocumentResult};
use crate::diagnostics::Severity;
use crate::resource::Resource;
use crate::source::manifest::{ManifestError, StreamPart};
use crate::validate::admission::{Admission, Admitted, AdmittedResource};
use crate::validate::finding::Finding;
use crate::validate::place::Maps;

/// Reads a file, or standard input for `-`, one object at a time. `tell` says whether to go on.
pub fn read_file(
    admission: &Admission,
    file: &Arc<Path>,
    tell: &mut dyn FnMut(DocumentResult, Option<Box<Resource>>) -> bool,
) {
    let mut maps = Maps::default();
    // what is said of a document is told with its first object
    let mut warnings = Vec::new();
    admission.reader().entries_of_file(file, &mut |part| {
        let entry = match part {
            StreamPart::Trouble(trouble, error, text) => match admission.trouble(trouble, &error, text) {
                Some(finding) if finding.severity == Severity::Error => {
                    return tell(DocumentResult::Errors(vec![error]), None);
                }
                warning => {
                    warnings.extend(warning);
                    return true;
                }
            },
            StreamPart::Object(entry) => entry,
        };
        let place = entry.place.clone();
        match admission.admit(entry, &mut maps) {
            Admitted::Foreign => tell(DocumentResult::Foreign, None),
            Admitted::Nameless(findings) => tell(DocumentResult::Errors(errors(findings)), None),
            Admitted::Resource(AdmittedResource { resource, findings }) => {
                let findings = warnings.drain(..).chain(findings).collect();
                let entry = DirectoryEntry::of(admission.registry(), place, &resource, findings);
                tell(DocumentResult::Resource(resource.id.clone(), entry), Some(resource))
            }
        }
    });
}

/// All that a file holds.
pub fn read_whole(admission: &Admission, file: &Arc<Path>) -> Vec<(DocumentResult, Option<Box<Resource>>)> {
    let mut all = Vec::new();
    read_file(admission, file, &mut |item, resource| {
        all.push((item, resource));
        true
    });
    all
}

fn errors(findings: Vec<Finding>) -> Vec<ManifestError> {
    let error = |Finding { file, line, column, text, .. }| ManifestError { file, line, column, text, snippet: None };
    findings.into_iter().filter(|finding| finding.severity == Severity::Error).map(error).collect()
}
