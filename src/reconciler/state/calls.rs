//! Calls to the source: which comes next, and what it brings back.
//!
//! An answer may be overtaken by what the watch tells meanwhile; then the watch is believed.

use std::time::Instant;

use hashbrown::{HashMap, HashSet};

use super::{ContestedPart, Job, Moment, RETRY, ReconcilerState};
use crate::backoff::Retries;
use crate::reconciler::lanes::{BACKLOG_SHARE, Lane, Lanes};
use crate::reconciler::outage::SourceOutage;
use crate::resource::{KindIndex, Resource, ResourceId};
use crate::source::Scope;
use crate::source::target::{Ack, FinalizerChange, ResourceClientError};

/// A call under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    lane: Lane,
    overtaken: Overtaken,
}

/// What the source told since a call went off: the answer may be older than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Overtaken {
    No,
    /// By some version of the resource.
    ByVersion,
    /// By its deletion, or by a list.
    ByEnd,
}

/// Calls to the source, in flight and waiting. Invariant: at most one call for a resource is in flight.
#[derive(Debug)]
pub(super) struct Calls {
    pub acks: Lanes<ResourceId, Instant>,
    pub fetches: Lanes<ResourceId, ()>,
    pub in_flight: HashMap<ResourceId, Call>,
    live_in_a_row: u32,
    /// Looked at while a list ran that covers them.
    unsure: HashSet<ResourceId>,
    /// Became due while a call for the same resource was in flight.
    pub requeue: HashMap<ResourceId, Lane>,
    pub outage: SourceOutage,
    /// Calls that failed.
    pub retries: Retries<ResourceId>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            acks: Lanes::default(),
            fetches: Lanes::default(),
            in_flight: HashMap::new(),
            live_in_a_row: 0,
            unsure: HashSet::new(),
            requeue: HashMap::new(),
            outage: SourceOutage::default(),
            retries: Retries::new(RETRY),
        }
    }
}

impl Calls {
    pub fn waiting(&self) -> usize {
        self.acks.len() + self.fetches.len() + self.requeue.len()
    }

    /// Forgets all that is due for a resource.
    pub fn forget(&mut self, id: &ResourceId) {
        self.retries.succeeded(id);
        self.acks.remove(id);
        self.fetches.remove(id);
        self.requeue.remove(id);
    }
}

impl ReconcilerState {
    /// The next call, live ones first. With `hold_backlog` acknowledgements of the backlog wait: rows come first. With
    /// no `room` nothing of the backlog is fetched, as it would queue for the store with its body.
    /// Each comes with when the change was seen that it is about.
    pub fn next_job(&mut self, hold_backlog: bool, room: bool, now: Moment) -> Option<(ResourceId, Instant, Job)> {
        if !self.calls.outage.allows(self.calls.in_flight.len(), now.at) {
            return None;
        }
        let backlog_turn = self.calls.live_in_a_row >= BACKLOG_SHARE;
        let lanes = if backlog_turn { [Lane::Backlog, Lane::Live] } else { [Lane::Live, Lane::Backlog] };
        for lane in lanes {
            let live = lane == Lane::Live;
            let fetch = if live || room { self.next_fetch(lane, now) } else { None };
            let job = match fetch {
                None if live || !hold_backlog => self.next_acknowledgement(lane, now),
                fetch => fetch,
            };
            if job.is_some() {
                self.calls.live_in_a_row = if live { self.calls.live_in_a_row.saturating_add(1) } else { 0 };
                return job;
            }
        }
        None
    }

    fn next_fetch(&mut self, lane: Lane, now: Moment) -> Option<(ResourceId, Instant, Job)> {
        while let Some((id, ())) = self.calls.fetches.pop_lane(lane) {
            if self.start_call(&id, lane) {
                return Some((id, now.at, Job::Fetch));
            }
        }
        None
    }

    fn next_acknowledgement(&mut self, lane: Lane, now: Moment) -> Option<(ResourceId, Instant, Job)> {
        while let Some((id, seen)) = self.calls.acks.pop_lane(lane) {
            let Some(ack) = self.next_ack(&id, now) else { continue };
            if self.start_call(&id, lane) {
                return Some((id, seen, Job::Acknowledge(ack)));
            }
        }
        None
    }

