//! Who watches the reconciler work: metrics, logs, the report of a one-shot sync.

use std::time::Duration;

use super::batch::Counts;
use super::state::{BatchItem, ContestedPart, KindCounts, Load};
use crate::registry::Kind;
use crate::resource::ObjectName;
use crate::source::target::{Ack, Notified, ResourceClientError};
use crate::store::StoreError;

/// Notes what happens; must not block.
pub trait Observer: Send + Sync {
    /// A batch came back from the store.
    fn committed(&self, _kind: &Kind, _items: &[BatchItem], _counts: Counts, _took: Duration) {}

    /// The store could not take a batch of this kind, or could not tell what it holds.
    fn unavailable(&self, _kind: Option<&Kind>, _error: &StoreError) {}

    /// A kind lacks something in the store, or nothing any more; told again when what it lacks changes, and at each look.
    fn parked(&self, _kind: &Kind, _why: Option<&str>) {}

    /// An acknowledgement came back; `lag` runs from when the change was seen.
    fn acknowledged(
        &self,
        _kind: &Kind,
        _object: &ObjectName,
        _ack: &Ack,
        _result: Result<(), &ResourceClientError>,
        _lag: Duration,
    ) {
    }

    /// The row reader went round; `lost` rows have to be written again.
    fn swept(&self, _rows: usize, _lost: usize) {}

    /// Another program was seen to have undone what the operator had written before.
    fn undone(&self, _kind: &Kind, _part: ContestedPart) {}

    /// A fresh look at a resource came back.
    fn fetched(&self, _kind: &Kind, _object: &ObjectName, _result: Result<(), &ResourceClientError>) {}

    /// What became of an Event.
    fn notified(&self, _kind: &Kind, _became: Notified) {}

    /// The reconciler lives, though all it does is wait for the store: told at least once a second until `load` is.
    fn alive(&self) {}

    /// What waits and what is known, told about once a second, by kind.
    fn load(&self, _kinds: &[KindCounts], _load: Load) {}
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}
