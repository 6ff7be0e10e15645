//! What another program undoes, as the state sees it: of rows, finalizers and statuses.

use std::time::Duration;

use super::contests::{Answer, Due};
use super::{ContestedPart, Moment, ReconcilerState, runtime_of};
use crate::reconciler::lanes::Lane;
use crate::resource::ResourceId;
use crate::source::target::{Ack, FinalizerChange, Finalizers};
use crate::status::{Reason, RuntimeReport, Status};

impl ReconcilerState {
    /// Leaves undone for now what comes back undone, and says so.
    pub(super) fn leave_undone(
        &mut self,
        id: &ResourceId,
        part: ContestedPart,
        answer: Answer,
        runtime: RuntimeReport,
        now: Moment,
    ) {
        self.set_synced(id, runtime);
        if let Answer::Undone { first } = answer {
            self.notices.undone.push((id.kind, part));
            if first && let Some(text) = self.contests.explanation(id) {
                self.notice(id, true, Reason::Contested.as_str(), "Repair", text);
            }
        }
        self.want_ack_if_listed(id, now);
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
            let runtime = self.index.get(id).and_then(runtime_of).cloned();
            if let Some(runtime) = runtime.filter(|_| answer != Answer::Repair) {
                self.leave_undone(id, part, answer, runtime, now);
            }
        }
    }

    /// A row that was contested before a restart is no fresh difference: the repairs go on as slowly as they were.
    pub(super) fn resume_row_contest(&mut self, id: &ResourceId, now: Moment) -> bool {
        let Some(entry) = self.index.get(id) else { return false };
        let drifted = entry.verdict.is_none() && entry.flags.dirty() && !entry.flags.deleting() && entry.synced_at > 0;
        if !drifted || !self.resume_contest(id, ContestedPart::Row, now) {
            return false;
        }
        let Some(entry) = self.index.get_mut(id) else { return false };
        entry.flags.set_dirty(false);
        let runtime = entry.observed.words.runtime();
        self.set_synced(id, runtime);
        true
    }

    /// The same of a finalizer that is off, where the status says that somebody takes it off.
    pub(super) fn resume_finalizer_contest(&mut self, id: &ResourceId, now: Moment) {
        let Some(entry) = self.index.get(id) else { return };
        let off = entry.finalizers.ours.is_none() && entry.synced_at > 0 && !entry.flags.deleting();
        let runtime = runtime_of(entry).cloned();
        if let Some(runtime) = runtime.filter(|_| off && self.resume_contest(id, ContestedPart::Finalizer, now)) {
            self.set_synced(id, runtime);
        }
    }

    fn resume_contest(&mut self, id: &ResourceId, part: ContestedPart, now: Moment) -> bool {
        let Some(entry) = self.index.get(id) else { return false };
        let condition = &entry.observed.words.synced;
        if &*condition.reason != Reason::Contested.as_str() {
            return false;
        }
        let lasted = now.unix.saturating_sub(entry.observed.synced_since);
        let lasted = Duration::from_secs(u64::try_from(lasted).unwrap_or_default());
        self.contests.resume(id, part, condition.message.to_string(), lasted, now);
        true
    }

    /// Repairs that may be made now, and repairs that have stood for a while.
    pub(super) fn go_on_with_contests(&mut self, now: Moment) {
        while let Some(due) = self.contests.pop_due(now.at) {
            match due {
                Due::Repair(id, ContestedPart::Row) | Due::Confirm(id, ContestedPart::Row) => {
                    self.look_again(&id, Lane::Backlog);
                }
                Due::Repair(id, _) => {
                    self.calls.fetches.push(id, Lane::Backlog, ());
                }
                Due::Confirm(id, part) => {
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
