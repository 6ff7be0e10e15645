//! The operator in a cluster: `orloj-operator run`.
//!
//! Store first, then the lease, then the watches; each waits as long as it takes, and `/readyz` says for what.

mod health;
mod kinds;
mod lead;
mod observe;
mod tables;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::cluster::client::{self, ClientError};
use crate::cluster::count::Count;
use crate::cluster::lease::LEASE_NAME;
use crate::config::{Config, ConfigError, SecretSource, StoreTarget};
use crate::crypto::{KeyError, SecretKey};
use crate::reconciler::{Options, Prune, ReconcilerError};
use crate::registry::Registry;
use crate::store::open::StoreUrl;
use crate::store::{self, Store, StoreError};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::{Liveness, Readiness, ReadyHandle};
use crate::telemetry::server::{self, Admin, ServerError};

use kinds::Kinds;
use lead::LeaderContext;
use tables::Tables;
use wait::{pause, within_grace};

/// Kept back from `--shutdown-timeout` for the end of the process.
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
    Engine(#[from] ReconcilerError),
    #[error("unable to go on as leader: the lease {LEASE_NAME} was lost: {0}")]
    LeaseLost(String),
    #[error("unable to start: {0}")]
    Setup(&'static str),
}

/// Runs until `stop`.
pub async fn run(config: Config, registry: Registry, stop: CancellationToken) -> Result<(), RunError> {
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
    kinds: Kinds,
    key: Option<SecretKey>,
    identity: String,
    metrics: Metrics,
    readiness: Readiness,
    liveness: Liveness,
    store_ready: ReadyHandle,
    leader_ready: ReadyHandle,
}

impl Operator {
    fn new(config: Config, registry: Registry) -> Result<Self, RunError> {
        let key = match &config.secret_encryption_key {
            Some(source) => SecretKey::parse(&source.read()?)?,
            None => None,
        };
        let readiness = Readiness::default();
        let operator = Self {
            identity: identity(),
            metrics: Metrics::new(env!("CARGO_PKG_VERSION"), &registry.checksum()),
            liveness: Liveness::default(),
            store_ready: readiness.register("store", "the first connection to the store"),
            leader_ready: readiness.register("leader", "the store"),
            kinds: Kinds::new(registry, config.kinds_dir.as_deref(), &readiness),
            readiness,
            config,
            key,
        };
        operator.warn_of_plaintext(&operator.kinds.current());
        Ok(operator)
    }

    fn warn_of_plaintext(&self, registry: &Registry) {
        if self.key.is_some() || !registry.kinds().iter().any(|kind| kind.sensitive) {
            return;
        }
        if self.config.require_encryption {
            tracing::warn!("no encryption key: with --require-encryption resources with secret material are refused");
        } else {
            tracing::warn!(
                "NO ENCRYPTION KEY: secret material is stored in the clear (base64), as the original does; \
                 set ORLOJ_SECRET_ENCRYPTION_KEY, or --require-encryption to refuse instead"
            );
        }
    }

    async fn serve(&self, stop: &CancellationToken) -> Result<(), RunError> {
        let metrics = self.metrics.clone();
        let count: Count = Arc::new(move |method, code| metrics.api_request(method, code));
        let client = client::connect(self.config.kubeconfig.as_deref(), count).await?;
        let Some(store) = self.open_store(stop).await? else { return Ok(()) };
        let Some(cluster) = self.cluster_id(&client, stop).await? else { return Ok(()) };
        let realm = LeaderContext { client, store: Arc::clone(&store), cluster };
        let following = async {
            self.follow_kinds(&store, stop).await;
            std::future::pending().await
        };
        tokio::select! {
            biased;
            result = self.stand(&realm, stop) => result,
            never = following => never,
        }
    }

    /// Waits until the store is there and can be used for one kind at least. `None` when stopped.
    async fn open_store(&self, stop: &CancellationToken) -> Result<Option<Arc<dyn Store>>, RunError> {
        let target = self.config.store.as_ref().ok_or(RunError::Setup("no store is configured"))?;
        let url = store_url(target)?;
        tracing::info!(store = %url, "opening the store");
        let store = store::open::open(&url).await?;
        let registry = self.kinds.current();
        let mut told = String::new();
        loop {
            let waiting = match self.tables(&store).lacking(&registry).await {
                Ok(lacking) if lacking.is_empty() || lacking.len() < registry.kinds().len() => {
                    self.store_ready.ready();
                    return Ok(Some(store));
                }
                Ok(lacking) => distinct(lacking.into_iter().map(|(_, why)| why)),
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

    fn tables(&self, store: &Arc<dyn Store>) -> Tables {
        Tables { store: Arc::clone(store), create: self.config.create_tables }
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
}

/// The texts as one, each once.
fn distinct(texts: impl Iterator<Item = String>) -> String {
    let mut distinct = Vec::new();
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    distinct.join("; ")
}

/// Operators with namespaces of their own share a cluster and a store, each under its own lease: a new term of one must
/// not depose the others. What writes for the whole cluster has the cluster to itself.
#[must_use]
pub fn term(config: &Config, cluster: &str) -> String {
    if config.namespaces.is_empty() {
        return cluster.to_owned();
    }
    let lease = config.leader_election_namespace.as_ref().filter(|_| config.leader_elect);
    let own = lease.cloned().unwrap_or_else(|| config.namespaces.join(","));
    format!("{cluster}/{own}")
}

/// How the reconciler works on a cluster.
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

/// Names this process in the lease, in Events and in the ledger.
#[must_use]
pub fn identity() -> String {
    let host =
        ["POD_NAME", "HOSTNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    format!("{}_{:08x}", host.as_deref().unwrap_or("orloj-operator"), rand::random::<u32>())
}
