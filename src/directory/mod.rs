//! Manifests in files and folders as a source: the same reconciler with no cluster.
//!
//! The directory is an API server without a server: what a cluster would refuse is refused here, with the same text
//! ([`crate::validate::admission`]). A resource is there when a manifest names it, valid or not. While anything cannot
//! be read, nothing counts as gone, since what cannot be read may be what is missing.

mod merged;
mod reading;
mod target;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::registry::Registry;
use crate::resource::{KindIndex, Resource, ResourceId};
use crate::source::channel::{EventSender, Unheard};
use crate::source::manifest::{ManifestError, STDIN, files};
use crate::source::{Scope, SourceEvent};
use crate::validate::FieldValidation;
use crate::validate::admission::Admission;
use crate::validate::parallel::in_order;

use merged::{DirectoryEntry, DocumentResult, Merged};
use reading::{read_file, read_whole};
pub use target::{DirectoryTarget, KnownResources};

/// Name of the owner in the ledger where none is given.
pub const OWNER: &str = "directory";

/// Between two looks at the files.
const POLL: Duration = Duration::from_secs(1);

/// A file changed this recently may change again within the resolution of its time stamp: it is read once more.
const UNSETTLED: Duration = Duration::from_secs(2);

/// Bytes of a file from which on it is not read beside others, but object by object: its resources would all be held.
const LARGE: u64 = 1 << 17;

/// What was found, for the person who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Something that cannot be read, told once as long as it stays.
    Problem(ManifestError),
    /// All files have been read.
    Listed(Listed),
}

/// The count of a complete reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub files: usize,
    pub resources: usize,
    /// Objects of other groups.
    pub foreign: usize,
    /// Objects that are made through orlojctl or REST.
    pub runtime: usize,
    /// Something could not be read, so nothing is pruned.
    pub incomplete: bool,
}

/// What a directory source covers: everything.
#[must_use]
pub fn scopes(registry: &Registry) -> Vec<(KindIndex, Scope)> {
    registry.kinds().iter().map(|kind| (kind.index, Scope::All)).collect()
}

/// Manifests below some paths.
#[derive(Debug)]
pub struct Directory {
    admission: Arc<Admission>,
    kinds: Vec<KindIndex>,
    paths: Vec<PathBuf>,
    prune: bool,
    known: KnownResources,
    tell: EventSender,
    heard: mpsc::UnboundedSender<Heard>,
    files: HashMap<Arc<Path>, KnownFile>,
    incomplete: bool,
    told: HashSet<String>,
}

/// A file as it was read last.
#[derive(Debug)]
struct KnownFile {
    stamp: Option<Stamp>,
    items: Vec<DocumentResult>,
}

/// A file, read beside others; not yet, where it is large or comes but once.
struct PendingFile {
    stamp: Option<Stamp>,
    whole: Option<Vec<(DocumentResult, Option<Box<Resource>>)>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    len: u64,
}

impl Directory {
    /// Nothing is read yet. With `prune` resources whose manifest goes while watching are told as deleted.
    #[must_use]
    pub fn new(
        registry: &Arc<Registry>,
        paths: Vec<PathBuf>,
        fields: FieldValidation,
        prune: bool,
        tell: EventSender,
        heard: mpsc::UnboundedSender<Heard>,
    ) -> Self {
        Self {
            admission: Arc::new(Admission::new(Arc::clone(registry), fields)),
            kinds: registry.kinds().iter().map(|kind| kind.index).collect(),
            paths,
            prune,
            known: KnownResources::new(prune),
            tell,
            heard,
            files: HashMap::new(),
            incomplete: false,
            told: HashSet::new(),
        }
    }

    /// What has been read so far, shared.
    #[must_use]
    pub fn known(&self) -> KnownResources {
        self.known.clone()
    }

    /// The way back: acknowledgements go nowhere, a fresh look reads the file.
    #[must_use]
    pub fn target(&self) -> DirectoryTarget {
        DirectoryTarget::new(Arc::clone(&self.admission), self.known.clone())
    }

