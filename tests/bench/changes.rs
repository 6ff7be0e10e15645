//! From one change to its acknowledgement, as a person sees it.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;

use crate::objects::Named;

/// Changes the spec of a resource; from before the patch is sent until a watch shows `observedGeneration` = its
/// generation. Without an operator, `ourselves` writes the status as well: what it takes where nothing is in between.
pub async fn acknowledged(client: &Client, namespace: &str, number: usize, word: &str, ourselves: bool) -> Duration {
    let named = Named::new(number);
    let group = GroupVersionKind::gvk("orloj.dev", "v1", named.kind);
    let resource = ApiResource::from_gvk_with_plural(&group, named.plural);
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let itself = format!("metadata.name={}", named.name);
    // the list's version: the resource's own may be too old to be watched from
    let before = api.list_metadata(&ListParams::default().fields(&itself)).await.expect("it is there");
    let version = before.metadata.resource_version.expect("a list has a version");
    let only = WatchParams::default().fields(&itself).timeout(120);
    let mut events = api.watch(&only, &version).await.expect("it can be watched").boxed();
    let field = if named.kind == "Tool" { "description" } else { "prompt" };
    let change = Patch::Merge(json!({"spec": {field: word}}));
    let params = PatchParams::default();
    let started = Instant::now();
    let changed = api.patch(&named.name, &params, &change).await.expect("it can be changed");
    let generation = changed.metadata.generation;
    if ourselves {
        let status = Patch::Merge(json!({"status": {"observedGeneration": generation}}));
        api.patch_status(&named.name, &params, &status).await.expect("it can be acknowledged");
    }
    while let Some(event) = events.next().await {
        match event.expect("the watch goes on") {
            WatchEvent::Modified(seen) if seen.data["status"]["observedGeneration"].as_i64() >= generation => {
                return started.elapsed();
            }
            WatchEvent::Error(status) => panic!("{}: {}", named.name, status.message),
            _ => {}
        }
    }
    panic!("{}: not acknowledged in 120 s", named.name);
}
