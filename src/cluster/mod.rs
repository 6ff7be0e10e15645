//! What goes back to the API server: lease, finalizer, status, Events; and the client that carries it.

pub mod acknowledge;
pub mod client;
pub mod count;
pub mod lease;

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};

use crate::registry::Kind;
use crate::resource::Resource;
use crate::resource::{KindIndex, ObjectName, ResourceId};

/// The API of a kind, in one namespace or in all.
#[must_use]
pub fn api(client: &Client, kind: &Kind, namespace: Option<&str>) -> Api<DynamicObject> {
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

/// The parts of an object that the operator reads.
#[must_use]
pub fn resource(kind: KindIndex, object: DynamicObject) -> Resource {
    let DynamicObject { metadata, mut data, .. } = object;
    let mut take = |field: &str| data.get_mut(field).map(serde_json::Value::take).unwrap_or_default();
    let (spec, status) = (take("spec"), take("status"));
    Resource {
        id: ResourceId {
            kind,
            object: ObjectName::new(metadata.namespace.unwrap_or_default(), metadata.name.unwrap_or_default()),
        },
        uid: metadata.uid.unwrap_or_default().into(),
        generation: metadata.generation.unwrap_or(0),
        version: metadata.resource_version.and_then(|version| version.parse().ok()).unwrap_or(0),
        created: metadata.creation_timestamp.map_or(0, |time| time.0.as_second()),
        labels: metadata.labels.unwrap_or_default(),
        annotations: metadata.annotations.unwrap_or_default(),
        finalizers: metadata.finalizers.unwrap_or_default(),
        deleting: metadata.deletion_timestamp.is_some(),
        spec,
        status,
    }
}
