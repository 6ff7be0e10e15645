//! What the rows tell the event loop: changes, sweeps, and rows that belong to no resource that is known here.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};

use super::event_loop::{EventLoop, joined, moment};
use super::parking::ParkedKinds;
use super::row_reader::{RowReader, RowReaderEvent};
use super::state::RowFact;
use super::{Parts, ReconcilerError};
use crate::resource::KindIndex;
use crate::store::sealing::Codec;
use crate::store::{LedgerEntry, StoreError};

/// A full look follows when rows could not be read: a store that comes back may be another one, and that it is back
/// has to be noticed where nothing waits to be written.
const SWEEP_AFTER_OUTAGE: Duration = Duration::from_secs(30);

/// The reader of rows, and what is known of the sweep under way.
pub(super) struct RowEvents {
    pub events: mpsc::Receiver<RowReaderEvent>,
    /// Until it runs by itself.
    pub reader: Option<RowReader>,
    pub sweep_now: Arc<Notify>,
    pub sweep_due: Option<Instant>,
    /// All resources were known when the last sweep began.
    pub swept_after_lists: bool,
    pub owners: OwnerQueries,
    /// Rows of the sweep under way that belong to no resource.
    unowned: HashMap<KindIndex, Vec<RowFact>>,
    lost: usize,
    /// orlojd's, at the last sweep.
    newest_migration: Option<String>,
}

/// Questions to the ledger about rows that carry our mark, and whose resource is not known to have one.
pub(super) struct OwnerQueries {
    pub pending: usize,
    sender: mpsc::Sender<OwnersReply>,
    pub replies: mpsc::Receiver<OwnersReply>,
}

pub(super) type OwnersReply = Result<Owners, StoreError>;

/// What the ledger says of them.
pub(super) struct Owners {
    kind: KindIndex,
    /// This cluster's resources own these.
    ours: Vec<LedgerEntry>,
    /// Nobody owns these, in no cluster.
    orphans: Vec<RowFact>,
}

impl RowEvents {
    pub fn new(parts: &Parts, codec: Arc<Codec>, commits: Arc<AtomicU64>, parked: Arc<ParkedKinds>) -> Self {
        let (tell, events) = mpsc::channel(4);
        let (sender, replies) = mpsc::channel(16);
        let reader = RowReader {
            registry: Arc::clone(&parts.registry),
            store: Arc::clone(&parts.store) as _,
            codec,
            commits,
            parked,
            tell,
        };
        Self {
            events,
            reader: Some(reader),
            sweep_now: Arc::new(Notify::new()),
            sweep_due: None,
            swept_after_lists: false,
            owners: OwnerQueries { pending: 0, sender, replies },
            unowned: HashMap::new(),
            lost: 0,
            newest_migration: None,
        }
    }
}

impl EventLoop {
    /// Reads all rows, and waits for the end of that.
    pub(super) async fn sweep(&mut self) -> Result<(), ReconcilerError> {
        let Some(reader) = self.rows.reader.take() else { return Ok(()) };
        let sweep = tokio::spawn(async move {
            reader.sweep().await;
            reader
        });
        tokio::pin!(sweep);
        loop {
            tokio::select! {
                biased;
                Some(event) = self.rows.events.recv() => self.on_row_event(event)?,
                reader = &mut sweep => {
                    self.rows.reader = Some(joined(reader)?);
                    break;
                }
            }
        }
        while let Ok(event) = self.rows.events.try_recv() {
            self.on_row_event(event)?;
        }
        Ok(())
    }

    pub(super) fn on_row_event(&mut self, event: RowReaderEvent) -> Result<(), ReconcilerError> {
        let now = moment();
        match event {
            RowReaderEvent::SweepBegins { newest_migration } => {
                let before = std::mem::replace(&mut self.rows.newest_migration, newest_migration);
                if before.is_some() && before != self.rows.newest_migration {
                    tracing::info!(before, now = self.rows.newest_migration, "orlojd has another version");
                    self.state.on_other_writer(now);
                }
                self.rows.lost = 0;
                self.rows.unowned.clear();
                self.state.begin_sweep(now);
            }
            RowReaderEvent::Rows { kind, facts, read_at } => {
                let unowned_rows = self.state.on_rows(kind, facts, read_at, now);
                if !unowned_rows.is_empty() {
                    self.rows.unowned.entry(kind).or_default().extend(unowned_rows);
                }
            }
            RowReaderEvent::KindSwept { kind, read_at } => {
                self.rows.lost += self.state.end_sweep(kind, read_at, now);
                if let Some(unowned_rows) = self.rows.unowned.remove(&kind) {
                    self.look_for_owners(kind, unowned_rows);
                }
            }
            RowReaderEvent::SweepEnds { rows } => self.parts.observer.swept(rows, self.rows.lost),
            RowReaderEvent::Failed(error) | RowReaderEvent::TableFailed { error, .. } if self.options.until_idle => {
                return Err(error.into());
            }
            RowReaderEvent::TableFailed { kind, error } if self.parts.tables.is_some() => {
                self.look_at_table(kind, Some(error));
            }
            RowReaderEvent::Failed(error) | RowReaderEvent::TableFailed { error, .. } => {
                self.parts.observer.unavailable(None, &error);
                self.rows.sweep_due.get_or_insert(now.at + SWEEP_AFTER_OUTAGE);
            }
        }
        Ok(())
    }

    /// Asks the ledger who owns rows that no resource here is known to have.
    fn look_for_owners(&mut self, kind: KindIndex, unowned_rows: Vec<RowFact>) {
        self.rows.owners.pending += 1;
        let store = Arc::clone(&self.parts.store);
        let sender = self.rows.owners.sender.clone();
        let registry = Arc::clone(&self.parts.registry);
        let cluster = self.parts.fence.cluster.clone();
        tokio::spawn(async move {
            let keys: Vec<_> = unowned_rows.iter().map(|row| row.key.clone()).collect();
            let of = registry.kind(kind);
            let owners = async {
                let mut owners = Vec::new();
                for name in of.row_owners() {
                    owners.extend(store.owners(name, &keys).await?);
                }
                Ok(owners)
            };
            let reply = owners.await.map(|owners: Vec<LedgerEntry>| {
                let owned: HashSet<_> = owners.iter().map(|entry| entry.key.clone()).collect();
                let orphans = unowned_rows.into_iter().filter(|row| !owned.contains(&row.key)).collect();
                let is_ours = |entry: &LedgerEntry| entry.cluster == cluster && entry.kind == of.names.label;
                let ours = owners.into_iter().filter(is_ours).collect();
                Owners { kind, ours, orphans }
            });
            let _ = sender.send(reply).await;
        });
    }

    pub(super) fn on_owners(&mut self, reply: OwnersReply) -> Result<(), ReconcilerError> {
        self.rows.owners.pending = self.rows.owners.pending.saturating_sub(1);
        match reply {
            Ok(owners) => {
                self.state.on_owners(owners.kind, owners.ours, moment());
                if self.options.prune_unowned {
                    self.state.on_orphans(owners.kind, owners.orphans, moment());
                }
            }
            Err(error) if self.options.until_idle => return Err(error.into()),
            Err(error) => tracing::warn!(%error, "unable to look for the owners of rows; will try again"),
        }
        Ok(())
    }
}
