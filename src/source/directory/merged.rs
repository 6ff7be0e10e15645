//! Many files as one set of resources: the first manifest of a resource counts, a second one is an error.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::OnceLock;

use crate::desired::DELETION_POLICY;
use crate::registry::Registry;
use crate::resource::{Resource, ResourceId};
use crate::source::manifest::{self, Found, ManifestError, Place};

/// A resource without its body.
#[derive(Clone, Debug)]
pub struct Entry {
    pub place: Place,
    pub uid: Box<str>,
    /// Position in the order of reading.
    pub order: usize,
    /// Of its content, keyed anew in each process; 0 where it cannot be read.
    pub digest: u64,
    /// The annotation that says what becomes of its row, where it has one.
    pub policy: Option<(String, String)>,
    /// Key of its row where that is not `<namespace>/<name>`.
    pub key: Option<Box<str>>,
}

impl Entry {
    /// Of a resource of which no more can be read than which it is: the same one as when it could be.
    pub fn of_error(id: &ResourceId, error: &ManifestError) -> Self {
        let policy = error.policy.clone().map(|policy| (DELETION_POLICY.to_owned(), policy));
        Self { place: Place::of_error(error), uid: manifest::uid(&id.object), order: 0, digest: 0, policy, key: None }
    }
}

/// What a document turned out to be, without its body.
#[derive(Clone, Debug)]
pub enum Item {
    Resource(ResourceId, Entry),
    Error(ManifestError),
    Foreign,
}

impl Item {
    pub fn of(registry: &Registry, found: &Found) -> Self {
        match found {
            Found::Foreign => Self::Foreign,
            Found::Error(error) => Self::Error(error.clone()),
            Found::Manifest(manifest) if manifest.resource.id.object.name.is_empty() => {
                Self::Error(ManifestError::at(&manifest.place, None, "metadata.name is required".to_owned()))
            }
            Found::Manifest(manifest) => {
                let resource = &manifest.resource;
                let key = registry.kind(resource.id.kind).scoped_key(resource);
                let policy = resource.annotations.get_key_value(DELETION_POLICY);
                let entry = Entry {
                    place: manifest.place.clone(),
                    uid: resource.uid.clone(),
                    order: 0,
                    digest: digest(resource),
                    policy: policy.map(|(key, value)| (key.clone(), value.clone())),
                    key: Some(key).filter(|key| *key != resource.id.object.to_string()).map(String::into_boxed_str),
                };
                Self::Resource(resource.id.clone(), entry)
            }
        }
    }
}

/// The resources of all files.
#[derive(Debug, Default)]
pub struct Merged {
    pub entries: HashMap<ResourceId, Entry>,
    /// Resources of which no more can be read than which they are, and why.
    pub unreadable: Vec<(ResourceId, ManifestError)>,
    pub problems: Vec<ManifestError>,
    pub foreign: usize,
    /// Something could not be read, and nobody knows which resources it holds.
    pub incomplete: bool,
}

impl Merged {
    /// Adds what was read next; true where it is the first of its resource.
    pub fn add(&mut self, item: &Item) -> bool {
        let (id, mut entry) = match item {
            Item::Foreign => {
                self.foreign += 1;
                return false;
            }
            Item::Resource(id, entry) => (id.clone(), entry.clone()),
            Item::Error(error) => {
                self.problems.push(error.clone());
                let Some(id) = &error.id else {
                    self.incomplete = true;
                    return false;
                };
                if self.entries.contains_key(id) {
                    return false;
                }
                self.unreadable.push((id.clone(), error.clone()));
                (id.clone(), Entry::of_error(id, error))
            }
        };
        if let Some(first) = self.entries.get(&id) {
            let text = format!(
                "{} is declared a second time, which does not count: the first is at {}; remove one of the two",
                id.object, first.place
            );
            self.problems.push(ManifestError::at(&entry.place, Some(id), text));
            return false;
        }
        entry.order = self.entries.len();
        self.entries.insert(id, entry);
        true
    }
}

/// Of all that a row depends on. Keyed, since a spec may hold secrets; it never leaves the process.
fn digest(resource: &Resource) -> u64 {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    let mut hasher = KEY.get_or_init(RandomState::new).build_hasher();
    resource.labels.hash(&mut hasher);
    resource.annotations.hash(&mut hasher);
    resource.spec.to_string().hash(&mut hasher);
    hasher.finish().max(1)
}
