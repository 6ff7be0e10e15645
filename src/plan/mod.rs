//! What to do about a batch of resources of one kind, given what stands in the store: pure, no I/O, no clock.
//!
//! The batch is decided one resource at a time over a working copy of what was read, so that resources that meet in
//! one batch (two on one key, a key that changes hands) see each other; what differs in the end is what is written.

mod drift;
mod working;

use serde_json::Value;

use crate::desired::{Desired, Stored, Versions};
use crate::orlojd::{
    MANAGED_BY, MANAGED_BY_VALUE, OWNER_MARKS, SEALED_SECRET_OWNER, SOURCE_KIND, SOURCE_NAMESPACE, next_version,
};
use crate::registry::Kind;
use crate::resource::ObjectName;
use crate::status::{Reason, RuntimeReport};
use crate::store::sealing::{OpenedRow, OpenedSnapshot, PlannedRow};
use crate::store::{Fingerprint, LedgerEntry};

pub use drift::{Drift, DriftCause};
use working::Working;

/// What a resource asks for.
#[derive(Clone, Debug)]
pub enum Intent {
    /// Its row is to equal it.
    Sync(Box<Sync>),
    /// Its row is to go.
    Remove(Remove),
}

/// A valid resource.
#[derive(Clone, Debug)]
pub struct Sync {
    pub uid: Box<str>,
    /// Seconds since the Unix epoch.
    pub created: i64,
    pub generation: i64,
    pub fingerprint: Fingerprint,
    pub row_fingerprint: Fingerprint,
    /// Its row outlives it (`orloj.dev/deletion-policy: retain`).
    pub retain: bool,
    pub desired: Desired,
}

/// A resource that is gone or going.
#[derive(Clone, Debug)]
pub struct Remove {
    /// Where its row stands by its own mapping; matters only where the ledger does not know the resource.
    pub key: String,
    /// Leave the row, but give it up (`orloj.dev/deletion-policy: retain`).
    pub retain: bool,
}

/// The resource that owns a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The ledger's name of its kind: perhaps another one than the batch's.
    pub kind: String,
    pub object: ObjectName,
}

/// How a row came to be what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    Unchanged,
    Inserted,
    Updated,
}

/// What became of one resource of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemResult {
    Synced {
        write: Write,
        /// The row stood there before, and nobody owned it.
        adopted: bool,
        /// The key whose row went because the resource moved away from it.
        moved_from: Option<String>,
        key: String,
        runtime: RuntimeReport,
        /// When the row was last made equal, microseconds since the Unix epoch.
        synced_at: i64,
        /// What was put right, where the row had been made equal to this generation of the resource before.
        repaired: Option<Box<Drift>>,
    },
    /// Another resource owns the key.
    Conflict {
        key: String,
        /// In words.
        owner: String,
        /// The owner, where it is of the same cluster.
        by: Option<Box<Owner>>,
        /// The row that the resource had under another key.
        left: Option<AbandonedRow>,
    },
    /// The row cannot be touched, or the store does not take it, for the reason given; tried again.
    Refused { reason: Reason, text: String },
    Removed {
        /// `None` where no row stood.
        key: Option<String>,
        retained: bool,
    },
    /// Refused before the store was asked; it stays so until the resource changes.
    Invalid { reason: Reason, text: String },
    /// Left alone, as its annotation asks.
    Suspended,
}

impl ItemResult {
    /// Reason and text of the status, where this is a failure.
    #[must_use]
    pub fn failure(&self) -> Option<(Reason, String)> {
        match self {
            Self::Synced { .. } | Self::Removed { .. } | Self::Suspended => None,
            Self::Conflict { key, owner, .. } => Some((
                Reason::KeyConflict,
                format!(
                    "the key {key} is owned by {owner}, which is older; rename one of the two or change its target \
                     namespace"
                ),
            )),
            Self::Refused { reason, text } | Self::Invalid { reason, text } => Some((*reason, text.clone())),
        }
    }
}

/// A row that a resource has left without getting another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbandonedRow {
    pub key: String,
    /// The row stays, and belongs to nobody; else it is gone.
    pub retained: bool,
}

/// The changes that a batch asks of the store, with secret values open.
#[derive(Clone, Debug, Default)]
pub struct PlannedChanges {
    pub insert: Vec<PlannedRow>,
    pub update: Vec<PlannedRow>,
    pub delete: Vec<String>,
    pub ledger_put: Vec<LedgerEntry>,
    pub ledger_remove: Vec<String>,
}

