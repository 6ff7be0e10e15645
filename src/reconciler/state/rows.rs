//! What the rows themselves say: runtime phases that come back, drift, lost rows, orphans.

use super::contests::UndoneAnswer;
use super::{ContestedPart, Moment, Prune, ReconcilerState, Work, runtime_of};
use crate::reconciler::index::SizeClass;
use crate::reconciler::lanes::Lane;
use crate::resource::{KindIndex, ObjectName, ResourceId};
use crate::status::{RuntimeReport, Verdict};
use crate::store::{Fingerprint, LedgerEntry};

/// A row as the reader found it, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFact {
    pub key: String,
    /// Of what the row means.
    pub fingerprint: Fingerprint,
    /// The same with what normalisation fills in, where the row lacks nothing else.
    pub completed: Option<Fingerprint>,
    /// No secret material in the clear though a key is configured.
    pub sealed: bool,
    /// Holds values that cannot be opened: then nothing is known of its meaning.
    pub unreadable: bool,
    pub runtime: RuntimeReport,
    /// What it takes in memory.
    pub bytes: usize,
    /// The resource it says it was written for, if it carries our mark.
    pub written_for: Option<ObjectName>,
}

impl RowFact {
    /// Whether the row means what a row of this fingerprint means.
    pub(crate) fn means(&self, wanted: Fingerprint) -> bool {
        self.sealed && !self.unreadable && (self.fingerprint == wanted || self.completed == Some(wanted))
    }
}

impl ReconcilerState {
    /// Begins a sweep; every row of the store is to follow, then [`ReconcilerState::end_sweep`].
    pub fn begin_sweep(&mut self, now: Moment) {
        self.contests.purge(now.at);
        self.sweeps = self.sweeps.wrapping_add(1);
    }

    /// Rows read after `read_at` commits had ended. Returns those that carry our mark and belong to no resource.
    pub fn on_rows(&mut self, kind: KindIndex, rows: Vec<RowFact>, read_at: u64, now: Moment) -> Vec<RowFact> {
        let mut unowned_rows = Vec::new();
        if self.is_parked(kind) {
            return unowned_rows;
        }
        for row in rows {
            match self.index.owner_of(kind, &row.key) {
                Some(id) => self.on_row(&id, row, read_at, now),
                None if row.written_for.is_some() => unowned_rows.push(row),
                None => {}
            }
        }
        unowned_rows
    }

    fn on_row(&mut self, id: &ResourceId, row: RowFact, read_at: u64, now: Moment) {
        let (sweeps, queued) = (self.sweeps, self.queue.contains(id));
        let Some(entry) = self.index.get_mut(id) else { return };
        entry.swept = sweeps;
        entry.size = SizeClass::of(row.bytes);
        if entry.flags.busy() || entry.flags.dirty() || entry.committed > read_at || queued {
            return;
        }
        if !row.means(entry.row_fingerprint) {
            self.on_drift(id, Some(row.runtime), now);
            return;
        }
        let told = runtime_of(entry);
        let settles = entry.verdict.is_none() || told.is_some_and(|told| *told != row.runtime);
        let contested = matches!(entry.verdict.as_deref(), Some(Verdict::Contested { .. }));
        self.contests.is_right(id, ContestedPart::Row, now);
        if settles || contested && self.contests.explanation(id).is_none() {
            self.set_synced(id, row.runtime);
            self.want_ack_if_listed(id, now);
        }
    }

    /// The row is not as it was made; `runtime` is what it says of the runtime, where it is there. It is put right,
    /// unless another program undoes that again and again.
    fn on_drift(&mut self, id: &ResourceId, runtime: Option<RuntimeReport>, now: Moment) {
        let Some(entry) = self.index.get(id) else { return };
        let known = match entry.verdict.as_deref() {
            // nothing is known of it yet, or it is on its way
            None | Some(Verdict::Unavailable | Verdict::Parked { .. }) => {
                self.look_again(id, Lane::Backlog);
                return;
            }
            Some(Verdict::Synced(runtime) | Verdict::Contested { runtime, .. }) => runtime.clone(),
            // a suspended or invalid resource keeps its last row, whatever happens to it
            Some(Verdict::Failed { .. } | Verdict::Suspended | Verdict::Removed { .. }) => return,
        };
        match self.contests.undone(id, ContestedPart::Row, now) {
            UndoneAnswer::Repair => self.look_again(id, Lane::Backlog),
            answer => self.leave_undone(id, ContestedPart::Row, answer, Some(runtime.unwrap_or(known)), now),
        }
    }

