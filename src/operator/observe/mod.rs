//! The reconciler's work as metrics and log lines: one line a batch at info, one a resource at debug.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::health::KindHealth;
use crate::plan::{ItemResult, Write};
use crate::reconciler::Observer;
use crate::reconciler::batch::Counts;
use crate::reconciler::state::{BatchItem, ContestedPart, KindCounts, Load};
use crate::registry::{Kind, Registry};
use crate::resource::ObjectName;
use crate::source::target::{Ack, FinalizerChange, Notified, ResourceClientError};
use crate::store::{StoreError, StoreErrorClass};
use crate::telemetry::metrics::{ApiWrite, Metrics, QueueMetrics, Reconciled, ResourceState, RowAction};
use crate::telemetry::readiness::{Heartbeat, ReadyHandle};

pub struct MetricsObserver {
    metrics: Metrics,
    heartbeat: Heartbeat,
    /// By kind, in the registry's order.
    queues: Vec<QueueMetrics>,
    names: Vec<String>,
    store_ready: ReadyHandle,
    /// How long the store may be away before it counts as not ready.
    grace: Duration,
    outage: Mutex<Option<StoreOutage>>,
    kinds: Arc<KindHealth>,
}

/// A batch that fails is tried again within seconds, for as long as there is one.
const TRIED_AGAIN: Duration = Duration::from_secs(30);

/// Failures as far apart are two outages: that a look at the rows succeeds is not told.
const APART: Duration = Duration::from_mins(2);

/// The store takes nothing, or tells nothing.
struct StoreOutage {
    text: String,
    since: Instant,
    last: Instant,
    /// When a batch failed last.
    write_failed: Option<Instant>,
}

impl MetricsObserver {
    pub fn new(
        registry: &Arc<Registry>,
        metrics: Metrics,
        heartbeat: Heartbeat,
        store_ready: ReadyHandle,
        grace: Duration,
        kinds: Arc<KindHealth>,
    ) -> Self {
        let queues = registry.kinds().iter().map(|kind| metrics.queue(&kind.names.label)).collect();
        for kind in registry.kinds() {
            metrics.workers(&kind.names.label, 0, 1);
        }
        let names = registry.kinds().iter().map(|kind| kind.names.label.clone()).collect();
        Self { metrics, heartbeat, queues, names, store_ready, grace, outage: Mutex::new(None), kinds }
    }

    fn outage(&self) -> MutexGuard<'_, Option<StoreOutage>> {
        self.outage.lock()
    }

    /// A store that is away for long says so at `/readyz`: nobody is sent elsewhere by that, and a new leader would do
    /// no better, but people and rollouts see it. A standby does not ask the store, so it stays ready and takes over.
    fn tell_outage(&self) {
        let lasts = |outage: &&StoreOutage| outage.last.duration_since(outage.since) >= self.grace;
        if let Some(outage) = self.outage().as_ref().filter(lasts) {
            self.store_ready.waiting(&outage.text);
        }
    }

    fn store_is_back(&self) {
        if let Some(outage) = self.outage().take() {
            self.store_ready.ready();
            tracing::info!(was = outage.text, "the store is back");
        }
    }

    fn item(&self, kind: &Kind, item: &BatchItem, took: Duration) {
        let (result, class) = match &item.result {
            ItemResult::Synced { .. } | ItemResult::Removed { .. } | ItemResult::Suspended => {
                (Reconciled::Success, None)
            }
            ItemResult::Conflict { .. } => (Reconciled::TerminalError, Some("conflict")),
            ItemResult::Invalid { .. } => (Reconciled::TerminalError, Some("invalid")),
            ItemResult::Refused { .. } => (Reconciled::Error, Some("rejected")),
        };
        self.metrics.reconciled(&kind.names.label, result, took);
        if let Some(class) = class {
            self.metrics.error(class);
        }
        if let Some(queue) = self.queues.get(usize::from(kind.index.0)) {
            queue.added();
            if result == Reconciled::Error {
                queue.retried();
            }
            queue.waited(item.seen.elapsed().saturating_sub(took));
            queue.worked(took);
        }
        tracing::debug!(kind = kind.names.label, object = %item.object, outcome = word(&item.result), "settled");
    }

    /// A call to the API server failed. That a resource is gone is no failure; that it changed meanwhile is an everyday
    /// one, and only the count tells where it happens again and again.
    fn failed(&self, kind: &Kind, object: &ObjectName, what: &str, error: &ResourceClientError) {
        let kind = &kind.names.label;
        match error {
            ResourceClientError::Gone => return,
            ResourceClientError::Stale(_) => {
                tracing::debug!(kind, %object, "unable to {what}: {error}; will look again");
            }
            _ => tracing::warn!(kind, %object, "unable to {what}: {error}; will try again"),
        }
        self.metrics.error(error.class());
    }
}

impl Observer for MetricsObserver {
    fn committed(&self, kind: &Kind, items: &[BatchItem], counts: Counts, took: Duration) {
        let table = &kind.store.table.name;
        let each = took / u32::try_from(items.len().max(1)).unwrap_or(u32::MAX);
        for item in items {
            self.item(kind, item, each);
        }
        self.metrics.batch(table, "committed", items.len(), took);
        self.metrics.rows(table, RowAction::Insert, counts.inserted);
        self.metrics.rows(table, RowAction::Update, counts.updated);
        self.metrics.rows(table, RowAction::Delete, counts.deleted);
        self.metrics.rows(table, RowAction::Unchanged, items.iter().filter(|item| is_unchanged(&item.result)).count());
        let failed = items.iter().filter(|item| is_failure(&item.result)).count();
        if items.iter().any(|item| reached_the_store(&item.result)) {
            self.store_is_back();
        }
        tracing::info!(
            kind = kind.names.label,
            resources = items.len(),
            inserted = counts.inserted,
            updated = counts.updated,
            deleted = counts.deleted,
            failed,
            millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "batch"
        );
    }

