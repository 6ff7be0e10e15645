//! Changes of rows, told to those who watch.
//!
//! One look at keys and times of all tables, once a second while anybody watches, tells what has changed, whoever changed
//! it: orlojd, the operator, another replica of this server. What is told on is small (kind, key, what happened); each
//! stream reads the rows that its client wants.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::registry::Registry;
use crate::resource::KindIndex;
use crate::status::format_time;
use crate::store::{OutcomeCount, Store, StoreError};

/// Least pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// A look may take this part of the time: looks at large tables are rarer.
const LOOK_SHARE: u32 = 20;

/// Keys read at a time.
const PAGE: u32 = 5_000;

/// Changes that a slow stream may be behind.
const BEHIND: usize = 16_384;

/// Changes that are kept for those who come later.
const HISTORY: usize = 4_096;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeType {
    Added,
    Updated,
    Deleted,
}

impl ChangeType {
    /// In a watch of one collection.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }

    /// In the events of all collections.
    #[must_use]
    pub fn action(self) -> &'static str {
        if self == Self::Added { "created" } else { self.label() }
    }
}

/// A change of an object.
#[derive(Clone, Debug)]
pub struct Change {
    /// Counts from 1 since the server's start.
    pub id: u64,
    pub kind: KindIndex,
    pub what: ChangeType,
    pub key: String,
    /// RFC 3339.
    pub timestamp: String,
}

/// `updated_at` by key.
type Times = HashMap<String, i64>;

/// Looks for changes while anybody watches.
#[derive(Debug)]
pub struct Changes {
    tell: broadcast::Sender<Arc<Change>>,
    /// A look has been taken, from which changes are counted.
    ready: watch::Sender<bool>,
    /// Somebody has come, or has written.
    wake: Notify,
    history: Mutex<VecDeque<Arc<Change>>>,
    /// What is not synced, as it was found last.
    pub(crate) outcomes: watch::Sender<Vec<OutcomeCount>>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            tell: broadcast::channel(BEHIND).0,
            ready: watch::channel(false).0,
            wake: Notify::new(),
            history: Mutex::default(),
            outcomes: watch::Sender::default(),
        }
    }
}

impl Changes {
    /// Listens from now on: whatever is read after this returns is older than no change that is left out.
    pub async fn listen(&self) -> (broadcast::Receiver<Arc<Change>>, Vec<Arc<Change>>) {
        let (mut ready, receiver, history) = {
            // the look-out does not fall asleep between these
            let history = self.history.lock();
            (self.ready.subscribe(), self.tell.subscribe(), history.iter().cloned().collect())
        };
        self.wake.notify_one();
        // the sender lives as long as `self`
        let _ = ready.wait_for(|ready| *ready).await;
        (receiver, history)
    }

    /// Looks soon: something was written here.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Looks until `stop`.
    pub async fn run(&self, registry: &Registry, store: &dyn Store, stop: &CancellationToken) {
        let mut known: Option<HashMap<KindIndex, Times>> = None;
        let mut next_id = 0;
        loop {
            if self.sleeps() {
                known = None;
            }
            let began = Instant::now();
            let watched = self.tell.receiver_count() > 0;
            if watched {
                match self.look(registry, store, &mut known, &mut next_id).await {
                    Ok(()) => drop(self.ready.send_replace(true)),
                    Err(error) => tracing::debug!(%error, "the store could not be looked at for changes"),
                }
            }
            // a burst of writes must not be a burst of looks
            let least = began.elapsed() * LOOK_SHARE;
            let woken = async {
                tokio::time::sleep(least).await;
                self.wake.notified().await;
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = woken => {}
                () = tokio::time::sleep(PAUSE.max(least)), if watched => {}
            }
        }
    }

    /// Whether nobody watches; then whoever comes next waits for a new first look.
    fn sleeps(&self) -> bool {
        let _history = self.history.lock();
        let nobody = self.tell.receiver_count() == 0;
        if nobody {
            self.ready.send_replace(false);
        }
        nobody
    }

    async fn look(
        &self,
        registry: &Registry,
        store: &dyn Store,
        known: &mut Option<HashMap<KindIndex, Times>>,
        next_id: &mut u64,
    ) -> Result<(), StoreError> {
        let mut now = HashMap::new();
        for kind in registry.kinds().iter().filter(|kind| kind.api.is_some()) {
            let mut times = Times::new();
            let mut after: Option<String> = None;
            loop {
                let page = store.row_times(&kind.store.table, after.as_deref(), PAGE).await?;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                times.extend(page);
            }
            now.insert(kind.index, times);
        }
        if let Some(before) = known {
            self.tell_differences(before, &now, next_id);
        }
        *known = Some(now);
        let outcomes = store.count_outcomes().await?;
        self.outcomes.send_if_modified(|last| std::mem::replace(last, outcomes) != *last);
        Ok(())
    }

    fn tell_differences(&self, before: &HashMap<KindIndex, Times>, now: &HashMap<KindIndex, Times>, next_id: &mut u64) {
        let nothing = Times::new();
        let timestamp = format_time(jiff::Timestamp::now().as_second());
        let mut tell = |kind: KindIndex, what: ChangeType, key: &str| {
            *next_id += 1;
            let (key, timestamp) = (key.to_owned(), timestamp.clone());
            let change = Arc::new(Change { id: *next_id, kind, what, key, timestamp });
            let mut history = self.history.lock();
            if history.len() == HISTORY {
                history.pop_front();
            }
            history.push_back(Arc::clone(&change));
            // nobody may be there any more
            let _ = self.tell.send(change);
        };
        for (kind, times) in now {
            let known = before.get(kind).unwrap_or(&nothing);
            for (key, time) in times {
                match known.get(key) {
                    None => tell(*kind, ChangeType::Added, key),
                    Some(known) if known != time => tell(*kind, ChangeType::Updated, key),
                    Some(_) => {}
                }
            }
            for key in known.keys().filter(|key| !times.contains_key(*key)) {
                tell(*kind, ChangeType::Deleted, key);
            }
        }
    }
}
