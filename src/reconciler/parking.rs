//! Kinds that lack something in the store: parked alone, and looked at until what they lack is there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hashbrown::HashSet;
use parking_lot::{Mutex, MutexGuard};
use tokio::task::JoinSet;

use super::event_loop::{EventLoop, moment};
use super::state::{Batch, Moment};
use crate::backoff::{Policy, Retries};
use crate::registry::Kind;
use crate::resource::KindIndex;
use crate::store::StoreError;

/// Between two looks at what a kind lacks.
const LOOK_AGAIN: Policy = Policy { first: Duration::from_secs(2), longest: Duration::from_secs(30) };

/// Probe of what a kind needs in the store.
#[async_trait]
pub trait TableProbe: Send + Sync {
    /// What the kind lacks, after the operator has made what is for it to make; `None` where nothing. An error is one
    /// of the store as a whole.
    async fn lacks(&self, kind: &Kind) -> Result<Option<String>, StoreError>;
}

/// What a look at a kind's table came to.
pub(super) type Look = Result<Option<String>, StoreError>;

/// The kinds that are parked; the reader of rows leaves their tables alone.
#[derive(Debug, Default)]
pub struct ParkedKinds(Mutex<HashSet<KindIndex>>);

impl ParkedKinds {
    fn set(&self) -> MutexGuard<'_, HashSet<KindIndex>> {
        self.0.lock()
    }

    #[must_use]
    pub fn contains(&self, kind: KindIndex) -> bool {
        self.set().contains(&kind)
    }
}

/// Looks at tables, due and under way.
pub(super) struct TableLooks {
    pub parked: Arc<ParkedKinds>,
    retries: Retries<KindIndex>,
    /// The error that made a look necessary is the reason where the table looks right.
    pub under_way: JoinSet<(KindIndex, Look, Option<StoreError>)>,
}

impl Default for TableLooks {
    fn default() -> Self {
        Self { parked: Arc::default(), retries: Retries::new(LOOK_AGAIN), under_way: JoinSet::new() }
    }
}

impl TableLooks {
    pub fn next_due(&mut self) -> Option<Instant> {
        self.retries.next_due()
    }

    /// The store took something of this kind.
    pub fn succeeded(&mut self, kind: KindIndex) {
        if !self.parked.contains(kind) {
            self.retries.succeeded(&kind);
        }
    }
}

impl EventLoop {
    /// Parks a kind, or tells what it lacks now, and plans the next look.
    pub(super) fn park(&mut self, kind: KindIndex, why: &str, now: Moment) {
        self.tables.parked.set().insert(kind);
        self.state.park(kind, why, now);
        self.parts.observer.parked(self.parts.registry.kind(kind), Some(why));
        self.tables.retries.failed(kind, now.at, now.jitter);
    }

    /// A batch that could not be taken for want of what its kind lacks.
    pub(super) fn park_with_batch(&mut self, batch: Batch, why: &str, now: Moment) {
        let kind = batch.kind;
        self.state.park_with_batch(batch, why, now);
        self.park(kind, why, now);
    }

    /// Looks at the tables whose time has come.
    pub(super) fn look_at_due_tables(&mut self, now: Moment) {
        while let Some(kind) = self.tables.retries.pop_due(now.at) {
            self.look_at_table(kind, None);
        }
    }

    pub(super) fn look_at_table(&mut self, kind: KindIndex, error: Option<StoreError>) {
        let Some(probe) = self.parts.tables.clone() else { return };
        let registry = Arc::clone(&self.parts.registry);
        self.tables.under_way.spawn(async move { (kind, probe.lacks(registry.kind(kind)).await, error) });
    }

    pub(super) fn on_look(&mut self, (kind, look, error): (KindIndex, Look, Option<StoreError>)) {
        let now = moment();
        match look {
            Ok(Some(why)) => self.park(kind, &why, now),
            Ok(None) => match error {
                Some(error) if !self.tables.parked.contains(kind) => self.park(kind, &error.to_string(), now),
                _ => self.unpark(kind),
            },
            // of the store as a whole: what is parked stays so, and the others find out by themselves
            Err(error) => {
                if self.tables.parked.contains(kind) {
                    self.tables.retries.failed(kind, now.at, now.jitter);
                } else {
                    self.parts.observer.unavailable(None, &error);
                }
            }
        }
    }

    /// The failures stay counted until the store has taken something of the kind.
    fn unpark(&mut self, kind: KindIndex) {
        if !self.tables.parked.set().remove(&kind) {
            return;
        }
        self.state.unpark(kind);
        self.parts.observer.parked(self.parts.registry.kind(kind), None);
    }
}
