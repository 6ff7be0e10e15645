//! One history: the operator's state, driven step by step, and the people and faults around it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orloj_operator::crypto::{Fingerprinter, Vault};
use orloj_operator::reconciler::batch::Committer;
use orloj_operator::reconciler::row_fact;
use orloj_operator::reconciler::state::{Batch, Job, Moment, Prune, ReconcilerState};
use orloj_operator::registry::Registry;
use orloj_operator::resource::{ObjectName, Resource, ResourceId};
use orloj_operator::source::Scope;
use orloj_operator::source::target::ResourceClientError;
use orloj_operator::store::sealing::Codec;
use orloj_operator::store::{Fence, LedgerStore as _, RowStore as _, StoreError};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;

use super::api::{Api, KIND};
use super::store::Memory;

const WIDGET: &str = "
group: example.org
version: v1
kind: Widget
plural: widgets
description: A thing.
store: {table: widgets, owner: operator, initialPhase: Pending}
rules:
  - path: spec.size
    oneOf: [small, medium, large]
    message: a widget is small, medium or large
schema:
  type: object
  description: What it is.
  properties:
    size: {type: string, description: How large.}
";

/// A call to the API server under way. The server answers at one moment, and the answer is heard at a later one:
/// watch events may overtake it.
struct Call {
    id: ResourceId,
    job: Job,
    answer: Option<Answer>,
}

enum Answer {
    Fetched(Result<Option<Box<Resource>>, ResourceClientError>),
    Acknowledged(Result<u64, ResourceClientError>),
}

