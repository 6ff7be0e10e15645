//! What another program undoes, as the state sees it: of rows, finalizers and statuses.

use std::time::Duration;

use super::contests::{DueContest, UndoneAnswer};
use super::{ContestedPart, Moment, ReconcilerState, runtime_of};
use crate::reconciler::lanes::Lane;
use crate::resource::ResourceId;
use crate::source::target::{Ack, FinalizerChange, Finalizers};
use crate::status::{Reason, RuntimeReport, Status};

impl ReconcilerState {
    /// Leaves undone for now what comes back undone, and says so; `runtime` where the status is to say that it was
    /// synced.
    pub(super) fn leave_undone(
        &mut self,
        id: &ResourceId,
        part: ContestedPart,
        answer: UndoneAnswer,
        runtime: Option<RuntimeReport>,
        now: Moment,
    ) {
        if let UndoneAnswer::Undone { first } = answer {
            self.tell_undone(id, part, first);
        }
        if let Some(runtime) = runtime {
            self.set_synced(id, runtime);
            self.want_ack_if_listed(id, now);
        }
    }

    pub(super) fn tell_undone(&mut self, id: &ResourceId, part: ContestedPart, first: bool) {
        self.notices.undone.push((id.kind, part));
        if first && let Some(text) = self.contests.explanation_of(id, part) {
            self.notice(id, true, Reason::Contested.as_str(), "Repair", text);
        }
    }

    /// Whether finalizer and status stood as they should before this version of the resource, which says otherwise.
    /// While a call is under way its own patch may be what is seen.
    pub(super) fn stands_right(&self, id: &ResourceId, observed: &Status, finalizers: Finalizers, now: Moment) -> bool {
        let Some(entry) = self.index.get(id) else { return false };
        let differs = entry.finalizers != finalizers || entry.observed != *observed;
        differs
            && entry.listed > 0
            && entry.verdict.is_some()
            && !self.calls.in_flight.contains_key(id)
            && self.next_ack(id, now).is_none()
    }

    /// What stood as it should does so no more, and the resource itself has not changed: another program's work.
    pub(super) fn see_what_was_undone(&mut self, id: &ResourceId, now: Moment) {
        let Some(Ack { finalizer, status, .. }) = self.next_ack(id, now) else { return };
        let undone = [
            (ContestedPart::Finalizer, matches!(finalizer, FinalizerChange::Add(_))),
            (ContestedPart::Status, status.is_some()),
        ];
        for (part, _) in undone.into_iter().filter(|(_, undone)| *undone) {
            let answer = self.contests.undone(id, part, now);
            if answer != UndoneAnswer::Repair {
                let runtime = self.index.get(id).and_then(runtime_of).cloned();
                self.leave_undone(id, part, answer, runtime, now);
            }
        }
    }

    /// A row that was contested before a restart is no fresh difference: the repairs go on as slowly as they were.
    pub(super) fn resume_row_contest(&mut self, id: &ResourceId, now: Moment) -> bool {
        let Some(entry) = self.index.get(id) else { return false };
        let drifted = entry.verdict.is_none() && entry.flags.dirty() && !entry.flags.deleting() && entry.synced_at > 0;
        let runtime = entry.observed.words.runtime();
        if !drifted || !self.resume_contest(id, &[ContestedPart::Row], false, now) {
            return false;
        }
        if let Some(entry) = self.index.get_mut(id) {
            entry.flags.set_dirty(false);
        }
        self.set_synced(id, runtime);
        true
    }

    /// The same at the first sight of a resource whose row is right: of its finalizer, which may be off, or of what was
    /// repaired shortly before.
    pub(super) fn resume_other_contest(&mut self, id: &ResourceId, now: Moment) {
        let Some(entry) = self.index.get(id).filter(|entry| !entry.flags.deleting() && entry.synced_at > 0) else {
            return;
        };
        let Some(runtime) = runtime_of(entry).cloned() else { return };
        let off = entry.finalizers.ours.is_none();
        let parts = if off { &[ContestedPart::Finalizer][..] } else { &ContestedPart::ALL[..] };
        if self.resume_contest(id, parts, !off, now) {
            self.set_synced(id, runtime);
        }
    }

    /// Takes up the contest that the status tells of, if it is about one of these parts.
    fn resume_contest(&mut self, id: &ResourceId, of: &[ContestedPart], right: bool, now: Moment) -> bool {
        let Some(entry) = self.index.get(id).filter(|_| self.contests.resumes) else { return false };
        let (condition, since) = (&entry.observed.words.synced, entry.observed.synced_since);
        let contested = &*condition.reason == Reason::Contested.as_str();
        if !contested || !of.contains(&ContestedPart::of_text(&condition.message)) {
            return false;
        }
        let lasted = Duration::from_secs(u64::try_from(now.unix.saturating_sub(since)).unwrap_or_default());
        self.contests.resume(id, &condition.message, right, lasted, now);
        true
    }

    /// Repairs that may be made now, and repairs that have stood for a while.
    pub(super) fn go_on_with_contests(&mut self, now: Moment) {
        while let Some(due) = self.contests.pop_due(now.at) {
            match due {
                DueContest::Repair(id, ContestedPart::Row) | DueContest::Confirm(id, ContestedPart::Row) => {
                    self.look_again(&id, Lane::Backlog);
                }
                DueContest::Repair(id, _) => {
                    self.calls.fetches.push(id, Lane::Backlog, ());
                }
                DueContest::Confirm(id, part) => {
                    self.contests.is_right(&id, part, now);
                    if let Some(runtime) = self.index.get(&id).and_then(runtime_of).cloned() {
                        self.set_synced(&id, runtime);
                        self.want_ack_if_listed(&id, now);
                    }
                }
            }
        }
    }

    /// The other writer is another program from now on: an upgrade may have ended the war.
    pub fn on_other_writer(&mut self, now: Moment) {
        self.contests.make_due(now.at);
    }
}
