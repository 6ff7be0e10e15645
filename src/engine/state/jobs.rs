//! What comes next: batches for the store, calls to the source, and what these calls bring back.

use std::time::{Duration, Instant};

use super::{Batch, Item, Job, Moment, State, Work};
use crate::engine::lanes::Lane;
use crate::engine::target::{Ack, FinalizerChange, TargetError};
use crate::resource::{KindIndex, Resource, ResourceId};

/// One batch in this many may be a backlog batch while live work waits elsewhere.
const BACKLOG_SHARE: u32 = 4;

impl State {
    /// The next batch: one kind, live work first, kinds in turn.
    pub fn next_batch(&mut self, size: usize) -> Option<Batch> {
        let kind = self.next_kind_with_work()?;
        let queue = self.work.get_mut(kind)?;
        let only_live = queue.has_live();
        let mut items = Vec::new();
        while items.len() < size && (!only_live || queue.has_live()) {
            let Some((object, lane, queued)) = queue.pop(false) else { break };
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

    /// The next call to the source. With `hold_backlog` acknowledgements of the backlog wait: rows come first.
    /// Each comes with when the change was seen that it is about.
    pub fn next_job(&mut self, hold_backlog: bool, now: Moment) -> Option<(ResourceId, Instant, Job)> {
        if !self.outage.allows(self.calling.len(), now.at) {
            return None;
        }
        while let Some((id, lane, ())) = self.fetches.pop(false) {
            if self.start_call(&id, lane) {
                return Some((id, now.at, Job::Fetch));
            }
        }
        while let Some((id, lane, seen)) = self.acks.pop(hold_backlog) {
            if self.is_calling(&id) {
                self.recalled.insert(id, lane);
                continue;
            }
            if let Some(ack) = self.next_ack(&id, now) {
                self.start_call(&id, lane);
                return Some((id, seen, Job::Acknowledge(ack)));
            }
        }
        None
    }

    fn is_calling(&self, id: &ResourceId) -> bool {
        self.calling.contains(id)
    }

    fn start_call(&mut self, id: &ResourceId, lane: Lane) -> bool {
        let free = self.calling.insert(id.clone());
        if !free {
            self.recalled.insert(id.clone(), lane);
        }
        free
    }

    /// What would have to be made true at the source, if anything.
    pub(super) fn next_ack(&self, id: &ResourceId, now: Moment) -> Option<Ack> {
        let entry = self.index.get(id)?;
        if entry.flags.gone() {
            return None;
        }
        let ours = entry.finalizers.ours.is_some();
        let finalizer = if entry.flags.deleting() {
            if entry.flags.released() && ours {
                FinalizerChange::Remove(entry.finalizers)
            } else {
                FinalizerChange::Keep
            }
        } else if entry.synced_at > 0 && !ours {
            FinalizerChange::Add(entry.finalizers)
        } else {
            FinalizerChange::Keep
        };
        let status = entry
            .verdict
            .as_deref()
            .filter(|_| !entry.flags.deleting())
            .map(|verdict| entry.observed.next(verdict, entry.generation, entry.synced_at, now.unix))
            .filter(|status| !status.says_the_same(&entry.observed));
        (finalizer != FinalizerChange::Keep || status.is_some()).then(|| Ack {
            uid: entry.uid.to_string().into(),
            finalizer,
            status,
        })
    }

    pub fn on_acknowledged(&mut self, id: &ResourceId, ack: Ack, result: &Result<u64, TargetError>, now: Moment) {
        self.call_ended(id, result.as_ref().err(), now);
        if let Ok(version) = result
            && let Some(entry) = self.index.get_mut(id).filter(|entry| entry.uid == (&*ack.uid).into())
        {
            entry.version = entry.version.max(*version);
            if let Some(status) = ack.status {
                entry.observed = self.words.share(status);
            }
            match ack.finalizer {
                FinalizerChange::Keep => {}
                FinalizerChange::Add(before) => {
                    entry.finalizers.ours = Some(before.count);
                    entry.finalizers.count = before.count.saturating_add(1);
                }
                FinalizerChange::Remove(before) => {
                    entry.finalizers.ours = None;
                    entry.finalizers.count = before.count.saturating_sub(1);
                }
            }
        }
        self.after_call(id, now);
    }

    pub fn on_fetched(&mut self, id: &ResourceId, result: Result<Option<Resource>, TargetError>, now: Moment) {
        self.call_ended(id, result.as_ref().err(), now);
        match result {
            Ok(Some(resource)) => self.on_resource(Box::new(resource), Lane::Live, now),
            Ok(None) | Err(TargetError::Gone) => self.on_gone(id, Lane::Live, now),
            Err(_) => {}
        }
        self.after_call(id, now);
    }

    fn call_ended(&mut self, id: &ResourceId, error: Option<&TargetError>, now: Moment) {
        self.calling.remove(id);
        match error {
            Some(TargetError::Unreachable(_)) => {
                if self.outage.unanswered(now.at, now.jitter) {
                    // goes on when the outage is over, with a fresh look: the call may have arrived all the same
                    self.fetches.push(id.clone(), Lane::Backlog, ());
                    return;
                }
            }
            // a deletion comes through the watch
            None | Some(TargetError::Gone) => {
                self.outage.answered();
                self.call_retries.succeeded(id);
                return;
            }
            Some(_) => self.outage.answered(),
        }
        self.call_retries.failed(id.clone(), now.at, now.jitter);
    }

    fn after_call(&mut self, id: &ResourceId, now: Moment) {
        let lane = self.recalled.remove(id).unwrap_or(Lane::Backlog);
        if self.index.get(id).is_some_and(|entry| entry.flags.dirty()) && !self.call_retries.waits(id) {
            self.fetches.push(id.clone(), lane, ());
        } else {
            self.want_ack(id, lane, now.at, now);
        }
    }

    /// Lets everything go on whose time has come. Each retry begins with a fresh look at the resource.
    pub fn on_time(&mut self, now: Moment) {
        while let Some(id) = self.call_retries.pop_due(now.at) {
            self.fetches.push(id, Lane::Backlog, ());
        }
        while let Some(id) = self.store_retries.pop_due(now.at) {
            self.look_again(&id, Lane::Backlog);
        }
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
