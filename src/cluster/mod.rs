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

use kube::api::{Api, ApiResource};
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

/// Names of a kind as the client wants them.
#[must_use]
pub fn api_resource(kind: &Kind) -> ApiResource {
    ApiResource {
        group: kind.names.group.clone(),
        version: kind.names.version.clone(),
        api_version: format!("{}/{}", kind.names.group, kind.names.version),
        kind: kind.names.kind.clone(),
        plural: kind.names.plural.clone(),
    }
}
