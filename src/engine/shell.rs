//! The I/O shell around the state: one loop that feeds it and does what it asks for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::batch::{Committed, Committer};
use super::reader::{Reader, Reading};
use super::state::{Batch, Job, Load, Moment, RowFact, State, UnderWay};
use super::{EngineError, Options, Parts, alive_during, patiently};
use crate::backoff::Policy;
use crate::crypto::Fingerprinter;
use crate::resource::{KindIndex, Resource, ResourceId};
use crate::source::SourceEvent;
use crate::source::target::{Ack, TargetError};
use crate::store::sealing::Codec;
use crate::store::{LedgerEntry, StoreError, StoreErrorClass, micros_now};

/// Entries with bodies that may wait for the store: past that the source is not listened to, so that memory stays
/// flat however long the list. Two batches: one in the making while one is in the store.
const QUEUE_BATCHES: usize = 2;

/// Rows come first: acknowledgements of the backlog wait for the first lists to be through the store, but not
/// longer than this.
const HOLD_BACKLOG: Duration = Duration::from_mins(1);

/// A full look follows when rows could not be read: a store that comes back may be another one, and that it is back
/// has to be noticed where nothing waits to be written.
const SWEEP_AFTER_OUTAGE: Duration = Duration::from_secs(30);

/// Ledger entries read at a time.
const LEDGER_PAGE: u32 = 2_000;

/// How long calls in flight may take to end when stopping.
const LAST_CALLS: Duration = Duration::from_secs(2);

/// Between two tries of a store that is away.
pub(super) const STORE_RETRY: Policy = Policy { first: Duration::from_millis(200), longest: Duration::from_secs(5) };

pub(super) struct Shell {
    parts: Parts,
    options: Options,
    state: State,
    committer: Arc<Committer>,
    events: mpsc::Receiver<SourceEvent>,
    stop: CancellationToken,
    batches: JoinSet<(Committed, Instant)>,
    calls: JoinSet<Returned>,
    readings: mpsc::Receiver<Reading>,
    owners: (mpsc::Sender<Asked>, mpsc::Receiver<Asked>),
    /// Questions to the ledger that are not answered yet.
    asking: usize,
    reader: Option<Reader>,
    /// What runs until the engine stops: an end before is a fault.
    background: JoinSet<()>,
    /// The source told everything and ended, which a one-shot run may.
    source_ended: bool,
    sweep_now: Arc<Notify>,
    sweep_due: Option<Instant>,
    commits: Arc<AtomicU64>,
    /// Rows of the sweep under way that belong to no resource.
    strays: HashMap<KindIndex, Vec<RowFact>>,
    lost: usize,
    started: Instant,
    under_way: Option<UnderWay>,
    store_failures: u32,
    store_pause: Option<Instant>,
    swept_after_lists: bool,
}

/// What the ledger says of rows that carry our mark, and whose resource is not known to have one.
struct Owners {
    kind: KindIndex,
    /// This cluster's resources own these.
    ours: Vec<LedgerEntry>,
    /// Nobody owns these, in no cluster.
    orphans: Vec<RowFact>,
}

/// The ledger's answer.
type Asked = Result<Owners, StoreError>;

/// A call to the source that came back.
struct Returned {
    id: ResourceId,
    seen: Instant,
    result: CallResult,
}

enum CallResult {
    Acknowledged(Ack, Result<u64, TargetError>),
    Fetched(Result<Option<Resource>, TargetError>),
}

