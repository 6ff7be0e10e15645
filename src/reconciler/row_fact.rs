//! What a row that was read back tells the reconciler.

use super::state::RowFact;
use crate::desired::Stored;
use crate::orlojd::{MANAGED_BY, MANAGED_BY_VALUE, SEALED_SECRET_OWNER, SOURCE_KIND, SOURCE_NAMESPACE};
use crate::plan;
use crate::registry::Kind;
use crate::resource::{ObjectName, weight};
use crate::store::StoredRow;
use crate::store::sealing::Codec;

/// What the reconciler wants to know of a row.
#[must_use]
pub fn fact(codec: &Codec, kind: &Kind, row: StoredRow) -> RowFact {
    let StoredRow { key, payload, .. } = row;
    let bytes = weight(&payload);
    let row = codec.open(kind, payload);
    RowFact {
        fingerprint: codec.stored_fingerprint(kind, &row.stored),
        completed: row.stored.completed_meaning().map(|meaning| codec.fingerprint(kind, &meaning)),
        sealed: row.sealed,
        runtime: plan::runtime_of(kind, Some(&row)),
        bytes,
        written_for: written_for(kind, &row.stored, &key),
        unreadable: row.unreadable.is_some(),
        key,
    }
}

/// The resource that a row with our mark was written for (`kinds/ORLOJD.md` 3.1).
fn written_for(kind: &Kind, stored: &Stored, key: &str) -> Option<ObjectName> {
    let annotation = |name: &str| stored.annotations.get(name).map(String::as_str);
    if annotation(SOURCE_KIND) != kind.source_kind() {
        return None;
    }
    if annotation(MANAGED_BY) != Some(MANAGED_BY_VALUE) || stored.annotations.contains_key(SEALED_SECRET_OWNER) {
        return None;
    }
    let (namespace, name) = key.split_once('/')?;
    Some(ObjectName::new(annotation(SOURCE_NAMESPACE).unwrap_or(namespace), name))
}
