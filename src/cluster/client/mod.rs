//! The client for the API server.

mod kubeconfig;
mod proxy;
mod token;

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::{Client, Config};
use tower::util::option_layer;
use tower::{BoxError, ServiceBuilder};

use self::token::TokenFile;
use super::count::{Count, Counting};
use super::error::describe;

/// Until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// No call to the API server may hang for longer.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Nor the list of a page.
pub(super) const PAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// A silent connection is asked for a sign of life after so long, and given up after [`PROBES`] of them unanswered: a
/// watch on a host that vanished would wait for ever.
const PROBE_AFTER: Duration = Duration::from_secs(30);
const PROBES: u32 = 3;

/// Connections that nobody uses are kept for so long, for the next call.
const KEEP_IDLE: Duration = Duration::from_secs(90);

/// What a connection reads ahead; the default of 400 KiB, times the watches, is more than all else together.
const READ_AHEAD: usize = 32 * 1024;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("unable to read the kubeconfig {path}: {detail}")]
    Kubeconfig { path: String, detail: String },
    #[error(
        "unable to find a cluster: no usable --kubeconfig, KUBECONFIG or ~/.kube/config, and not running in a pod: {0}"
    )]
    NoCluster(String),
    #[error("unable to set up the client: {0}")]
    Client(String),
    #[error(
        "unable to find out which cluster this is: not allowed to read the namespace kube-system ({0}); \
         grant `get` on that namespace or give --cluster-id"
    )]
    Forbidden(String),
    #[error("unable to find out which cluster this is (namespace kube-system): {0}")]
    Identity(String),
}

/// A client from a kubeconfig file, or from the environment: `KUBECONFIG`, `~/.kube/config`, or the pod's own account.
/// `count` hears of each request.
pub fn connect(kubeconfig: Option<&Path>, count: Count) -> Result<Client, ClientError> {
    // two providers may be linked one day; naming ours keeps the client from guessing
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = kubeconfig::infer(kubeconfig)?;
    if kubeconfig.is_none() {
        config.apply_debug_overrides();
    }
    // the reconciler retries by itself, knowing which change is still wanted; a retry below it would only delay that
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let token = token_file(&mut config).map_err(ClientError::Client)?;
    let client =
        if config.proxy_url.is_some() { through_proxy(config, token, count) } else { direct(&config, token, count) };
    client.map_err(|error| ClientError::Client(describe(&error)))
}

/// The token file of a configuration, taken out of it: ours is read as client-go reads it, which prefers it to a token.
fn token_file(config: &mut Config) -> Result<Option<TokenFile>, String> {
    let user = &mut config.auth_info;
    let Some(path) = user.token_file.take() else { return Ok(None) };
    let token = user.token.take();
    TokenFile::open(PathBuf::from(path), token.as_ref()).map(Some)
}

fn through_proxy(config: Config, token: Option<TokenFile>, count: Count) -> kube::Result<Client> {
    let token = option_layer(token.map(TokenFile::layer));
    Ok(ClientBuilder::try_from(config)?.with_layer(&token).with_layer(&Counting(count)).build())
}

/// kube's stack of layers on a transport of our own.
fn direct(config: &Config, token: Option<TokenFile>, count: Count) -> kube::Result<Client> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    // A request goes out as two segments; without this the second waits for the first one's acknowledgement, which
    // the server delays by up to 40 ms. kube's own client does not set it.
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(config.connect_timeout);
    tcp.set_keepalive(Some(PROBE_AFTER));
    tcp.set_keepalive_interval(Some(PROBE_AFTER / PROBES));
    tcp.set_keepalive_retries(Some(PROBES));
    let tls = config.rustls_https_connector_with_connector(tcp)?;
    let http = HttpClient::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(KEEP_IDLE)
        .http1_max_buf_size(READ_AHEAD)
        .build::<_, Body>(tls);
    let service = ServiceBuilder::new()
        .layer(Counting(count))
        .layer(config.base_uri_layer())
        .option_layer(token.map(TokenFile::layer))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace.clone()))
}

/// What tells this cluster from others that write to the same store: the uid of its `kube-system` namespace.
pub async fn cluster_id(client: &Client) -> Result<String, ClientError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let found = tokio::time::timeout(CALL_TIMEOUT, namespaces.get("kube-system"))
        .await
        .map_err(|_| ClientError::Identity(format!("no answer within {} s", CALL_TIMEOUT.as_secs())))?
        .map_err(|error| match &error {
            kube::Error::Api(status) if status.code == 403 => ClientError::Forbidden(describe(&error)),
            _ => ClientError::Identity(describe(&error)),
        })?;
    found.metadata.uid.ok_or_else(|| ClientError::Identity("it has no uid".to_owned()))
}