    fn unavailable(&self, kind: Option<&Kind>, error: &StoreError) {
        let class = match error.class() {
            StoreErrorClass::Unavailable => "unavailable",
            StoreErrorClass::Deposed => "deposed",
            StoreErrorClass::Rejected => "rejected",
            StoreErrorClass::Setup => "setup",
        };
        if let Some(kind) = kind {
            self.metrics.batch(&kind.store.table.name, class, 0, Duration::ZERO);
        }
        self.metrics.error(class);
        let text = error.to_string();
        {
            let now = Instant::now();
            let mut outage = self.outage();
            if outage.as_ref().is_none_or(|outage| outage.text != text) {
                tracing::warn!("{text}; will try again");
            }
            let before = outage.take().filter(|before| now.duration_since(before.last) < APART);
            *outage = Some(StoreOutage {
                text,
                since: before.as_ref().map_or(now, |before| before.since),
                last: now,
                write_failed: kind.map(|_| now).or(before.and_then(|before| before.write_failed)),
            });
        }
        self.tell_outage();
    }

    fn acknowledged(
        &self,
        kind: &Kind,
        object: &ObjectName,
        ack: &Ack,
        result: Result<(), &ResourceClientError>,
        lag: Duration,
    ) {
        let name = &kind.names.label;
        let outcome = result.map_or_else(ResourceClientError::class, |()| "ok");
        if ack.finalizer != FinalizerChange::Keep {
            self.metrics.api_write(name, ApiWrite::Finalizer, outcome);
        }
        if ack.status.is_some() {
            self.metrics.api_write(name, ApiWrite::Status, outcome);
        }
        match result {
            Ok(()) => self.metrics.synced(name, lag),
            Err(error) => self.failed(kind, object, "acknowledge", error),
        }
    }

    fn swept(&self, rows: usize, lost: usize) {
        // a server that only reads is no store
        let reads_only = |outage: &StoreOutage| outage.write_failed.is_some_and(|at| at.elapsed() < TRIED_AGAIN);
        if !self.outage().as_ref().is_some_and(reads_only) {
            self.store_is_back();
        }
        if lost > 0 {
            tracing::warn!(rows, lost, "swept: rows were lost and are written again");
        } else {
            tracing::debug!(rows, "swept");
        }
    }

    fn parked(&self, kind: &Kind, why: Option<&str>) {
        if why.is_some() {
            self.metrics.batch(&kind.store.table.name, "setup", 0, Duration::ZERO);
            self.metrics.error("setup");
        }
        self.kinds.lacks(kind.index, why);
    }

    fn undone(&self, kind: &Kind, part: ContestedPart) {
        self.metrics.undone(&kind.names.label, part.label());
    }

    fn fetched(&self, kind: &Kind, object: &ObjectName, result: Result<(), &ResourceClientError>) {
        if let Err(error) = result {
            self.failed(kind, object, "look again", error);
        }
    }

    fn notified(&self, kind: &Kind, became: Notified) {
        self.metrics.api_write(&kind.names.label, ApiWrite::Event, became.outcome());
    }

    fn alive(&self) {
        self.heartbeat.beat();
    }

    fn load(&self, kinds: &[KindCounts], load: Load) {
        self.alive();
        self.metrics.held_bytes(load.held_bytes, load.held_bytes_peak);
        for (at, ((queue, name), tally)) in self.queues.iter().zip(&self.names).zip(kinds).enumerate() {
            queue.depth(tally.waiting);
            let batch = load.batch.filter(|batch| usize::from(batch.kind.0) == at);
            let age = batch.map(|batch| batch.since.elapsed()).unwrap_or_default();
            let resources = batch.map_or(0, |batch| u32::try_from(batch.resources).unwrap_or(u32::MAX));
            queue.under_way(age * resources, age);
            self.metrics.workers(name, usize::from(batch.is_some()), 1);
            let states = [
                (ResourceState::Synced, tally.synced),
                (ResourceState::Failed, tally.failed),
                (ResourceState::Suspended, tally.suspended),
                (ResourceState::Contested, tally.contested),
                (ResourceState::Pending, tally.pending),
            ];
            for (state, count) in states {
                self.metrics.resources(name, state, count);
            }
        }
    }
}

/// What is invalid or suspended says nothing of the store.
fn reached_the_store(result: &ItemResult) -> bool {
    !matches!(result, ItemResult::Invalid { .. } | ItemResult::Suspended)
}

/// Looked at, and found equal: what is refused or suspended was not looked at.
fn is_unchanged(result: &ItemResult) -> bool {
    matches!(result, ItemResult::Synced { write: Write::Unchanged, .. })
}

fn is_failure(result: &ItemResult) -> bool {
    matches!(result, ItemResult::Invalid { .. } | ItemResult::Refused { .. } | ItemResult::Conflict { .. })
}

fn word(result: &ItemResult) -> &'static str {
    match result {
        ItemResult::Synced { write: Write::Unchanged, .. } => "unchanged",
        ItemResult::Synced { write: Write::Inserted, .. } => "inserted",
        ItemResult::Synced { write: Write::Updated, .. } => "updated",
        ItemResult::Conflict { .. } => "conflict",
        ItemResult::Removed { .. } => "removed",
        ItemResult::Refused { .. } => "refused",
        ItemResult::Invalid { .. } => "invalid",
        ItemResult::Suspended => "suspended",
    }
}

#[cfg(test)]
mod tests;
