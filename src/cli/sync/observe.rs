//! Passes on what the engine tells, without making it wait.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::engine::Observer;
use crate::engine::batch::Counts;
use crate::engine::state::{Load, SettledItem, Tally};
use crate::registry::Kind;
use crate::resource::KindIndex;
use crate::store::StoreError;

/// What the engine did.
#[derive(Debug)]
pub enum Noted {
    Settled(KindIndex, Vec<SettledItem>),
    Unavailable(String),
    /// Told about once a second: whether anything is left to do.
    Idle(bool),
}

impl Noted {
    pub fn resources(&self) -> u64 {
        match self {
            Self::Settled(_, items) => items.len() as u64,
            _ => 0,
        }
    }
}

#[derive(Debug)]
pub struct Observed {
    tell: mpsc::UnboundedSender<Noted>,
}

impl Observed {
    pub fn new(tell: mpsc::UnboundedSender<Noted>) -> Self {
        Self { tell }
    }
}

impl Observer for Observed {
    fn committed(&self, kind: &Kind, items: &[SettledItem], _counts: Counts, _took: Duration) {
        let _ = self.tell.send(Noted::Settled(kind.index, items.to_vec()));
    }

    fn unavailable(&self, _kind: Option<&Kind>, error: &StoreError) {
        let _ = self.tell.send(Noted::Unavailable(error.to_string()));
    }

    fn load(&self, _kinds: &[Tally], load: Load) {
        let waiting = load.queued + load.in_store + load.acks_waiting + load.acks_in_flight;
        let _ = self.tell.send(Noted::Idle(waiting == 0));
    }
}
