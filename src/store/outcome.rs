//! Outcomes beside the ledger: what became of resources that are not synced, for those who have no cluster to ask.

use serde::Serialize;

use crate::resource::ObjectName;

/// Outcome of a resource that is not synced: what its condition `Synced` says.
///
/// A resource with an entry in the ledger and no outcome is synced; so a store in which all goes well has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub cluster: String,
    /// The registry's kind name, as in the ledger.
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub generation: i64,
    pub reason: String,
    pub message: String,
    /// Microseconds since the Unix epoch.
    pub since: i64,
}

/// Resource of a cluster, in the table of outcomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutcomeKey {
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

/// Outcomes to write, all of one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomeChanges {
    pub put: Vec<Outcome>,
    pub remove: Vec<OutcomeKey>,
}

impl OutcomeChanges {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.remove.is_empty()
    }
}

/// Filter of outcomes; what is `None` lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomeFilter {
    pub cluster: Option<String>,
    pub kind: Option<String>,
    pub reason: Option<String>,
    pub object: Option<ObjectName>,
}

/// Count of outcomes of one kind for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeCount {
    pub kind: String,
    pub reason: String,
    pub resources: i64,
    /// Those among them that own a row.
    pub with_row: i64,
    /// When the last one came, microseconds since the Unix epoch.
    pub latest: i64,
}

/// State of a row, by ledger and outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowState {
    /// It equals the resource that owns it.
    Synced,
    /// Its owner is not synced.
    NotSynced,
    /// No resource owns it.
    Unowned,
}

/// Filter of rows; what is `None` lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowFilter {
    /// Of the row.
    pub namespace: Option<String>,
    /// A part of the key.
    pub search: Option<String>,
    pub state: Option<RowState>,
    /// Of the owner.
    pub cluster: Option<String>,
}

/// Owner of a listed row, by the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowOwner {
    pub cluster: String,
    pub object: ObjectName,
    /// When the row was last made equal, microseconds since the Unix epoch.
    pub synced_at: i64,
}

/// Row in a list: without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRow {
    pub key: String,
    pub phase: String,
    /// Microseconds since the Unix epoch.
    pub updated_at: i64,
    pub owner: Option<RowOwner>,
    /// Why its owner is not synced.
    pub reason: Option<String>,
}

impl ListedRow {
    #[must_use]
    pub fn state(&self) -> RowState {
        match (&self.owner, &self.reason) {
            (None, _) => RowState::Unowned,
            (Some(_), None) => RowState::Synced,
            (Some(_), Some(_)) => RowState::NotSynced,
        }
    }
}