/// Everything to write for a batch, and what it means for each resource.
#[derive(Clone, Debug, Default)]
pub struct BatchPlan {
    /// In the order of the batch.
    pub outcomes: Vec<ItemResult>,
    pub changes: PlannedChanges,
    /// Younger owners that lost their key to a resource of this batch.
    pub displaced: Vec<Owner>,
    /// Keys that are free, or have a new owner: whoever waits for one may have it now.
    pub released: Vec<String>,
}

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub kind: &'a Kind,
    pub cluster: &'a str,
    /// Microseconds since the Unix epoch.
    pub now: i64,
}

/// Decides on a batch. Each object stands in it at most once.
#[must_use]
pub fn plan<'b>(
    context: Context<'_>,
    view: OpenedSnapshot,
    batch: impl IntoIterator<Item = &'b (ObjectName, Intent)>,
) -> BatchPlan {
    let mut working = Working::new(context, view);
    let outcomes = batch
        .into_iter()
        .map(|(object, intent)| match intent {
            Intent::Sync(sync) => sync_one(&mut working, object, sync),
            Intent::Remove(remove) => remove_one(&mut working, object, remove),
        })
        .collect();
    let mut plan = working.into_plan(outcomes);
    tell_what_is_left(&mut plan);
    plan
}

/// A row that somebody else of the batch has taken up is told of the one that has it now.
fn tell_what_is_left(plan: &mut BatchPlan) {
    let BatchPlan { outcomes, changes: PlannedChanges { delete, update, ledger_put, .. }, .. } = plan;
    for outcome in outcomes {
        let ItemResult::Conflict { left, .. } = outcome else { continue };
        let stands = |key: &String| update.iter().any(|row| row.key == *key);
        let taken = |key: &String| ledger_put.iter().any(|entry| entry.key == *key);
        left.take_if(
            |AbandonedRow { key, retained }| if *retained { !stands(key) || taken(key) } else { !delete.contains(key) },
        );
    }
}

fn sync_one(working: &mut Working<'_>, object: &ObjectName, sync: &Sync) -> ItemResult {
    let context = working.context;
    let key = &sync.desired.key;
    let holder = working.holder(key).cloned();
    if let Some(holder) = &holder
        && !working.is_mine(holder, object)
        && !working.yields(holder, object, sync.created)
    {
        // it has left its old key all the same: a younger resource that maps there would be refused for a row that
        // says what no resource says any more. No other row takes the place of the old one, so `retain` holds.
        let left = working.give_back_other_key(object, key, sync.retain);
        let by = (holder.cluster == context.cluster)
            .then(|| Box::new(Owner { kind: holder.kind.clone(), object: holder.object.clone() }));
        return ItemResult::Conflict { key: key.clone(), owner: working.owner_text(holder), by, left };
    }
    let made_before = holder.as_ref().is_some_and(|holder| {
        // what another's kind says of itself may change without a new generation
        let same = match context.kind.foreign {
            None => holder.generation == sync.generation,
            Some(_) => holder.row_fingerprint == sync.row_fingerprint,
        };
        working.is_mine(holder, object) && holder.uid == *sync.uid && same
    });
    let row = working.row(key);
    // the fingerprint of a kind with secrets is keyed with the encryption key: where it is still the same, the key is
    // the right one and the row was damaged
    let damaged =
        holder.as_ref().is_some_and(|holder| context.kind.sensitive && holder.row_fingerprint == sync.row_fingerprint);
    if let Some(refusal) = row.and_then(|row| refusal(row, holder.is_some(), damaged)) {
        return refusal;
    }
    let adopted = holder.is_none() && row.is_some();
    // else it was written when its kind had other derived columns
    let current = holder.as_ref().is_none_or(|holder| holder.row_fingerprint == sync.row_fingerprint);
    let runtime = runtime_of(context.kind, row);
    let write = match row {
        None => Write::Inserted,
        Some(row) if row.sealed && row.unreadable.is_none() && current && sync.desired.same_meaning(&row.stored) => {
            Write::Unchanged
        }
        Some(_) => Write::Updated,
    };
    let repaired =
        (made_before && write != Write::Unchanged).then(|| Box::new(Drift::between(context.kind, &sync.desired, row)));
    if write != Write::Unchanged {
        let payload = next_payload(context, &sync.desired, row.map(|row| &row.stored));
        working.put_row(key, payload);
    }
    let moved_from = working.leave_other_key(object, key);
    if let Some(holder) = holder.clone().filter(|holder| !working.is_mine(holder, object)) {
        working.displace(holder);
    }
    if holder.as_ref().is_some_and(|holder| holder.uid != *sync.uid) {
        // a namesake that came later may be younger than one who waits for the key
        working.reconsider(key);
    }
    let synced_at = working.own(object, sync, write != Write::Unchanged);
    ItemResult::Synced { write, adopted, moved_from, key: key.clone(), runtime, synced_at, repaired }
}

