//! Many files as one set of resources: the first manifest of a resource counts, a second one is an error.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, OnceLock};

use crate::orlojd::DELETION_POLICY;
use crate::registry::Registry;
use crate::resource::{Resource, ResourceId};
use crate::source::manifest::{ManifestError, ManifestPlace};
use crate::validate::finding::Finding;

/// A resource without its body.
#[derive(Clone, Debug)]
pub struct DirectoryEntry {
    pub place: ManifestPlace,
    pub uid: Box<str>,
    /// Position in the order of reading.
    pub order: usize,
    /// Of its content, keyed anew in each process.
    pub digest: u64,
    /// The annotation that says what becomes of its row, where it has one.
    pub policy: Option<(String, String)>,
    /// Key of its row where that is not `<namespace>/<name>`.
    pub key: Option<Box<str>>,
    /// What is said of it; mostly nothing.
    pub findings: Option<Arc<[Finding]>>,
}

impl DirectoryEntry {
    pub fn of(registry: &Registry, place: ManifestPlace, resource: &Resource, findings: Vec<Finding>) -> Self {
        let key = registry.kind(resource.id.kind).scoped_key(resource);
        let policy = resource.annotations.get_key_value(DELETION_POLICY);
        Self {
            place,
            uid: resource.uid.clone(),
            order: 0,
            digest: digest(resource, &findings),
            policy: policy.map(|(key, value)| (key.clone(), value.clone())),
            key: Some(key).filter(|key| *key != resource.id.object.to_string()).map(String::into_boxed_str),
            findings: Some(findings).filter(|all| !all.is_empty()).map(Into::into),
        }
    }
}

/// What a document turned out to be, without its body.
#[derive(Clone, Debug)]
pub enum DocumentResult {
    Resource(ResourceId, DirectoryEntry),
    /// Nobody knows which resource it holds.
    Errors(Vec<ManifestError>),
    Foreign,
}

/// The resources of all files.
#[derive(Debug, Default)]
pub struct Merged {
    pub entries: HashMap<ResourceId, DirectoryEntry>,
    pub problems: Vec<ManifestError>,
    pub foreign: usize,
    /// Something could not be read, and nobody knows which resources it holds.
    pub incomplete: bool,
}

impl Merged {
    /// Adds what was read next; true where it is the first of its resource.
    pub fn add(&mut self, item: &DocumentResult) -> bool {
        let (id, mut entry) = match item {
            DocumentResult::Foreign => {
                self.foreign += 1;
                return false;
            }
            DocumentResult::Resource(id, entry) => (id.clone(), entry.clone()),
            DocumentResult::Errors(errors) => {
                self.problems.extend(errors.iter().cloned());
                self.incomplete = true;
                return false;
            }
        };
        if let Some(first) = self.entries.get(&id) {
            let text = format!(
                "{} is declared a second time, which does not count: the first is at {}; remove one of the two",
                id.object, first.place
            );
            self.problems.push(ManifestError::at(&entry.place, text));
            return false;
        }
        entry.order = self.entries.len();
        self.entries.insert(id, entry);
        true
    }
}

/// Of all that a row and the report depend on. Keyed, since a spec may hold secrets; it never leaves the process.
fn digest(resource: &Resource, findings: &[Finding]) -> u64 {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    let mut hasher = KEY.get_or_init(RandomState::new).build_hasher();
    resource.labels.hash(&mut hasher);
    resource.annotations.hash(&mut hasher);
    resource.spec.to_string().hash(&mut hasher);
    for finding in findings {
        finding.text.hash(&mut hasher);
    }
    hasher.finish()
}
