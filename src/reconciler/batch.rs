//! A batch on its way through the store: normalised, planned under lock, committed; split where the store refuses it.

use std::ops::AddAssign;
use std::sync::Arc;

use super::state::{Batch, BatchItem, BatchResult, Work, WorkItem};
use crate::desired::retains;
use crate::orlojd::SUSPEND;
use crate::plan::{self, BatchPlan, Context, Intent, ItemResult, Owner, PlannedChanges, Remove, Sync};
use crate::registry::{Kind, Registry};
use crate::resource::{ObjectName, Resource};
use crate::status::Reason;
use crate::store::sealing::Codec;
use crate::store::{
    Fence, Fingerprint, ReconcilerStore, Request, SealedChanges, Snapshot, StoreError, StoreErrorClass, micros_now,
};

/// Commits batches under one fence.
pub struct Committer {
    pub registry: Arc<Registry>,
    pub store: Arc<dyn ReconcilerStore>,
    pub codec: Arc<Codec>,
    pub fence: Fence,
    pub require_encryption: bool,
}

/// What a batch came to.
#[derive(Debug)]
pub struct Committed {
    pub settlement: BatchResult,
    /// What the store could not take now, and why.
    pub unsettled: Option<(Batch, StoreError)>,
    /// Rows written.
    pub counts: Counts,
    /// Whether the store was asked and answered: a batch of invalid resources never gets there.
    pub answered: bool,
}

/// Rows of a batch by what happened to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub inserted: usize,
    pub updated: usize,
    pub deleted: usize,
}

impl Counts {
    fn of(changes: &SealedChanges) -> Self {
        Self { inserted: changes.insert.len(), updated: changes.update.len(), deleted: changes.delete.len() }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.inserted += more.inserted;
        self.updated += more.updated;
        self.deleted += more.deleted;
    }
}

/// A resource with what it asks of the store.
struct PreparedItem {
    item: WorkItem,
    about: About,
    intent: (ObjectName, Intent),
}

/// What is known of a part once its changes are committed.
struct Decided {
    outcomes: Vec<ItemResult>,
    displaced: Vec<Owner>,
    released: Vec<String>,
    counts: Counts,
}

#[derive(Clone, Copy, Default)]
struct About {
    generation: i64,
    row_fingerprint: Fingerprint,
    fingerprint: Fingerprint,
}

