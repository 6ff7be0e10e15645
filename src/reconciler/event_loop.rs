//! The I/O shell around the state: one loop that feeds it and does what it asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::batch::{Committed, Committer};
use super::parking::{Look, TableLooks};
use super::row_events::RowEvents;
use super::state::{Batch, BatchInFlight, Job, Load, Moment, ReconcilerState};
use super::{Options, Parts, ReconcilerError, alive_during, patiently};
use crate::backoff::Policy;
use crate::crypto::Fingerprinter;
use crate::resource::{Resource, ResourceId};
use crate::source::SourceEvent;
use crate::source::channel::EventReceiver;
use crate::source::target::{Ack, ResourceClientError};
use crate::store::sealing::Codec;
use crate::store::{Outcome, OutcomeFilter, StoreError, StoreErrorClass, micros_now};

/// Entries with bodies that may wait for the store: past that the source is not listened to, so that memory stays
/// flat however long the list. Two batches: one in the making while one is in the store.
const QUEUE_BATCHES: usize = 2;

/// What one batch may hold, about. In the store each body is there some eight times: as resource, as row, as text, in
/// the statement, on the connection, and the row that stood before.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// The same of the bodies that wait, with those in the store.
const QUEUE_BYTES: usize = QUEUE_BATCHES * BATCH_BYTES;

/// Rows come first: acknowledgements of the backlog wait for the first lists to be through the store, but not
/// longer than this.
const HOLD_BACKLOG: Duration = Duration::from_mins(1);

/// Ledger entries read at a time.
const LEDGER_PAGE: u32 = 2_000;

/// Outcomes written, or read, at a time.
const OUTCOME_PAGE: u32 = 500;

/// How long calls in flight may take to end when stopping.
const LAST_CALLS: Duration = Duration::from_secs(2);

/// Between two tries of a store that is away.
pub(super) const STORE_RETRY: Policy = Policy { first: Duration::from_millis(200), longest: Duration::from_secs(5) };

/// The loop: what it works with, the state it feeds, and what runs beside it.
pub(super) struct EventLoop {
    pub(super) parts: Parts,
    pub(super) options: Options,
    pub(super) state: ReconcilerState,
    committer: Arc<Committer>,
    source: SourceEvents,
    stop: CancellationToken,
    in_flight: InFlight,
    pub(super) rows: RowEvents,
    /// What runs until the reconciler stops: an end before is a fault.
    background: JoinSet<()>,
    commits: Arc<AtomicU64>,
    started: Instant,
    store: StoreHealth,
    pub(super) tables: TableLooks,
}

/// What the source tells.
struct SourceEvents {
    events: EventReceiver,
    /// The source told everything and ended, which a one-shot run may.
    ended: bool,
}

/// The batch in the store, at most one, and the calls to the source.
#[derive(Default)]
struct InFlight {
    batch: Option<BatchInFlight>,
    batches: JoinSet<BatchReturn>,
    calls: JoinSet<CallReturn>,
    /// Outcomes, at most one writing of them.
    outcomes: JoinSet<Result<(), StoreError>>,
}

/// A batch that came back from the store.
struct BatchReturn {
    committed: Committed,
    started: Instant,
    /// What its kind lacks, where the store's setting-up is at fault.
    look: Option<Look>,
}

/// How often the store failed in a row, and until when it is left alone.
#[derive(Default)]
struct StoreHealth {
    failures: u32,
    pause: Option<Instant>,
}

impl StoreHealth {
    fn failed(&mut self, now: Moment) {
        self.pause = Some(now.at + STORE_RETRY.delay(self.failures, now.jitter));
        self.failures = self.failures.saturating_add(1);
    }
}

/// A call to the source that came back.
struct CallReturn {
    id: ResourceId,
    seen: Instant,
    result: CallResult,
}

enum CallResult {
    Acknowledged(Ack, Result<u64, ResourceClientError>),
    Fetched(Result<Option<Resource>, ResourceClientError>),
}