    /// Before the first list is through, what stands at the source is not known.
    pub(super) fn want_ack_if_listed(&mut self, id: &ResourceId, now: Moment) {
        if self.index.get(id).is_some_and(|entry| entry.listed > 0) {
            self.want_ack(id, Lane::Live, now.at, now);
        }
    }

    /// Ends the sweep of a kind: what it did not see is lost.
    pub fn end_sweep(&mut self, kind: KindIndex, read_at: u64, now: Moment) -> usize {
        let parked = self.is_parked(kind);
        let lost: Vec<_> = self
            .index
            .of_kind(kind)
            .filter(|(_, entry)| {
                !parked
                    && entry.synced_at > 0
                    && entry.swept != self.sweeps
                    && entry.committed <= read_at
                    && !entry.flags.busy()
                    && !entry.flags.deleting()
                    && !entry.flags.gone()
                    && !matches!(entry.verdict.as_deref(), Some(Verdict::Suspended | Verdict::Failed { .. }))
            })
            .map(|(object, _)| ResourceId { kind, object: object.clone() })
            .collect();
        for id in &lost {
            self.on_drift(id, None, now);
        }
        lost.len()
    }

    /// Takes up rows that are ours by the ledger though we do not know of them: a commit went through, and its answer
    /// was lost. A row whose resource has gone meanwhile goes too.
    pub fn on_owners(&mut self, kind: KindIndex, entries: Vec<LedgerEntry>, now: Moment) {
        let may_remove = self.may_remove(kind);
        for ledger in entries {
            let id = ResourceId { kind, object: ledger.object };
            if self.queue.contains(&id) || !self.lists.covers(&id) {
                continue;
            }
            match self.index.get_mut(&id) {
                Some(entry) if entry.synced_at == 0 && !entry.flags.busy() && !entry.flags.deleting() => {
                    entry.synced_at = ledger.synced_at.div_euclid(1_000_000);
                    entry.row_fingerprint = ledger.row_fingerprint;
                    let told_otherwise = matches!(entry.verdict.as_deref(), Some(Verdict::Failed { .. }));
                    self.index.set_key(&id, &ledger.key);
                    if told_otherwise {
                        self.look_again(&id, Lane::Backlog);
                    } else {
                        self.want_ack_if_listed(&id, now);
                    }
                }
                None if may_remove => {
                    self.queue_work(
                        &id,
                        Lane::Backlog,
                        Work::Remove { key: ledger.key, retain: ledger.retain },
                        now.at,
                    );
                }
                Some(_) | None => {}
            }
        }
    }

    /// Whether what is not known of a kind does not exist, and may be removed.
    pub(super) fn may_remove(&self, kind: KindIndex) -> bool {
        self.prune == Prune::Yes && self.lists.is_complete(kind) && !self.is_parked(kind)
    }

    /// Removes rows that carry our mark and that no ledger entry accounts for, in this or another cluster: the original
    /// operator left them, or somebody put them there. Only in namespaces where this source has resources: elsewhere
    /// they may be another cluster's that still runs the original.
    pub fn on_orphans(&mut self, kind: KindIndex, orphans: Vec<RowFact>, now: Moment) {
        if !self.may_remove(kind) || orphans.is_empty() {
            return;
        }
        let inhabited = self.index.namespaces();
        for row in orphans {
            if row.unreadable || !row.written_for.as_ref().is_some_and(|object| inhabited.contains(&object.namespace)) {
                tracing::debug!(key = row.key, "left a row that belongs to nobody");
                continue;
            }
            let Some(object) = row.written_for else { continue };
            let id = ResourceId { kind, object };
            // the resource may have come, or may be on its way through the store
            if self.lists.covers(&id) && self.index.get(&id).is_none() && !self.queue.contains(&id) {
                self.queue_work(&id, Lane::Backlog, Work::Remove { key: row.key, retain: false }, now.at);
            }
        }
    }
}
