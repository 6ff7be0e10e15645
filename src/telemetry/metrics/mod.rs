//! Metrics, under the names that controller-runtime and workqueue gave them, and our own.
//!
//! One registry a [`Metrics`], no globals: tests run in parallel. Callers use the methods; label sets stay in here.

mod build;
mod exposition;
mod labels;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::source::Obstacle;
use build::Build;
pub use exposition::{Exposition, OPENMETRICS, TEXT};
pub use labels::{ApiWrite, Reconciled, ResourceState, RowAction};
use labels::{Counters, FloatGauges, Gauges, Histograms, buckets};
pub use requests::RequestMetrics;

/// All metrics; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    build: Build,
    reconciles: Counters<2>,
    reconcile_errors: Counters<1>,
    terminal_errors: Counters<1>,
    reconcile_seconds: Histograms<1>,
    active_workers: Gauges<1>,
    max_workers: Gauges<1>,
    queue_depth: Gauges<2>,
    queue_adds: Counters<2>,
    queue_wait: Histograms<2>,
    queue_work: Histograms<2>,
    queue_retries: Counters<2>,
    queue_unfinished: FloatGauges<2>,
    queue_longest: FloatGauges<2>,
    api_requests: Counters<2>,
    leader: Gauges<1>,
    sync_lag: Histograms<1>,
    resources: Gauges<2>,
    batches: Counters<2>,
    batch_rows: Histogram,
    batch_seconds: Histograms<1>,
    rows: Counters<2>,
    api_writes: Counters<3>,
    undone: Counters<2>,
    parked: Gauges<2>,
    held_bytes: Gauge,
    held_bytes_peak: Gauge,
    errors: Counters<1>,
}

impl Metrics {
    /// `version` is the program's, `registry` a checksum of the kind files.
    #[must_use]
    #[allow(clippy::too_many_lines, reason = "a list of names, best read in one piece")]
    pub fn new(version: &str, registry: &str) -> Self {
        let mut r = Registry::default();
        // controller-runtime's latency buckets reach 60 s; from 1 ms, since a batch is that quick
        let seconds = || buckets(&[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0]);
        // workqueue's own: powers of ten from 10 ns to 1000 s
        let queue = || buckets(&[1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0]);
        // a first sync of many thousands takes minutes
        let lag =
            || buckets(&[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0]);

        let build = Build::new(version, registry);
        r.register_collector(Box::new(build.clone()));
        r.register_collector(Box::new(super::process::Process));
        // the encoder appends `_total` to counters: it is left out here
        let metrics = Self {
            build,
            reconciles: Counters::new(
                &mut r,
                "controller_runtime_reconcile",
                "Reconciliations by result",
                ["controller", "result"],
            ),
            reconcile_errors: Counters::new(
                &mut r,
                "controller_runtime_reconcile_errors",
                "Reconciliations that failed",
                ["controller"],
            ),
            terminal_errors: Counters::new(
                &mut r,
                "controller_runtime_terminal_reconcile_errors",
                "Reconciliations that failed for good, until the resource changes",
                ["controller"],
            ),
            reconcile_seconds: Histograms::new(
                &mut r,
                "controller_runtime_reconcile_time_seconds",
                "Time from taking a resource up to its end",
                ["controller"],
                seconds(),
            ),
            active_workers: Gauges::new(
                &mut r,
                "controller_runtime_active_workers",
                "Resources being worked on",
                ["controller"],
            ),
            max_workers: Gauges::new(
                &mut r,
                "controller_runtime_max_concurrent_reconciles",
                "Resources that may be worked on at once",
                ["controller"],
            ),
            queue_depth: Gauges::new(&mut r, "workqueue_depth", "Resources waiting", ["name", "controller"]),
            queue_adds: Counters::new(&mut r, "workqueue_adds", "Resources put into the queue", ["name", "controller"]),
            queue_wait: Histograms::new(
                &mut r,
                "workqueue_queue_duration_seconds",
                "Time spent waiting in the queue",
                ["name", "controller"],
                queue(),
            ),
            queue_work: Histograms::new(
                &mut r,
                "workqueue_work_duration_seconds",
                "Time spent on a resource taken from the queue",
                ["name", "controller"],
                queue(),
            ),
            queue_retries: Counters::new(
                &mut r,
                "workqueue_retries",
                "Resources put back after a failure",
                ["name", "controller"],
            ),
            queue_unfinished: FloatGauges::new(
                &mut r,
                "workqueue_unfinished_work_seconds",
                "Sum of the ages of all work under way",
                ["name", "controller"],
            ),
            queue_longest: FloatGauges::new(
                &mut r,
                "workqueue_longest_running_processor_seconds",
                "Age of the oldest work under way",
                ["name", "controller"],
            ),
            api_requests: Counters::new(
                &mut r,
                "rest_client_requests",
                "Requests to the API server",
                ["code", "method"],
            ),
            leader: Gauges::new(&mut r, "leader_election_master_status", "1 while this process leads", ["name"]),
            sync_lag: Histograms::new(
                &mut r,
                "orloj_operator_sync_lag_seconds",
                "Time from seeing a change to its acknowledgement",
                ["kind"],
                lag(),
            ),
            resources: Gauges::new(&mut r, "orloj_operator_resources", "Resources by state", ["kind", "state"]),
            batches: Counters::new(
                &mut r,
                "orloj_operator_store_batches",
                "Store transactions by outcome",
                ["table", "outcome"],
            ),
            batch_rows: Histogram::new(buckets(&[0.0, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0])),
            batch_seconds: Histograms::new(
                &mut r,
                "orloj_operator_store_batch_seconds",
                "Duration of a store transaction",
                ["table"],
                seconds(),
            ),
            rows: Counters::new(
                &mut r,
                "orloj_operator_store_rows",
                "Rows by what was done with them",
                ["table", "action"],
            ),
            api_writes: Counters::new(
                &mut r,
                "orloj_operator_api_writes",
                "Writes to the API server",
                ["kind", "what", "outcome"],
            ),
            undone: Counters::new(
                &mut r,
                "orloj_operator_undone",
                "Writes of the operator that another program was seen to have undone after they had been repaired before",
                ["kind", "what"],
            ),
            parked: Gauges::new(
                &mut r,
                "orloj_operator_kind_parked",
                "1 while a kind cannot be synced, by what keeps it from that",
                ["kind", "reason"],
            ),
            errors: Counters::new(&mut r, "orloj_operator_errors", "Errors by class", ["class"]),
            held_bytes: Gauge::default(),
            held_bytes_peak: Gauge::default(),
            registry: Arc::new(Registry::default()),
        };
        let what = "What the resources that wait for the store, or are in it, take in memory";
        r.register("orloj_operator_held_bytes", what, metrics.held_bytes.clone());
        r.register("orloj_operator_held_bytes_peak", "The same at its highest", metrics.held_bytes_peak.clone());
        r.register("orloj_operator_store_batch_rows", "Rows in a store transaction", metrics.batch_rows.clone());
        Self { registry: Arc::new(r), ..metrics }
    }

