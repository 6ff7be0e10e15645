//! From standing for leader to the reconciler's end: under the lease, under an epoch, by the kinds that there are.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::health::KindHealth;
use super::observe::MetricsObserver;
use super::wait::{first_exit, pause, within_grace};
use super::{Operator, RunError, options, term};
use crate::cluster::acknowledge::ClusterResourceClient;
use crate::cluster::lease::{Elector, LEASE_NAME, Lost, Tenure, Timing};
use crate::cluster::watch;
use crate::reconciler::{self, Parts, ReconcilerError};
use crate::registry::Registry;
use crate::resource::KindIndex;
use crate::source::channel::channel;
use crate::store::{Fence, Store};

/// The reconciler's loop turns at least once a second; silent for this long, it hangs.
const HEARTBEAT_LIMIT: Duration = Duration::from_mins(1);

/// Kept back from `--shutdown-timeout` for giving the lease back, which may take 2 s, and for the end of the process.
const LAST_WORDS: Duration = Duration::from_secs(4);

/// What is led.
pub struct LeaderContext {
    pub client: Client,
    pub store: Arc<dyn Store>,
    /// Its name in the ledger.
    pub cluster: String,
}

impl Operator {
    /// Leads, once it may.
    pub(super) async fn stand(&self, realm: &LeaderContext, stop: &CancellationToken) -> Result<(), RunError> {
        if !self.config.leader_elect {
            self.leader_ready.ready_with("leader election is off");
            return self.lead(realm, None, stop.clone()).await;
        }
        let namespace = self.config.leader_election_namespace.as_deref();
        let namespace = namespace.ok_or(RunError::Setup("leader election needs --leader-election-namespace"))?;
        let timing = Timing {
            duration: self.config.lease_duration,
            renew_deadline: self.config.renew_deadline,
            retry: self.config.retry_period,
        };
        let mut elector = Elector::new(realm.client.clone(), namespace, self.identity.clone(), timing);
        self.metrics.leading(LEASE_NAME, false);
        tracing::info!(lease = LEASE_NAME, namespace, identity = %self.identity, "standing for leader");
        // a standby is ready: were it not, a rolling update would wait for ever for the old leader to go
        let standing_by = |state: Result<&str, &str>| match state {
            Ok(why) => self.leader_ready.ready_with(format!("standing by: {why}")),
            Err(why) => self.leader_ready.waiting(format!("rights on the Lease: {why}")),
        };
        if elector.acquire(stop, standing_by).await.is_none() {
            return Ok(());
        }
        self.metrics.leading(LEASE_NAME, true);
        tracing::info!(lease = LEASE_NAME, identity = %self.identity, "leading");
        self.lead_while_held(realm, elector, stop).await
    }

    /// Leads until stopped, and gives the lease back only after the reconciler has ended; or ends the reconciler when
    /// the lease is lost.
    async fn lead_while_held(
        &self,
        realm: &LeaderContext,
        mut elector: Elector,
        stop: &CancellationToken,
    ) -> Result<(), RunError> {
        let tenure = elector.tenure();
        let (reconciler_stop, lease_stop) = (stop.child_token(), CancellationToken::new());
        let lease = tokio::spawn({
            let lease_stop = lease_stop.clone();
            async move { elector.hold(&lease_stop).await }
        });
        tokio::pin!(lease);
        let lead = self.lead(realm, Some(tenure), reconciler_stop.clone());
        let grace = self.config.shutdown_timeout.saturating_sub(LAST_WORDS);
        let lead = within_grace(lead, stop, grace);
        tokio::select! {
            result = lead => {
                lease_stop.cancel();
                let _ = (&mut lease).await;
                self.metrics.leading(LEASE_NAME, false);
                result.unwrap_or(Ok(()))
            }
            lost = &mut lease => {
                self.metrics.leading(LEASE_NAME, false);
                reconciler_stop.cancel();
                let why = match lost {
                    Ok(Lost::Taken(why)) => why,
                    Ok(Lost::Released) => "released".to_owned(),
                    Err(error) => error.to_string(),
                };
                Err(RunError::LeaseLost(why))
            }
        }
    }