pub struct World {
    random: StdRng,
    registry: Arc<Registry>,
    codec: Arc<Codec>,
    fingerprinter: Arc<Fingerprinter>,
    store: Arc<Memory>,
    api: Api,
    state: ReconcilerState,
    committer: Committer,
    calls: Vec<Call>,
    batch: Option<Batch>,
    now: Instant,
    unix: i64,
    faults: bool,
    /// Between two sweeps, at least.
    sweep_every: Duration,
    swept: Instant,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let files = [("widget.yaml".to_owned(), WIDGET.to_owned())];
        let registry = Arc::new(Registry::from_files(files).expect("a good kind"));
        let fingerprinter = Arc::new(Fingerprinter::new([7; 32], None));
        let codec = Arc::new(Codec::new(Arc::clone(&fingerprinter), Vault::new(None)));
        let store = Arc::new(Memory::default());
        let committer = Committer {
            registry: Arc::clone(&registry),
            store: store.clone(),
            codec: Arc::clone(&codec),
            fence: Fence::of("us", 0, "me"),
            require_encryption: false,
        };
        let state = fresh_state(&registry, &fingerprinter);
        Self {
            random: StdRng::seed_from_u64(seed),
            registry,
            codec,
            fingerprinter,
            store,
            api: Api::default(),
            state,
            committer,
            calls: Vec::new(),
            batch: None,
            now: Instant::now(),
            unix: 1_700_000_000,
            faults: true,
            sweep_every: Duration::ZERO,
            swept: Instant::now(),
        }
    }

    pub async fn live_through(mut self, steps: usize) {
        self.start().await;
        for _ in 0..steps {
            match self.random.random_range(0..100) {
                0..25 => self.person(),
                25..32 => self.fault().await,
                _ => self.operate().await,
            }
        }
        self.faults = false;
        self.store.inner().away = false;
        self.store.inner().lose_answer = false;
        self.store.inner().dropped = false;
        self.state.unpark(KIND);
        self.drain().await;
        self.check();
        self.check_quiet().await;
    }

    /// The table is dropped while people go on, and made again, empty.
    pub async fn live_through_a_drop(mut self) {
        self.faults = self.random.random_bool(0.5);
        self.start().await;
        for _ in 0..10 {
            self.person();
            self.operate().await;
        }
        self.drain().await;
        {
            let mut inner = self.store.inner();
            inner.dropped = true;
            inner.rows.clear();
        }
        let ledger = self.store.inner().ledger.clone();
        if self.random.random_bool(0.5) {
            self.start().await;
        }
        self.sweep().await;
        for _ in 0..10 {
            self.person();
            self.operate().await;
        }
        self.faults = false;
        self.drain_once().await;
        assert_eq!(self.store.inner().ledger, ledger, "the ledger of a kind that is parked");
        assert_eq!(self.state.load().queued, 0, "a body waits");
        for (object, resource) in &self.api.objects {
            let synced = &resource.status["conditions"][0];
            let held = resource.deleting && resource.finalizers == ["orloj.dev/sync"];
            assert!(held || synced["reason"] == "KindUnavailable", "{object}: {}", resource.status);
        }
        self.store.inner().dropped = false;
        self.state.unpark(KIND);
        self.drain().await;
        self.check();
        self.check_quiet().await;
    }

    /// `NoWriteWar`: for three hours another program undoes what it finds whenever it finds it; then it stops.
    pub async fn live_through_a_war(mut self) {
        self.faults = self.random.random_bool(0.5);
        let object = ObjectName::new("x", "a");
        self.api.apply(&object, "small", None, false);
        self.start().await;
        self.drain().await;
        let (rows, calls) = (self.store.inner().writes, self.api.writes);
        let part = self.random.random_range(0..4);
        self.sweep_every = Duration::from_mins(self.random.random_range(0..6));
        let mut undone = 0;
        // an operation takes 5 s
        for _ in 0..3 * 720 {
            undone += u32::from(self.undo(part, &object));
            if self.random.random_ratio(1, 700) {
                self.start().await;
            }
            self.operate().await;
            self.now += Duration::from_secs(5);
            self.unix += 5;
        }
        // 11 in three hours; a failed call may cost one more, and a restart begins a war of statuses anew: they tell
        // nothing of it, as they were overwritten
        let (rows, calls) = (self.store.inner().writes - rows, self.api.writes - calls);
        assert!(undone > 3, "{undone} times undone is no war");
        assert!(rows <= 25 && calls <= 100, "part {part}: {rows} writes to the store, {calls} to the API server");
        self.faults = false;
        self.sweep_every = Duration::ZERO;
        self.drain().await;
        self.check();
        self.check_quiet().await;
    }

    /// The other program's move; whether it found anything to undo.
    fn undo(&mut self, part: u32, object: &ObjectName) -> bool {
        match part {
            0 => self.store.inner().rows.remove(&object.to_string()).is_some(),
            1 => {
                let mut inner = self.store.inner();
                let Some(row) = inner.rows.get_mut(&object.to_string()) else { return false };
                std::mem::replace(&mut row["spec"]["size"], json!("theirs")) != "theirs"
            }
            2 => {
                let stood = self.api.objects.get(object).is_some_and(|found| !found.finalizers.is_empty());
                if stood {
                    self.api.strip(object);
                }
                stood
            }
            _ => {
                let stood = self.api.objects.get(object).is_some_and(|found| found.status["phase"] != "Nonsense");
                if stood {
                    self.api.overwrite_status(object);
                }
                stood
            }
        }
    }

    fn moment(&self) -> Moment {
        Moment { at: self.now, unix: self.unix, jitter: 0.5 }
    }

    fn object(&mut self) -> ObjectName {
        let namespace = *["x", "y"].choose(&mut self.random).expect("not empty");
        let name = *["a", "b", "c"].choose(&mut self.random).expect("not empty");
        ObjectName::new(namespace, name)
    }

    fn person(&mut self) {
        let object = self.object();
        match self.random.random_range(0..10) {
            0..7 => {
                let size =
                    *["small", "medium", "large", "huge", "unreadable"].choose(&mut self.random).expect("not empty");
                let target = *[None, None, None, Some("x"), Some("y")].choose(&mut self.random).expect("not empty");
                let suspend = self.random.random_ratio(1, 12);
                self.api.apply(&object, size, target, suspend);
            }
            _ => self.api.delete(&object),
        }
    }

    async fn fault(&mut self) {
        let object = self.object();
        match self.random.random_range(0..11) {
            0 => self.start().await,
            1 => self.api.relist(),
            2 => self.store.inner().away = true,
            3 => self.store.inner().away = false,
            4 => self.store.inner().lose_answer = true,
            5 => self.api.strip(&object),
            6 => self.api.overwrite_status(&object),
            7 => {
                self.store.inner().rows.remove(&object.to_string());
            }
            8 => {
                let mut inner = self.store.inner();
                inner.dropped = true;
                inner.rows.clear();
            }
            9 => self.store.inner().dropped = false,
            _ => {
                if let Some(row) = self.store.inner().rows.get_mut(&object.to_string()) {
                    row["spec"]["size"] = json!("hacked");
                }
            }
        }
    }

    /// A process starts, after a crash or for the first time: the ledger and the rows are all it remembers.
    async fn start(&mut self) {
        self.calls.clear();
        self.batch = None;
        self.state = fresh_state(&self.registry, &self.fingerprinter);
        self.committer.fence = self.store.take_leadership("us");
        for entry in self.store.ledger("us", None, 0).await.expect("always there") {
            self.state.remember(entry);
        }
        let away = std::mem::take(&mut self.store.inner().away);
        self.sweep().await;
        self.store.inner().away = away;
        self.api.relist();
    }

    async fn sweep(&mut self) {
        let kind = &self.registry.kinds()[0];
        self.swept = self.now;
        let read_at = self.state.commits();
        let moment = self.moment();
        let rows = match self.store.rows(&kind.store.table, None, 0).await {
            Ok(rows) => rows,
            Err(StoreError::Setup { detail }) => return self.state.park(KIND, &detail, moment),
            Err(_) => return,
        };
        self.state.begin_sweep(moment);
        let facts = rows.into_iter().map(|row| row_fact::fact(&self.codec, kind, row)).collect();
        let strays = self.state.on_rows(KIND, facts, read_at, moment);
        self.state.end_sweep(KIND, read_at, moment);
        let keys: Vec<_> = strays.iter().map(|row| row.key.clone()).collect();
        let owners = self.store.owners("Widget", &keys).await.expect("always there");
        let orphans = strays.into_iter().filter(|row| !owners.iter().any(|entry| entry.key == row.key)).collect();
        self.state.on_owners(KIND, owners, moment);
        self.state.on_orphans(KIND, orphans, moment);
    }

    /// The operator does one thing.
    async fn operate(&mut self) {
        self.now += Duration::from_millis(self.random.random_range(1..800));
        self.unix += i64::from(self.random.random_ratio(1, 3));
        let moment = self.moment();
        self.state.on_time(moment);
        if self.state.is_parked(KIND) && !self.store.inner().dropped && self.random.random_ratio(1, 10) {
            self.state.unpark(KIND);
        }
        match self.random.random_range(0..10) {
            0..4 => {
                if let Some(event) = self.api.events.pop_front() {
                    self.state.on_source(event, moment);
                }
            }
            4 | 5 => self.store_step().await,
            6 => {
                let (hold, room) = (self.random.random_ratio(1, 8), self.random.random_ratio(3, 4));
                if let Some((id, _, job)) = self.state.next_job(hold, room, moment) {
                    self.calls.push(Call { id, job, answer: None });
                }
            }
            7 | 8 => self.call_step(),
            _ if self.now.duration_since(self.swept) >= self.sweep_every => self.sweep().await,
            _ => {}
        }
        self.state.take_notices();
    }

    /// A batch goes off, or the one under way comes back: events may come in between.
    async fn store_step(&mut self) {
        let moment = self.moment();
        let Some(batch) = self.batch.take() else {
            let (size, bytes) = (self.random.random_range(1..5), self.random.random_range(1..4_000));
            self.batch = self.state.next_batch(size, bytes);
            return;
        };
        let committed = self.committer.run(batch).await;
        self.state.on_batch_result(committed.settlement, moment);
        match committed.unsettled {
            None => self.state.on_store_available(),
            Some((batch, StoreError::Setup { detail })) => self.state.park_with_batch(batch, &detail, moment),
            Some((batch, _)) => self.state.on_store_unavailable(batch, Duration::from_secs(2), moment),
        }
    }

    /// One call is answered by the server, or its answer is heard.
    fn call_step(&mut self) {
        if self.calls.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.calls.len());
        if self.calls[at].answer.is_none() {
            let answer = self.answer(at);
            self.calls[at].answer = Some(answer);
            return;
        }
        let moment = self.moment();
        let Call { id, job, answer } = self.calls.swap_remove(at);
        match (job, answer) {
            (Job::Fetch, Some(Answer::Fetched(result))) => {
                self.state.on_fetched(&id, result.map(|found| found.map(|found| *found)), moment);
            }
            (Job::Acknowledge(ack), Some(Answer::Acknowledged(result))) => {
                self.state.on_acknowledged(&id, ack, &result, moment);
            }
            _ => unreachable!("each call has its own answer"),
        }
    }

    fn answer(&mut self, at: usize) -> Answer {
        let fails = self.faults && self.random.random_ratio(1, 8);
        let away = self.random.random_bool(0.5);
        let failure = || {
            if away {
                ResourceClientError::Unreachable("cut".to_owned())
            } else {
                ResourceClientError::Transient("busy".to_owned())
            }
        };
        // a call may fail before it arrives, or after
        let arrives = !fails || self.random.random_bool(0.5);
        let Call { id, job, .. } = &self.calls[at];
        match job {
            Job::Fetch if fails => Answer::Fetched(Err(failure())),
            Job::Fetch => Answer::Fetched(Ok(self.api.objects.get(&id.object).cloned().map(Box::new))),
            Job::Acknowledge(ack) => {
                let result = if arrives { self.api.acknowledge(id, ack) } else { Err(failure()) };
                Answer::Acknowledged(if fails { Err(failure()) } else { result })
            }
        }
    }

    /// Without faults, until nothing is left to do; retries come due, sweeps go round.
    async fn drain(&mut self) {
        for _ in 0..4 {
            self.drain_once().await;
            self.sweep().await;
        }
    }

    async fn drain_once(&mut self) {
        for _ in 0..3_000 {
            if self.still() {
                break;
            }
            self.operate().await;
            self.now += Duration::from_secs(5);
        }
        assert!(self.still(), "it does not come to rest: {:?}", self.state.load());
    }

    fn still(&self) -> bool {
        self.api.events.is_empty()
            && self.state.idle()
            && self.calls.is_empty()
            && self.batch.is_none()
            && self.state.load().retrying == 0
            && self.bytes_are_given_back()
    }

    fn bytes_are_given_back(&self) -> bool {
        let load = self.state.load();
        assert!(load.queued + load.in_store > 0 || self.state.held_bytes() == 0, "{} bytes", self.state.held_bytes());
        true
    }

    fn check(&self) {
        let kind = &self.registry.kinds()[0];
        let inner = self.store.inner();
        let mut claims: BTreeMap<String, Vec<(i64, &ObjectName)>> = BTreeMap::new();
        for (object, resource) in &self.api.objects {
            assert!(!resource.deleting, "NoLostDelete: {object} hangs");
            if !resource.annotations.contains_key("orloj.dev/suspend") && kind.desired(resource).is_ok() {
                claims.entry(kind.scoped_key(resource)).or_default().push((resource.created, object));
            }
        }
        for (key, claimants) in &claims {
            let oldest = claimants.iter().min().expect("at least one").1;
            let Some(owner) = inner.ledger.get(key).map(|entry| &entry.object) else { panic!("nobody owns {key}") };
            // one that is suspended or has become invalid keeps what it holds
            if owner != oldest {
                let holder = self.api.objects.get(owner).unwrap_or_else(|| panic!("{key} is owned by a ghost"));
                let holds_on = holder.annotations.contains_key("orloj.dev/suspend") || kind.desired(holder).is_err();
                assert!(holds_on, "NoStolenRows: {key} is {owner}'s, not {oldest}'s");
                continue;
            }
            let resource = &self.api.objects[oldest];
            let desired = kind.desired(resource).expect("valid");
            assert!(desired.same_meaning(&kind.stored(&inner.rows[key])), "Convergence: the row of {key} differs");
            assert_eq!(resource.status["conditions"][0]["status"], "True", "{oldest}: {}", resource.status);
            assert_eq!(resource.status["observedGeneration"], resource.generation, "{oldest}");
            assert_eq!(resource.finalizers, ["orloj.dev/sync"], "{oldest}");
        }
        for (object, resource) in &self.api.objects {
            if kind.desired(resource).is_err() && !resource.annotations.contains_key("orloj.dev/suspend") {
                assert_eq!(resource.status["phase"], "SyncError", "{object}: {}", resource.status);
            }
        }
        for key in inner.rows.keys() {
            let owner = inner.ledger.get(key).unwrap_or_else(|| panic!("a row without an owner: {key}"));
            assert!(self.api.objects.contains_key(&owner.object), "a row without its resource: {key}");
        }
    }

    /// `Quiet`: at rest, across a restart and across a relist.
    ///
    /// A commit whose answer was lost, of a resource that was suspended before the next try, and whose row was then
    /// deleted by hand, is known to the ledger alone; the next start learns of it, so one start comes first.
    async fn check_quiet(&mut self) {
        self.start().await;
        self.drain().await;
        let (rows, calls) = (self.store.inner().writes, self.api.writes);
        self.drain().await;
        self.start().await;
        self.drain().await;
        self.api.relist();
        self.drain().await;
        assert_eq!(self.store.inner().writes, rows, "written to the store without need");
        assert_eq!(self.api.writes, calls, "written to the API server without need");
    }
}

fn fresh_state(registry: &Arc<Registry>, fingerprinter: &Arc<Fingerprinter>) -> ReconcilerState {
    ReconcilerState::new(Arc::clone(registry), Arc::clone(fingerprinter), Prune::Yes, vec![(KIND, Scope::All)])
}
