//! A cluster as the source of a plan: listed once, told nothing.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::PlanSource;
use crate::cli::CliError;
use crate::cluster::acknowledge::ClusterResourceClient;
use crate::cluster::{client, survey, watch};
use crate::config::Config;
use crate::operator::{self, RunError};
use crate::registry::Registry;
use crate::resource::{Resource, ResourceId};
use crate::source::channel::channel;
use crate::source::target::{Ack, Notice, Notified, ResourceClient, ResourceClientError};

/// What the operator would see, and how it would go about it.
pub async fn source(config: &Config, registry: &Arc<Registry>) -> Result<PlanSource, CliError> {
    let failed = |error| CliError::Run(RunError::Client(error));
    let client = client::connect(config.kubeconfig.as_deref(), Arc::new(|_, _| {})).map_err(failed)?;
    let owner = match &config.cluster_id {
        Some(id) => id.clone(),
        None => client::cluster_id(&client).await.map_err(failed)?,
    };
    let scopes = watch::scopes(registry, &config.namespaces);
    let (tell, events) = channel();
    // nothing is said of files
    let (_, heard) = mpsc::unbounded_channel();
    let target = ClusterResourceClient::new(client.clone(), Arc::clone(registry), String::new());
    Ok(PlanSource {
        target: Arc::new(Silent(target)),
        reading: tokio::spawn(survey::list(client, Arc::clone(registry), scopes.clone(), tell)),
        scopes,
        options: operator::options(config),
        owner,
        events,
        heard,
        files: None,
    })
}

/// Looks, and tells nothing.
struct Silent(ClusterResourceClient);

#[async_trait]
impl ResourceClient for Silent {
    async fn acknowledge(&self, _id: &ResourceId, _ack: &Ack) -> Result<u64, ResourceClientError> {
        Ok(0)
    }

    async fn fetch(&self, id: &ResourceId) -> Result<Option<Resource>, ResourceClientError> {
        Ok(self.0.fetch(id).await?.map(survey::unversioned))
    }

    async fn notify(&self, _id: &ResourceId, _notice: &Notice) -> Notified {
        Notified::Dropped
    }
}
