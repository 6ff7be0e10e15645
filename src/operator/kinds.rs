//! The kinds that the operator works by: those it began with, and what has become of `--kinds` since.
//!
//! A folder that changes is taken up without a restart, once it stands still, its files are sound and the store has
//! what they need. Until then the operator goes on by the kinds that it has, and says why.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::wait::pause;
use super::{Operator, distinct};
use crate::registry::{self, KindFiles, Registry, RegistryError};
use crate::store::Store;
use crate::telemetry::readiness::{Readiness, ReadyHandle};

pub struct Kinds {
    current: watch::Sender<Arc<Registry>>,
    followed: Option<(PathBuf, ReadyHandle)>,
}

impl Kinds {
    pub fn new(registry: Registry, folder: Option<&Path>, readiness: &Readiness) -> Self {
        let followed = folder.map(|folder| {
            let ready = readiness.register("kinds", "a look at --kinds");
            ready.ready_with(current(&registry));
            (folder.to_owned(), ready)
        });
        Self { current: watch::Sender::new(Arc::new(registry)), followed }
    }

    pub fn current(&self) -> Arc<Registry> {
        Arc::clone(&self.current.borrow())
    }

    /// Tells of each registry that is taken up from now on.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Registry>> {
        self.current.subscribe()
    }
}

impl Operator {
    /// Takes up what changes in `--kinds`, until `stop`.
    pub(super) async fn follow_kinds(&self, store: &Arc<dyn Store>, stop: &CancellationToken) {
        let Some((folder, ready)) = &self.kinds.followed else { return };
        let mut look = KindsLook::default();
        let mut told = String::new();
        while pause(stop).await {
            let kinds = self.kinds.current();
            let files = registry::files_of(folder);
            if !look.is_news(&files) {
                continue;
            }
            match self.take_up(files, &kinds, store).await {
                Ok(()) => {
                    look.taken();
                    told.clear();
                    ready.ready_with(current(&self.kinds.current()));
                }
                Err(why) if why != told => {
                    tracing::error!("not taking up the kinds of {}: {why}", folder.display());
                    // no reason to send anybody elsewhere: the kinds that were there are synced as before
                    ready
                        .ready_with(format!("{}; what --kinds says now is not taken up, see the log", current(&kinds)));
                    told = why;
                }
                Err(_) => {}
            }
        }
    }

    async fn take_up(
        &self,
        files: Result<KindFiles, RegistryError>,
        kinds: &Registry,
        store: &Arc<dyn Store>,
    ) -> Result<(), String> {
        let files = files.map_err(|error| error.to_string())?;
        // compiling takes a while, and others wait for this thread
        let loaded = tokio::task::spawn_blocking(move || Registry::with_files(files));
        let registry = loaded.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        if registry.checksum() == kinds.checksum() {
            return Ok(());
        }
        // what lacks something already is parked, and no worse off by a change
        let tables = self.tables(store);
        let before = tables.lacking(kinds).await.map_err(|error| error.to_string())?;
        let lacking = tables.lacking(&registry).await.map_err(|error| error.to_string())?;
        let news = lacking.into_iter().map(|(_, why)| why).filter(|why| before.iter().all(|(_, known)| known != why));
        let news = distinct(news);
        if !news.is_empty() {
            return Err(news);
        }
        self.warn_of_plaintext(&registry);
        tracing::info!(kinds = registry.kinds().len(), checksum = registry.checksum(), "taking up changed kinds");
        self.metrics.registry(&registry.checksum());
        let names: Vec<&str> = registry.kinds().iter().map(|kind| kind.names.label.as_str()).collect();
        for kind in kinds.kinds().iter().filter(|kind| !names.contains(&kind.names.label.as_str())) {
            let crd = kind.names.crd();
            tracing::warn!("{crd} are no longer synced: what is left of them keeps its finalizer, and its row");
            self.metrics.forget(&kind.names.label);
        }
        self.kinds.current.send_replace(Arc::new(registry));
        Ok(())
    }
}

fn current(registry: &Registry) -> String {
    format!("{} kinds, checksum {}", registry.kinds().len(), registry.checksum())
}

/// What was seen in the folder before.
#[derive(Debug, Default)]
struct KindsLook {
    seen: Option<KindFiles>,
    is_taken: bool,
}

impl KindsLook {
    /// Whether there is something to be taken up: it stood like this at the last look already, so that nobody is
    /// still at it, and it was not taken up since. What cannot be read is told at once.
    fn is_news(&mut self, files: &Result<KindFiles, RegistryError>) -> bool {
        let Ok(files) = files else {
            *self = Self::default();
            return true;
        };
        if self.seen.as_ref() == Some(files) {
            return !self.is_taken;
        }
        *self = Self { seen: Some(files.clone()), is_taken: false };
        false
    }

    fn taken(&mut self) {
        self.is_taken = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> KindFiles {
        vec![("a.yaml".to_owned(), text.to_owned())]
    }

    #[test]
    fn a_change_is_news_once_it_stands_still_and_until_it_is_taken_up() {
        let mut look = KindsLook::default();
        assert_eq!([1, 2, 1, 1].map(|text| look.is_news(&Ok(files(&text.to_string())))), [false, false, false, true]);
        assert!(look.is_news(&Ok(files("1"))), "it was not taken up: what kept it from that may be over");
        look.taken();
        assert!(!look.is_news(&Ok(files("1"))));
        assert!(!look.is_news(&Ok(files("2"))));
        assert!(look.is_news(&Ok(files("2"))));
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_told_and_looked_at_again() {
        let mut look = KindsLook::default();
        assert!(look.is_news(&Err(RegistryError { problems: Vec::new() })));
        assert!(!look.is_news(&Ok(files("1"))));
        assert!(look.is_news(&Ok(files("1"))));
    }
}
