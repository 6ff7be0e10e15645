//! Sealing of rows: secret values are sealed in the store and open while the program compares and plans.
//!
//! Sealed are [`super::StoredRow`], [`Snapshot`] and [`RowWrite`]; opened are [`OpenedRow`], [`OpenedSnapshot`] and
//! [`PlannedRow`]. [`Codec`] is the only bridge between them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::{Fingerprint, LedgerEntry, RowWrite, Snapshot};
use crate::crypto::{Fingerprinter, Vault, VaultError};
use crate::desired::{Desired, Stored};
use crate::registry::Kind;
use crate::resource::ObjectName;

/// Codec of rows: opens and seals them, and takes their fingerprints.
#[derive(Debug)]
pub struct Codec {
    fingerprinter: Arc<Fingerprinter>,
    vault: Vault,
}

impl Codec {
    #[must_use]
    pub fn new(fingerprinter: Arc<Fingerprinter>, vault: Vault) -> Self {
        Self { fingerprinter, vault }
    }

    /// Whether secret values are encrypted at rest.
    #[must_use]
    pub fn encrypts(&self) -> bool {
        self.vault.key().is_some()
    }

    /// A payload as read, secret values opened.
    #[must_use]
    pub fn open(&self, kind: &Kind, mut payload: Value) -> OpenedRow {
        let (mut sealed, mut unreadable) = (true, None);
        if let Some(data) = kind.secret_data_mut(&mut payload) {
            sealed = self.vault.key().is_none() || Vault::is_sealed(data);
            match self.vault.open_data(data) {
                Ok(opened) => *data = opened,
                Err(error) => unreadable = Some(error.to_string()),
            }
        }
        OpenedRow { stored: kind.stored(&payload), payload, sealed, unreadable }
    }

    /// What a batch read, secret values opened.
    #[must_use]
    pub fn view(&self, kind: &Kind, snapshot: &Snapshot) -> OpenedSnapshot {
        OpenedSnapshot {
            rows: snapshot.rows.iter().map(|(key, payload)| (key.clone(), self.open(kind, payload.clone()))).collect(),
            by_key: snapshot.by_key.clone(),
            by_object: snapshot.by_object.clone(),
        }
    }

    /// A planned row as it goes to the store, secret values sealed.
    pub fn seal(&self, kind: &Kind, row: PlannedRow) -> Result<RowWrite, VaultError> {
        let PlannedRow { key, mut payload, as_stored } = row;
        let columns = kind.columns(&payload);
        if let Some(data) = kind.secret_data_mut(&mut payload).filter(|_| !as_stored) {
            self.vault.seal_data(data)?;
        }
        let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        Ok(RowWrite {
            namespace: text("/metadata/namespace").to_owned(),
            status_phase: kind.status_phase(&payload),
            columns,
            payload: payload.to_string(),
            key,
        })
    }

    /// Fingerprint of what a row is to mean.
    #[must_use]
    pub fn desired_fingerprint(&self, kind: &Kind, desired: &Desired) -> Fingerprint {
        self.fingerprint(kind, &desired.meaning())
    }

    /// Fingerprint of what a row means.
    #[must_use]
    pub fn stored_fingerprint(&self, kind: &Kind, stored: &Stored) -> Fingerprint {
        self.fingerprint(kind, &stored.meaning())
    }

    /// Fingerprint of a meaning.
    #[must_use]
    pub fn fingerprint(&self, kind: &Kind, meaning: &[u8]) -> Fingerprint {
        self.fingerprinter.fingerprint(kind.sensitive, [meaning, kind.program.columns_mark.as_bytes()].into_iter())
    }
}

/// Row with its secret values opened, as it is compared and planned on: a [`super::StoredRow`] without its seal.
#[derive(Clone)]
pub struct OpenedRow {
    pub stored: Stored,
    /// The whole payload.
    pub payload: Value,
    /// No secret material in the clear though a key is configured.
    pub sealed: bool,
    /// Secret values that could not be opened, and why: such a row is neither compared nor overwritten.
    pub unreadable: Option<String>,
}

