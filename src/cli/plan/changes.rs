//! From what the reconciler made of a dry run to what a sync would do.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::fields::{Field, differences};
use crate::cli::finding::FindingLine;
use crate::cli::sync::line::{HAS_LEFT, LeftRow, SyncAction, SyncResult};
use crate::registry::{Kind, Registry};
use crate::resource::{KindIndex, ResourceId};
use crate::store::dry_run::RowChange;
use crate::store::sealing::Codec;

/// What would become of a row, or of a resource that gets none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A row where none stands.
    Create,
    /// Another content for a row.
    Change,
    /// A row that nobody owns gets an owner, and the content of the resource.
    Adopt,
    /// A row under another key, since its resource maps to that now.
    Move,
    /// No row any more.
    Delete,
    /// The row stays and belongs to nobody.
    Release,
    /// The resource is not synced: `reason` and `error` say why, as its status would.
    Refuse,
}

impl Action {
    pub fn text(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Adopt => "adopt",
            Self::Move => "move",
            Self::Delete => "delete",
            Self::Release => "release",
            Self::Refuse => "refuse",
        }
    }
}

/// One thing that a sync would do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub action: Action,
    pub kind: String,
    /// Of the row, `<namespace>/<name>`; of the resource, where that is refused.
    pub key: String,
    /// Where the row stands now, for `move`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Of the manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Of the manifest, from 1; for `refuse` the line in question where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// From 1, for `refuse`, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// A status' reason, for `refuse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A status' text, for `refuse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why, where the fields do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What of the row's payload would change, but for its counters. Empty where the row is new or goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// For `refuse`, what the API server and the operator have against the manifest, as `validate` tells it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingLine>,
}

/// What a sync would do, and how many resources it would leave as they are.
#[derive(Debug, Default)]
pub struct Changes {
    /// By kind, in the registry's order, and key.
    pub all: Vec<(Option<ResourceId>, Change)>,
    pub unchanged: usize,
    pub suspended: usize,
}

/// Rows and results, put together. Every row that would be written is told, whatever it is written for.
pub struct Account<'a> {
    registry: &'a Registry,
    codec: &'a Codec,
    rows: BTreeMap<(KindIndex, String), RowChange>,
    told: BTreeSet<(KindIndex, String)>,
}

impl<'a> Account<'a> {
    pub fn new(registry: &'a Registry, codec: &'a Codec, rows: Vec<RowChange>) -> Self {
        let kind_of = |row: &RowChange| {
            let kind = registry.kinds().iter().find(|kind| kind.store.table.name == row.table)?;
            Some(kind.index)
        };
        let rows = rows.into_iter().filter_map(|row| Some(((kind_of(&row)?, row.key.clone()), row))).collect();
        Self { registry, codec, rows, told: BTreeSet::new() }
    }

    /// What these results come to, and rows that were left.
    pub fn settle(
        mut self,
        results: impl IntoIterator<Item = (ResourceId, SyncResult)>,
        left: Vec<LeftRow>,
    ) -> Changes {
        let mut settled = Changes::default();
        let mut found = Vec::new();
        // a row that one resource leaves and another takes up at once is told of the one that has it then
        let (leaving, taking): (Vec<_>, Vec<_>) = results
            .into_iter()
            .partition(|(_, result)| matches!(result.word, SyncAction::Removed | SyncAction::Retained));
        for (id, result) in taking.into_iter().chain(leaving) {
            match result.word {
                SyncAction::Suspended => settled.suspended += 1,
                _ => match self.change(&id, result) {
                    Some(change) => found.push((id.kind, Some(id), change)),
                    None => settled.unchanged += 1,
                },
            }
        }
        found.extend(left.into_iter().filter_map(|left| Some((left.kind, None, self.left(&left)?))));
        found.extend(self.left_over().into_iter().map(|(kind, change)| (kind, None, change)));
        found.sort_by(|(kind, _, a), (other, _, b)| (kind, &a.key, a.action).cmp(&(other, &b.key, b.action)));
        settled.all = found.into_iter().map(|(_, id, change)| (id, change)).collect();
        settled
    }

