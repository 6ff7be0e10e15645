//! Batches for the store, and what becomes of them while the store is away.

use std::time::Duration;

use super::{Batch, Item, Moment, State, Work};
use crate::reconciler::lanes::{BACKLOG_SHARE, Lane};
use crate::resource::{KindIndex, ResourceId};

impl State {
    /// The next batch: one kind, live work first, kinds in turn.
    pub fn next_batch(&mut self, size: usize) -> Option<Batch> {
        let kind = self.next_kind_with_work()?;
        let queue = self.work.get_mut(kind)?;
        let only_live = queue.has_live();
        let mut items = Vec::new();
        while items.len() < size && (!only_live || queue.has_live()) {
            let Some((object, lane, queued)) = queue.pop() else { break };
            items.push(Item { object, lane, work: queued.work, fingerprint: queued.fingerprint, seen: queued.seen });
        }
        let kind = KindIndex(u16::try_from(kind).ok()?);
        for item in &items {
            let id = ResourceId { kind, object: item.object.clone() };
            if let Some(entry) = self.index.get_mut(&id) {
                entry.flags.set_busy(true);
            }
        }
        self.in_store += items.len();
        Some(Batch { kind, items })
    }

    fn next_kind_with_work(&mut self) -> Option<usize> {
        let kinds = self.work.len();
        let turn = |wanted: fn(&super::Lanes<_, _>) -> bool, work: &Vec<_>, from: usize| {
            (0..kinds).map(|offset| (from + offset) % kinds).find(|kind| work.get(*kind).is_some_and(wanted))
        };
        let live = turn(super::Lanes::has_live, &self.work, self.next_kind);
        let backlog = turn(super::Lanes::has_backlog, &self.work, self.next_kind);
        let take_backlog = live.is_none() || (backlog.is_some() && self.live_batches_in_a_row >= BACKLOG_SHARE);
        let kind = if take_backlog { backlog } else { live }?;
        self.live_batches_in_a_row = if take_backlog { 0 } else { self.live_batches_in_a_row + 1 };
        self.next_kind = (kind + 1) % kinds;
        Some(kind)
    }

    /// The store took a batch.
    pub fn on_store_available(&mut self) {
        if self.store_down_since.take().is_none() {
            return;
        }
        // a commit whose answer was lost may have freed the key that somebody waits for
        let waiting: Vec<_> = self.claimants.drain().collect();
        for ((kind, _), objects) in waiting {
            for object in objects {
                self.look_again(&ResourceId { kind, object }, Lane::Backlog);
            }
        }
    }

    /// The store did not take a batch; it waits again, and once the outage lasts its resources say so.
    pub fn on_store_unavailable(&mut self, batch: Batch, grace: Duration, now: Moment) {
        let down_since = *self.store_down_since.get_or_insert(now.at);
        self.in_store = self.in_store.saturating_sub(batch.items.len());
        for item in batch.items {
            let id = ResourceId { kind: batch.kind, object: item.object };
            if let Some(entry) = self.index.get_mut(&id) {
                entry.flags.set_busy(false);
            }
            // a newer version may wait by now
            if !self.is_queued(&id) {
                self.queue_work(&id, item.lane, item.work, item.seen);
            }
        }
        if now.at.duration_since(down_since) >= grace {
            self.tell_unavailable(now);
        }
    }

    fn tell_unavailable(&mut self, now: Moment) {
        let waiting: Vec<ResourceId> = (0_u16..)
            .zip(&self.work)
            .flat_map(|(kind, queue)| {
                queue
                    .iter()
                    .filter(|(_, queued)| matches!(queued.work, Work::Apply(_)))
                    .map(move |(object, _)| ResourceId { kind: KindIndex(kind), object: object.clone() })
            })
            .collect();
        for id in waiting {
            self.set_verdict(&id, crate::status::Verdict::Unavailable);
            if self.next_ack(&id, now).is_some() && !self.call_retries.waits(&id) {
                self.acks.push(id, Lane::Live, now.at);
            }
        }
    }
}
