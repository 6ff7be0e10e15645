//! Leader election on a Lease.
//!
//! Times are judged by a monotonic clock from the moment a record was first seen, never by comparing clocks of two
//! machines. Every write carries the resourceVersion last seen, so two candidates cannot both succeed. A leader that
//! cannot renew in time gives up by itself; the store's epoch fences what it might still have under way.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, PostParams};
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
struct Observed {
    lease: Lease,
    since: Instant,
}

/// A candidate for leadership.
pub struct Elector {
    api: Api<Lease>,
    identity: String,
    timing: Timing,
    observed: Option<Observed>,
}

/// Why a leader is one no more.
#[derive(Debug, PartialEq, Eq)]
pub enum Lost {
    /// We gave it back.
    Released,
    /// It could not be renewed in time, or somebody else took it.
    Taken(String),
}

impl Elector {
    #[must_use]
    pub fn new(client: Client, namespace: &str, identity: String, timing: Timing) -> Self {
        Self { api: Api::namespaced(client, namespace), identity, timing, observed: None }
    }

    /// Waits until this candidate leads. `standing_by` hears who leads meanwhile. `None` when stopped.
    pub async fn acquire(&mut self, stop: &CancellationToken, mut standing_by: impl FnMut(&str)) -> Option<()> {
        loop {
            match self.attempt().await {
                Ok(true) => return Some(()),
                Ok(false) => standing_by(&format!("{} leads", self.holder())),
                Err(error) => {
                    standing_by(&format!("unable to reach the lease {LEASE_NAME}: {error}"));
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

    /// Renews until stopped or lost. Gives the lease back when stopped.
    pub async fn hold(&mut self, stop: &CancellationToken) -> Lost {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => {
                    self.release().await;
                    return Lost::Released;
                }
                () = tokio::time::sleep(self.timing.retry) => {}
            }
            // a process that was stopped (SIGSTOP, a frozen node) wakes up here: too late is too late
            if renewed.elapsed() >= self.timing.renew_deadline {
                return Lost::Taken(format!("not renewed for {} s", renewed.elapsed().as_secs()));
            }
            let started = Instant::now();
            match self.attempt().await {
                Ok(true) => renewed = started,
                Ok(false) => return Lost::Taken(format!("taken over by {}", self.holder())),
                Err(error) => tracing::warn!(%error, lease = LEASE_NAME, "unable to renew the lease; will try again"),
            }
        }
    }

    /// One look and, where called for, one write. True when this candidate holds the lease afterwards.
    async fn attempt(&mut self) -> kube::Result<bool> {
        let limit = self.timing.retry.max(Duration::from_secs(1)).min(self.timing.renew_deadline);
        match tokio::time::timeout(limit, self.try_attempt()).await {
            Ok(result) => result,
            Err(_) => Err(kube::Error::Service("no answer in time".into())),
        }
    }

    async fn try_attempt(&mut self) -> kube::Result<bool> {
        let Some(found) = self.api.get_opt(LEASE_NAME).await? else {
            return self.settle(self.create().await);
        };
        self.observe(found);
        let Some(observed) = &self.observed else { return Ok(false) };
        match decide(observed, &self.identity, Instant::now()) {
            Decision::Wait(_) => Ok(false),
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

    /// A lost race is no error: somebody else was faster.
    fn settle(&mut self, result: kube::Result<Lease>) -> kube::Result<bool> {
        match result {
            Ok(lease) => {
                self.observe(lease);
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn observe(&mut self, lease: Lease) {
        let version = |lease: &Lease| lease.metadata.resource_version.clone();
        if self.observed.as_ref().is_none_or(|observed| version(&observed.lease) != version(&lease)) {
            self.observed = Some(Observed { lease, since: Instant::now() });
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

fn decide(observed: &Observed, identity: &str, now: Instant) -> Decision {
    match holder(&observed.lease) {
        None => Decision::Take,
        Some(holder) if holder == identity => Decision::Renew,
        Some(_) => {
            let seconds = observed.lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(15);
            let until = observed.since + Duration::from_secs(u64::try_from(seconds.max(1)).unwrap_or(1));
            if now >= until { Decision::Take } else { Decision::Wait(until) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(holder: Option<&str>, since: Instant) -> Observed {
        let spec = LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            lease_duration_seconds: Some(15),
            // a clock far off tells nothing
            renew_time: Some(MicroTime(Timestamp::UNIX_EPOCH)),
            ..LeaseSpec::default()
        };
        Observed { lease: Lease { metadata: ObjectMeta::default(), spec: Some(spec) }, since }
    }

    #[test]
    fn a_free_lease_is_taken_and_our_own_renewed() {
        let now = Instant::now();
        assert_eq!(decide(&observed(None, now), "me", now), Decision::Take);
        assert_eq!(decide(&observed(Some(""), now), "me", now), Decision::Take);
        assert_eq!(decide(&observed(Some("me"), now), "me", now), Decision::Renew);
    }

    #[test]
    fn anothers_lease_runs_out_by_our_own_clock_only() {
        let now = Instant::now();
        let seen = observed(Some("other"), now);
        assert_eq!(decide(&seen, "me", now), Decision::Wait(now + Duration::from_secs(15)));
        assert_eq!(decide(&seen, "me", now + Duration::from_secs(15)), Decision::Take);
    }
}
