//! From one change to its acknowledgement, as a person sees it.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;

use crate::objects::{NAMESPACE, Named};

/// Changes the spec of a resource; from before the patch is sent until a watch shows `observedGeneration` = its
/// generation.
pub async fn acknowledged(client: &Client, number: usize, word: &str) -> Duration {
    let named = Named::new(number);
    let group = GroupVersionKind::gvk("orloj.dev", "v1", named.kind);
    let resource = ApiResource::from_gvk_with_plural(&group, named.plural);
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &resource);
    let before = api.get(&named.name).await.expect("it is there");
    let version = before.metadata.resource_version.expect("it has a version");
    let only = WatchParams::default().fields(&format!("metadata.name={}", named.name)).timeout(120);
    let mut events = api.watch(&only, &version).await.expect("it can be watched").boxed();
    let field = if named.kind == "Tool" { "description" } else { "prompt" };
    let change = Patch::Merge(json!({"spec": {field: word}}));
    let started = Instant::now();
    let changed = api.patch(&named.name, &PatchParams::default(), &change).await.expect("it can be changed");
    let generation = changed.metadata.generation;
    while let Some(event) = events.next().await {
        if let Ok(WatchEvent::Modified(seen)) = event
            && seen.data["status"]["observedGeneration"].as_i64() >= generation
        {
            return started.elapsed();
        }
    }
    panic!("{}: not acknowledged in 120 s", named.name);
}