    /// The kinds have changed: the checksum of their files.
    pub fn registry(&self, checksum: &str) {
        self.build.registry(checksum);
    }

    /// A kind is no longer synced: what is said of its present state goes. What was counted stays.
    pub fn forget(&self, kind: &str) {
        let name = kind.to_ascii_lowercase();
        for state in ResourceState::ALL {
            self.resources.remove([kind, state.label()]);
        }
        for obstacle in Obstacle::ALL {
            self.parked.remove([kind, obstacle.label()]);
        }
        self.active_workers.remove([&name]);
        self.max_workers.remove([&name]);
        let labels = [name.as_str(), name.as_str()];
        self.queue_depth.remove(labels);
        self.queue_unfinished.remove(labels);
        self.queue_longest.remove(labels);
    }

    /// One resource came to an end, `took` after it was taken up.
    pub fn reconciled(&self, kind: &str, result: Reconciled, took: Duration) {
        let controller = kind.to_ascii_lowercase();
        self.reconciles.add([&controller, result.label()], 1);
        self.reconcile_seconds.observe([&controller], took.as_secs_f64());
        if matches!(result, Reconciled::Error | Reconciled::TerminalError) {
            self.reconcile_errors.add([&controller], 1);
        }
        if result == Reconciled::TerminalError {
            self.terminal_errors.add([&controller], 1);
        }
    }

    /// How many resources of a kind are worked on, and how many may be.
    pub fn workers(&self, kind: &str, active: usize, max: usize) {
        let controller = kind.to_ascii_lowercase();
        self.active_workers.set([&controller], active);
        self.max_workers.set([&controller], max);
    }