fn remove_one(working: &mut Working<'_>, object: &ObjectName, remove: &Remove) -> ItemResult {
    let owned = working.key_of(object);
    let key = owned.as_ref().unwrap_or(&remove.key);
    // the ledger may not know it: a row of the original operator, or one that was never written
    let source_kind = working.context.kind.source_kind();
    let written_for = |row: &OpenedRow| was_written_for(row, object, source_kind);
    let stood = match owned {
        Some(_) => working.row(key).is_some(),
        None => working.holder(key).is_none() && working.row(key).is_some_and(written_for),
    };
    match remove.retain {
        true if stood => working.give_up(key),
        false if stood => working.delete_row(key),
        _ => {}
    }
    if owned.is_some() {
        working.disown(key);
    }
    ItemResult::Removed { key: stood.then(|| key.clone()), retained: stood && remove.retain }
}

/// Why a row must not be overwritten, if so.
fn refusal(row: &OpenedRow, owned: bool, damaged: bool) -> Option<ItemResult> {
    if let Some(text) = row.unreadable.as_ref().filter(|_| !damaged) {
        return Some(ItemResult::Refused { reason: Reason::SecretUnreadable, text: text.clone() });
    }
    let sealed_by = row.stored.annotations.get(SEALED_SECRET_OWNER).filter(|_| !owned)?;
    Some(ItemResult::Refused {
        reason: Reason::KeyConflict,
        text: format!(
            "the row belongs to the SealedSecret {sealed_by}; delete the SealedSecret or rename this resource"
        ),
    })
}

/// Whether the original operator wrote this row for the object (`kinds/ORLOJD.md` 3.1).
fn was_written_for(row: &OpenedRow, object: &ObjectName, source_kind: Option<&str>) -> bool {
    let annotation = |name: &str| row.stored.annotations.get(name).map(String::as_str);
    let metadata = |field: &str| row.payload["metadata"][field].as_str().unwrap_or_default();
    annotation(MANAGED_BY) == Some(MANAGED_BY_VALUE)
        && annotation(SOURCE_KIND) == source_kind
        && annotation(SOURCE_NAMESPACE).unwrap_or(metadata("namespace")) == &*object.namespace
        && metadata("name").trim() == &*object.name
}

/// What the runtime says of a row; `None` is a row that is about to be inserted.
#[must_use]
pub fn runtime_of(kind: &Kind, row: Option<&OpenedRow>) -> RuntimeReport {
    if !kind.runtime_reports {
        return RuntimeReport::Silent;
    }
    let Some(stored) = row.map(|row| &row.stored) else { return RuntimeReport::Awaiting };
    let phase = stored.phase.trim();
    let observed = stored.status.get("observedGeneration").and_then(Value::as_i64).unwrap_or(0) > 0;
    if phase.is_empty() || (!observed && phase.eq_ignore_ascii_case(&kind.store.initial_phase)) {
        return RuntimeReport::Awaiting;
    }
    RuntimeReport::Phase { phase: phase.into(), error: stored.last_error.trim().into() }
}

/// The payload of the next write: versions by the store's rules, status kept (`kinds/ORLOJD.md` 2.5).
#[must_use]
pub fn next_payload(context: Context<'_>, desired: &Desired, stored: Option<&Stored>) -> Value {
    let kind = context.kind;
    let now = crate::status::format_time(context.now.div_euclid(1_000_000));
    let (resource_version, generation, created_at, status) = match stored {
        None => ("1".to_owned(), 1, now.as_str(), &Value::Null),
        Some(stored) => (
            next_version(&stored.resource_version),
            stored.generation.max(1) + i64::from(!desired.same_spec(stored)),
            if stored.created_at.trim().is_empty() { now.as_str() } else { stored.created_at.as_str() },
            &stored.status,
        ),
    };
    let versions = Versions { resource_version: &resource_version, generation, created_at };
    kind.payload(desired, Some(&versions), status)
}

/// A payload without the marks of ownership: the row that `retain` leaves behind.
fn without_ownership(payload: &Value) -> Value {
    let mut payload = payload.clone();
    if let Some(metadata) = payload.get_mut("metadata").and_then(Value::as_object_mut) {
        let next = next_version(metadata.get("resourceVersion").and_then(Value::as_str).unwrap_or_default());
        metadata.insert("resourceVersion".to_owned(), Value::String(next));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|key, _| !OWNER_MARKS.contains(&key.as_str()));
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    payload
}
