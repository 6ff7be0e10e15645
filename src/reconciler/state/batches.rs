//! Batches for the store, and what becomes of them while the store is away.

use std::time::Duration;

use super::{Batch, Moment, QueuedWork, ReconcilerState, Work, WorkItem};
use crate::reconciler::lanes::Lane;
use crate::resource::ResourceId;

impl ReconcilerState {
    /// The next batch: one kind, live work first, kinds in turn. It ends with the item that exceeds `bytes`.
    pub fn next_batch(&mut self, size: usize, bytes: usize) -> Option<Batch> {
        let (kind, items) = self.queue.take(size, bytes)?;
        let items = items.into_iter().map(|(object, lane, queued)| {
            let QueuedWork { work, fingerprint, seen, .. } = queued;
            if let Some(entry) = self.index.get_mut(&ResourceId { kind, object: object.clone() }) {
                entry.flags.set_busy(true);
            }
            WorkItem { object, lane, work, fingerprint, seen }
        });
        Some(Batch { kind, items: items.collect() })
    }

    /// Some of the batch in the store have come back.
    pub(super) fn batch_returned(&mut self, items: usize) {
        self.queue.in_store = self.queue.in_store.saturating_sub(items);
        if self.queue.in_store == 0 {
            self.queue.bytes_in_store = 0;
        }
    }

    /// The store took a batch.
    pub fn on_store_available(&mut self) {
        if self.queue.store_down_since.take().is_none() {
            return;
        }
        // a commit whose answer was lost may have freed the key that somebody waits for
        let waiting: Vec<_> = self.queue.claimants.drain().collect();
        for id in waiting.into_iter().flat_map(|(_, ids)| ids) {
            self.look_again(&id, Lane::Backlog);
        }
    }

    /// The store did not take a batch; it waits again, and once the outage lasts its resources say so.
    pub fn on_store_unavailable(&mut self, batch: Batch, grace: Duration, now: Moment) {
        let down_since = *self.queue.store_down_since.get_or_insert(now.at);
        self.batch_returned(batch.items.len());
        for item in batch.items {
            let id = ResourceId { kind: batch.kind, object: item.object };
            if let Some(entry) = self.index.get_mut(&id) {
                entry.flags.set_busy(false);
            }
            // a newer version may wait by now
            if !self.queue.contains(&id) {
                self.queue_work(&id, item.lane, item.work, item.seen);
            }
        }
        if now.at.duration_since(down_since) >= grace {
            self.tell_unavailable(now);
        }
    }

    fn tell_unavailable(&mut self, now: Moment) {
        let waiting: Vec<ResourceId> =
            self.queue.iter().filter(|(_, queued)| matches!(queued.work, Work::Apply(_))).map(|(id, _)| id).collect();
        for id in waiting {
            self.set_verdict(&id, crate::status::Verdict::Unavailable);
            if self.next_ack(&id, now).is_some() && !self.calls.retries.waits(&id) {
                self.calls.acks.push(id, Lane::Live, now.at);
            }
        }
    }
}
