//! `orloj-operator run`: the operator in a cluster.
//!
//! Store first, then the lease, then the watches; each waits as long as it takes, and `/readyz` says for what.

mod health;
mod observe;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cluster::acknowledge::ClusterTarget;
use crate::cluster::client::{self, ClientError};
use crate::cluster::count::Count;
use crate::cluster::lease::{Elector, LEASE_NAME, Lost, Timing};
use crate::cluster::watch;
use crate::config::{Config, ConfigError, SecretSource, StoreTarget};
use crate::crypto::{KeyError, SecretKey};
use crate::engine::{self, EngineError, Options, Parts, Prune};
use crate::registry::Registry;
use crate::store::open::StoreUrl;
use crate::store::{self, Fence, Store, StoreError, Table};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::{Liveness, Readiness, ReadyHandle};
use crate::telemetry::server::{self, Admin, ServerError};

use health::WatchHealth;
use observe::Observed;
use wait::{broken_off, pause, within_grace};

/// Events from the source that wait for the engine; small, since each holds a body.
const EVENT_BUFFER: usize = 64;

/// The engine's loop turns at least once a second; silent for this long, it hangs.
const HEARTBEAT_LIMIT: Duration = Duration::from_mins(1);

/// Kept back from `--shutdown-timeout` for giving the lease back, which may take 2 s, and for the end of the process.
const LAST_WORDS: Duration = Duration::from_secs(4);
/// As above, for the process alone.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Why the operator stopped, or did not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("invalid --secret-encryption-key: {0}")]
    Key(#[from] KeyError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("unable to go on as leader: the lease {LEASE_NAME} was lost: {0}")]
    LeaseLost(String),
    #[error("unable to start: {0}")]
    Setup(&'static str),
}

/// Runs until `stop`.
pub async fn run(config: Config, registry: Registry, stop: CancellationToken) -> Result<(), RunError> {
    let registry = Arc::new(registry);
    let operator = Operator::new(config, registry)?;
    let servers_stop = CancellationToken::new();
    let admin = Admin {
        metrics: operator.metrics.clone(),
        readiness: operator.readiness.clone(),
        liveness: operator.liveness.clone(),
    };
    let servers =
        server::serve(&operator.config.metrics_addr, &operator.config.healthz_addr, admin, &servers_stop).await?;
    let grace = operator.config.shutdown_timeout.saturating_sub(LAST_WORD);
    let result = within_grace(Box::pin(operator.serve(&stop)), &stop, grace).await.unwrap_or(Ok(()));
    servers_stop.cancel();
    servers.finished().await;
    result
}

struct Operator {
    config: Config,
    registry: Arc<Registry>,
    key: Option<SecretKey>,
    identity: String,
    metrics: Metrics,
    readiness: Readiness,
    liveness: Liveness,
    store_ready: ReadyHandle,
    leader_ready: ReadyHandle,
}

impl Operator {
    fn new(config: Config, registry: Arc<Registry>) -> Result<Self, RunError> {
        let key = match &config.secret_encryption_key {
            Some(source) => SecretKey::parse(&source.read()?)?,
            None => None,
        };
        if key.is_none() && registry.kinds().iter().any(|kind| kind.sensitive) {
            warn_of_plaintext(config.require_encryption);
        }
        let readiness = Readiness::default();
        Ok(Self {
            identity: identity(),
            metrics: Metrics::new(env!("CARGO_PKG_VERSION"), &registry.checksum()),
            liveness: Liveness::default(),
            store_ready: readiness.register("store", "the first connection to the store"),
            leader_ready: readiness.register("leader", "the store"),
            readiness,
            config,
            registry,
            key,
        })
    }

    async fn serve(&self, stop: &CancellationToken) -> Result<(), RunError> {
        let metrics = self.metrics.clone();
        let count: Count = Arc::new(move |method, code| metrics.api_request(method, code));
        let client = client::connect(self.config.kubeconfig.as_deref(), count).await?;
        let Some(store) = self.open_store(stop).await? else { return Ok(()) };
        let Some(cluster) = self.cluster_id(&client, stop).await? else { return Ok(()) };
        if !self.config.leader_elect {
            self.leader_ready.ready_with("leader election is off");
            return self.lead(&client, store, &cluster, stop.clone()).await;
        }
        let namespace = self.config.leader_election_namespace.as_deref();
        let namespace = namespace.ok_or(RunError::Setup("leader election needs --leader-election-namespace"))?;
        let timing = Timing {
            duration: self.config.lease_duration,
            renew_deadline: self.config.renew_deadline,
            retry: self.config.retry_period,
        };
        let mut elector = Elector::new(client.clone(), namespace, self.identity.clone(), timing);
        self.metrics.leading(LEASE_NAME, false);
        tracing::info!(lease = LEASE_NAME, namespace, identity = %self.identity, "standing for leader");
        // a standby is ready: were it not, a rolling update would wait for ever for the old leader to go
        let standing_by = |why: &str| self.leader_ready.ready_with(format!("standing by: {why}"));
        if elector.acquire(stop, standing_by).await.is_none() {
            return Ok(());
        }
        self.metrics.leading(LEASE_NAME, true);
        tracing::info!(lease = LEASE_NAME, identity = %self.identity, "leading");
        self.lead_while_held(&client, store, &cluster, elector, stop).await
    }

    /// Leads until stopped, and gives the lease back only after the engine has ended; or ends the engine when the
    /// lease is lost.
    async fn lead_while_held(
        &self,
        client: &Client,
        store: Arc<dyn Store>,
        cluster: &str,
        mut elector: Elector,
        stop: &CancellationToken,
    ) -> Result<(), RunError> {
        let (engine_stop, lease_stop) = (stop.child_token(), CancellationToken::new());
        let lease = tokio::spawn({
            let lease_stop = lease_stop.clone();
            async move { elector.hold(&lease_stop).await }
        });
        tokio::pin!(lease);
        let lead = self.lead(client, store, cluster, engine_stop.clone());
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
                engine_stop.cancel();
                let why = match lost {
                    Ok(Lost::Taken(why)) => why,
                    Ok(Lost::Released) => "released".to_owned(),
                    Err(error) => error.to_string(),
                };
                Err(RunError::LeaseLost(why))
            }
        }
    }

    async fn lead(
        &self,
        client: &Client,
        store: Arc<dyn Store>,
        cluster: &str,
        stop: CancellationToken,
    ) -> Result<(), RunError> {
        let Some(fence) = self.take_epoch(store.as_ref(), cluster, &stop).await? else { return Ok(()) };
        tracing::info!(cluster, epoch = fence.epoch, "writing under a new epoch");
        let scopes = watch::scopes(&self.registry, &self.config.namespaces);
        let (tell, events) = mpsc::channel(EVENT_BUFFER);
        let health = Arc::new(WatchHealth::new(&self.registry, &scopes, &self.readiness));
        let health: Arc<dyn watch::Health> = health;
        let mut watches = watch::watch(client, &self.registry, &scopes, &tell, &health, &stop);
        // the watches hold what they need of it: with the last of them the source has ended
        drop(tell);
        let heartbeat = self.liveness.register("engine", HEARTBEAT_LIMIT);
        let options = options(&self.config);
        let (metrics, store_ready) = (self.metrics.clone(), self.store_ready.clone());
        let observer = Observed::new(&self.registry, metrics, heartbeat, store_ready, options.store_grace);
        let parts = Parts {
            registry: Arc::clone(&self.registry),
            target: Arc::new(ClusterTarget::new(client.clone(), Arc::clone(&self.registry), self.identity.clone())),
            observer: Arc::new(observer),
            store,
            fence,
            key: self.key.clone(),
            scopes,
        };
        self.leader_ready.ready_with("leading");
        let engine = engine::run(parts, options, events, stop.clone());
        tokio::select! {
            biased;
            result = engine => Ok(result?),
            why = broken_off(&mut watches, &stop) => Err(EngineError::Internal(why).into()),
        }
    }

    /// Waits until the store is there and has all that the operator needs. `None` when stopped.
    async fn open_store(&self, stop: &CancellationToken) -> Result<Option<Arc<dyn Store>>, RunError> {
        let target = self.config.store.as_ref().ok_or(RunError::Setup("no store is configured"))?;
        let url = store_url(target)?;
        tracing::info!(store = %url, "opening the store");
        let store = store::open::open(&url).await?;
        let tables: Vec<Table> = self.registry.kinds().iter().map(|kind| kind.store.table.clone()).collect();
        let mut told = String::new();
        loop {
            let waiting = match self.prepare(store.as_ref(), &tables).await {
                Ok(missing) if missing.is_empty() => {
                    self.store_ready.ready();
                    return Ok(Some(store));
                }
                Ok(missing) => missing.join("; "),
                Err(error) => error.to_string(),
            };
            if waiting != told {
                tracing::warn!("waiting for the store: {waiting}");
                told.clone_from(&waiting);
            }
            self.store_ready.waiting(waiting);
            if !pause(stop).await {
                return Ok(None);
            }
        }
    }

    async fn prepare(&self, store: &dyn Store, tables: &[Table]) -> Result<Vec<String>, StoreError> {
        store.migrate(tables, self.config.create_tables).await?;
        store.missing(tables).await
    }

    async fn cluster_id(&self, client: &Client, stop: &CancellationToken) -> Result<Option<String>, RunError> {
        if let Some(id) = &self.config.cluster_id {
            return Ok(Some(id.clone()));
        }
        loop {
            match client::cluster_id(client).await {
                Ok(id) => return Ok(Some(id)),
                Err(error) => {
                    tracing::warn!("{error}; will try again");
                    self.leader_ready.waiting(error.to_string());
                }
            }
            if !pause(stop).await {
                return Ok(None);
            }
        }
    }

    /// Operators with namespaces of their own share a cluster and a store, each under its own lease: a new term of one
    /// must not depose the others. What writes for the whole cluster has the cluster to itself.
    fn term(&self, cluster: &str) -> String {
        if self.config.namespaces.is_empty() {
            return cluster.to_owned();
        }
        let lease = self.config.leader_election_namespace.as_ref().filter(|_| self.config.leader_elect);
        let own = lease.cloned().unwrap_or_else(|| self.config.namespaces.join(","));
        format!("{cluster}/{own}")
    }

    async fn take_epoch(
        &self,
        store: &dyn Store,
        cluster: &str,
        stop: &CancellationToken,
    ) -> Result<Option<Fence>, RunError> {
        let term = self.term(cluster);
        loop {
            match store.take_leadership(&term, &self.identity).await {
                Ok(fence) => return Ok(Some(Fence { cluster: cluster.to_owned(), ..fence })),
                Err(error) => {
                    tracing::warn!(%error, "unable to take the next epoch; will try again");
                    self.leader_ready.waiting(error.to_string());
                }
            }
            if !pause(stop).await {
                return Ok(None);
            }
        }
    }
}

