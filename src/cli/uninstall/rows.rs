//! Rows that go, by the way that every deletion takes: planned under lock, committed under the epoch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::unless_deposed;
use crate::cli::CliError;
use crate::crypto::{Fingerprinter, Vault};
use crate::plan::ItemResult;
use crate::reconciler::batch::Committer;
use crate::reconciler::lanes::Lane;
use crate::reconciler::state::{Batch, Work, WorkItem};
use crate::registry::Registry;
use crate::resource::{KindIndex, ObjectName};
use crate::store::sealing::Codec;
use crate::store::{
    Fence, LedgerEntry, Outcome, OutcomeChanges, OutcomeFilter, OutcomeKey, Store, StoreError, StoreErrorClass,
};

/// Between two tries of a store that is away.
const PAUSE: Duration = Duration::from_millis(500);

/// Where no patience is left, a store that answers still has so long.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Ledger entries read at a time.
const PAGE: u32 = 500;

/// A resource whose row is to go.
#[derive(Clone, Debug)]
pub struct Removal {
    pub object: ObjectName,
    /// Where its row stands by its own mapping.
    pub key: String,
    pub retain: bool,
}

/// What became of some rows.
#[derive(Debug, Default)]
pub struct Removed {
    pub rows: usize,
    /// Left to nobody, as their resources asked.
    pub retained: usize,
    /// Resources whose rows could not be removed, and why.
    pub failed: Vec<(ObjectName, String)>,
}

/// The store, as long as it can be reached.
pub struct Rows {
    registry: Arc<Registry>,
    committer: Option<Committer>,
    batch_size: usize,
    /// What is left of the time to wait for the store.
    patience: Duration,
    /// Kinds whose table cannot be used.
    closed: HashMap<KindIndex, String>,
}

impl Rows {
    pub fn open(
        registry: &Arc<Registry>,
        store: Arc<dyn Store>,
        fence: Fence,
        batch_size: usize,
        patience: Duration,
    ) -> Self {
        // a row that goes is neither read nor compared: no salt, and no encryption key
        let codec = Codec::new(Arc::new(Fingerprinter::new([0; 32], None)), Vault::new(None));
        let committer = Committer {
            registry: Arc::clone(registry),
            store,
            codec: Arc::new(codec),
            fence,
            require_encryption: false,
        };
        Self { committer: Some(committer), batch_size, patience, ..Self::without_store(registry) }
    }

    pub fn without_store(registry: &Arc<Registry>) -> Self {
        Self {
            registry: Arc::clone(registry),
            committer: None,
            batch_size: 1,
            patience: Duration::ZERO,
            closed: HashMap::new(),
        }
    }

    /// Removes the rows of these resources. An error only where another operator has taken over.
    pub async fn remove(&mut self, kind: KindIndex, removals: Vec<Removal>) -> Result<Removed, CliError> {
        let mut removed = Removed::default();
        let mut removals = removals.into_iter().peekable();
        while removals.peek().is_some() {
            let some: Vec<_> = removals.by_ref().take(self.batch_size).map(item).collect();
            self.remove_batch(Batch { kind, items: some }, &mut removed).await?;
        }
        Ok(removed)
    }

    async fn remove_batch(&mut self, mut batch: Batch, removed: &mut Removed) -> Result<(), CliError> {
        let kind = batch.kind;
        loop {
            let Some(committer) = &self.committer else {
                fail(removed, batch, "the store cannot be reached");
                return Ok(());
            };
            if let Some(why) = self.closed.get(&kind) {
                fail(removed, batch, why);
                return Ok(());
            }
            let started = Instant::now();
            // kept for another try, as the call itself may hang
            let copy = Batch { kind, items: batch.items.clone() };
            let answer = timeout(self.patience.max(READ_TIMEOUT), committer.run(copy)).await;
            let (rest, error) = match answer {
                Ok(done) => {
                    removed.take(done.counts.deleted, done.settlement.items);
                    match done.unsettled {
                        None => return Ok(()),
                        Some((rest, error)) => (rest, unless_deposed(error)?),
                    }
                }
                Err(_) => (batch, StoreError::Unavailable { detail: "it does not answer".to_owned() }),
            };
            batch = rest;
            self.wait(kind, started, &error).await;
        }
    }

