//! The client for the API server.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};

use super::count::{Count, Counting};

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
        "unable to find out which cluster this is (namespace kube-system: {0}); \
         grant `get` on that namespace or give --cluster-id"
    )]
    Identity(String),
}

/// A client from a kubeconfig file, or from the environment: `KUBECONFIG`, `~/.kube/config`, or the pod's own account.
/// `count` hears of each request.
pub async fn connect(kubeconfig: Option<&Path>, count: Count) -> Result<Client, ClientError> {
    // two providers may be linked one day; naming ours keeps the client from guessing
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = match kubeconfig {
        Some(path) => {
            let failed = |error: KubeconfigError| ClientError::Kubeconfig {
                path: path.display().to_string(),
                detail: describe(&error),
            };
            let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(failed)?
        }
        None => Config::infer().await.map_err(|error| ClientError::NoCluster(describe_search(&error)))?,
    };
    // the reconciler retries by itself, knowing which change is still wanted; a retry below it would only delay that
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let client = if config.proxy_url.is_some() { through_proxy(config, count) } else { direct(&config, count) };
    client.map_err(|error| ClientError::Client(error.to_string()))
}

/// The parser's own text quotes the file, and with it a token or a key: only the place is told, and a reason of ours.
fn describe(error: &KubeconfigError) -> String {
    let KubeconfigError::Parse(fault) = error else { return error.to_string() };
    let (line, column) = fault.location().map_or((1, 1), |at| (at.line(), at.column()));
    format!("line {line}, column {column}: this is not valid YAML, or not a kubeconfig")
}

/// As [`describe`], for whichever file was found.
fn describe_search(error: &InferConfigError) -> String {
    match error.source().and_then(|source| source.downcast_ref::<KubeconfigError>()) {
        Some(fault @ KubeconfigError::Parse(_)) => format!("the kubeconfig cannot be read: {}", describe(fault)),
        _ => error.to_string(),
    }
}

fn through_proxy(config: Config, count: Count) -> kube::Result<Client> {
    Ok(ClientBuilder::try_from(config)?.with_layer(&Counting(count)).build())
}

/// kube's stack of layers on a transport of our own.
fn direct(config: &Config, count: Count) -> kube::Result<Client> {
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
        .map_err(|error| ClientError::Identity(error.to_string()))?;
    found.metadata.uid.ok_or_else(|| ClientError::Identity("it has no uid".to_owned()))
}