impl Shell {
    pub fn new(
        parts: Parts,
        options: Options,
        fingerprinter: Arc<Fingerprinter>,
        codec: Arc<Codec>,
        events: mpsc::Receiver<SourceEvent>,
        stop: CancellationToken,
    ) -> Self {
        let commits = Arc::new(AtomicU64::new(0));
        let (tell, readings) = mpsc::channel(4);
        let reader = Reader {
            registry: Arc::clone(&parts.registry),
            store: Arc::clone(&parts.store) as _,
            codec: Arc::clone(&codec),
            commits: Arc::clone(&commits),
            tell,
        };
        let committer = Arc::new(Committer {
            registry: Arc::clone(&parts.registry),
            store: Arc::clone(&parts.store),
            codec,
            fence: parts.fence.clone(),
            require_encryption: options.require_encryption,
        });
        let state = State::new(Arc::clone(&parts.registry), fingerprinter, options.prune, parts.scopes.clone());
        Self {
            parts,
            options,
            state,
            committer,
            events,
            stop,
            batches: JoinSet::new(),
            calls: JoinSet::new(),
            readings,
            owners: mpsc::channel(16),
            asking: 0,
            reader: Some(reader),
            background: JoinSet::new(),
            source_ended: false,
            sweep_now: Arc::new(Notify::new()),
            sweep_due: None,
            commits,
            strays: HashMap::new(),
            lost: 0,
            started: Instant::now(),
            under_way: None,
            store_failures: 0,
            store_pause: None,
            swept_after_lists: false,
        }
    }