    /// Follows the files until `stop`, after [`Self::list`]. Nothing of it happens on the caller's thread.
    pub async fn follow(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(POLL) => {}
            }
            let turn = tokio::task::spawn_blocking(move || {
                let result = self.update();
                (self, result)
            });
            match turn.await {
                Ok((directory, Ok(()))) => self = directory,
                Ok((_, Err(Unheard))) | Err(_) => return,
            }
        }
    }

    /// Reads everything, on all cores, and tells it in order as the list of every kind. Blocks.
    pub fn list(&mut self) -> Result<(), Unheard> {
        self.kinds
            .iter()
            .try_for_each(|kind| self.send(SourceEvent::ListStarted { kind: *kind, scope: Scope::All }))?;
        let mut merged = Merged::default();
        let mut seen = HashMap::new();
        let files = self.walk(&mut merged);
        let mut take = |file: Arc<Path>, found: PendingFile| {
            let mut items = Vec::new();
            let mut result = Ok(());
            let mut each = |item: DocumentResult, resource: Option<Box<Resource>>| {
                let first = merged.add(&item);
                items.push(item);
                if let Some(resource) = resource.filter(|_| first) {
                    result = send(&self.tell, SourceEvent::Listed(resource));
                }
                result.is_ok()
            };
            match found.whole {
                Some(whole) => drop(whole.into_iter().all(|(item, resource)| each(item, resource))),
                None => read_file(&self.admission, &file, &mut each),
            }
            seen.insert(file, KnownFile { stamp: found.stamp, items });
            result
        };
        let read = |file: Arc<Path>| {
            let stamp = stamp_of(&file);
            let small = file.metadata().is_ok_and(|found| found.is_file() && found.len() < LARGE);
            let whole = small.then(|| read_whole(&self.admission, &file));
            (file, PendingFile { stamp, whole })
        };
        let mut told = 0;
        in_order(|tell| files.iter().cloned().for_each(tell), read, &mut |(file, found)| {
            told += 1;
            take(file, found)
        })?;
        // the system gave no thread
        for file in files.iter().skip(told) {
            let stamp = stamp_of(file);
            take(Arc::clone(file), PendingFile { stamp, whole: None })?;
        }
        self.files = seen;
        if merged.incomplete {
            self.send_incomplete()?;
        }
        // before the end of the lists, since the reconciler may have nothing left to do right after it
        self.settle(merged);
        self.kinds.iter().try_for_each(|kind| self.send(SourceEvent::ListEnded { kind: *kind, scope: Scope::All }))
    }

    /// Looks for what has changed and tells it. Blocks.
    pub fn update(&mut self) -> Result<(), Unheard> {
        let mut merged = Merged::default();
        let files = self.walk(&mut merged);
        let mut same = files.len() == self.files.len();
        let mut seen = HashMap::with_capacity(files.len());
        for file in files {
            let stamp = stamp_of(&file);
            let before = self.files.remove(&file).filter(|seen| stamp.is_some() && seen.stamp == stamp);
            let found = before.unwrap_or_else(|| {
                same = false;
                let mut items = Vec::new();
                read_file(&self.admission, &file, &mut |item, _| {
                    items.push(item);
                    true
                });
                KnownFile { stamp, items }
            });
            for item in &found.items {
                merged.add(item);
            }
            seen.insert(file, found);
        }
        self.files = seen;
        if same && merged.incomplete == self.incomplete {
            return Ok(());
        }
        if self.incomplete && !merged.incomplete {
            // what went meanwhile is known for certain again: only a complete list says so
            return self.list();
        }
        if merged.incomplete && !self.incomplete {
            self.send_incomplete()?;
        }
        self.tell_changes(&merged)?;
        self.settle(merged);
        Ok(())
    }

    fn tell_changes(&self, merged: &Merged) -> Result<(), Unheard> {
        let (changed, gone) = self.known.differences(&merged.entries);
        let mut by_file: HashMap<&Arc<Path>, HashSet<&ResourceId>> = HashMap::new();
        for id in &changed {
            if let Some(entry) = merged.entries.get(id) {
                by_file.entry(&entry.place.file).or_default().insert(id);
            }
        }
        for (file, mut ids) in by_file {
            let mut result = Ok(());
            read_file(&self.admission, file, &mut |_, resource| {
                if let Some(resource) = resource.filter(|resource| ids.remove(&resource.id)) {
                    result = send(&self.tell, SourceEvent::Changed(resource));
                }
                result.is_ok()
            });
            result?;
        }
        if self.prune && !merged.incomplete {
            for (id, entry) in gone {
                self.send(SourceEvent::Deleted(Box::new(last_seen(id, entry))))?;
            }
        }
        Ok(())
    }

    /// The files in order, each once.
    fn walk(&self, merged: &mut Merged) -> Vec<Arc<Path>> {
        let mut real = HashSet::new();
        let mut found = Vec::new();
        files::walk(&self.paths, &mut |entry| match entry {
            // named twice, or linked to: one file all the same
            Ok(file) if real.insert(file.canonicalize().unwrap_or_else(|_| file.to_path_buf())) => found.push(file),
            Ok(_) => {}
            Err(error) => {
                merged.add(&DocumentResult::Errors(vec![error]));
            }
        });
        found
    }

    /// Takes over what was read, and tells what is wrong with it and was not told before.
    fn settle(&mut self, merged: Merged) {
        let texts: HashSet<String> = merged.problems.iter().map(ToString::to_string).collect();
        for problem in merged.problems.into_iter().filter(|problem| !self.told.contains(&problem.to_string())) {
            let _ = self.heard.send(Heard::Problem(problem));
        }
        self.told = texts;
        self.incomplete = merged.incomplete;
        let _ = self.heard.send(Heard::Listed(Listed {
            files: self.files.len(),
            resources: merged.entries.len(),
            foreign: merged.foreign,
            runtime: merged.runtime,
            incomplete: merged.incomplete,
        }));
        self.known.replace(merged.entries, merged.incomplete);
    }

    fn send_incomplete(&self) -> Result<(), Unheard> {
        self.kinds.iter().try_for_each(|kind| self.send(SourceEvent::Incomplete { kind: *kind }))
    }

    fn send(&self, event: SourceEvent) -> Result<(), Unheard> {
        send(&self.tell, event)
    }
}

fn send(tell: &EventSender, event: SourceEvent) -> Result<(), Unheard> {
    tell.blocking_send(event)
}

/// `None` where the file may have to be read again: it cannot be asked, or it changed just now.
fn stamp_of(file: &Path) -> Option<Stamp> {
    if file == Path::new(STDIN) {
        return Some(Stamp { modified: SystemTime::UNIX_EPOCH, len: 0 });
    }
    let found = file.metadata().ok()?;
    let modified = found.modified().ok()?;
    let settled = modified.elapsed().is_ok_and(|age| age > UNSETTLED);
    settled.then_some(Stamp { modified, len: found.len() })
}

/// As much of a resource as its deletion needs.
fn last_seen(id: ResourceId, entry: DirectoryEntry) -> Resource {
    Resource {
        annotations: entry.policy.into_iter().collect(),
        ..Resource::new(id, entry.uid, serde_json::Value::Null)
    }
}
