//! The Lease and the epoch: who works here works alone.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::rows::Rows;
use super::{UninstallError, UninstallSession, warn};
use crate::cli::{CliError, output, store};
use crate::cluster::client;
use crate::cluster::lease::{Elector, LEASE_NAME, Lost, Timing};
use crate::config::duration;
use crate::operator;
use crate::store::open::{StoreUrl, open};
use crate::store::{Fence, Missing, Store};

/// A Lease that is renewed until this process leaves.
pub type Held = JoinHandle<()>;

/// Between two tries of a store that is away.
const PAUSE: Duration = Duration::from_millis(500);

impl UninstallSession {
    /// Takes the Lease. Whoever renews it is alive, whether its pod shows or not: the epoch keeps it from the rows, but
    /// it would put back the finalizers. Without leader election nothing but its pods tells (`stopped`).
    pub(super) async fn take_lease(&self, stopped: bool) -> Result<Option<Held>, CliError> {
        if !self.config.leader_elect {
            let why = "leader election is off, and its Deployment did not stop";
            let namespace = self.config.leader_election_namespace.clone().unwrap_or_default();
            let alive = UninstallError::StillLed { namespace, why: why.to_owned() };
            return if stopped { Ok(None) } else { Err(alive.into()) };
        }
        let Some(namespace) = self.config.leader_election_namespace.clone() else { return Ok(None) };
        let timing = Timing {
            duration: self.config.lease_duration,
            renew_deadline: self.config.renew_deadline,
            retry: self.config.retry_period,
        };
        let mut elector = Elector::new(self.client.clone(), &namespace, self.identity.clone(), timing);
        if let Err(why) = elector.acquire_from_dead().await {
            return Err(UninstallError::StillLed { namespace, why }.into());
        }
        output::line(&format!("took Lease {namespace}/{LEASE_NAME}"))?;
        let leave = self.leave.clone();
        Ok(Some(tokio::spawn(async move {
            if let Lost::Taken(why) = elector.hold(&leave).await {
                warn(&format!("lost Lease {namespace}/{LEASE_NAME}: {why}; going on, fenced by the epoch"));
            }
        })))
    }

    /// The rows under an epoch of our own, or a store that is done without.
    pub(super) async fn open_rows(&self) -> Result<Rows, CliError> {
        let started = Instant::now();
        let until = started + self.args.store_timeout;
        let opened = self.try_open_rows(until).await?;
        let left = until.saturating_duration_since(Instant::now());
        Ok(match opened {
            Ok((store, fence)) => {
                output::line(&format!("took epoch {} in the store", fence.epoch))?;
                Rows::open(&self.registry, store, fence, self.config.batch_size, left)
            }
            Err(why) => {
                let waited = duration::format(Duration::from_secs(started.elapsed().as_secs()));
                warn(&format!(
                    "going on without the store, after {waited}: {why}; an operator that still ran could write to it"
                ));
                Rows::without_store(&self.registry)
            }
        })
    }

    async fn try_open_rows(&self, until: Instant) -> Result<Result<(Arc<dyn Store>, Fence), String>, CliError> {
        let Some(target) = &self.config.store else { return Ok(Err("none is configured".to_owned())) };
        let url = match operator::store_url(target) {
            Ok(url) => url,
            Err(error) => return Ok(Err(error.to_string())),
        };
        if let StoreUrl::Sqlite(options) = &url
            && !options.path.exists()
        {
            return Ok(Err(format!("{url} is not there")));
        }
        // what is wrong with the DSN itself will not mend
        let store = match open(&url).await {
            Ok(store) => store,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let mut told = String::new();
        loop {
            let why = match timeout_at(until, self.try_lead(store.as_ref())).await {
                Ok(Ok(fence)) => return Ok(Ok((store, fence))),
                Ok(Err(why)) => why,
                Err(_) if told.is_empty() => "it does not answer".to_owned(),
                Err(_) => return Ok(Err(told)),
            };
            if told != why {
                tracing::warn!("waiting for the store: {why}");
            }
            told = why;
            if Instant::now() + PAUSE >= until {
                return Ok(Err(told));
            }
            sleep(PAUSE).await;
        }
    }

    async fn try_lead(&self, store: &dyn Store) -> Result<Fence, String> {
        let tables = store::tables(&self.registry);
        // as the operator itself does: this may be a newer version than the one that goes
        store.migrate(&tables, false).await.map_err(|error| error.to_string())?;
        // a table that is not there has no rows to remove
        let missing = store.missing(&[]).await.map_err(|error| error.to_string())?;
        if !missing.is_empty() {
            return Err(Missing::list(&missing, "; "));
        }
        let cluster = match &self.config.cluster_id {
            Some(id) => id.clone(),
            None => client::cluster_id(&self.client).await.map_err(|error| error.to_string())?,
        };
        let term = operator::term(&self.config, &cluster);
        let fence = store.take_leadership(&term, &self.identity).await.map_err(|error| error.to_string())?;
        Ok(Fence { cluster, ..fence })
    }
}
