//! Reads the rows back: those changed since a cursor at every tick, all of them now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::parking::ParkedKinds;
use super::row_fact;
use super::state::RowFact;
use crate::registry::{Kind, Registry};
use crate::resource::KindIndex;
use crate::store::sealing::Codec;
use crate::store::{RowStore, StoreError, StoreErrorClass};

/// Rows asked for at a time in a full sweep. They come one by one, and only what is to be known of each is kept.
const PAGE: u32 = 250;

/// The cursor looks this far back, in microseconds: `updated_at` is when a transaction began, and one that began
/// before the last look may have ended after it.
const OVERLAP: i64 = 15_000_000;

/// What the reader tells the reconciler.
#[derive(Debug)]
pub enum RowReaderEvent {
    SweepBegins {
        /// orlojd's newest migration, where that is known.
        newest_migration: Option<String>,
    },
    Rows {
        kind: KindIndex,
        facts: Vec<RowFact>,
        read_at: u64,
    },
    /// All rows of the kind have been told.
    KindSwept {
        kind: KindIndex,
        read_at: u64,
    },
    SweepEnds {
        rows: usize,
    },
    /// The table of one kind cannot be read.
    TableFailed {
        kind: KindIndex,
        error: StoreError,
    },
    Failed(StoreError),
}

/// Reads rows and turns them into facts.
pub struct RowReader {
    pub registry: Arc<Registry>,
    pub store: Arc<dyn RowStore>,
    pub codec: Arc<Codec>,
    /// How many commits have ended, kept by the reconciler.
    pub commits: Arc<AtomicU64>,
    /// Kinds whose tables are left alone for now, kept by the reconciler.
    pub parked: Arc<ParkedKinds>,
    pub tell: mpsc::Sender<RowReaderEvent>,
}

impl RowReader {
    /// One full sweep. False when the reconciler listens no more or the store failed, which is told.
    #[tracing::instrument(level = "debug", skip_all, fields(n = self.registry.kinds().len()))]
    pub async fn sweep(&self) -> bool {
        match self.try_sweep().await {
            Ok(()) => true,
            Err(Some(error)) => {
                let _ = self.tell.send(RowReaderEvent::Failed(error)).await;
                false
            }
            Err(None) => false,
        }
    }

    /// A table that cannot be read (dropped, its rights taken away) does not keep the others from being read.
    async fn try_sweep(&self) -> Result<(), Option<StoreError>> {
        let newest_migration = self.store.newest_migration().await.map_err(Some)?;
        self.send(RowReaderEvent::SweepBegins { newest_migration }).await?;
        let mut rows = 0;
        for kind in self.kinds() {
            match self.sweep_kind(kind).await {
                Ok(found) => rows += found,
                Err(error) => self.of_table(kind, error).await?,
            }
        }
        self.send(RowReaderEvent::SweepEnds { rows }).await
    }

    /// The kinds whose rows are read.
    fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.registry.kinds().iter().filter(|kind| !self.parked.contains(kind.index))
    }

    /// Tells an error of one table alone; any other is an error of the whole reading.
    async fn of_table(&self, kind: &Kind, error: Option<StoreError>) -> Result<(), Option<StoreError>> {
        match error {
            Some(error) if error.class() == StoreErrorClass::Setup => {
                self.send(RowReaderEvent::TableFailed { kind: kind.index, error }).await
            }
            error => Err(error),
        }
    }

    #[tracing::instrument(level = "debug", skip_all, fields(kind = kind.names.label))]
    async fn sweep_kind(&self, kind: &Kind) -> Result<usize, Option<StoreError>> {
        let read_at = self.commits.load(Ordering::Acquire);
        let (mut rows, mut after) = (0, None::<String>);
        loop {
            let mut facts = Vec::new();
            let mut tell = |row| facts.push(row_fact::fact(&self.codec, kind, row));
            self.store.visit_rows(&kind.store.table, after.as_deref(), PAGE, &mut tell).await.map_err(Some)?;
            let Some(last) = facts.last().map(|fact| fact.key.clone()) else { break };
            rows += facts.len();
            self.send(RowReaderEvent::Rows { kind: kind.index, facts, read_at }).await?;
            after = Some(last);
            tokio::task::yield_now().await;
        }
        self.send(RowReaderEvent::KindSwept { kind: kind.index, read_at }).await?;
        Ok(rows)
    }

    async fn send(&self, reading: RowReaderEvent) -> Result<(), Option<StoreError>> {
        self.tell.send(reading).await.map_err(|_| None)
    }

    /// Reads on until cancelled: changed rows every `tick`, all rows every `sweep`, and whenever `sweep_now` says so.
    pub async fn run(
        self,
        tick: Duration,
        sweep: Duration,
        sweep_now: Arc<tokio::sync::Notify>,
        stop: CancellationToken,
    ) {
        let mut cursor = None;
        let mut next_sweep = Instant::now() + sweep;
        loop {
            let sweep_asked = tokio::select! {
                () = stop.cancelled() => return,
                () = sweep_now.notified() => true,
                () = tokio::time::sleep(tick) => false,
            };
            if sweep_asked || Instant::now() >= next_sweep {
                next_sweep = Instant::now() + sweep;
                self.sweep().await;
            }
            if let Err(Some(error)) = self.changed_rows(&mut cursor).await {
                let _ = self.tell.send(RowReaderEvent::Failed(error)).await;
            }
        }
    }

    async fn changed_rows(&self, cursor: &mut Option<i64>) -> Result<(), Option<StoreError>> {
        let read_at = self.commits.load(Ordering::Acquire);
        let now = self.store.now().await.map_err(Some)?;
        // the sweep at the start has told everything older
        let since = cursor.unwrap_or(now) - OVERLAP;
        for kind in self.kinds() {
            let mut facts = Vec::new();
            let mut tell = |row| facts.push(row_fact::fact(&self.codec, kind, row));
            if let Err(error) = self.store.rows_since(&kind.store.table, since, &mut tell).await {
                // the next sweep tells what is missed meanwhile
                self.of_table(kind, Some(error)).await?;
            }
            if !facts.is_empty() {
                self.send(RowReaderEvent::Rows { kind: kind.index, facts, read_at }).await?;
            }
        }
        *cursor = Some(now);
        Ok(())
    }
}

impl std::fmt::Debug for RowReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowReader").finish_non_exhaustive()
    }
}
