//! Leader election on a Lease.
//!
//! Times are judged by a monotonic clock from the moment a record was first seen, never by comparing clocks of two
//! machines. Every write carries the resourceVersion last seen, so two candidates cannot both succeed. A leader that
//! cannot renew in time gives up by itself; the store's epoch fences what it might still have under way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, PostParams};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// The Lease's name, as upstream's.
pub const LEASE_NAME: &str = "orloj-operator-leader";

/// Timing; `renew_deadline` < `duration`, `retry` < `renew_deadline`.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long others must wait after the last renewal that they saw.
    pub duration: Duration,
    /// A leader that has not renewed for this long gives up.
    pub renew_deadline: Duration,
    /// Between two tries.
    pub retry: Duration,
}

/// What to do about a Lease as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Decision {
    /// Ours: renew it.
    Renew,
    /// Free or run out: take it.
    Take,
    /// Somebody else's, until at least then.
    Wait(Instant),
}

/// A Lease as first seen in this form.
#[derive(Clone, Debug)]
struct ObservedLease {
    lease: Lease,
    since: Instant,
}

/// How long a leader may act without another renewal. A process that slept past it wakes up in the middle of its work,
/// before whoever renews the lease has found out.
#[derive(Clone, Debug)]
pub struct Tenure(Arc<Mutex<Instant>>);

impl Tenure {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn until(&self, end: Instant) {
        *self.0.lock() = end;
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        Instant::now() >= *self.0.lock()
    }
}

/// A candidate for leadership.
pub struct Elector {
    api: Api<Lease>,
    identity: String,
    timing: Timing,
    observed: Option<ObservedLease>,
    tenure: Tenure,
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeaseAttempt {
    /// This candidate holds the lease.
    Ours,
    /// Somebody else does.
    Theirs,
    /// It was written in between by whomever: only another look tells.
    Raced,
}

/// Why a leader is one no more.
#[derive(Debug, PartialEq, Eq)]
pub enum Lost {
    /// We gave it back.
    Released,
    /// It could not be renewed in time, or somebody else took it.
    Taken(String),
}

/// Whether the rights are missing: an outage ends by itself, this does not.
fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 401 | 403))
}

impl Elector {
    #[must_use]
    pub fn new(client: Client, namespace: &str, identity: String, timing: Timing) -> Self {
        Self { api: Api::namespaced(client, namespace), identity, timing, observed: None, tenure: Tenure::new() }
    }

