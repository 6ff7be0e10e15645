//! The reconciler's mind: what is known, what waits, what comes next. No I/O and no clock in here; times are arguments,
//! so a simulation can drive it.

mod batches;
mod calls;
mod contested_part;
mod contests;
mod lists;
mod observe;
mod outcomes;
mod parking;
mod queue;
mod results;
mod rows;
mod undone;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet};

use super::index::{Index, IndexEntry};
use super::lanes::Lane;
use crate::backoff::Policy;
use crate::crypto::Fingerprinter;
use crate::registry::{Kind, Registry};
use crate::resource::{KindIndex, ObjectName, Resource, ResourceId};
use crate::source::Scope;
use crate::source::target::{Ack, Notice};
use crate::status::{RuntimeReport, StatusInterner, Verdict};
use crate::store::{Fingerprint, LedgerEntry};

use calls::Calls;
pub use contested_part::ContestedPart;
use contests::Contests;
use lists::Lists;
use outcomes::Outcomes;
use queue::{QueuedWork, WorkQueue};
pub use results::{BatchItem, BatchResult};
pub use rows::RowFact;

/// Retries of one resource: a failed acknowledgement, a refused row, a fetch.
const RETRY: Policy = Policy { first: Duration::from_millis(500), longest: Duration::from_mins(5) };

/// A moment, for the state and for what it writes.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub at: Instant,
    /// Seconds since the Unix epoch.
    pub unix: i64,
    /// 0..1, for spreading retries.
    pub jitter: f64,
}

/// What the reconciler is to do with resources that a complete list does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prune {
    Yes,
    No,
}

/// Work for the store: one resource.
#[derive(Clone, Debug)]
pub enum Work {
    Apply(Box<Resource>),
    Remove { key: String, retain: bool },
}

/// One piece of work on its way through the store.
#[derive(Clone, Debug)]
pub struct WorkItem {
    pub object: ObjectName,
    pub lane: Lane,
    pub work: Work,
    /// What the resource was seen with.
    pub fingerprint: Fingerprint,
    pub seen: Instant,
}

/// A batch for one table.
#[derive(Clone, Debug)]
pub struct Batch {
    pub kind: KindIndex,
    pub items: Vec<WorkItem>,
}

/// A call to the source.
#[derive(Clone, Debug)]
pub enum Job {
    Acknowledge(Ack),
    Fetch,
}

/// How many of what there are, for metrics and for knowing when all is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub queued: usize,
    pub in_store: usize,
    pub acks_waiting: usize,
    pub acks_in_flight: usize,
    pub retrying: usize,
    /// What the bodies that wait, and those in the store, take in memory.
    pub held_bytes: usize,
    /// The same at its highest.
    pub held_bytes_peak: usize,
    /// The batch in the store, where that is known.
    pub batch: Option<BatchInFlight>,
}

/// A batch in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchInFlight {
    pub kind: KindIndex,
    pub resources: usize,
    pub since: Instant,
}

/// Resources of one kind by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindCounts {
    /// For the store.
    pub waiting: usize,
    pub synced: usize,
    pub failed: usize,
    pub suspended: usize,
    /// Another program undoes what the operator writes.
    pub contested: usize,
    /// Not settled yet, or waiting for a store that is away.
    pub pending: usize,
}

/// All that the reconciler knows, in parts with one invariant each.
#[derive(Debug)]
pub struct ReconcilerState {
    registry: Arc<Registry>,
    fingerprinter: Arc<Fingerprinter>,
    prune: Prune,
    index: Index,
    queue: WorkQueue,
    calls: Calls,
    lists: Lists,
    contests: Contests,
    parked: HashMap<KindIndex, Arc<Verdict>>,
    statuses: Statuses,
    notices: Notices,
    outcomes: Outcomes,
    commits: u64,
    sweeps: u32,
}

/// What is to be told to others since they last asked.
#[derive(Debug, Default)]
struct Notices {
    events: Vec<(ResourceId, Notice)>,
    undone: Vec<(KindIndex, ContestedPart)>,
}

