//! Passes on what the reconciler tells, without making it wait.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::reconciler::Observer;
use crate::reconciler::batch::Counts;
use crate::reconciler::state::{BatchItem, KindCounts, Load};
use crate::registry::Kind;
use crate::resource::KindIndex;
use crate::store::StoreError;

/// What the reconciler did.
#[derive(Debug)]
pub enum ReconcilerEvent {
    Batch(KindIndex, Vec<BatchItem>),
    Unavailable(String),
    /// Told about once a second: whether anything is left to do.
    Idle(bool),
}

impl ReconcilerEvent {
    pub fn resources(&self) -> u64 {
        match self {
            Self::Batch(_, items) => items.len() as u64,
            _ => 0,
        }
    }
}

#[derive(Debug)]
pub struct ChannelObserver {
    tell: mpsc::UnboundedSender<ReconcilerEvent>,
}

impl ChannelObserver {
    pub fn new(tell: mpsc::UnboundedSender<ReconcilerEvent>) -> Self {
        Self { tell }
    }
}

impl Observer for ChannelObserver {
    fn committed(&self, kind: &Kind, items: &[BatchItem], _counts: Counts, _took: Duration) {
        let _ = self.tell.send(ReconcilerEvent::Batch(kind.index, items.to_vec()));
    }

    fn unavailable(&self, _kind: Option<&Kind>, error: &StoreError) {
        let _ = self.tell.send(ReconcilerEvent::Unavailable(error.to_string()));
    }

    fn load(&self, _kinds: &[KindCounts], load: Load) {
        let waiting = load.queued + load.in_store + load.acks_waiting + load.acks_in_flight;
        let _ = self.tell.send(ReconcilerEvent::Idle(waiting == 0));
    }
}