    /// Waits before the next try, or gives up: the kind where only its table is at fault, else the store.
    async fn wait(&mut self, kind: KindIndex, started: Instant, error: &StoreError) {
        let lost = started.elapsed() + PAUSE;
        if lost <= self.patience {
            tracing::warn!(%error, "waiting for the store");
            self.patience -= lost;
            sleep(PAUSE).await;
        } else if error.class() == StoreErrorClass::Setup {
            self.closed.insert(kind, error.to_string());
        } else {
            super::warn(&format!("going on without the store: {error}"));
            self.committer = None;
        }
    }

    /// The next page of this cluster's ledger; `None` at its end, and where the store is gone or fails.
    pub async fn ledger(&mut self, after: Option<(&str, &str)>) -> Option<Vec<LedgerEntry>> {
        let committer = self.committer.as_ref()?;
        let read = committer.store.ledger(&committer.fence.cluster, after, PAGE);
        let why = match timeout(self.patience.max(READ_TIMEOUT), read).await {
            Ok(Ok(page)) => return (!page.is_empty()).then_some(page),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the store does not answer".to_owned(),
        };
        super::warn(&format!("unable to read the ledger to its end: {why}"));
        self.committer = None;
        None
    }

    /// Removes what is recorded of resources that are not synced: nobody would keep it true any more.
    pub async fn forget_outcomes(&mut self, covers: impl Fn(&str) -> bool) -> Result<(), CliError> {
        let Some(committer) = &self.committer else { return Ok(()) };
        let filter = OutcomeFilter { cluster: Some(committer.fence.cluster.clone()), ..OutcomeFilter::default() };
        let mut after = None;
        let patience = self.patience.max(READ_TIMEOUT);
        let forget = async {
            loop {
                let page = committer.store.outcomes(&filter, after.as_ref(), PAGE).await?;
                let mut changes = OutcomeChanges::default();
                for (outcome, _) in &page {
                    let Outcome { kind, namespace, name, .. } = outcome.clone();
                    if covers(&namespace) {
                        changes.remove.push(OutcomeKey { kind, namespace, name });
                    }
                }
                if !changes.is_empty() {
                    committer.store.record_outcomes(&committer.fence, &changes).await?;
                }
                match page.into_iter().next_back() {
                    Some((last, _)) => after = Some(last),
                    None => return Ok(()),
                }
            }
        };
        let why = match timeout(patience, forget).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => unless_deposed(error)?.to_string(),
            Err(_) => "the store does not answer".to_owned(),
        };
        super::warn(&format!("unable to remove the outcomes beside the ledger: {why}"));
        Ok(())
    }

    /// The kind of an entry, if the registry has it.
    pub fn kind_of(&self, entry: &LedgerEntry) -> Option<KindIndex> {
        self.registry.labelled(&entry.kind).map(|kind| kind.index)
    }
}

impl Removed {
    fn take(&mut self, deleted: usize, items: Vec<crate::reconciler::state::BatchItem>) {
        self.rows += deleted;
        for item in items {
            match item.result {
                ItemResult::Removed { key: Some(_), retained: true } => self.retained += 1,
                ItemResult::Refused { text, .. } => self.failed.push((item.object, text)),
                _ => {}
            }
        }
    }
}

fn fail(removed: &mut Removed, batch: Batch, why: &str) {
    removed.failed.extend(batch.items.into_iter().map(|item| (item.object, why.to_owned())));
}

fn item(removal: Removal) -> WorkItem {
    WorkItem {
        object: removal.object,
        lane: Lane::Backlog,
        work: Work::Remove { key: removal.key, retain: removal.retain },
        fingerprint: Default::default(),
        seen: Instant::now(),
    }
}
