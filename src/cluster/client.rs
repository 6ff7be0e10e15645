//! The client for the API server.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::count::{Count, Counting};

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("unable to read the kubeconfig {path}: {detail}")]
    Kubeconfig { path: String, detail: String },
    #[error("unable to find a cluster: no --kubeconfig, no KUBECONFIG, and not running in a pod: {0}")]
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
            let failed = |detail: String| ClientError::Kubeconfig { path: path.display().to_string(), detail };
            let kubeconfig = Kubeconfig::read_from(path).map_err(|error| failed(error.to_string()))?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .map_err(|error| failed(error.to_string()))?
        }
        None => Config::infer().await.map_err(|error| ClientError::NoCluster(error.to_string()))?,
    };
    config.connect_timeout = Some(Duration::from_secs(5));
    // the engine retries by itself, knowing which change is still wanted; a retry below it would only delay that
    config.default_retry = false;
    let builder = ClientBuilder::try_from(config).map_err(|error| ClientError::Client(error.to_string()))?;
    Ok(builder.with_layer(&Counting(count)).build())
}

/// What tells this cluster from others that write to the same store: the uid of its `kube-system` namespace.
pub async fn cluster_id(client: &Client) -> Result<String, ClientError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let found = tokio::time::timeout(Duration::from_secs(10), namespaces.get("kube-system"))
        .await
        .map_err(|_| ClientError::Identity("no answer within 10 s".to_owned()))?
        .map_err(|error| ClientError::Identity(error.to_string()))?;
    found.metadata.uid.ok_or_else(|| ClientError::Identity("it has no uid".to_owned()))
}