/// How the engine works on a cluster.
#[must_use]
pub fn options(config: &Config) -> Options {
    Options {
        batch_size: config.batch_size,
        api_concurrency: config.api_concurrency,
        status_interval: config.status_sync_interval,
        sweep_interval: config.sweep_interval,
        require_encryption: config.require_encryption,
        prune: Prune::Yes,
        prune_unowned: true,
        ..Options::default()
    }
}

/// Where the configured store is.
pub fn store_url(target: &StoreTarget) -> Result<StoreUrl, RunError> {
    use secrecy::ExposeSecret as _;
    Ok(match target {
        StoreTarget::Postgres(SecretSource::File(path)) => StoreUrl::from_file(path),
        StoreTarget::Postgres(source) => StoreUrl::parse(source.read()?.expose_secret())?,
        StoreTarget::Sqlite(path) => StoreUrl::parse(&format!("sqlite:{}", path.display()))?,
    })
}

fn warn_of_plaintext(required: bool) {
    if required {
        tracing::warn!("no encryption key: with --require-encryption resources with secret material are refused");
    } else {
        tracing::warn!(
            "NO ENCRYPTION KEY: secret material is stored in the clear (base64), as the original does; \
             set ORLOJ_SECRET_ENCRYPTION_KEY, or --require-encryption to refuse instead"
        );
    }
}

/// Names this process in the lease, in Events and in the ledger.
fn identity() -> String {
    let host =
        ["POD_NAME", "HOSTNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    format!("{}_{:08x}", host.as_deref().unwrap_or("orloj-operator"), rand::random::<u32>())
}