    /// Begins when this candidate leads, and grows with each renewal.
    #[must_use]
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Waits until this candidate leads. `standing_by` hears who leads meanwhile, or, as an error, why this one may
    /// never lead. `None` when stopped.
    pub async fn acquire(
        &mut self,
        stop: &CancellationToken,
        mut standing_by: impl FnMut(Result<&str, &str>),
    ) -> Option<()> {
        loop {
            let started = Instant::now();
            match self.attempt(self.timing.renew_deadline).await {
                Ok(LeaseAttempt::Ours) => {
                    self.tenure.until(started + self.timing.renew_deadline);
                    return Some(());
                }
                Ok(LeaseAttempt::Theirs) => standing_by(Ok(&format!("{} leads", self.holder()))),
                Ok(LeaseAttempt::Raced) => standing_by(Ok("somebody else was faster")),
                Err(error) => {
                    let why = format!("unable to reach the lease {LEASE_NAME}: {error}");
                    standing_by(if is_refusal(&error) { Err(&why) } else { Ok(&why) });
                    tracing::warn!(%error, lease = LEASE_NAME, "unable to reach the lease; will try again");
                }
            }
            let pause = self.timing.retry.mul_f64(1.0 + 0.2 * rand::random::<f64>());
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// As [`Self::acquire`], but waits for a holder no longer than a dead one's lease can last: one that goes on
    /// renewing is alive, and named in the error.
    pub async fn acquire_from_dead(&mut self) -> Result<(), String> {
        let started = Instant::now();
        loop {
            let failed = match self.attempt(self.timing.renew_deadline).await {
                Ok(LeaseAttempt::Ours) => return Ok(()),
                Ok(LeaseAttempt::Theirs) => format!("{} holds it, and renews it", self.holder()),
                Ok(LeaseAttempt::Raced) => "others write it".to_owned(),
                Err(error) => error.to_string(),
            };
            // renewed for the last time just before it was due, and then run out
            if started.elapsed() > self.lasts() * 2 + self.timing.retry {
                return Err(failed);
            }
            tokio::time::sleep(self.timing.retry).await;
        }
    }

    /// How long the lease lasts as it was last seen.
    fn lasts(&self) -> Duration {
        self.observed.as_ref().map_or(self.timing.duration, |observed| lasts(&observed.lease))
    }

    /// Renews until stopped or lost. Gives the lease back when stopped.
    pub async fn hold(&mut self, stop: &CancellationToken) -> Lost {
        let mut renewed = Instant::now();
        let mut pause = self.timing.retry;
        loop {
            let left = self.timing.renew_deadline.saturating_sub(renewed.elapsed());
            tokio::select! {
                () = stop.cancelled() => {
                    self.release().await;
                    return Lost::Released;
                }
                () = tokio::time::sleep(pause.min(left)) => {}
            }
            // a process that was stopped (SIGSTOP, a frozen node) wakes up here: too late is too late
            let left = self.timing.renew_deadline.saturating_sub(renewed.elapsed());
            if left.is_zero() {
                return Lost::Taken(format!("not renewed for {} s", renewed.elapsed().as_secs()));
            }
            let started = Instant::now();
            pause = self.timing.retry;
            match self.attempt(left).await {
                Ok(LeaseAttempt::Ours) => {
                    renewed = started;
                    self.tenure.until(started + self.timing.renew_deadline);
                }
                Ok(LeaseAttempt::Theirs) => return Lost::Taken(format!("taken over by {}", self.holder())),
                // an annotation by somebody will do; whoever took it over shows at the next look, which is soon
                Ok(LeaseAttempt::Raced) => pause = self.timing.retry / 10,
                Err(error) => tracing::warn!(%error, lease = LEASE_NAME, "unable to renew the lease; will try again"),
            }
        }
    }

    /// One look and, where called for, one write, within `longest`.
    async fn attempt(&mut self, longest: Duration) -> kube::Result<LeaseAttempt> {
        let limit = self.timing.retry.max(Duration::from_secs(1)).min(longest);
        match tokio::time::timeout(limit, self.try_attempt()).await {
            Ok(result) => result,
            Err(_) => Err(kube::Error::Service("no answer in time".into())),
        }
    }

    async fn try_attempt(&mut self) -> kube::Result<LeaseAttempt> {
        let Some(found) = self.api.get_opt(LEASE_NAME).await? else {
            return self.settle(self.create().await);
        };
        self.observe(found);
        let Some(observed) = &self.observed else { return Ok(LeaseAttempt::Raced) };
        match decide(observed, &self.identity, Instant::now()) {
            Decision::Wait(_) => Ok(LeaseAttempt::Theirs),
            decision => {
                let lease = self.next_lease(&observed.lease, decision == Decision::Take);
                self.settle(self.api.replace(LEASE_NAME, &PostParams::default(), &lease).await)
            }
        }
    }

    async fn create(&self) -> kube::Result<Lease> {
        let empty =
            Lease { metadata: ObjectMeta { name: Some(LEASE_NAME.to_owned()), ..ObjectMeta::default() }, spec: None };
        self.api.create(&PostParams::default(), &self.next_lease(&empty, true)).await
    }

    /// A lost race is no error: somebody was faster.
    fn settle(&mut self, result: kube::Result<Lease>) -> kube::Result<LeaseAttempt> {
        match result {
            Ok(lease) => {
                self.observe(lease);
                Ok(LeaseAttempt::Ours)
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(LeaseAttempt::Raced),
            Err(error) => Err(error),
        }
    }

    fn observe(&mut self, lease: Lease) {
        let version = |lease: &Lease| lease.metadata.resource_version.clone();
        if self.observed.as_ref().is_none_or(|observed| version(&observed.lease) != version(&lease)) {
            self.observed = Some(ObservedLease { lease, since: Instant::now() });
        }
    }

    fn next_lease(&self, seen: &Lease, take: bool) -> Lease {
        let now = Some(MicroTime(Timestamp::now()));
        let old = seen.spec.clone().unwrap_or_default();
        let changes_hands = take && old.holder_identity.as_deref() != Some(self.identity.as_str());
        let seconds = i32::try_from(self.timing.duration.as_secs()).unwrap_or(i32::MAX);
        Lease {
            metadata: seen.metadata.clone(),
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: Some(seconds.max(1)),
                acquire_time: if take { now.clone() } else { old.acquire_time },
                renew_time: now,
                lease_transitions: Some(old.lease_transitions.unwrap_or(0) + i32::from(changes_hands)),
                ..LeaseSpec::default()
            }),
        }
    }

    /// Frees the lease, so that a standby takes over at once.
    async fn release(&mut self) {
        let Some(observed) = self.observed.take() else { return };
        let mut lease = observed.lease;
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
        }
        let params = PostParams::default();
        let released = self.api.replace(LEASE_NAME, &params, &lease);
        match tokio::time::timeout(Duration::from_secs(2), released).await {
            Ok(Ok(_)) => tracing::info!(lease = LEASE_NAME, "released the lease"),
            Ok(Err(error)) => tracing::warn!(%error, lease = LEASE_NAME, "unable to release the lease"),
            Err(_) => tracing::warn!(lease = LEASE_NAME, "unable to release the lease in time"),
        }
    }

    fn holder(&self) -> &str {
        self.observed.as_ref().and_then(|observed| holder(&observed.lease)).unwrap_or("nobody")
    }
}

impl std::fmt::Debug for Elector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Elector").field("identity", &self.identity).finish_non_exhaustive()
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

fn lasts(lease: &Lease) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(15);
    Duration::from_secs(u64::try_from(seconds.max(1)).unwrap_or(1))
}

fn decide(observed: &ObservedLease, identity: &str, now: Instant) -> Decision {
    match holder(&observed.lease) {
        None => Decision::Take,
        Some(holder) if holder == identity => Decision::Renew,
        Some(_) => {
            let until = observed.since + lasts(&observed.lease);
            if now >= until { Decision::Take } else { Decision::Wait(until) }
        }
    }
}

#[cfg(test)]
mod tests;
