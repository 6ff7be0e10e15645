//! Metric families with their label names fixed, and the values that labels take.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

type Labels<const N: usize> = [(&'static str, String); N];

fn labels<const N: usize>(names: [&'static str; N], values: [&str; N]) -> Labels<N> {
    std::array::from_fn(|i| (names[i], values[i].to_owned()))
}

pub(super) fn buckets(bounds: &'static [f64]) -> Buckets {
    Buckets(bounds)
}

/// Upper bounds of a histogram, in its unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(*self)
    }
}

impl IntoIterator for Buckets {
    type Item = f64;
    type IntoIter = std::iter::Copied<std::slice::Iter<'static, f64>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().copied()
    }
}

macro_rules! family {
    ($(#[$doc:meta])* $name:ident, $metric:ty) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub(super) struct $name<const N: usize> {
            names: [&'static str; N],
            family: Family<Labels<N>, $metric>,
        }

        impl<const N: usize> $name<N> {
            pub(super) fn new(registry: &mut Registry, name: &str, help: &str, names: [&'static str; N]) -> Self {
                let family = Family::default();
                registry.register(name, help, family.clone());
                Self { names, family }
            }

            /// The metric of these label values, to keep.
            pub(super) fn get(&self, values: [&str; N]) -> $metric {
                self.family.get_or_create(&labels(self.names, values)).clone()
            }
        }
    };
}

family!(Counters, Counter);
family!(Gauges, Gauge);
family!(FloatGauges, Gauge<f64, AtomicU64>);

impl<const N: usize> Counters<N> {
    pub(super) fn add(&self, values: [&str; N], count: usize) {
        self.get(values).inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

impl<const N: usize> Gauges<N> {
    /// Leaves out from now on what has these label values.
    pub(super) fn remove(&self, values: [&str; N]) {
        self.family.remove(&labels(self.names, values));
    }

    pub(super) fn set(&self, values: [&str; N], value: usize) {
        self.get(values).set(i64::try_from(value).unwrap_or(i64::MAX));
    }
}

impl<const N: usize> FloatGauges<N> {
    /// As for [`Gauges`].
    pub(super) fn remove(&self, values: [&str; N]) {
        self.family.remove(&labels(self.names, values));
    }
}

#[derive(Clone, Debug)]
pub(super) struct Histograms<const N: usize> {
    names: [&'static str; N],
    family: Family<Labels<N>, Histogram, Buckets>,
}

impl<const N: usize> Histograms<N> {
    pub(super) fn new(
        registry: &mut Registry,
        name: &str,
        help: &str,
        names: [&'static str; N],
        buckets: Buckets,
    ) -> Self {
        let family = Family::new_with_constructor(buckets);
        registry.register(name, help, family.clone());
        Self { names, family }
    }

    pub(super) fn get(&self, values: [&str; N]) -> Histogram {
        self.family.get_or_create(&labels(self.names, values)).clone()
    }

    pub(super) fn observe(&self, values: [&str; N], value: f64) {
        self.get(values).observe(value);
    }
}

/// How a resource's reconciliation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconciled {
    Success,
    /// It will be tried again.
    Error,
    /// It will not be tried again until the resource changes; counts as an error too.
    TerminalError,
}

impl Reconciled {
    /// All that controller-runtime tells, from 0 on. The last two never happen here: what is tried again has failed.
    pub(super) const LABELS: [&str; 4] = ["success", "error", "requeue", "requeue_after"];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error | Self::TerminalError => "error",
        }
    }
}

/// How it stands with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceState {
    Synced,
    Failed,
    Suspended,
    /// Another program undoes what is written.
    Contested,
    /// Not looked at yet.
    Pending,
}

impl ResourceState {
    pub(super) const ALL: [Self; 5] = [Self::Synced, Self::Failed, Self::Suspended, Self::Contested, Self::Pending];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Failed => "failed",
            Self::Suspended => "suspended",
            Self::Contested => "contested",
            Self::Pending => "pending",
        }
    }
}

/// What was done with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowAction {
    Insert,
    Update,
    Delete,
    /// Found equal, so not written.
    Unchanged,
}

impl RowAction {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Unchanged => "unchanged",
        }
    }
}

/// What was written to the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiWrite {
    Finalizer,
    Status,
    Event,
}

impl ApiWrite {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Finalizer => "finalizer",
            Self::Status => "status",
            Self::Event => "event",
        }
    }
}