impl EventLoop {
    pub fn new(
        parts: Parts,
        options: Options,
        fingerprinter: Arc<Fingerprinter>,
        codec: Arc<Codec>,
        events: EventReceiver,
        stop: CancellationToken,
    ) -> Self {
        let commits = Arc::new(AtomicU64::new(0));
        let tables = TableLooks::default();
        let rows = RowEvents::new(&parts, Arc::clone(&codec), Arc::clone(&commits), Arc::clone(&tables.parked));
        let committer = Arc::new(Committer {
            registry: Arc::clone(&parts.registry),
            store: Arc::clone(&parts.store),
            codec,
            fence: parts.fence.clone(),
            require_encryption: options.require_encryption,
        });
        let mut state =
            ReconcilerState::new(Arc::clone(&parts.registry), fingerprinter, options.prune, parts.scopes.clone());
        if options.until_idle {
            state.resume_no_contest();
        }
        Self {
            parts,
            options,
            state,
            committer,
            source: SourceEvents { events, ended: false },
            stop,
            in_flight: InFlight::default(),
            rows,
            background: JoinSet::new(),
            commits,
            started: Instant::now(),
            store: StoreHealth::default(),
            tables,
        }
    }

    pub async fn run(mut self) -> Result<(), ReconcilerError> {
        for (kind, why) in std::mem::take(&mut self.parts.parked) {
            self.park(kind, &why, moment());
        }
        let observer = Arc::clone(&self.parts.observer);
        alive_during(observer.as_ref(), self.load_ledger()).await?;
        self.started = Instant::now();
        let stop_reading = self.stop.child_token();
        let _guard = stop_reading.clone().drop_guard();
        if !self.options.until_idle
            && let Some(reader) = self.rows.reader.take()
        {
            let (tick, sweep) = (self.options.status_interval, self.options.sweep_interval);
            self.background.spawn(reader.run(tick, sweep, Arc::clone(&self.rows.sweep_now), stop_reading));
        }
        let mut report = tokio::time::interval(Duration::from_secs(1));
        report.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let stop = self.stop.clone();
        loop {
            self.dispatch();
            if self.options.until_idle
                && self.state.idle()
                && self.source.events.is_empty()
                && self.rows.owners.pending == 0
                && !self.state.outcomes_wait()
            {
                if self.rows.swept_after_lists || !self.options.prune_unowned {
                    return Ok(());
                }
                // now that all resources are known, rows that belong to none can be told
                self.rows.swept_after_lists = true;
                self.sweep().await?;
                continue;
            }
            let room = self.has_room();
            let due = self.next_due();
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.finish().await,
                Some(done) = self.in_flight.batches.join_next(), if !self.in_flight.batches.is_empty() => self.on_batch(joined(done)?)?,
                Some(done) = self.in_flight.calls.join_next(), if !self.in_flight.calls.is_empty() => self.on_call(joined(done)?),
                Some(told) = self.in_flight.outcomes.join_next(), if !self.in_flight.outcomes.is_empty() => self.on_outcomes(joined(told)?)?,
                Some(event) = self.rows.events.recv() => self.on_row_event(event)?,
                Some(look) = self.tables.under_way.join_next(), if !self.tables.under_way.is_empty() => self.on_look(joined(look)?),
                Some(reply) = self.rows.owners.replies.recv() => self.on_owners(reply)?,
                Some(ended) = self.background.join_next(), if !self.background.is_empty() => {
                    joined(ended)?;
                    return Err(ReconcilerError::Internal("the task that reads rows back has stopped".to_owned()));
                }
                event = self.source.events.recv(), if room && !self.source.ended => match event {
                    Some(event) => self.on_event(event),
                    None if self.options.until_idle && self.state.listed() => self.source.ended = true,
                    None => return Err(ReconcilerError::Internal("the source has ended".to_owned())),
                },
                () = tokio::time::sleep_until(due.into()) => self.on_time(moment()),
                _ = report.tick() => self.report(),
            }
        }
    }

    /// What the ledger and the rows tell from before, so that a restart writes nothing.
    async fn load_ledger(&mut self) -> Result<(), ReconcilerError> {
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
        self.load_outcomes().await?;
        self.sweep().await
    }

    async fn load_outcomes(&mut self) -> Result<(), ReconcilerError> {
        let filter = OutcomeFilter { cluster: Some(self.parts.fence.cluster.clone()), ..OutcomeFilter::default() };
        let mut after: Option<Outcome> = None;
        loop {
            let read = || self.parts.store.outcomes(&filter, after.as_ref(), OUTCOME_PAGE);
            let observer = self.parts.observer.as_ref();
            let Some(page) = patiently(&self.options, observer, &self.stop, read).await? else { return Ok(()) };
            for (outcome, _) in &page {
                self.state.remember_outcome(outcome);
            }
            match page.into_iter().next_back() {
                Some((last, _)) => after = Some(last),
                None => return Ok(()),
            }
        }
    }

    /// Starts what can be started.
    fn dispatch(&mut self) {
        let now = moment();
        let paused = self.store.pause.is_some_and(|until| until > now.at);
        if self.in_flight.batches.is_empty()
            && !paused
            && let Some(batch) = self.state.next_batch(self.options.batch_size, BATCH_BYTES)
        {
            self.in_flight.batch =
                Some(BatchInFlight { kind: batch.kind, resources: batch.items.len(), since: now.at });
            let (committer, probe) = (Arc::clone(&self.committer), self.parts.tables.clone());
            self.in_flight.batches.spawn(async move {
                let started = Instant::now();
                let done = committer.run(batch).await;
                let look = match (&done.unsettled, probe) {
                    (Some((batch, error)), Some(probe)) if error.class() == StoreErrorClass::Setup => {
                        Some(probe.lacks(committer.registry.kind(batch.kind)).await)
                    }
                    _ => None,
                };
                BatchReturn { committed: done, started, look }
            });
        }
        if !paused {
            self.tell_outcomes();
        }
        let hold = now.at.duration_since(self.started) < HOLD_BACKLOG
            && !(self.state.listed_what_comes() && self.state.queued() == 0 && self.in_flight.batches.is_empty());
        let room = self.has_room();
        while self.in_flight.calls.len() < self.options.api_concurrency
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
        if self.state.idle_but_for_lists_that_fail() && !self.rows.swept_after_lists && !self.options.until_idle {
            // rows whose resource vanished without us are found now that all resources are known
            self.rows.swept_after_lists = true;
            self.rows.sweep_now.notify_one();
        }
    }

    fn tell_outcomes(&mut self) {
        let changes = self.state.take_outcomes(OUTCOME_PAGE as usize, &self.parts.fence.cluster, micros_now());
        if !changes.is_empty() {
            let (store, fence) = (Arc::clone(&self.parts.store), self.parts.fence.clone());
            self.in_flight.outcomes.spawn(async move { store.record_outcomes(&fence, &changes).await });
        }
    }

    fn on_outcomes(&mut self, told: Result<(), StoreError>) -> Result<(), ReconcilerError> {
        self.state.on_outcomes(told.is_ok());
        match told {
            Ok(()) => Ok(()),
            Err(error) if error.class() == StoreErrorClass::Deposed || self.options.until_idle => Err(error.into()),
            Err(error) => {
                self.parts.observer.unavailable(None, &error);
                self.store.failed(moment());
                Ok(())
            }
        }
    }

    fn on_time(&mut self, now: Moment) {
        self.state.on_time(now);
        self.look_at_due_tables(now);
    }

    fn call(&mut self, id: ResourceId, seen: Instant, job: Job) {
        let target = Arc::clone(&self.parts.target);
        self.in_flight.calls.spawn(async move {
            let result = match job {
                Job::Fetch => CallResult::Fetched(target.fetch(&id).await),
                Job::Acknowledge(ack) => {
                    let result = target.acknowledge(&id, &ack).await;
                    CallResult::Acknowledged(ack, result)
                }
            };
            CallReturn { id, seen, result }
        });
    }

    fn on_event(&mut self, event: SourceEvent) {
        let now = moment();
        self.state.on_source(event, now);
        // what has come in the meantime is taken along, so that a batch is not cut short by the loop's turn
        while self.state.queued() < self.options.batch_size
            && self.has_room()
            && let Some(event) = self.source.events.try_recv()
        {
            self.state.on_source(event, now);
        }
    }

    fn on_batch(&mut self, BatchReturn { committed, started, look }: BatchReturn) -> Result<(), ReconcilerError> {
        let now = moment();
        self.in_flight.batch = None;
        let kind_index = committed.settlement.kind;
        let kind = self.parts.registry.kind(committed.settlement.kind);
        let took = now.at.duration_since(started);
        if !committed.settlement.items.is_empty() {
            self.parts.observer.committed(kind, &committed.settlement.items, committed.counts, took);
        }
        self.state.on_batch_result(committed.settlement, now);
        self.commits.store(self.state.commits(), Ordering::Release);
        match committed.unsettled {
            None if !committed.answered => Ok(()),
            None => {
                self.state.on_store_available();
                self.store = StoreHealth::default();
                self.tables.succeeded(kind_index);
                Ok(())
            }
            Some((batch, error)) => match look {
                Some(Ok(lacks)) => {
                    self.park_with_batch(batch, &lacks.unwrap_or_else(|| error.to_string()), now);
                    Ok(())
                }
                Some(Err(_)) | None => self.on_unavailable(batch, error, now),
            },
        }
    }

    fn on_unavailable(&mut self, batch: Batch, error: StoreError, now: Moment) -> Result<(), ReconcilerError> {
        self.parts.observer.unavailable(Some(self.parts.registry.kind(batch.kind)), &error);
        if error.class() == StoreErrorClass::Deposed || self.options.until_idle {
            return Err(error.into());
        }
        self.store.failed(now);
        self.state.on_store_unavailable(batch, self.options.store_grace, now);
        Ok(())
    }

    fn on_call(&mut self, returned: CallReturn) {
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

    /// Whether more may queue for the store.
    fn has_room(&self) -> bool {
        self.state.queued() < self.options.batch_size * QUEUE_BATCHES && self.state.held_bytes() < QUEUE_BYTES
    }

    fn report(&mut self) {
        if self.rows.sweep_due.is_some_and(|due| due <= Instant::now()) {
            self.rows.sweep_due = None;
            self.rows.sweep_now.notify_one();
        }
        let load = Load { batch: self.in_flight.batch, ..self.state.load() };
        self.parts.observer.load(&self.state.by_kind(), load);
    }

    fn next_due(&mut self) -> Instant {
        let far = Instant::now() + Duration::from_hours(1);
        let now = Instant::now();
        let pauses = [self.store.pause, self.state.next_call()].map(|until| until.filter(|until| *until > now));
        pauses.into_iter().chain([self.state.next_due(), self.tables.next_due()]).flatten().min().unwrap_or(far)
    }

    /// Lets the batch in flight commit and the calls in flight end.
    async fn finish(mut self) -> Result<(), ReconcilerError> {
        while let Some(done) = self.in_flight.batches.join_next().await {
            self.on_batch(joined(done)?)?;
        }
        while let Some(told) = self.in_flight.outcomes.join_next().await {
            self.on_outcomes(joined(told)?)?;
        }
        let calls = async { while self.in_flight.calls.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_CALLS, calls).await;
        Ok(())
    }
}

pub(super) fn joined<T>(result: Result<T, tokio::task::JoinError>) -> Result<T, ReconcilerError> {
    result.map_err(|error| ReconcilerError::Internal(error.to_string()))
}

pub(super) fn moment() -> Moment {
    Moment { at: Instant::now(), unix: micros_now().div_euclid(1_000_000), jitter: rand::random() }
}
