//! The reconciler's mind: what is known, what waits, what comes next. No I/O and no clock in here; times are arguments,
//! so a simulation can drive it.

mod batches;
mod calls;
mod contests;
mod observe;
mod results;
mod rows;
mod undone;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet};

use super::index::{Entry, Index};
use super::lanes::{Lane, Lanes};
use super::outage::Outage;
use crate::backoff::{Policy, Retries};
use crate::crypto::Fingerprinter;
use crate::registry::{Kind, Registry};
use crate::resource::{KindIndex, ObjectName, Resource, ResourceId};
use crate::source::Scope;
use crate::source::target::{Ack, Notice};
use crate::status::{Runtime, Verdict, WordPool};
use crate::store::{Fingerprint, LedgerEntry};

pub use contests::ContestedPart;
use contests::Contests;
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
pub struct Item {
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
    pub items: Vec<Item>,
}

/// A call to the source.
#[derive(Clone, Debug)]
pub enum Job {
    Acknowledge(Ack),
    Fetch,
}

#[derive(Debug)]
struct Queued {
    work: Work,
    fingerprint: Fingerprint,
    seen: Instant,
}

/// How many of what there are, for metrics and for knowing when all is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub queued: usize,
    pub in_store: usize,
    pub acks_waiting: usize,
    pub acks_in_flight: usize,
    pub retrying: usize,
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

#[derive(Debug)]
pub struct State {
    registry: Arc<Registry>,
    fingerprinter: Arc<Fingerprinter>,
    prune: Prune,
    index: Index,
    /// By kind: objects that wait for the store, with their bodies.
    work: Vec<Lanes<ObjectName, Queued>>,
    /// Where the next search for a batch begins, so that kinds take turns.
    next_kind: usize,
    live_batches_in_a_row: u32,
    acks: Lanes<ResourceId, Instant>,
    fetches: Lanes<ResourceId, ()>,
    /// Calls in flight; one a resource at a time.
    calling: HashMap<ResourceId, calls::Call>,
    live_calls_in_a_row: u32,
    /// Looked at while a list ran that covers them.
    unsure: HashSet<ResourceId>,
    /// Became due while a call for the same resource was in flight.
    recalled: HashMap<ResourceId, Lane>,
    outage: Outage,
    /// Calls to the source that failed.
    call_retries: Retries<ResourceId>,
    /// Rows that the store refused.
    store_retries: Retries<ResourceId>,
    /// Who waits for a key that somebody else owns.
    claimants: HashMap<(KindIndex, String), Vec<ObjectName>>,
    /// What the source covers; resources elsewhere are none of our business.
    scopes: Vec<(KindIndex, Scope)>,
    /// First lists that have not ended yet.
    unlisted: HashSet<(KindIndex, Scope)>,
    /// Lists that do not come for now.
    failing: HashSet<(KindIndex, Scope)>,
    /// Lists under way, and the position in `lists` at which each began.
    listing: HashMap<(KindIndex, Scope), u64>,
    /// Kinds whose source said that its lists are not complete.
    incomplete: HashSet<KindIndex>,
    lists: u64,
    commits: u64,
    sweeps: u32,
    in_store: usize,
    words: WordPool,
    verdicts: HashSet<Arc<Verdict>, hashbrown::DefaultHashBuilder>,
    notices: Vec<(ResourceId, Notice)>,
    contests: Contests,
    /// What was seen undone since the last look.
    undone: Vec<(KindIndex, ContestedPart)>,
    store_down_since: Option<Instant>,
}

