//! What the source tells.

use std::time::Instant;

use super::calls::Overtaken;
use super::{Moment, Prune, ReconcilerState, Work};
use crate::desired::retains;
use crate::orlojd::LAST_APPLIED;
use crate::reconciler::index::{IndexEntry, SizeClass, Uid};
use crate::reconciler::lanes::Lane;
use crate::resource::{KindIndex, Resource, ResourceId};
use crate::source::target::Finalizers;
use crate::source::{Scope, SourceEvent};
use crate::status::{Reason, Status, Verdict};
use crate::store::Fingerprint;

impl ReconcilerState {
    pub fn on_source(&mut self, event: SourceEvent, now: Moment) {
        match event {
            SourceEvent::ListStarted { kind, scope } => {
                self.overtake_all(kind, &scope);
                self.lists.start(kind, scope);
            }
            SourceEvent::Listed(resource) => {
                self.overtake(&resource.id, Overtaken::ByVersion);
                self.on_resource(resource, Lane::Backlog, now);
            }
            SourceEvent::ListEnded { kind, scope } => {
                self.overtake_all(kind, &scope);
                self.on_list_end(kind, &scope, now);
                self.look_again_after_list(kind, &scope);
            }
            SourceEvent::Changed(resource) => {
                self.overtake(&resource.id, Overtaken::ByVersion);
                self.on_resource(resource, Lane::Live, now);
            }
            SourceEvent::Deleted(resource) => {
                self.overtake(&resource.id, Overtaken::ByEnd);
                let retain = retains(&resource);
                if let Some(entry) =
                    self.index.get_mut(&resource.id).filter(|entry| entry.uid == (&*resource.uid).into())
                {
                    entry.flags.set_retain(retain);
                    self.on_gone(&resource.id, Lane::Live, now);
                }
            }
            SourceEvent::Failing { kind, scope } => {
                self.lists.fail(kind, scope);
            }
            SourceEvent::Incomplete { kind } => {
                self.lists.mark_incomplete(kind);
            }
        }
    }

    /// A resource, as listed, watched or fetched.
    pub fn on_resource(&mut self, resource: Box<Resource>, lane: Lane, now: Moment) {
        let fingerprint = self.fingerprint(&resource);
        let uid = Uid::from(&*resource.uid);
        let observed = self.statuses.texts.share(Status::from_json(&resource.status));
        let id = resource.id.clone();
        let lists = self.lists.begun();
        if self.index.get(&id).is_none() {
            self.index.insert(&id, IndexEntry::new(uid.clone()));
        }
        let queued = self.queue.contains(&id);
        let finalizers = Finalizers::of(&resource.finalizers);
        let stood_right = self.stands_right(&id, &observed, finalizers, now);
        let Some(entry) = self.index.get_mut(&id) else { return };
        let first_sight = entry.listed == 0;
        entry.listed = lists;
        let older = resource.version != 0 && resource.version < entry.version;
        // a list or a look that was asked for is believed whatever its versions are: an API server restored from a
        // backup counts from further back
        if older && lane == Lane::Live && !entry.flags.dirty() {
            return;
        }
        entry.version = resource.version;
        let recreated = entry.uid != uid;
        let known = !recreated
            && entry.fingerprint == fingerprint
            && entry.flags.deleting() == resource.deleting
            && !entry.flags.dirty()
            && !entry.flags.gone()
            && (entry.verdict.is_some() || queued || entry.flags.busy());
        if recreated || !older {
            entry.observed = observed;
            entry.finalizers = finalizers;
        }
        entry.uid = uid;
        entry.size = SizeClass::of(resource.weight());
        entry.flags.set_released(entry.flags.released() && resource.deleting && !recreated);
        entry.flags.set_gone(false);
        entry.flags.set_retain(retains(&resource));
        entry.flags.set_deleting(resource.deleting);
        if known {
            if stood_right {
                self.see_what_was_undone(&id, now);
            } else if first_sight {
                self.resume_other_contest(&id, now);
            }
            self.want_ack(&id, lane, now.at, now);
            return;
        }
        let same = entry.fingerprint == fingerprint;
        if same && self.resume_row_contest(&id, now) {
            self.want_ack(&id, lane, now.at, now);
            return;
        }
        if !same {
            // whoever undid what was written before may well leave this
            self.contests.forget_all(&id);
        }
        let Some(entry) = self.index.get_mut(&id) else { return };
        entry.fingerprint = fingerprint;
        entry.generation = resource.generation;
        entry.flags.set_dirty(false);
        if entry.flags.deleting() && entry.flags.released() {
            self.want_ack(&id, lane, now.at, now);
            return;
        }
        let work = if resource.deleting { self.removal(&resource) } else { Work::Apply(resource) };
        self.queue_work(&id, lane, work, now.at);
        // one whose kind is parked says so
        self.want_ack(&id, lane, now.at, now);
    }

