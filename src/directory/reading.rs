//! One file: every object in it as the API server would hand it on.

use std::path::Path;
use std::sync::Arc;

use super::merged::{Entry, Item};
use crate::resource::Resource;
use crate::source::manifest::{ManifestError, Part};
use crate::validate::admission::{Admission, Admitted, AdmittedResource};
use crate::validate::finding::Finding;
use crate::validate::place::Maps;
use crate::validate::rule::Severity;

/// Reads a file, or standard input for `-`, one object at a time. `tell` says whether to go on.
pub fn read_file(admission: &Admission, file: &Arc<Path>, tell: &mut dyn FnMut(Item, Option<Box<Resource>>) -> bool) {
    let mut maps = Maps::default();
    // what is said of a document is told with its first object
    let mut warnings = Vec::new();
    admission.reader().entries_of_file(file, &mut |part| {
        let entry = match part {
            Part::Trouble(trouble, error, text) => match admission.trouble(trouble, &error, text) {
                Some(finding) if finding.severity == Severity::Error => {
                    return tell(Item::Errors(vec![error]), None);
                }
                warning => {
                    warnings.extend(warning);
                    return true;
                }
            },
            Part::Entry(entry) => entry,
        };
        let place = entry.place.clone();
        match admission.admit(entry, &mut maps) {
            Admitted::Foreign => tell(Item::Foreign, None),
            Admitted::Runtime => tell(Item::Runtime, None),
            Admitted::Nameless(findings) => tell(Item::Errors(errors(findings)), None),
            Admitted::Resource(AdmittedResource { resource, findings }) => {
                let findings = warnings.drain(..).chain(findings).collect();
                let entry = Entry::of(admission.registry(), place, &resource, findings);
                tell(Item::Resource(resource.id.clone(), entry), Some(resource))
            }
        }
    });
}

/// All that a file holds.
pub fn read_whole(admission: &Admission, file: &Arc<Path>) -> Vec<(Item, Option<Box<Resource>>)> {
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
