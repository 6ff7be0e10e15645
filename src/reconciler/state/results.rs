//! What the store made of a batch.

use std::time::Instant;

use super::{ContestedPart, Moment, ReconcilerState};
use crate::plan::{AbandonedRow, Drift, ItemResult, Owner, Write};
use crate::reconciler::index::IndexEntry;
use crate::reconciler::lanes::Lane;
use crate::resource::{KindIndex, ObjectName, ResourceId};
use crate::source::target::Notice;
use crate::status::{Reason, Verdict};
use crate::store::Fingerprint;

/// One resource of a batch, with what became of it.
#[derive(Clone, Debug)]
pub struct BatchItem {
    pub object: ObjectName,
    pub lane: Lane,
    pub seen: Instant,
    pub generation: i64,
    pub row_fingerprint: Fingerprint,
    pub result: ItemResult,
}

/// What the store made of a batch.
#[derive(Clone, Debug)]
pub struct BatchResult {
    pub kind: KindIndex,
    pub items: Vec<BatchItem>,
    /// Lost their key to an older resource.
    pub displaced: Vec<Owner>,
    /// Keys that are free now.
    pub released: Vec<String>,
}

impl ReconcilerState {
    pub fn on_batch_result(&mut self, settlement: BatchResult, now: Moment) {
        self.commits += 1;
        self.batch_returned(settlement.items.len());
        let kind = settlement.kind;
        for item in settlement.items {
            let id = ResourceId { kind, object: item.object.clone() };
            let Some(entry) = self.index.get_mut(&id) else { continue };
            entry.flags.set_busy(false);
            entry.committed = self.commits;
            self.settle_one(&id, &item, now);
            self.want_ack(&id, item.lane, item.seen, now);
        }
        for owner in settlement.displaced {
            let Some(id) = self.id_of(owner) else { continue };
            // one that another operator covers is seen to by that
            if self.lists.covers(&id) {
                self.index.clear_key(&id);
                self.look_again(&id, Lane::Live);
            }
        }
        let home = self.registry.kind(kind).home;
        for key in settlement.released {
            for id in self.queue.claimants.remove(&(home, key)).unwrap_or_default() {
                self.look_again(&id, Lane::Live);
            }
        }
    }

    fn id_of(&self, owner: Owner) -> Option<ResourceId> {
        let kind = self.registry.labelled(&owner.kind)?.index;
        Some(ResourceId { kind, object: owner.object })
    }

    fn settle_one(&mut self, id: &ResourceId, item: &BatchItem, now: Moment) {
        if let Some((reason, text)) = item.result.failure() {
            self.fail(id, reason, text);
        }
        match &item.result {
            outcome @ ItemResult::Synced { key, runtime, synced_at, write, repaired, .. } => {
                self.queue.retries.succeeded(id);
                self.note_repair(id, item.row_fingerprint, *write, repaired.as_deref(), now);
                if let Some(entry) = self.index.get_mut(id) {
                    entry.synced_at = synced_at.div_euclid(1_000_000);
                    entry.row_fingerprint = item.row_fingerprint;
                    entry.swept = self.sweeps;
                    entry.flags.set_released(false);
                }
                self.index.set_key(id, key);
                self.notice_success(id, outcome);
                self.set_synced(id, runtime.clone());
            }
            ItemResult::Conflict { key, by, left, .. } => {
                let home = self.registry.kind(id.kind).home;
                let claimants = self.queue.claimants.entry((home, key.clone())).or_default();
                if !claimants.contains(id) {
                    claimants.push(id.clone());
                }
                if let Some(left) = left {
                    self.notice_left(id, left, key);
                }
                self.index.clear_key(id);
                let seen_here =
                    by.clone().and_then(|owner| self.id_of(*owner)).is_some_and(|owner| self.lists.covers(&owner));
                if !seen_here {
                    // nobody here hears when the owner leaves
                    self.queue.retries.failed(id.clone(), now.at, now.jitter);
                }
            }
            ItemResult::Refused { .. } => {
                self.queue.retries.failed(id.clone(), now.at, now.jitter);
            }
            ItemResult::Removed { key, retained } => self.settle_removal(id, key.as_deref(), *retained),
            ItemResult::Invalid { .. } => {}
            ItemResult::Suspended => self.set_verdict(id, Verdict::Suspended),
        }
    }

    /// A write to the row of a resource that has not changed puts right what another program has made of it.
    fn note_repair(
        &mut self,
        id: &ResourceId,
        row_fingerprint: Fingerprint,
        write: Write,
        drift: Option<&Drift>,
        now: Moment,
    ) {
        let unchanged = |entry: &IndexEntry| entry.synced_at > 0 && entry.row_fingerprint == row_fingerprint;
        if !self.index.get(id).is_some_and(unchanged) {
            self.contests.forget(id, ContestedPart::Row);
        } else if write == Write::Unchanged {
            self.contests.is_right(id, ContestedPart::Row, now);
        } else {
            let first = self.contests.row_repaired(id, drift.cloned(), now);
            if let Some(first) = first {
                self.tell_undone(id, ContestedPart::Row, first);
            }
        }
    }

    fn settle_removal(&mut self, id: &ResourceId, key: Option<&str>, retained: bool) {
        if retained && let Some(key) = key {
            self.notice_retained(id, key);
        }
        self.index.clear_key(id);
        let Some(entry) = self.index.get_mut(id) else { return };
        // one that came anew meanwhile has work of its own on the way
        entry.flags.set_released(entry.flags.gone() || entry.flags.deleting());
        if entry.flags.gone() {
            self.forget(id);
        } else if entry.flags.released() {
            self.set_verdict(id, Verdict::Removed { retained });
        }
    }

    fn notice_retained(&mut self, id: &ResourceId, key: &str) {
        let note = format!("left the row {key}, which the operator no longer owns");
        self.notice(id, false, "Retained", "Release", note);
    }

    fn notice_left(&mut self, id: &ResourceId, left: &AbandonedRow, wanted: &str) {
        let AbandonedRow { key, retained } = left;
        if *retained {
            self.notice_retained(id, key);
        } else {
            let note = format!("removed the row {key}, which the resource has left for {wanted}");
            self.notice(id, false, "Removed", "Move", note);
        }
    }

    fn notice_success(&mut self, id: &ResourceId, outcome: &ItemResult) {
        let ItemResult::Synced { adopted, moved_from, key, write, .. } = outcome else { return };
        let failed =
            self.index.get(id).is_some_and(|entry| matches!(entry.verdict.as_deref(), Some(Verdict::Failed { .. })));
        if *adopted {
            let changed = if *write == Write::Unchanged { "as it stood" } else { "and made it equal" };
            self.notice(id, false, "Adopted", "Adopt", format!("took over the existing row {key} {changed}"));
        }
        if let Some(from) = moved_from {
            self.notice(id, false, "Moved", "Move", format!("moved the row from {from} to {key}"));
        }
        if failed {
            self.notice(id, false, Reason::Synced.as_str(), "Sync", format!("the row {key} equals the resource again"));
        }
    }

    pub(super) fn notice_failure(&mut self, id: &ResourceId, verdict: &Verdict) {
        if let Verdict::Failed { reason, text } = verdict {
            self.notice(id, true, reason.as_str(), "Sync", text.clone());
        }
    }

    pub(super) fn notice(
        &mut self,
        id: &ResourceId,
        warning: bool,
        reason: &'static str,
        action: &'static str,
        note: String,
    ) {
        if let Some(entry) = self.index.get(id) {
            let uid = entry.uid.to_string().into();
            self.notices.events.push((id.clone(), Notice { uid, warning, reason, action, note }));
        }
    }
}
