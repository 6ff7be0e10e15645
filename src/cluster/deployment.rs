//! A Deployment scaled to nothing, and what else of a release must not be there while resources are let go.

use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::MutatingAdmissionPolicyBinding;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::core::Selector;
use kube::{Client, Resource as _};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::client::CALL_TIMEOUT;

/// Between two looks at the pods.
const PAUSE: Duration = Duration::from_millis(500);

/// How a Deployment came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// None of its pods is left.
    Gone,
    /// There is no such Deployment.
    NotThere,
    /// Not in time, and why.
    NotYet(String),
}

/// Scales a Deployment to 0 and waits until its pods have gone, for `longest`. Goes on trying where the API server
/// does not answer.
pub async fn stop(client: &Client, namespace: &str, name: &str, longest: Duration) -> Stopped {
    let until = Instant::now() + longest;
    loop {
        let why = match timeout(CALL_TIMEOUT, try_stop(client, namespace, name)).await {
            Ok(Ok(None)) => return Stopped::NotThere,
            Ok(Ok(Some(0))) => return Stopped::Gone,
            Ok(Ok(Some(pods))) => format!("{pods} of its pods still run"),
            Ok(Err(kube::Error::Api(status))) => status.message,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the API server does not answer".to_owned(),
        };
        if Instant::now() + PAUSE >= until {
            return Stopped::NotYet(why);
        }
        sleep(PAUSE).await;
    }
}

/// How many pods are left; `None` where there is no such Deployment.
async fn try_stop(client: &Client, namespace: &str, name: &str) -> kube::Result<Option<usize>> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let Some(found) = deployments.get_opt(name).await? else { return Ok(None) };
    let Some(spec) = found.spec else { return Ok(None) };
    // some may be on their way
    let counted = found.status.and_then(|status| status.replicas).and_then(|count| usize::try_from(count).ok());
    if spec.replicas != Some(0) {
        let nothing = Patch::Merge(json!({"spec": {"replicas": 0}}));
        deployments.patch_scale(name, &PatchParams::default(), &nothing).await?;
    }
    let selector = Selector::try_from(spec.selector).map_err(|error| kube::Error::Service(error.to_string().into()))?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let found = pods.list_metadata(&ListParams::default().labels_from(&selector).fields(RUNNING)).await?;
    Ok(Some(found.items.len().max(counted.unwrap_or(0))))
}

/// Pods that have ended stay as objects, for their logs.
const RUNNING: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// What an Event about a release hangs on: its Deployment where that is there, else its namespace.
pub async fn reference(client: &Client, namespace: &str, deployment: Option<&str>) -> ObjectReference {
    let fallback = ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Namespace".to_owned()),
        name: Some(namespace.to_owned()),
        // else the Event would go into the namespace `default`
        namespace: Some(namespace.to_owned()),
        ..ObjectReference::default()
    };
    let Some(name) = deployment else { return fallback };
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    match timeout(CALL_TIMEOUT, deployments.get(name)).await {
        Ok(Ok(found)) => found.object_ref(&()),
        _ => fallback,
    }
}

/// Deletes the binding of the policy that puts our finalizer onto new resources; true where there was one.
pub async fn unbind_policy(client: &Client, name: &str) -> kube::Result<bool> {
    let bindings: Api<MutatingAdmissionPolicyBinding> = Api::all(client.clone());
    match timeout(CALL_TIMEOUT, bindings.delete(name, &DeleteParams::default())).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Ok(false),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(kube::Error::Service("no answer in time".into())),
    }
}