/// One shared copy of each distinct text and outcome: thousands of resources say the same.
#[derive(Debug, Default)]
struct Statuses {
    texts: StatusInterner,
    outcomes: HashSet<Arc<Verdict>, hashbrown::DefaultHashBuilder>,
    collect_at: usize,
}

impl Statuses {
    fn share(&mut self, verdict: Verdict) -> Arc<Verdict> {
        if let Some(shared) = self.outcomes.get(&verdict) {
            return Arc::clone(shared);
        }
        if self.outcomes.len() >= self.collect_at {
            self.outcomes.retain(|verdict| Arc::strong_count(verdict) > 1);
            self.collect_at = (2 * self.outcomes.len()).max(256);
        }
        let shared = Arc::new(verdict);
        self.outcomes.insert(Arc::clone(&shared));
        shared
    }
}

impl ReconcilerState {
    /// `scopes` is what the source covers: the first lists that must end before all is known.
    #[must_use]
    pub fn new(
        registry: Arc<Registry>,
        fingerprinter: Arc<Fingerprinter>,
        prune: Prune,
        scopes: Vec<(KindIndex, Scope)>,
    ) -> Self {
        let kinds = registry.kinds().len();
        Self {
            registry,
            fingerprinter,
            prune,
            index: Index::new(kinds),
            queue: WorkQueue::new(kinds),
            calls: Calls::default(),
            lists: Lists::new(scopes),
            contests: Contests::default(),
            parked: HashMap::new(),
            statuses: Statuses::default(),
            notices: Notices::default(),
            outcomes: Outcomes::default(),
            commits: 0,
            sweeps: 0,
        }
    }