    pub async fn run(mut self) -> Result<(), EngineError> {
        let observer = Arc::clone(&self.parts.observer);
        alive_during(observer.as_ref(), self.recall()).await?;
        self.started = Instant::now();
        let stop_reading = self.stop.child_token();
        let _guard = stop_reading.clone().drop_guard();
        if !self.options.until_idle
            && let Some(reader) = self.reader.take()
        {
            let (tick, sweep) = (self.options.status_interval, self.options.sweep_interval);
            self.background.spawn(reader.run(tick, sweep, Arc::clone(&self.sweep_now), stop_reading));
        }
        let mut report = tokio::time::interval(Duration::from_secs(1));
        report.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let stop = self.stop.clone();
        loop {
            self.dispatch();
            if self.options.until_idle && self.state.idle() && self.events.is_empty() && self.asking == 0 {
                if self.swept_after_lists || !self.options.prune_unowned {
                    return Ok(());
                }
                // now that all resources are known, rows that belong to none can be told
                self.swept_after_lists = true;
                self.sweep().await?;
                continue;
            }
            let room = self.has_room();
            let due = self.next_due();
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.finish().await,
                Some(done) = self.batches.join_next(), if !self.batches.is_empty() => self.on_batch(joined(done)?)?,
                Some(done) = self.calls.join_next(), if !self.calls.is_empty() => self.on_call(joined(done)?),
                Some(reading) = self.readings.recv() => self.on_reading(reading)?,
                Some(asked) = self.owners.1.recv() => self.on_owners(asked)?,
                Some(ended) = self.background.join_next(), if !self.background.is_empty() => {
                    joined(ended)?;
                    return Err(EngineError::Internal("rows are read back no more".to_owned()));
                }
                event = self.events.recv(), if room && !self.source_ended => match event {
                    Some(event) => self.on_event(event),
                    None if self.options.until_idle && self.state.listed() => self.source_ended = true,
                    None => return Err(EngineError::Internal("the source has ended".to_owned())),
                },
                () = tokio::time::sleep_until(due.into()) => self.state.on_time(moment()),
                _ = report.tick() => self.report(),
            }
        }
    }

    /// What the ledger and the rows tell from before, so that a restart writes nothing.
    async fn recall(&mut self) -> Result<(), EngineError> {
        let mut after: Option<(String, String)> = None;
        loop {
            let from = after.as_ref().map(|(kind, key)| (kind.as_str(), key.as_str()));
            let read = || self.parts.store.ledger(&self.parts.fence.cluster, from, LEDGER_PAGE);
            let observer = self.parts.observer.as_ref();
            let Some(page) = patiently(&self.options, observer, &self.stop, read).await? else { return Ok(()) };
            let Some(last) = page.last() else { break };
            after = Some((last.kind.clone(), last.key.clone()));
            for entry in page {
                self.state.remember(entry);
            }
        }
        self.sweep().await
    }

    /// Reads all rows, and waits for the end of that.
    async fn sweep(&mut self) -> Result<(), EngineError> {
        let Some(reader) = self.reader.take() else { return Ok(()) };
        let sweep = tokio::spawn(async move {
            reader.sweep().await;
            reader
        });
        tokio::pin!(sweep);
        loop {
            tokio::select! {
                biased;
                Some(reading) = self.readings.recv() => self.on_reading(reading)?,
                reader = &mut sweep => {
                    self.reader = Some(joined(reader)?);
                    break;
                }
            }
        }
        while let Ok(reading) = self.readings.try_recv() {
            self.on_reading(reading)?;
        }
        Ok(())
    }

    /// Starts what can be started.
    fn dispatch(&mut self) {
        let now = moment();
        let paused = self.store_pause.is_some_and(|until| until > now.at);
        if self.batches.is_empty()
            && !paused
            && let Some(batch) = self.state.next_batch(self.options.batch_size)
        {
            self.under_way = Some(UnderWay { kind: batch.kind, resources: batch.items.len(), since: now.at });
            let committer = Arc::clone(&self.committer);
            self.batches.spawn(async move {
                let started = Instant::now();
                (committer.run(batch).await, started)
            });
        }
        let hold = now.at.duration_since(self.started) < HOLD_BACKLOG
            && !(self.state.listed_what_comes() && self.state.queued() == 0 && self.batches.is_empty());
        let room = self.has_room();
        while self.calls.len() < self.options.api_concurrency
            && let Some((id, seen, job)) = self.state.next_job(hold, room, now)
        {
            self.call(id, seen, job);
        }
        for (kind, part) in self.state.take_undone() {
            self.parts.observer.undone(self.parts.registry.kind(kind), part);
        }
        for (id, notice) in self.state.take_notices() {
            let (target, observer) = (Arc::clone(&self.parts.target), Arc::clone(&self.parts.observer));
            let registry = Arc::clone(&self.parts.registry);
            tokio::spawn(async move {
                let became = target.notify(&id, &notice).await;
                observer.notified(registry.kind(id.kind), became);
            });
        }
        if self.state.idle() && !self.swept_after_lists && !self.options.until_idle {
            // rows whose resource vanished without us are found now that all resources are known
            self.swept_after_lists = true;
            self.sweep_now.notify_one();
        }
    }

    fn call(&mut self, id: ResourceId, seen: Instant, job: Job) {
        let target = Arc::clone(&self.parts.target);
        self.calls.spawn(async move {
            let result = match job {
                Job::Fetch => CallResult::Fetched(target.fetch(&id).await),
                Job::Acknowledge(ack) => {
                    let result = target.acknowledge(&id, &ack).await;
                    CallResult::Acknowledged(ack, result)
                }
            };
            Returned { id, seen, result }
        });
    }

    fn on_event(&mut self, event: SourceEvent) {
        let now = moment();
        self.state.on_source(event, now);
        // what has come in the meantime is taken along, so that a batch is not cut short by the loop's turn
        while self.state.queued() < self.options.batch_size
            && let Ok(event) = self.events.try_recv()
        {
            self.state.on_source(event, now);
        }
    }

    fn on_batch(&mut self, (committed, started): (Committed, Instant)) -> Result<(), EngineError> {
        let now = moment();
        self.under_way = None;
        let kind = self.parts.registry.kind(committed.settlement.kind);
        let took = now.at.duration_since(started);
        if !committed.settlement.items.is_empty() {
            self.parts.observer.committed(kind, &committed.settlement.items, committed.counts, took);
        }
        self.state.on_settled(committed.settlement, now);
        self.commits.store(self.state.commits(), Ordering::Release);
        match committed.unsettled {
            None if !committed.answered => Ok(()),
            None => {
                self.state.on_store_available();
                self.store_failures = 0;
                self.store_pause = None;
                Ok(())
            }
            Some((batch, error)) => self.on_unavailable(batch, error, now),
        }
    }

    fn on_unavailable(&mut self, batch: Batch, error: StoreError, now: Moment) -> Result<(), EngineError> {
        self.parts.observer.unavailable(Some(self.parts.registry.kind(batch.kind)), &error);
        if error.class() == StoreErrorClass::Deposed || self.options.until_idle {
            return Err(error.into());
        }
        self.store_pause = Some(now.at + STORE_RETRY.delay(self.store_failures, now.jitter));
        self.store_failures = self.store_failures.saturating_add(1);
        self.state.on_store_unavailable(batch, self.options.store_grace, now);
        Ok(())
    }

    fn on_call(&mut self, returned: Returned) {
        let now = moment();
        let kind = self.parts.registry.kind(returned.id.kind);
        match returned.result {
            CallResult::Fetched(result) => {
                self.parts.observer.fetched(kind, &returned.id.object, result.as_ref().map(|_| ()));
                self.state.on_fetched(&returned.id, result, now);
            }
            CallResult::Acknowledged(ack, result) => {
                let lag = now.at.duration_since(returned.seen);
                self.parts.observer.acknowledged(kind, &returned.id.object, &ack, result.as_ref().map(|_| ()), lag);
                self.state.on_acknowledged(&returned.id, ack, &result, now);
            }
        }
    }

    fn on_reading(&mut self, reading: Reading) -> Result<(), EngineError> {
        let now = moment();
        match reading {
            Reading::SweepBegins => {
                self.lost = 0;
                self.strays.clear();
                self.state.begin_sweep();
            }
            Reading::Rows { kind, facts, read_at } => {
                let strays = self.state.on_rows(kind, facts, read_at, now);
                if !strays.is_empty() {
                    self.strays.entry(kind).or_default().extend(strays);
                }
            }
            Reading::KindSwept { kind, read_at } => {
                self.lost += self.state.end_sweep(kind, read_at, now);
                if let Some(strays) = self.strays.remove(&kind) {
                    self.look_for_owners(kind, strays);
                }
            }
            Reading::SweepEnds { rows } => self.parts.observer.swept(rows, self.lost),
            Reading::Failed(error) if self.options.until_idle => return Err(error.into()),
            Reading::Failed(error) => {
                self.parts.observer.unavailable(None, &error);
                self.sweep_due.get_or_insert(now.at + SWEEP_AFTER_OUTAGE);
            }
        }
        Ok(())
    }

    /// Asks the ledger who owns rows that no resource here is known to have.
    fn look_for_owners(&mut self, kind: KindIndex, strays: Vec<RowFact>) {
        self.asking += 1;
        let store = Arc::clone(&self.parts.store);
        let tell = self.owners.0.clone();
        let name = self.parts.registry.kind(kind).names.kind.clone();
        let cluster = self.parts.fence.cluster.clone();
        tokio::spawn(async move {
            let keys: Vec<_> = strays.iter().map(|row| row.key.clone()).collect();
            let asked = store.owners(&name, &keys).await.map(|owners| {
                let owned: HashSet<_> = owners.iter().map(|entry| entry.key.clone()).collect();
                let orphans = strays.into_iter().filter(|row| !owned.contains(&row.key)).collect();
                let ours = owners.into_iter().filter(|entry| entry.cluster == cluster).collect();
                Owners { kind, ours, orphans }
            });
            let _ = tell.send(asked).await;
        });
    }

    fn on_owners(&mut self, asked: Asked) -> Result<(), EngineError> {
        self.asking = self.asking.saturating_sub(1);
        match asked {
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

    /// Whether more may queue for the store.
    fn has_room(&self) -> bool {
        self.state.queued() < self.options.batch_size * QUEUE_BATCHES
    }

    fn report(&mut self) {
        if self.sweep_due.is_some_and(|due| due <= Instant::now()) {
            self.sweep_due = None;
            self.sweep_now.notify_one();
        }
        let load = Load { batch: self.under_way, ..self.state.load() };
        self.parts.observer.load(&self.state.by_kind(), load);
    }

    fn next_due(&mut self) -> Instant {
        let far = Instant::now() + Duration::from_hours(1);
        let now = Instant::now();
        let pauses = [self.store_pause, self.state.next_call()].map(|until| until.filter(|until| *until > now));
        pauses.into_iter().chain([self.state.next_due()]).flatten().min().unwrap_or(far)
    }

    /// Lets the batch in flight commit and the calls in flight end.
    async fn finish(mut self) -> Result<(), EngineError> {
        while let Some(done) = self.batches.join_next().await {
            self.on_batch(joined(done)?)?;
        }
        let calls = async { while self.calls.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_CALLS, calls).await;
        Ok(())
    }
}

fn joined<T>(result: Result<T, tokio::task::JoinError>) -> Result<T, EngineError> {
    result.map_err(|error| EngineError::Internal(error.to_string()))
}

fn moment() -> Moment {
    Moment { at: Instant::now(), unix: micros_now().div_euclid(1_000_000), jitter: rand::random() }
}