    /// One call a resource at a time; whatever else becomes due is looked at when that ends.
    fn start_call(&mut self, id: &ResourceId, lane: Lane) -> bool {
        if self.calls.in_flight.contains_key(id) {
            let recalled = self.calls.requeue.entry(id.clone()).or_insert(lane);
            *recalled = lane.max(*recalled);
            return false;
        }
        self.calls.in_flight.insert(id.clone(), Call { lane, overtaken: Overtaken::No });
        true
    }

    /// What would have to be made true at the source, if anything.
    pub(super) fn next_ack(&self, id: &ResourceId, now: Moment) -> Option<Ack> {
        let entry = self.index.get(id)?;
        if entry.flags.gone() {
            return None;
        }
        let foreign = self.registry.kind(id.kind).foreign.as_ref();
        if foreign.is_some_and(|foreign| !foreign.annotates) {
            return None;
        }
        let ours = entry.finalizers.ours.is_some();
        let finalizer = if foreign.is_some() {
            FinalizerChange::Keep
        } else if entry.flags.deleting() {
            if entry.flags.released() && ours {
                FinalizerChange::Remove(entry.finalizers)
            } else {
                FinalizerChange::Keep
            }
        } else if entry.synced_at > 0 && !ours && !self.contests.waits(id, ContestedPart::Finalizer) {
            FinalizerChange::Add(entry.finalizers)
        } else {
            FinalizerChange::Keep
        };
        let status = entry
            .verdict
            .as_deref()
            .filter(|_| !entry.flags.deleting() || entry.flags.released() && entry.finalizers.of_others())
            .filter(|_| !self.contests.waits(id, ContestedPart::Status))
            .map(|verdict| entry.observed.next(verdict, entry.generation, entry.synced_at, now.unix))
            .filter(|status| !status.says_the_same(&entry.observed));
        (finalizer != FinalizerChange::Keep || status.is_some()).then(|| Ack {
            uid: entry.uid.to_string().into(),
            finalizer,
            status,
        })
    }

    /// The source has told of a resource.
    pub(super) fn overtake(&mut self, id: &ResourceId, by: Overtaken) {
        if let Some(call) = self.calls.in_flight.get_mut(id) {
            call.overtaken = by.max(call.overtaken);
        }
    }

    /// A list begins or ends: an answer from before says nothing about what it holds.
    pub(super) fn overtake_all(&mut self, kind: KindIndex, scope: &Scope) {
        for (id, call) in &mut self.calls.in_flight {
            if id.kind == kind && scope.contains(&id.object.namespace) {
                call.overtaken = Overtaken::ByEnd;
            }
        }
    }

    pub fn on_acknowledged(
        &mut self,
        id: &ResourceId,
        ack: Ack,
        result: &Result<u64, ResourceClientError>,
        now: Moment,
    ) {
        self.call_ended(id, result.as_ref().err(), now);
        if let Err(error) = result {
            self.notice_unwritten(id, &ack, error);
        }
        if let Ok(version) = result {
            self.calls.retries.succeeded(id);
            if ack.finalizer != FinalizerChange::Keep {
                self.contests.acknowledged(id, ContestedPart::Finalizer, now);
            }
            if ack.status.is_some() {
                self.contests.acknowledged(id, ContestedPart::Status, now);
            }
            if !self.believe(id, ack, *version) {
                // the watch has told of a later version already: what this call wrote may be undone again
                self.see_what_was_undone(id, now);
            }
        }
        self.after_call(id, now);
    }

    /// A status that is refused tells nobody of it, and will be refused again.
    fn notice_unwritten(&mut self, id: &ResourceId, ack: &Ack, error: &ResourceClientError) {
        let refused = matches!(error, ResourceClientError::TooLarge(_) | ResourceClientError::Refused(_));
        if refused && ack.status.is_some() && self.calls.retries.failures(id) == 1 {
            self.notice(id, true, "StatusNotWritten", "Acknowledge", format!("unable to write the status: {error}"));
        }
    }