    /// Takes up what the ledger remembers; entries of kinds that the registry does not have, and of namespaces that
    /// the source does not cover, are left alone.
    pub fn remember(&mut self, ledger: LedgerEntry) {
        let Some(kind) = self.registry.labelled(&ledger.kind).map(|kind| kind.index) else { return };
        let id = ResourceId { kind, object: ledger.object };
        if !self.lists.covers(&id) {
            return;
        }
        let mut entry = IndexEntry::new(ledger.uid.as_str().into());
        entry.generation = ledger.generation;
        entry.fingerprint = ledger.fingerprint;
        entry.row_fingerprint = ledger.row_fingerprint;
        entry.synced_at = ledger.synced_at.div_euclid(1_000_000);
        entry.flags.set_retain(ledger.retain);
        self.index.insert(&id, entry);
        self.index.set_key(&id, &ledger.key);
    }

    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            queued: self.queued(),
            in_store: self.queue.in_store,
            acks_waiting: self.calls.waiting(),
            acks_in_flight: self.calls.in_flight.len(),
            retrying: self.calls.retries.waiting() + self.queue.retries.waiting() + self.contests.unsettled(),
            held_bytes: self.queue.held_bytes(),
            held_bytes_peak: self.queue.held_bytes_peak,
            batch: None,
        }
    }

    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// What the bodies that wait, and those in the store, take in memory.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.queue.held_bytes()
    }

    /// How many resources of each kind are in which state.
    #[must_use]
    pub fn by_kind(&self) -> Vec<KindCounts> {
        let count = |kind: &Kind| {
            let mut counts = KindCounts { waiting: self.queue.of_kind(kind.index).len(), ..KindCounts::default() };
            for (_, entry) in self.index.of_kind(kind.index) {
                match entry.verdict.as_deref() {
                    Some(Verdict::Synced(_)) => counts.synced += 1,
                    Some(Verdict::Failed { .. }) => counts.failed += 1,
                    Some(Verdict::Suspended) => counts.suspended += 1,
                    Some(Verdict::Contested { .. }) => counts.contested += 1,
                    // neither synced nor failed, and about to go
                    Some(Verdict::Unavailable | Verdict::Parked { .. } | Verdict::Removed { .. }) | None => {
                        counts.pending += 1;
                    }
                }
            }
            counts
        };
        self.registry.kinds().iter().map(count).collect()
    }

    /// Whether every first list has ended.
    #[must_use]
    pub fn listed(&self) -> bool {
        self.lists.all_ended()
    }

    /// Whether every first list has ended that comes at all: nobody waits for a CRD that is not installed.
    #[must_use]
    pub fn listed_what_comes(&self) -> bool {
        self.lists.all_ended_that_come()
    }

    /// Whether nothing is left to do but to wait for changes and retries.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.listed() && self.idle_but_for_lists_that_fail()
    }

    /// The same, without waiting for lists that do not come.
    #[must_use]
    pub fn idle_but_for_lists_that_fail(&self) -> bool {
        let load = self.load();
        self.listed_what_comes() && load.queued + load.in_store + load.acks_waiting + load.acks_in_flight == 0
    }

    /// The count of commits so far: what was read before a commit ended says nothing about what it wrote.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits
    }

    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Forgets what the statuses say of contests from before the start.
    pub fn resume_no_contest(&mut self) {
        self.contests.resumes = false;
    }

    /// Events to publish since the last call.
    pub fn take_notices(&mut self) -> Vec<(ResourceId, Notice)> {
        std::mem::take(&mut self.notices.events)
    }

    /// What another program was seen to have undone since the last call.
    pub fn take_undone(&mut self) -> Vec<(KindIndex, ContestedPart)> {
        std::mem::take(&mut self.notices.undone)
    }

    /// When something becomes due by itself.
    pub fn next_due(&mut self) -> Option<Instant> {
        let due = [self.calls.retries.next_due(), self.queue.retries.next_due(), self.contests.next_due()];
        due.into_iter().flatten().min()
    }

    /// When a source that is away may be called again; may have passed, where nobody wants to call.
    #[must_use]
    pub fn next_call(&self) -> Option<Instant> {
        self.calls.outage.next_try()
    }

    fn set_verdict(&mut self, id: &ResourceId, verdict: Verdict) {
        let verdict = self.statuses.share(verdict);
        if let Some(entry) = self.index.get_mut(id) {
            entry.verdict = Some(verdict);
        }
        self.note_outcome(id);
    }

    /// The verdict on a resource whose row equals it, or did before another program undid that.
    fn set_synced(&mut self, id: &ResourceId, runtime: RuntimeReport) {
        let verdict = match self.contests.explanation(id) {
            Some(text) => Verdict::Contested { text, runtime },
            None => Verdict::Synced(runtime),
        };
        self.set_verdict(id, verdict);
    }

    /// Queues work for the store; what its kind is parked for waits at the source, without its body.
    fn queue_work(&mut self, id: &ResourceId, lane: Lane, work: Work, seen: Instant) {
        if self.is_parked(id.kind) {
            self.leave_parked(id);
            return;
        }
        let entry = self.index.get(id);
        let fingerprint = entry.map(|entry| entry.fingerprint).unwrap_or_default();
        // the row is read before it is written or removed
        let row = entry.map_or(0, |entry| entry.size.bytes());
        let bytes = match &work {
            Work::Apply(resource) => resource.weight().max(row),
            Work::Remove { .. } => row,
        };
        self.queue.push(id, lane, QueuedWork { work, fingerprint, seen, bytes });
    }

    /// Looks at a resource afresh, whatever its fingerprint says.
    fn look_again(&mut self, id: &ResourceId, lane: Lane) {
        if let Some(entry) = self.index.get_mut(id) {
            entry.flags.set_dirty(true);
        }
        // one whose kind is parked is looked at when that ends
        if self.is_parked(id.kind) {
            return;
        }
        // where the first list has yet to name it, it will come by itself
        let seen = self.index.get(id).is_some_and(|entry| entry.listed > 0);
        if !seen && self.lists.awaits(id) {
            return;
        }
        self.calls.fetches.push(id.clone(), lane, ());
    }
}

/// What the runtime says, of an entry that has a row.
fn runtime_of(entry: &IndexEntry) -> Option<&RuntimeReport> {
    match entry.verdict.as_deref() {
        Some(Verdict::Synced(runtime) | Verdict::Contested { runtime, .. }) => Some(runtime),
        _ => None,
    }
}