    /// `None` where nothing would be written.
    fn change(&mut self, id: &ResourceId, result: SyncResult) -> Option<Change> {
        let kind = self.registry.kind(id.kind);
        let change = |action, key: &str| blank(action, kind, key);
        match result.word {
            SyncAction::Refused => {
                let (reason, text) = result.failure.unzip();
                let error = result.error.or(text);
                let refused = change(Action::Refuse, &id.object.to_string());
                Some(Change { reason: reason.map(|reason| reason.as_str().to_owned()), error, ..refused })
            }
            SyncAction::Removed => self.take_if(id.kind, &result.key, |row| row.after.is_none()).map(|row| {
                let gone = change(Action::Delete, &row.key);
                let object = id.object.to_string();
                let resource = if object == row.key { "its resource" } else { &object };
                Change { note: Some(format!("{resource} is gone")), ..gone }
            }),
            SyncAction::Retained if self.told.contains(&(id.kind, result.key.clone())) => None,
            SyncAction::Retained => Some(self.released(kind, &result.key)),
            SyncAction::Moved => {
                let row = self.take(id.kind, &result.key);
                let from = result.moved_from.unwrap_or_default();
                let left = self.rows.get(&(id.kind, from.clone())).cloned();
                self.take_if(id.kind, &from, |row| row.after.is_none());
                let moved = self.with_fields(kind, change(Action::Move, &result.key), left.as_ref(), row.as_ref());
                Some(Change { from: Some(from), ..moved })
            }
            SyncAction::Adopted => {
                let row = self.take(id.kind, &result.key);
                Some(self.with_fields(kind, change(Action::Adopt, &result.key), row.as_ref(), row.as_ref()))
            }
            SyncAction::Inserted | SyncAction::Updated | SyncAction::Unchanged | SyncAction::Suspended => {
                let row = self.take(id.kind, &result.key)?;
                Some(self.by_row(kind, &row))
            }
        }
    }

    fn released(&mut self, kind: &Kind, key: &str) -> Change {
        let row = self.take(kind.index, key);
        self.with_fields(kind, blank(Action::Release, kind, key), row.as_ref(), row.as_ref())
    }

    /// `None` where the row has come to another resource since.
    fn left(&mut self, row: &LeftRow) -> Option<Change> {
        let kind = self.registry.kind(row.kind);
        let key = &row.left.key;
        if self.told.contains(&(row.kind, key.clone())) {
            return None;
        }
        let change = if row.left.retained {
            self.released(kind, key)
        } else {
            self.take_if(row.kind, key, |row| row.after.is_none())?;
            blank(Action::Delete, kind, key)
        };
        Some(Change { note: Some(HAS_LEFT.to_owned()), ..change })
    }

    /// Rows that no result speaks of: that something is written is told, whatever for.
    fn left_over(&mut self) -> Vec<(KindIndex, Change)> {
        let keys: Vec<_> = self.rows.keys().filter(|key| !self.told.contains(*key)).cloned().collect();
        let mut left = Vec::new();
        for (kind, key) in keys {
            let Some(row) = self.take(kind, &key) else { continue };
            left.push((kind, self.by_row(self.registry.kind(kind), &row)));
        }
        left
    }

    fn by_row(&self, kind: &Kind, row: &RowChange) -> Change {
        let action = match (&row.before, &row.after) {
            (None, _) => Action::Create,
            (Some(_), None) => Action::Delete,
            (Some(_), Some(_)) => Action::Change,
        };
        self.with_fields(kind, blank(action, kind, &row.key), Some(row), Some(row))
    }

    /// Adds what differs between one row as it stands and one as it would be.
    fn with_fields(
        &self,
        kind: &Kind,
        change: Change,
        stands: Option<&RowChange>,
        comes: Option<&RowChange>,
    ) -> Change {
        let before = stands.and_then(|row| row.payloads().0);
        let after = comes.and_then(|row| row.payloads().1);
        let (Some(before), Some(after)) = (before, after) else { return change };
        let open = |payload: &Value| self.codec.open(kind, payload.clone());
        let (old, new) = (open(before), open(after));
        let fields = differences(kind, &old.payload, &new.payload);
        let note = match () {
            () if !fields.is_empty() => None,
            () if !old.sealed => Some("its values stand in the clear and would be encrypted"),
            () => Some("says the same; what is derived from it would be written anew"),
        };
        Change { fields, note: note.filter(|_| change.action == Action::Change).map(str::to_owned), ..change }
    }

    fn take(&mut self, kind: KindIndex, key: &str) -> Option<RowChange> {
        self.take_if(kind, key, |_| true)
    }

    fn take_if(&mut self, kind: KindIndex, key: &str, wanted: impl Fn(&RowChange) -> bool) -> Option<RowChange> {
        let at = (kind, key.to_owned());
        let row = self.rows.get(&at).filter(|row| wanted(row) && !self.told.contains(&at)).cloned();
        if row.is_some() {
            self.told.insert(at);
        }
        row
    }
}

fn blank(action: Action, kind: &Kind, key: &str) -> Change {
    Change {
        action,
        kind: kind.names.kind.clone(),
        key: key.to_owned(),
        from: None,
        file: None,
        line: None,
        column: None,
        reason: None,
        error: None,
        note: None,
        fields: Vec::new(),
        findings: Vec::new(),
    }
}
