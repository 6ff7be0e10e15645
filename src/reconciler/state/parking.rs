//! Kinds that cannot be synced for now: what is known of their resources stays, and nothing of theirs is written or
//! removed until the kind is back.

use std::sync::Arc;

use super::{Batch, Moment, ReconcilerState};
use crate::reconciler::lanes::Lane;
use crate::resource::{KindIndex, ResourceId};
use crate::status::Verdict;

impl ReconcilerState {
    /// Whether a kind is parked.
    #[must_use]
    pub fn is_parked(&self, kind: KindIndex) -> bool {
        self.parked.contains_key(&kind)
    }

    /// Parks a kind: its resources say why, and wait without their bodies. What it lacks may change meanwhile.
    pub fn park(&mut self, kind: KindIndex, why: &str, now: Moment) {
        let verdict = self.statuses.share(Verdict::Parked { text: why.to_owned() });
        if self.parked.insert(kind, Arc::clone(&verdict)).is_some_and(|before| before == verdict) {
            return;
        }
        self.queue.clear(kind);
        for id in self.ids_of(kind) {
            // the rows may be others when they are back
            self.contests.forget_all(&id);
            self.leave_parked(&id);
            self.want_ack_if_listed(&id, now);
        }
    }

    /// A batch failed for want of what its kind lacks.
    pub fn park_with_batch(&mut self, batch: Batch, why: &str, now: Moment) {
        self.batch_returned(batch.items.len());
        for item in batch.items {
            let id = ResourceId { kind: batch.kind, object: item.object };
            if let Some(entry) = self.index.get_mut(&id) {
                entry.flags.set_busy(false);
                entry.flags.set_dirty(true);
            }
        }
        self.park(batch.kind, why, now);
    }

    /// The kind is back: each of its resources is looked at afresh, and its row with it.
    pub fn unpark(&mut self, kind: KindIndex) {
        if self.parked.remove(&kind).is_none() {
            return;
        }
        for id in self.ids_of(kind) {
            if let Some(entry) = self.index.get_mut(&id) {
                entry.verdict = None;
            }
            self.look_again(&id, Lane::Backlog);
        }
    }

    /// Notes that a resource waits for its kind.
    pub(super) fn leave_parked(&mut self, id: &ResourceId) {
        let verdict = self.parked.get(&id.kind).cloned();
        if let Some(entry) = self.index.get_mut(id) {
            entry.verdict = verdict;
            entry.flags.set_dirty(true);
        }
        self.note_outcome(id);
    }

    fn ids_of(&self, kind: KindIndex) -> Vec<ResourceId> {
        self.index.of_kind(kind).map(|(object, _)| ResourceId { kind, object: object.clone() }).collect()
    }
}