    /// The resource exists no more.
    pub fn on_gone(&mut self, id: &ResourceId, lane: Lane, now: Moment) {
        let Some(entry) = self.index.get_mut(id) else { return };
        entry.flags.set_gone(true);
        self.calls.acks.remove(id);
        self.calls.fetches.remove(id);
        if entry.flags.released() {
            self.forget(id);
            return;
        }
        let retain = entry.flags.retain();
        let work = Work::Remove { key: id.object.to_string(), retain };
        self.queue_work(id, lane, work, now.at);
    }

    fn on_list_end(&mut self, kind: KindIndex, scope: &Scope, now: Moment) {
        self.index.trim(kind);
        self.look_at_outcomes(kind, scope);
        let Some(started) = self.lists.end(kind, scope).filter(|_| self.prune == Prune::Yes) else { return };
        let vanished: Vec<_> = self
            .index
            .of_kind(kind)
            .filter(|(object, entry)| entry.listed < started && scope.contains(&object.namespace))
            .map(|(object, _)| ResourceId { kind, object: object.clone() })
            .collect();
        for id in vanished {
            self.on_gone(&id, Lane::Backlog, now);
        }
    }

    pub(super) fn forget(&mut self, id: &ResourceId) {
        self.index.remove(id);
        self.calls.forget(id);
        self.queue.retries.succeeded(id);
        self.contests.forget_all(id);
        self.note_outcome(id);
    }

    fn removal(&self, resource: &Resource) -> Work {
        let key = self.registry.kind(resource.id.kind).removal_key(resource);
        Work::Remove { key, retain: retains(resource) }
    }

    /// Keyed hash of all that the row and the status depend on.
    fn fingerprint(&self, resource: &Resource) -> Fingerprint {
        let kind = self.registry.kind(resource.id.kind);
        let spec = resource.spec.to_string();
        let generation = resource.generation.to_be_bytes();
        let mut parts: Vec<&[u8]> =
            vec![&kind.meaning, resource.uid.as_bytes(), &generation, spec.as_bytes(), b"labels"];
        for (key, value) in &resource.labels {
            parts.extend([key.as_bytes(), value.as_bytes()]);
        }
        parts.push(b"annotations");
        for (key, value) in resource.annotations.iter().filter(|(key, _)| *key != LAST_APPLIED) {
            parts.extend([key.as_bytes(), value.as_bytes()]);
        }
        if let Some(why) = &resource.unreadable {
            parts.extend([b"unreadable", why.as_bytes()]);
        }
        self.fingerprinter.fingerprint(kind.sensitive, parts.into_iter())
    }

    /// Whether the status still has to be told, or the finalizer changed; queues the call if so. `seen` is when the
    /// change was seen that it is about. While a failed call waits for its retry, a live change has the next look at
    /// once: the patch itself may rest on what is no longer so.
    pub(super) fn want_ack(&mut self, id: &ResourceId, lane: Lane, seen: Instant, now: Moment) {
        if self.queue.contains(id) {
            return; // what the store makes of it comes first
        }
        if self.next_ack(id, now).is_some() {
            if !self.calls.retries.waits(id) {
                self.calls.acks.push(id.clone(), lane, seen);
            } else if lane == Lane::Live {
                self.calls.fetches.push(id.clone(), lane, ());
            }
        } else {
            self.calls.acks.remove(id);
        }
    }

    pub(super) fn fail(&mut self, id: &ResourceId, reason: Reason, text: String) {
        let verdict = Verdict::Failed { reason, text };
        if !self.index.get(id).is_some_and(|entry| entry.has_told(&verdict)) {
            self.notice_failure(id, &verdict);
        }
        self.set_verdict(id, verdict);
    }
}