impl Committer {
    /// Carries a batch through.
    #[tracing::instrument(
        name = "commit",
        level = "debug",
        skip_all,
        fields(kind = self.registry.kind(batch.kind).names.label, n = batch.items.len())
    )]
    pub async fn run(&self, batch: Batch) -> Committed {
        let kind = self.registry.kind(batch.kind);
        let mut committed = Committed {
            settlement: BatchResult {
                kind: batch.kind,
                items: Vec::new(),
                displaced: Vec::new(),
                released: Vec::new(),
            },
            unsettled: None,
            counts: Counts::default(),
            answered: false,
        };
        let mut asked = Vec::with_capacity(batch.items.len());
        for item in batch.items {
            match self.prepare(kind, item) {
                Ok(ready) => asked.push(ready),
                Err(settled) => committed.settlement.items.push(*settled),
            }
        }
        let mut parts = vec![asked];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.commit(kind, &part).await {
                Ok(decided) => {
                    committed.answered = true;
                    committed.counts += decided.counts;
                    committed.settlement.displaced.extend(decided.displaced);
                    committed.settlement.released.extend(decided.released);
                    let items = part.into_iter().zip(decided.outcomes).map(|(ready, result)| ready.settle(result));
                    committed.settlement.items.extend(items);
                }
                Err(error) if error.class() == StoreErrorClass::Rejected => {
                    committed.answered = true;
                    parts.extend(split_or_settle(part, &error, &mut committed.settlement.items));
                }
                Err(error) => {
                    let rest = std::iter::once(part).chain(parts.drain(..)).flatten().map(|ready| ready.item).collect();
                    committed.unsettled = Some((Batch { kind: batch.kind, items: rest }, error));
                }
            }
        }
        committed
    }

    /// What an item asks of the store; settled right here where it asks nothing.
    fn prepare(&self, kind: &Kind, item: WorkItem) -> Result<PreparedItem, Box<BatchItem>> {
        let resource = match &item.work {
            Work::Remove { key, retain } => {
                let remove = Remove { key: key.clone(), retain: *retain };
                let intent = (item.object.clone(), Intent::Remove(remove));
                return Ok(PreparedItem { item, about: About::default(), intent });
            }
            Work::Apply(resource) => resource,
        };
        let about = About { generation: resource.generation, fingerprint: item.fingerprint, ..About::default() };
        match self.wanted(kind, resource, about) {
            Ok((about, intent)) => {
                let intent = (item.object.clone(), intent);
                Ok(PreparedItem { item, about, intent })
            }
            Err(settled) => Err(Box::new(settle(item, about, settled))),
        }
    }

    fn wanted(&self, kind: &Kind, resource: &Resource, about: About) -> Result<(About, Intent), ItemResult> {
        if resource.annotations.get(SUSPEND).is_some_and(|value| value == "true") {
            return Err(ItemResult::Suspended);
        }
        let desired = kind
            .desired(resource)
            .map_err(|invalid| ItemResult::Invalid { reason: invalid.class.reason(), text: invalid.text })?;
        for warning in &desired.warnings {
            tracing::warn!(kind = kind.names.label, object = %resource.id.object, "{warning}");
        }
        if self.require_encryption && kind.sensitive && !self.codec.encrypts() {
            return Err(ItemResult::Invalid {
                reason: Reason::EncryptionRequired,
                text: "the operator runs with --require-encryption but has no encryption key; nothing was stored"
                    .to_owned(),
            });
        }
        let about = About { row_fingerprint: self.codec.desired_fingerprint(kind, &desired), ..about };
        let sync = Sync {
            uid: resource.uid.clone(),
            created: resource.created,
            generation: resource.generation,
            fingerprint: about.fingerprint,
            row_fingerprint: about.row_fingerprint,
            retain: retains(resource),
            desired,
        };
        Ok((about, Intent::Sync(Box::new(sync))))
    }

    async fn commit(&self, kind: &Kind, part: &[PreparedItem]) -> Result<Decided, StoreError> {
        let objects: Vec<_> = part.iter().map(|ready| ready.intent.0.clone()).collect();
        let keys: Vec<_> = part.iter().map(|ready| ready.key().to_owned()).collect();
        let request = Request {
            cluster: &self.fence.cluster,
            kind: &kind.names.label,
            table: &kind.store.table,
            objects: &objects,
            keys: &keys,
        };
        let decide = |snapshot: &Snapshot| {
            let context = Context { kind, cluster: &self.fence.cluster, now: micros_now() };
            let intents = part.iter().map(|ready| &ready.intent);
            let BatchPlan { changes, outcomes, displaced, released } =
                plan::plan(context, self.codec.view(kind, snapshot), intents);
            let changes =
                self.sealed(kind, changes).map_err(|error| StoreError::Rejected { detail: error.to_string() })?;
            Ok((Decided { outcomes, displaced, released, counts: Counts::of(&changes) }, changes))
        };
        self.store.commit_with(&self.fence, &request, decide).await
    }

    /// Turns a plan's rows into what the store writes.
    fn sealed(&self, kind: &Kind, changes: PlannedChanges) -> Result<SealedChanges, crate::crypto::VaultError> {
        let seal = |rows: Vec<_>| rows.into_iter().map(|row| self.codec.seal(kind, row)).collect::<Result<Vec<_>, _>>();
        Ok(SealedChanges {
            insert: seal(changes.insert)?,
            update: seal(changes.update)?,
            delete: changes.delete,
            ledger_put: changes.ledger_put,
            ledger_remove: changes.ledger_remove,
        })
    }
}

impl std::fmt::Debug for Committer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Committer").field("fence", &self.fence).finish_non_exhaustive()
    }
}

impl PreparedItem {
    fn key(&self) -> &str {
        match &self.intent.1 {
            Intent::Sync(sync) => &sync.desired.key,
            Intent::Remove(remove) => &remove.key,
        }
    }

    fn settle(self, result: ItemResult) -> BatchItem {
        settle(self.item, self.about, result)
    }
}

fn settle(item: WorkItem, about: About, result: ItemResult) -> BatchItem {
    BatchItem {
        object: item.object,
        lane: item.lane,
        seen: item.seen,
        generation: about.generation,
        row_fingerprint: about.row_fingerprint,
        result,
    }
}

/// Halves a refused part, so that the bad object stands alone in the end and is settled as refused.
fn split_or_settle(
    mut part: Vec<PreparedItem>,
    error: &StoreError,
    settled: &mut Vec<BatchItem>,
) -> Vec<Vec<PreparedItem>> {
    if part.len() == 1 {
        settled.extend(part.into_iter().map(|ready| ready.settle(refused_by_store(error))));
        return Vec::new();
    }
    let second = part.split_off(part.len() / 2);
    vec![part, second]
}

fn refused_by_store(error: &StoreError) -> ItemResult {
    ItemResult::Refused { reason: Reason::RefusedByStore, text: error.to_string() }
}
