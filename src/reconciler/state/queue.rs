//! Work that waits for the store, by kind.

use std::time::Instant;

use hashbrown::HashMap;

use super::{RETRY, Work};
use crate::backoff::Retries;
use crate::reconciler::lanes::{BACKLOG_SHARE, Lane, Lanes};
use crate::resource::{KindIndex, ObjectName, ResourceId};
use crate::store::Fingerprint;

/// One resource that waits, with its body.
#[derive(Debug)]
pub(super) struct QueuedWork {
    pub work: Work,
    pub fingerprint: Fingerprint,
    pub seen: Instant,
    /// What its body takes in memory, or its row where that is more.
    pub bytes: usize,
}

/// A resource on its way out of the queue.
type Taken = (ObjectName, Lane, QueuedWork);

/// The queue. Invariant: a resource waits in it at most once.
#[derive(Debug)]
pub(super) struct WorkQueue {
    by_kind: Vec<Lanes<ObjectName, QueuedWork>>,
    /// Where the next search for a batch begins, so that kinds take turns.
    next_kind: usize,
    live_in_a_row: u32,
    /// What all that waits takes in memory.
    bytes: usize,
    /// Resources that were taken and have not come back.
    pub in_store: usize,
    /// What those take in memory.
    pub bytes_in_store: usize,
    /// What both took together, at most.
    pub held_bytes_peak: usize,
    /// Rows that the store refused.
    pub retries: Retries<ResourceId>,
    /// Who waits for a key that somebody else owns, by the first kind that has rows in its table.
    pub claimants: HashMap<(KindIndex, String), Vec<ResourceId>>,
    pub store_down_since: Option<Instant>,
}

impl WorkQueue {
    pub fn new(kinds: usize) -> Self {
        Self {
            by_kind: (0..kinds).map(|_| Lanes::default()).collect(),
            next_kind: 0,
            live_in_a_row: 0,
            bytes: 0,
            in_store: 0,
            bytes_in_store: 0,
            held_bytes_peak: 0,
            retries: Retries::new(RETRY),
            claimants: HashMap::new(),
            store_down_since: None,
        }
    }

    pub fn len(&self) -> usize {
        self.by_kind.iter().map(Lanes::len).sum()
    }

    pub fn of_kind(&self, kind: KindIndex) -> &Lanes<ObjectName, QueuedWork> {
        &self.by_kind[usize::from(kind.0)]
    }

    pub fn contains(&self, id: &ResourceId) -> bool {
        self.of_kind(id.kind).contains(&id.object)
    }

    pub fn push(&mut self, id: &ResourceId, lane: Lane, work: QueuedWork) {
        self.bytes += work.bytes;
        let before = self.by_kind[usize::from(id.kind.0)].push(id.object.clone(), lane, work);
        self.bytes -= before.map_or(0, |before| before.bytes);
        self.held_bytes_peak = self.held_bytes_peak.max(self.held_bytes());
    }

    /// What all that waits or is in the store takes in memory.
    pub fn held_bytes(&self) -> usize {
        self.bytes + self.bytes_in_store
    }

    /// Forgets all that waits of a kind.
    pub fn clear(&mut self, kind: KindIndex) {
        if let Some(queue) = self.by_kind.get_mut(usize::from(kind.0)) {
            self.bytes -= queue.iter().map(|(_, queued)| queued.bytes).sum::<usize>();
            *queue = Lanes::default();
        }
    }

    /// All that waits, with its work.
    pub fn iter(&self) -> impl Iterator<Item = (ResourceId, &QueuedWork)> {
        (0_u16..).map(KindIndex).zip(&self.by_kind).flat_map(|(kind, queue)| {
            queue.iter().map(move |(object, queued)| (ResourceId { kind, object: object.clone() }, queued))
        })
    }

    /// Takes the next items of one kind, live work first, kinds in turn: at most `size`, and none beyond `bytes`.
    pub fn take(&mut self, size: usize, bytes: usize) -> Option<(KindIndex, Vec<Taken>)> {
        let kind = self.next_kind_with_work()?;
        let queue = self.by_kind.get_mut(kind)?;
        let only_live = queue.has_live();
        let (mut items, mut taken) = (Vec::new(), 0);
        while items.len() < size && taken < bytes && (!only_live || queue.has_live()) {
            let Some(item) = queue.pop() else { break };
            taken += item.2.bytes;
            items.push(item);
        }
        self.in_store += items.len();
        self.bytes -= taken;
        // one batch is in the store at a time
        self.bytes_in_store = taken;
        Some((KindIndex(u16::try_from(kind).ok()?), items))
    }

    fn next_kind_with_work(&mut self) -> Option<usize> {
        let kinds = self.by_kind.len();
        let turn = |wanted: fn(&Lanes<_, _>) -> bool| {
            let mut order = (0..kinds).map(|offset| (self.next_kind + offset) % kinds);
            order.find(|kind| self.by_kind.get(*kind).is_some_and(wanted))
        };
        let (live, backlog) = (turn(Lanes::has_live), turn(Lanes::has_backlog));
        let take_backlog = live.is_none() || (backlog.is_some() && self.live_in_a_row >= BACKLOG_SHARE);
        let kind = if take_backlog { backlog } else { live }?;
        self.live_in_a_row = if take_backlog { 0 } else { self.live_in_a_row + 1 };
        self.next_kind = (kind + 1) % kinds;
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &mut WorkQueue, name: &str, bytes: usize) {
        let id = ResourceId { kind: KindIndex(0), object: ObjectName::new("a", name) };
        let work = Work::Remove { key: id.object.to_string(), retain: false };
        queue.push(
            &id,
            Lane::Live,
            QueuedWork { work, fingerprint: Fingerprint::default(), seen: Instant::now(), bytes },
        );
    }

    #[test]
    fn a_batch_ends_at_its_bytes_and_a_giant_has_one_alone() {
        let mut queue = WorkQueue::new(1);
        for (name, bytes) in [("a", 10), ("b", 10), ("c", 10), ("giant", 1_000), ("d", 10)] {
            push(&mut queue, name, bytes);
        }
        push(&mut queue, "d", 20);
        assert_eq!(
            (queue.held_bytes(), queue.held_bytes_peak),
            (1_050, 1_050),
            "a newer one takes the older one's place"
        );
        let sizes: Vec<_> = std::iter::from_fn(|| queue.take(3, 15).map(|(_, items)| items.len())).collect();
        assert_eq!(sizes, [2, 2, 1]);
        assert_eq!(queue.held_bytes(), 20, "the last batch is in the store");
    }
}