/// Without the payload: its secret values are in the clear.
impl fmt::Debug for OpenedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedRow")
            .field("stored", &self.stored)
            .field("sealed", &self.sealed)
            .field("unreadable", &self.unreadable)
            .finish_non_exhaustive()
    }
}

/// Snapshot with the secret values of its rows opened: a [`Snapshot`] without its seals.
#[derive(Clone, Debug, Default)]
pub struct OpenedSnapshot {
    pub rows: HashMap<String, OpenedRow>,
    pub by_key: HashMap<String, LedgerEntry>,
    pub by_object: HashMap<ObjectName, LedgerEntry>,
}

/// Row to write, not sealed yet: its complete payload. Sealed, it is a [`RowWrite`].
#[derive(Clone, PartialEq)]
pub struct PlannedRow {
    pub key: String,
    pub payload: Value,
    /// Secret values are as they stood in the store, since they could not be opened; else they are in the clear.
    pub as_stored: bool,
}

/// Without the payload: its secret values are in the clear.
impl fmt::Debug for PlannedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannedRow").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::{KindIndex, Resource, ResourceId};
    use crate::store::{ColumnValue, SealedChanges, StoredRow};

    /// `NoPlaintext`: whatever passes through the program with a payload in it, a `{:?}` in a log line tells none.
    #[test]
    fn debug_tells_no_payload() {
        const PLANTED: &str = "s3cret-planted";
        let value = json!({"data": {"password": PLANTED}});
        let text = || PLANTED.to_owned();
        let map = || [("last-applied".to_owned(), text())].into();
        let stored = Stored {
            spec: value.clone(),
            completed: Some(value.clone()),
            labels: map(),
            annotations: map(),
            resource_version: "7".to_owned(),
            generation: 1,
            created_at: String::new(),
            phase: String::new(),
            last_error: String::new(),
            status: value.clone(),
        };
        let desired = Desired {
            key: "ns/name".to_owned(),
            namespace: "ns".to_owned(),
            name: "name".to_owned(),
            labels: map(),
            annotations: map(),
            spec: value.clone(),
            warnings: Vec::new(),
        };
        let resource = Resource {
            id: ResourceId { kind: KindIndex(0), object: ObjectName::new("ns", "name") },
            uid: "uid".into(),
            generation: 1,
            version: 1,
            created: 0,
            labels: map(),
            annotations: map(),
            finalizers: Vec::new(),
            deleting: false,
            unreadable: None,
            spec: value.clone(),
            status: value.clone(),
        };
        let write = RowWrite {
            key: "ns/name".to_owned(),
            namespace: "ns".to_owned(),
            status_phase: String::new(),
            payload: value.to_string(),
            columns: vec![ColumnValue::Text(text())],
        };
        let snapshot = Snapshot { rows: [("ns/name".to_owned(), value.clone())].into(), ..Snapshot::default() };
        let row = OpenedRow { stored: stored.clone(), payload: value.clone(), sealed: false, unreadable: None };
        let told = [
            format!("{resource:?}"),
            format!("{desired:?}"),
            format!("{:?}", PlannedRow { key: "ns/name".to_owned(), payload: value.clone(), as_stored: false }),
            format!("{:?}", StoredRow { key: "ns/name".to_owned(), payload: value.clone(), updated_at: 1 }),
            format!("{:?}", SealedChanges { insert: vec![write.clone()], ..SealedChanges::default() }),
            format!("{write:?}"),
            format!("{snapshot:?}"),
        ];
        for told in told {
            assert!(told.contains("name") && !told.contains(PLANTED), "{told}");
        }
        // these have no name of their own
        for told in [format!("{stored:?}"), format!("{row:?}")] {
            assert!(told.contains('7') && !told.contains(PLANTED), "{told}");
        }
    }
}
