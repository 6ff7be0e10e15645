//! Outcomes of resources that are not synced, on their way to the table beside the ledger.
//!
//! They go by themselves and not with batches: what is contested, parked, suspended or gone is known without one, and
//! what is synced has no outcome, so that a sync in which all goes well writes nothing more than rows and ledger.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use hashbrown::{HashMap, HashSet};

use super::ReconcilerState;
use crate::resource::{KindIndex, ObjectName, ResourceId};
use crate::source::Scope;
use crate::status::{StatusCondition, Verdict};
use crate::store::{Outcome, OutcomeChanges, OutcomeKey};

/// What the store says of resources that are not synced, and what it has to be told.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    /// What stands in the store, as the hash of generation, reason and message; `UNSURE` where an answer was lost.
    recorded: HashMap<ResourceId, u64>,
    /// What may stand there by now is not what should.
    due: HashSet<ResourceId>,
    in_flight: Vec<ResourceId>,
}

const UNSURE: u64 = 0;

fn hash(generation: i64, reason: &str, message: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (generation, reason, message).hash(&mut hasher);
    hasher.finish().max(1)
}

impl ReconcilerState {
    /// Takes up an outcome from before the start.
    pub fn remember_outcome(&mut self, outcome: &Outcome) {
        let kind = self.registry.kinds().iter().find(|kind| kind.names.kind == outcome.kind).map(|kind| kind.index);
        let Some(kind) = kind else { return };
        let id = ResourceId { kind, object: ObjectName::new(&*outcome.namespace, &*outcome.name) };
        if self.lists.covers(&id) {
            let hash = hash(outcome.generation, &outcome.reason, &outcome.message);
            self.outcomes.recorded.insert(id, hash);
        }
    }

    /// A resource has a verdict, or is gone.
    pub(super) fn note_outcome(&mut self, id: &ResourceId) {
        let synced = |verdict: &Verdict| matches!(verdict, Verdict::Synced(_));
        let fine = self.index.get(id).is_none_or(|entry| entry.verdict.as_deref().is_some_and(synced));
        if !fine || self.outcomes.recorded.contains_key(id) {
            self.outcomes.due.insert(id.clone());
        }
    }

    /// All resources of a list have been named: what is recorded of others is about resources that are gone.
    pub(super) fn look_at_outcomes(&mut self, kind: KindIndex, scope: &Scope) {
        let in_scope = |id: &&ResourceId| id.kind == kind && scope.contains(&id.object.namespace);
        self.outcomes.due.extend(self.outcomes.recorded.keys().filter(in_scope).cloned());
    }

    /// Whether outcomes are still to be written.
    #[must_use]
    pub fn outcomes_wait(&self) -> bool {
        !self.outcomes.due.is_empty() || !self.outcomes.in_flight.is_empty()
    }

    /// What the store is to be told now, at most `limit` of it; [`Self::on_outcomes`] says what became of it.
    pub fn take_outcomes(&mut self, limit: usize, cluster: &str, micros: i64) -> OutcomeChanges {
        let mut changes = OutcomeChanges::default();
        if !self.outcomes.in_flight.is_empty() {
            return changes;
        }
        while changes.put.len() + changes.remove.len() < limit {
            let Some(id) = self.outcomes.due.iter().next().cloned() else { break };
            self.outcomes.due.remove(&id);
            let Some(wanted) = self.wanted_outcome(&id) else { continue };
            let recorded = self.outcomes.recorded.get(&id).copied();
            let (kind, object) = (self.registry.kind(id.kind).names.kind.clone(), &id.object);
            let (namespace, name) = (object.namespace.to_string(), object.name.to_string());
            if let Some((generation, condition)) = wanted {
                let [reason, message] = [condition.reason, condition.message].map(|text| text.replace('\0', ""));
                let hash = hash(generation, &reason, &message);
                if recorded == Some(hash) {
                    continue;
                }
                let cluster = cluster.to_owned();
                changes.put.push(Outcome {
                    cluster,
                    kind,
                    namespace,
                    name,
                    generation,
                    reason,
                    message,
                    since: micros,
                });
                self.outcomes.recorded.insert(id.clone(), hash);
            } else {
                if recorded.is_none() {
                    continue;
                }
                changes.remove.push(OutcomeKey { kind, namespace, name });
                self.outcomes.recorded.remove(&id);
            }
            self.outcomes.in_flight.push(id);
        }
        changes
    }

    /// The store was told of outcomes, or was not.
    pub fn on_outcomes(&mut self, told: bool) {
        for id in std::mem::take(&mut self.outcomes.in_flight) {
            if !told {
                self.outcomes.recorded.insert(id.clone(), UNSURE);
                self.outcomes.due.insert(id);
            }
        }
    }

    /// Generation and condition of what is not synced, an empty answer for what is or is gone, and `None` where that is
    /// not known for now: then a verdict, a list or the end of a call brings it up again.
    #[expect(clippy::option_option, reason = "what is not known is not what is not there")]
    fn wanted_outcome(&self, id: &ResourceId) -> Option<Option<(i64, StatusCondition)>> {
        let Some(entry) = self.index.get(id) else { return self.may_remove(id.kind).then_some(None) };
        let unsettled = entry.flags.dirty() && !self.is_parked(id.kind);
        // before the source has named it, its verdict is a guess, by which a restart would write
        if entry.listed == 0 || entry.flags.gone() || entry.flags.busy() || unsettled || self.queue.contains(id) {
            return None;
        }
        match entry.verdict.as_deref()? {
            Verdict::Unavailable => None,
            Verdict::Synced(_) | Verdict::Removed { .. } => Some(None),
            verdict => Some(Some((entry.generation, verdict.synced_condition()))),
        }
    }
}
