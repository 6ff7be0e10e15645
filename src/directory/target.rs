//! What the reconciler may ask of a directory.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};

use super::merged::DirectoryEntry;
use super::reading::read_file;
use crate::resource::{Resource, ResourceId};
use crate::source::manifest::ManifestPlace;
use crate::source::target::{Ack, Notice, Notified, ResourceClient, ResourceClientError};
use crate::validate::admission::Admission;
use crate::validate::finding::Finding;

/// The resources as they were last read, without their bodies. Shared.
#[derive(Clone, Debug)]
pub struct KnownResources(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    entries: HashMap<ResourceId, DirectoryEntry>,
    prune: bool,
    incomplete: bool,
}

impl KnownResources {
    pub(super) fn new(prune: bool) -> Self {
        Self(Arc::new(Mutex::new(Inner { entries: HashMap::new(), prune, incomplete: true })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock()
    }

    pub(super) fn replace(&self, entries: HashMap<ResourceId, DirectoryEntry>, incomplete: bool) {
        let mut inner = self.lock();
        inner.entries = entries;
        inner.incomplete = incomplete;
    }

    /// What is new or other than known, and what is known and gone.
    pub(super) fn differences(
        &self,
        entries: &HashMap<ResourceId, DirectoryEntry>,
    ) -> (std::collections::HashSet<ResourceId>, Vec<(ResourceId, DirectoryEntry)>) {
        let inner = self.lock();
        let known = |id| inner.entries.get(id).map(|entry: &DirectoryEntry| entry.digest);
        let changed = entries.iter().filter(|(id, entry)| known(id) != Some(entry.digest));
        let changed = changed.map(|(id, _)| id.clone()).collect();
        let gone = inner.entries.iter().filter(|(id, _)| !entries.contains_key(id));
        (changed, gone.map(|(id, entry)| (id.clone(), entry.clone())).collect())
    }

    /// Where a resource stands.
    #[must_use]
    pub fn place(&self, id: &ResourceId) -> Option<ManifestPlace> {
        self.lock().entries.get(id).map(|entry| entry.place.clone())
    }

    /// Key of the row that a resource maps to.
    #[must_use]
    pub fn key(&self, id: &ResourceId) -> String {
        let inner = self.lock();
        let elsewhere = inner.entries.get(id).and_then(|entry| entry.key.as_deref());
        elsewhere.map_or_else(|| id.object.to_string(), str::to_owned)
    }

    /// What the API server and the operator say of a resource, by its place in the file.
    #[must_use]
    pub fn findings(&self, id: &ResourceId) -> Vec<Finding> {
        let inner = self.lock();
        inner.entries.get(id).and_then(|entry| entry.findings.as_deref()).map(<[_]>::to_vec).unwrap_or_default()
    }

    /// All resources in the order in which they were read.
    #[must_use]
    pub fn in_order(&self) -> Vec<ResourceId> {
        let inner = self.lock();
        let mut all: Vec<_> = inner.entries.iter().collect();
        all.sort_unstable_by_key(|(_, entry)| entry.order);
        all.into_iter().map(|(id, _)| id.clone()).collect()
    }
}

/// The way back to the files: there is nobody to tell, and a file can be read again.
#[derive(Clone, Debug)]
pub struct DirectoryTarget {
    admission: Arc<Admission>,
    known: KnownResources,
}

impl DirectoryTarget {
    pub(super) fn new(admission: Arc<Admission>, known: KnownResources) -> Self {
        Self { admission, known }
    }
}

#[async_trait]
impl ResourceClient for DirectoryTarget {
    async fn acknowledge(&self, _id: &ResourceId, _ack: &Ack) -> Result<u64, ResourceClientError> {
        Ok(0)
    }

    async fn fetch(&self, id: &ResourceId) -> Result<Option<Resource>, ResourceClientError> {
        let place = {
            let inner = self.known.lock();
            match inner.entries.get(id) {
                Some(entry) => entry.place.clone(),
                None if inner.prune && !inner.incomplete => return Ok(None),
                // gone here would be gone from the store
                None => {
                    return Err(ResourceClientError::Stale(
                        "no manifest declares it, and nothing is pruned".to_owned(),
                    ));
                }
            }
        };
        let (admission, wanted) = (Arc::clone(&self.admission), id.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let mut resource = None;
            read_file(&admission, &place.file, &mut |_, found| {
                resource = found.filter(|found| found.id == wanted).map(|found| *found);
                resource.is_none()
            });
            resource
        });
        match reading.await {
            Ok(Some(resource)) => Ok(Some(resource)),
            Ok(None) => Err(ResourceClientError::Stale("its file has changed".to_owned())),
            Err(error) => Err(ResourceClientError::Transient(error.to_string())),
        }
    }

    async fn notify(&self, id: &ResourceId, notice: &Notice) -> Notified {
        tracing::info!(resource = %id.object, reason = notice.reason, action = notice.action, "{}", notice.note);
        Notified::Sent
    }
}
