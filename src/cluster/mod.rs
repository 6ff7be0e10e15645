//! The API server: watches on resources, what goes back (finalizer, status, Events), the lease, and the client for it.

pub mod acknowledge;
pub mod client;
pub mod count;
pub mod definitions;
pub mod deployment;
pub mod error;
pub mod lease;
pub mod list;
mod pages;
pub mod seen;
pub mod survey;
pub mod watch;

use kube::api::{Api, ApiResource, ListParams};
use kube::core::{DynamicResourceScope, Status};
use kube::{Client, Resource};

use crate::registry::Kind;

/// Whether an error of the API server is about the path as a whole: one about an object has its name.
fn names_nothing(status: &Status) -> bool {
    status.details.as_ref().is_none_or(|details| details.name.is_empty())
}

/// The API of a kind, in one namespace or in all.
#[must_use]
pub fn api<K>(client: &Client, kind: &Kind, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>,
{
    let resource = api_resource(kind);
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Parameters of a list of a kind, `limit` resources a page: of one that is not ours, those alone that have rows.
#[must_use]
fn list_params(kind: &Kind, limit: u32) -> ListParams {
    let params = ListParams::default().limit(limit);
    match label_selector(kind) {
        Some(labels) => params.labels(&labels),
        None => params,
    }
}

/// What to do where a kind's CRD is not there.
fn not_installed(kind: &Kind) -> &'static str {
    match kind.foreign {
        None => "its CRD is not installed; `orloj-operator kinds crds | kubectl apply -f -` does it",
        Some(_) => "its CRD is not installed: whoever owns the kind brings it along",
    }
}

fn label_selector(kind: &Kind) -> Option<String> {
    kind.foreign.as_ref()?.label_selector()
}

/// Names of a kind as the client wants them.
#[must_use]
pub fn api_resource(kind: &Kind) -> ApiResource {
    ApiResource {
        group: kind.names.group.clone(),
        version: kind.names.version.clone(),
        api_version: kind.names.api_version(),
        kind: kind.names.kind.clone(),
        plural: kind.names.plural.clone(),
    }
}