    /// The metrics of one queue, looked up once: cheap enough for every resource. Its results are counted from 0, as
    /// controller-runtime does: a rate needs a first value.
    #[must_use]
    pub fn queue(&self, name: &str) -> QueueMetrics {
        let name = name.to_ascii_lowercase();
        for label in Reconciled::LABELS {
            self.reconciles.add([&name, label], 0);
        }
        self.reconcile_errors.add([&name], 0);
        self.terminal_errors.add([&name], 0);
        let labels = [name.as_str(), name.as_str()];
        QueueMetrics {
            depth: self.queue_depth.get(labels),
            adds: self.queue_adds.get(labels),
            wait: self.queue_wait.get(labels),
            work: self.queue_work.get(labels),
            retries: self.queue_retries.get(labels),
            unfinished: self.queue_unfinished.get(labels),
            longest: self.queue_longest.get(labels),
        }
    }

    /// A request to the API server was answered; `code` is the HTTP status, or `<error>` where none came.
    pub fn api_request(&self, method: &str, code: &str) {
        self.api_requests.add([code, method], 1);
    }

    /// Whether this process holds the lease of that name.
    pub fn leading(&self, lease: &str, leads: bool) {
        self.leader.set([lease], usize::from(leads));
    }

    /// A change was acknowledged, `lag` after its event was seen.
    pub fn synced(&self, kind: &str, lag: Duration) {
        self.sync_lag.observe([kind], lag.as_secs_f64());
    }

    /// How many resources of a kind are in a state.
    pub fn resources(&self, kind: &str, state: ResourceState, count: usize) {
        self.resources.set([kind, state.label()], count);
    }

    /// A store transaction over `rows` rows ended: `committed`, or the class of its error.
    pub fn batch(&self, table: &str, outcome: &str, rows: usize, took: Duration) {
        self.batches.add([table, outcome], 1);
        self.batch_rows.observe(f64::from(u32::try_from(rows).unwrap_or(u32::MAX)));
        self.batch_seconds.observe([table], took.as_secs_f64());
    }

    /// What a committed batch did with `count` rows.
    pub fn rows(&self, table: &str, action: RowAction, count: usize) {
        self.rows.add([table, action.label()], count);
    }

    /// One write to the API server; `outcome` is `ok` or the class of its error.
    pub fn api_write(&self, kind: &str, what: ApiWrite, outcome: &str) {
        self.api_writes.add([kind, what.label(), outcome], 1);
    }

    /// Another program has undone what the operator had repaired before: `row`, `finalizer` or `status`.
    pub fn undone(&self, kind: &str, what: &str) {
        self.undone.add([kind, what], 1);
    }

    /// What the resources that wait for the store take in memory, now and at most.
    pub fn held_bytes(&self, now: usize, peak: usize) {
        let bytes = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.held_bytes.set(bytes(now));
        self.held_bytes_peak.set(bytes(peak));
    }

    /// Whether a kind cannot be synced for this reason.
    pub fn parked(&self, kind: &str, reason: &str, parked: bool) {
        self.parked.set([kind, reason], usize::from(parked));
    }

    /// An error of a class, wherever it happened.
    pub fn error(&self, class: &str) {
        self.errors.add([class], 1);
    }

    /// All metrics as text, in the format that fits an `Accept` header.
    #[must_use]
    pub fn expose(&self, accept: Option<&str>) -> Exposition {
        exposition::expose(&self.registry, accept)
    }
}

/// One queue's metrics.
#[derive(Clone, Debug)]
pub struct QueueMetrics {
    depth: Gauge,
    adds: Counter,
    wait: Histogram,
    work: Histogram,
    retries: Counter,
    unfinished: Gauge<f64, std::sync::atomic::AtomicU64>,
    longest: Gauge<f64, std::sync::atomic::AtomicU64>,
}

impl QueueMetrics {
    pub fn added(&self) {
        self.adds.inc();
    }

    pub fn depth(&self, waiting: usize) {
        self.depth.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// A resource was taken from the queue, after this long in it.
    pub fn waited(&self, time: Duration) {
        self.wait.observe(time.as_secs_f64());
    }

    /// Work on a resource ended, after this long.
    pub fn worked(&self, time: Duration) {
        self.work.observe(time.as_secs_f64());
    }

    pub fn retried(&self) {
        self.retries.inc();
    }

    /// Sum of the ages of all work under way, and the age of the oldest.
    pub fn under_way(&self, sum: Duration, oldest: Duration) {
        self.unfinished.set(sum.as_secs_f64());
        self.longest.set(oldest.as_secs_f64());
    }
}

#[cfg(test)]
mod tests;
