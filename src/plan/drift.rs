//! What another program has made of a row.

use serde_json::json;

use super::OpenedRow;
use crate::desired::Desired;
use crate::difference::compare;
use crate::registry::Kind;

/// Fields that a text names, at most.
const NAMED: usize = 8;

/// Fields that are kept, at most.
const KEPT: usize = 64;

/// The difference between a resource and the row that was once made equal to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    pub cause: DriftCause,
    /// Paths of the fields that differ, such as `spec.a2a` or `metadata.labels.team`, in order; empty where the row is
    /// gone. Names, never values.
    pub fields: Vec<String>,
}

/// What seems to have happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftCause {
    /// The row is gone.
    Deleted,
    /// The row lacks fields, and has no other: the mark of a program that does not know them.
    Dropped,
    /// The row says something else.
    Changed,
    /// Secret values stand in the clear, though a key is configured.
    Unsealed,
}

impl Drift {
    /// Between what should stand and what stands.
    #[must_use]
    pub fn between(kind: &Kind, desired: &Desired, row: Option<&OpenedRow>) -> Self {
        let Some(row) = row else { return Self { cause: DriftCause::Deleted, fields: Vec::new() } };
        let stored = &row.stored;
        let metadata = |labels, annotations| json!({"labels": labels, "annotations": annotations});
        let wanted = json!({"metadata": metadata(&desired.labels, &desired.annotations), "spec": desired.spec});
        let spec = stored.completed.as_ref().unwrap_or(&stored.spec);
        let found = json!({"metadata": metadata(&stored.labels, &stored.annotations), "spec": spec});
        let (mut fields, mut dropped) = (Vec::new(), true);
        compare(&wanted, &found, &mut |path, _, _| {
            fields.push(path.to_string());
            dropped &= path.find_in(&row.payload).is_none();
        });
        if fields.is_empty() {
            // its meaning is right, its form is not: secret values that stand in the clear or cannot be opened
            fields.push(kind.secret_path());
        }
        fields.truncate(KEPT);
        let cause = match (row.sealed, dropped) {
            (false, _) => DriftCause::Unsealed,
            (true, true) => DriftCause::Dropped,
            (true, false) => DriftCause::Changed,
        };
        Self { cause, fields }
    }

    /// Takes up the fields of another drift of the same row.
    pub fn join(&mut self, other: Self) {
        self.cause = other.cause;
        self.fields.extend(other.fields);
        self.fields.sort_unstable();
        self.fields.dedup();
        self.fields.truncate(KEPT);
    }

    /// What happens to the row, and what helps: for a status.
    #[must_use]
    pub fn explanation(&self) -> String {
        let fields = self.listed();
        match self.cause {
            DriftCause::Deleted => "another program deletes the row again and again: find it and stop it".to_owned(),
            DriftCause::Dropped => format!(
                "another program takes {fields} out of the row again and again, as an orlojd does that is older than \
                 these fields: upgrade orlojd, or leave them out"
            ),
            DriftCause::Unsealed => format!(
                "another program writes secret values of {fields} in the clear again and again: find it and stop it, or \
                 give it the encryption key"
            ),
            DriftCause::Changed => format!(
                "another program changes {fields} of the row again and again: find it and stop it, or make the change \
                 in the resource"
            ),
        }
    }

    fn listed(&self) -> String {
        let named = self.fields.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        match self.fields.len().saturating_sub(NAMED) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }
}