    /// Syncs by the kinds that there are, and begins anew when they change, or when the API server was silent: what is under way is committed, and the
    /// lists that follow tell what came meanwhile.
    #[tracing::instrument(level = "debug", skip_all, fields(cluster = realm.cluster))]
    async fn lead(
        &self,
        realm: &LeaderContext,
        tenure: Option<Tenure>,
        stop: CancellationToken,
    ) -> Result<(), RunError> {
        let mut kinds = self.kinds.subscribe();
        let mut returns = self.probe.returns();
        while !stop.is_cancelled() {
            let registry = Arc::clone(&kinds.borrow_and_update());
            // anew each time: a commit that hangs while the kinds change must not come after those that follow
            let Some(fence) = self.take_epoch(realm, &stop).await else { return Ok(()) };
            tracing::info!(cluster = realm.cluster, epoch = fence.epoch, "writing under a new epoch");
            let turn = stop.child_token();
            let work = within_grace(
                self.sync(realm, tenure.clone(), registry, fence, &turn),
                &turn,
                self.config.shutdown_timeout,
            );
            tokio::pin!(work);
            let ended = tokio::select! {
                biased;
                ended = &mut work => ended,
                Ok(()) = kinds.changed() => {
                    turn.cancel();
                    work.await
                }
                // its watches may hear nothing for ever
                Ok(()) = returns.changed() => {
                    turn.cancel();
                    work.await
                }
            };
            ended.unwrap_or(Ok(()))?;
        }
        Ok(())
    }

    async fn sync(
        &self,
        realm: &LeaderContext,
        tenure: Option<Tenure>,
        registry: Arc<Registry>,
        fence: Fence,
        stop: &CancellationToken,
    ) -> Result<(), RunError> {
        let scopes = watch::scopes(&registry, &self.config.namespaces);
        let (tell, events) = channel();
        let Some(parked) = self.prepare_kinds(&realm.store, &registry, stop).await else { return Ok(()) };
        let kinds = Arc::new(KindHealth::new(&registry, &scopes, &self.readiness, &self.metrics));
        let health: Arc<dyn watch::Health> = Arc::clone(&kinds) as _;
        let mut watches = watch::watch(&realm.client, &registry, &scopes, &tell, &health, stop);
        // the watches hold what they need of it: with the last of them the source has ended
        drop(tell);
        let heartbeat = self.liveness.register("reconciler", HEARTBEAT_LIMIT);
        let options = options(&self.config);
        let (metrics, store_ready) = (self.metrics.clone(), self.store_ready.clone());
        let observer = MetricsObserver::new(&registry, metrics, heartbeat, store_ready, options.store_grace, kinds);
        let target = ClusterResourceClient::new(realm.client.clone(), Arc::clone(&registry), self.identity.clone());
        let parts = Parts {
            target: Arc::new(target.within(tenure)),
            registry,
            observer: Arc::new(observer),
            store: Arc::clone(&realm.store) as _,
            fence,
            key: self.key.clone(),
            scopes,
            tables: Some(Arc::new(self.tables(&realm.store))),
            parked,
        };
        self.leader_ready.ready_with("leading");
        let reconciler = reconciler::run(parts, options, events, stop.clone());
        tokio::select! {
            biased;
            result = reconciler => Ok(result?),
            why = first_exit(&mut watches, stop) => Err(ReconcilerError::Internal(why).into()),
        }
    }

    /// Makes what the kinds need in the store; the kinds that lack something all the same, and what. `None` when stopped.
    async fn prepare_kinds(
        &self,
        store: &Arc<dyn Store>,
        registry: &Registry,
        stop: &CancellationToken,
    ) -> Option<Vec<(KindIndex, String)>> {
        let tables = self.tables(store);
        loop {
            match tables.lacking(registry).await {
                Ok(lacking) => return Some(lacking),
                Err(error) => {
                    tracing::warn!(%error, "unable to look at the tables; will try again");
                    self.leader_ready.waiting(error.to_string());
                }
            }
            if !pause(stop).await {
                return None;
            }
        }
    }

    /// `None` when stopped.
    async fn take_epoch(&self, realm: &LeaderContext, stop: &CancellationToken) -> Option<Fence> {
        let term = term(&self.config, &realm.cluster);
        loop {
            match realm.store.take_leadership(&term, &self.identity).await {
                Ok(fence) => return Some(Fence { cluster: realm.cluster.clone(), ..fence }),
                Err(error) => {
                    tracing::warn!(%error, "unable to take the next epoch; will try again");
                    self.leader_ready.waiting(error.to_string());
                }
            }
            if !pause(stop).await {
                return None;
            }
        }
    }
}