    /// Takes up what a patch has made true; false where the watch told of a later version already.
    fn believe(&mut self, id: &ResourceId, ack: Ack, version: u64) -> bool {
        let patched = |entry: &&mut crate::reconciler::index::IndexEntry| {
            entry.uid == (&*ack.uid).into() && entry.version <= version
        };
        let Some(entry) = self.index.get_mut(id).filter(patched) else { return false };
        entry.version = version;
        if let Some(status) = ack.status {
            entry.observed = self.statuses.texts.share(status);
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
        true
    }

    pub fn on_fetched(&mut self, id: &ResourceId, result: Result<Option<Resource>, ResourceClientError>, now: Moment) {
        let call = self.call_ended(id, result.as_ref().err(), now);
        let (lane, overtaken) = call.map_or((Lane::Backlog, Overtaken::No), |call| (call.lane, call.overtaken));
        let known = self.index.get(id).map_or(0, |entry| entry.version);
        let history = match (overtaken, &result) {
            (Overtaken::No, _) => false,
            (Overtaken::ByVersion, Ok(Some(resource))) => resource.version < known,
            (Overtaken::ByVersion | Overtaken::ByEnd, _) => true,
        };
        if !history && result.is_ok() {
            // its retry is what follows from the answer
            self.calls.retries.disarm(id);
            if self.lists.is_running(id) {
                // the list is not told of what comes in between
                self.calls.unsure.insert(id.clone());
            }
        }
        match result {
            Ok(_) if history => {}
            Ok(Some(resource)) => self.on_resource(Box::new(resource), lane, now),
            Ok(None) | Err(ResourceClientError::Gone) => self.on_gone(id, lane, now),
            Err(_) => {}
        }
        self.after_call(id, now);
    }

    /// Resources that were looked at while a list ran: whether it holds them says nothing.
    pub(super) fn look_again_after_list(&mut self, kind: KindIndex, scope: &Scope) {
        let in_scope = |id: &ResourceId| id.kind == kind && scope.contains(&id.object.namespace);
        let unsure: Vec<_> = self.calls.unsure.extract_if(in_scope).collect();
        for id in unsure {
            self.look_again(&id, Lane::Backlog);
        }
    }

    fn call_ended(&mut self, id: &ResourceId, error: Option<&ResourceClientError>, now: Moment) -> Option<Call> {
        let call = self.calls.in_flight.remove(id);
        match error {
            Some(ResourceClientError::Unreachable(_)) if self.calls.outage.unanswered(now.at, now.jitter) => {
                // goes on when the outage is over, with a fresh look: the call may have arrived all the same
                self.calls.fetches.push(id.clone(), Lane::Backlog, ());
            }
            Some(ResourceClientError::Unreachable(_)) => {
                self.calls.retries.failed(id.clone(), now.at, now.jitter);
            }
            Some(_) => {
                self.calls.outage.answered();
                self.calls.retries.failed(id.clone(), now.at, now.jitter);
            }
            None => self.calls.outage.answered(),
        }
        call
    }

    fn after_call(&mut self, id: &ResourceId, now: Moment) {
        let lane = self.calls.requeue.remove(id).unwrap_or(Lane::Backlog);
        let dirty = self.index.get(id).is_some_and(|entry| entry.flags.dirty());
        if dirty && !self.is_parked(id.kind) && !self.calls.retries.waits(id) {
            self.calls.fetches.push(id.clone(), lane, ());
            return;
        }
        self.want_ack(id, lane, now.at, now);
        if self.next_ack(id, now).is_none() {
            self.contests.found_right(id, ContestedPart::Finalizer, now);
            self.contests.found_right(id, ContestedPart::Status, now);
        }
        if !self.calls.retries.waits(id)
            && !self.queue.contains(id)
            && !self.calls.acks.contains(id)
            && !self.calls.fetches.contains(id)
        {
            self.calls.retries.succeeded(id);
        }
    }

    /// Lets everything go on whose time has come. Each retry begins with a fresh look at the resource.
    pub fn on_time(&mut self, now: Moment) {
        while let Some(id) = self.calls.retries.pop_due(now.at) {
            self.calls.fetches.push(id, Lane::Backlog, ());
        }
        while let Some(id) = self.queue.retries.pop_due(now.at) {
            self.look_again(&id, Lane::Backlog);
        }
        self.go_on_with_contests(now);
    }
}