impl State {
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
            work: (0..kinds).map(|_| Lanes::default()).collect(),
            next_kind: 0,
            live_batches_in_a_row: 0,
            acks: Lanes::default(),
            fetches: Lanes::default(),
            calling: HashMap::new(),
            live_calls_in_a_row: 0,
            unsure: HashSet::new(),
            recalled: HashMap::new(),
            outage: Outage::default(),
            call_retries: Retries::new(RETRY),
            store_retries: Retries::new(RETRY),
            claimants: HashMap::new(),
            unlisted: scopes.iter().cloned().collect(),
            scopes,
            failing: HashSet::new(),
            listing: HashMap::new(),
            incomplete: HashSet::new(),
            lists: 0,
            commits: 0,
            sweeps: 0,
            in_store: 0,
            words: WordPool::default(),
            verdicts: HashSet::default(),
            notices: Vec::new(),
            contests: Contests::default(),
            undone: Vec::new(),
            store_down_since: None,
        }
    }

    fn covers(&self, id: &ResourceId) -> bool {
        self.scopes.iter().any(|(kind, scope)| *kind == id.kind && scope.contains(&id.object.namespace))
    }

    /// Takes up what the ledger remembers; entries of kinds that the registry does not have, and of namespaces that
    /// the source does not cover, are left alone.
    pub fn remember(&mut self, ledger: LedgerEntry) {
        let Some(kind) =
            self.registry.kinds().iter().find(|kind| kind.names.kind == ledger.kind).map(|kind| kind.index)
        else {
            return;
        };
        let id = ResourceId { kind, object: ledger.object };
        if !self.covers(&id) {
            return;
        }
        let mut entry = Entry::new(ledger.uid.as_str().into());
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
            in_store: self.in_store,
            acks_waiting: self.acks.len() + self.fetches.len() + self.recalled.len(),
            acks_in_flight: self.calling.len(),
            retrying: self.call_retries.waiting() + self.store_retries.waiting() + self.contests.unsettled(),
            batch: None,
        }
    }

    #[must_use]
    pub fn queued(&self) -> usize {
        self.work.iter().map(Lanes::len).sum()
    }

    /// How many resources of each kind are in which state.
    #[must_use]
    pub fn by_kind(&self) -> Vec<KindCounts> {
        let tally = |(kind, queue): (&Kind, &Lanes<ObjectName, Queued>)| {
            let mut tally = KindCounts { waiting: queue.len(), ..KindCounts::default() };
            for (_, entry) in self.index.of_kind(kind.index) {
                match entry.verdict.as_deref() {
                    Some(Verdict::Synced(_)) => tally.synced += 1,
                    Some(Verdict::Failed { .. }) => tally.failed += 1,
                    Some(Verdict::Suspended) => tally.suspended += 1,
                    Some(Verdict::Contested { .. }) => tally.contested += 1,
                    Some(Verdict::Unavailable) | None => tally.pending += 1,
                }
            }
            tally
        };
        self.registry.kinds().iter().zip(&self.work).map(tally).collect()
    }

    /// Whether every first list has ended.
    #[must_use]
    pub fn listed(&self) -> bool {
        self.unlisted.is_empty()
    }

    /// Whether every first list has ended that comes at all: nobody waits for a CRD that is not installed.
    #[must_use]
    pub fn listed_what_comes(&self) -> bool {
        self.unlisted.is_subset(&self.failing)
    }

    /// Whether nothing is left to do but to wait for changes and retries.
    #[must_use]
    pub fn idle(&self) -> bool {
        let load = self.load();
        self.listed() && load.queued + load.in_store + load.acks_waiting + load.acks_in_flight == 0
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

    /// Events to publish since the last call.
    pub fn take_notices(&mut self) -> Vec<(ResourceId, Notice)> {
        std::mem::take(&mut self.notices)
    }

    /// What another program was seen to have undone since the last call.
    pub fn take_undone(&mut self) -> Vec<(KindIndex, ContestedPart)> {
        std::mem::take(&mut self.undone)
    }

    /// When something becomes due by itself.
    pub fn next_due(&mut self) -> Option<Instant> {
        let due = [self.call_retries.next_due(), self.store_retries.next_due(), self.contests.next_due()];
        due.into_iter().flatten().min()
    }

    /// When a source that is away may be called again; may have passed, where nobody wants to call.
    #[must_use]
    pub fn next_call(&self) -> Option<Instant> {
        self.outage.next_try()
    }

    fn share_verdict(&mut self, verdict: Verdict) -> Arc<Verdict> {
        if let Some(shared) = self.verdicts.get(&verdict) {
            return Arc::clone(shared);
        }
        if self.verdicts.len() > 256 {
            self.verdicts.retain(|verdict| Arc::strong_count(verdict) > 1);
        }
        let shared = Arc::new(verdict);
        self.verdicts.insert(Arc::clone(&shared));
        shared
    }

    fn set_verdict(&mut self, id: &ResourceId, verdict: Verdict) {
        let verdict = self.share_verdict(verdict);
        if let Some(entry) = self.index.get_mut(id) {
            entry.verdict = Some(verdict);
        }
    }

    /// The verdict on a resource whose row equals it, or did before another program undid that.
    fn set_synced(&mut self, id: &ResourceId, runtime: Runtime) {
        let verdict = match self.contests.explanation(id) {
            Some(text) => Verdict::Contested { text, runtime },
            None => Verdict::Synced(runtime),
        };
        self.set_verdict(id, verdict);
    }

    fn queue_work(&mut self, id: &ResourceId, lane: Lane, work: Work, seen: Instant) {
        let fingerprint = self.index.get(id).map(|entry| entry.fingerprint).unwrap_or_default();
        if let Some(queue) = self.work.get_mut(usize::from(id.kind.0)) {
            queue.push(id.object.clone(), lane, Queued { work, fingerprint, seen });
        }
    }

    fn is_queued(&self, id: &ResourceId) -> bool {
        self.work.get(usize::from(id.kind.0)).is_some_and(|queue| queue.contains(&id.object))
    }

    /// Looks at a resource afresh, whatever its fingerprint says.
    fn look_again(&mut self, id: &ResourceId, lane: Lane) {
        if let Some(entry) = self.index.get_mut(id) {
            entry.flags.set_dirty(true);
        }
        // where the first list has yet to name it, it will come by itself
        let seen = self.index.get(id).is_some_and(|entry| entry.listed > 0);
        if !seen && self.unlisted.iter().any(|(kind, scope)| *kind == id.kind && scope.contains(&id.object.namespace)) {
            return;
        }
        self.fetches.push(id.clone(), lane, ());
    }
}

/// What the runtime says, of an entry that has a row.
fn runtime_of(entry: &Entry) -> Option<&Runtime> {
    match entry.verdict.as_deref() {
        Some(Verdict::Synced(runtime) | Verdict::Contested { runtime, .. }) => Some(runtime),
        _ => None,
    }
}
