//! Many resources at once, and how far the operator is with them.

use futures::StreamExt;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use orloj_operator::cluster::api;
use serde_json::{Value, json};

use crate::bed::eventually;
use crate::world::{PATIENCE, World, manifest};

/// Requests under way at once: more do not go faster.
const AT_ONCE: usize = 16;

/// The kinds of a crowd, in turn.
const KINDS: [&str; 4] = ["Memory", "Tool", "Agent", "ModelEndpoint"];

/// The n-th resource of a crowd: kind, name, spec.
fn member(n: usize, version: usize) -> (&'static str, String, Value) {
    let kind = KINDS[n % KINDS.len()];
    let spec = match kind {
        "Memory" => json!({"type": format!("t{n}-{version}")}),
        "Tool" => json!({"type": " HTTP ", "endpoint": format!("http://{n}/{version}")}),
        "Agent" => json!({"prompt": format!("answer {n}, {version}"), "model_ref": "m"}),
        _ => json!({"provider": "OpenAI", "default_model": format!("m{n}-{version}")}),
    };
    (kind, format!("c{n}"), spec)
}

/// Creates so many resources of several kinds.
pub fn create(world: &World, count: usize) {
    create_some(world, 0..count);
}

/// Creates these of a crowd.
pub fn create_some(world: &World, which: impl Iterator<Item = usize>) {
    on_each(world, which, |world, api, n| {
        let (kind, name, spec) = member(n, 0);
        let object = manifest(kind, &json!({"name": name, "namespace": world.namespace}), &spec);
        async move {
            let object: DynamicObject = serde_json::from_value(object).expect("a manifest is an object");
            api.create(&PostParams::default(), &object).await.map(drop)
        }
    });
}

/// Changes the spec of these.
pub fn change(world: &World, which: impl Iterator<Item = usize>) {
    on_each(world, which, |_, api, n| {
        let (_, name, spec) = member(n, 1);
        async move {
            let patch = Patch::Merge(json!({"spec": spec}));
            api.patch(&name, &PatchParams::default(), &patch).await.map(drop)
        }
    });
}

/// Asks for the deletion of these, and does not wait for it.
pub fn delete(world: &World, which: impl Iterator<Item = usize>) {
    on_each(world, which, |_, api, n| {
        let (_, name, _) = member(n, 0);
        async move { api.delete(&name, &kube::api::DeleteParams::default()).await.map(drop) }
    });
}

/// Takes all finalizers off these, as somebody in a hurry does, and deletes them.
pub fn tear_out(world: &World, which: impl Iterator<Item = usize>) {
    on_each(world, which, |_, api, n| {
        let (_, name, _) = member(n, 0);
        async move {
            let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
            api.patch(&name, &PatchParams::default(), &patch).await?;
            api.delete(&name, &kube::api::DeleteParams::default()).await.map(drop)
        }
    });
}

fn on_each<F: Future<Output = kube::Result<()>>>(
    world: &World,
    which: impl Iterator<Item = usize>,
    call: impl Fn(&World, Api<DynamicObject>, usize) -> F,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let client = world.cluster.admin_client().await;
        let calls = which.map(|n| {
            let kind = world.kind(KINDS[n % KINDS.len()]);
            call(world, api(&client, kind, Some(&world.namespace)), n)
        });
        let mut calls = futures::stream::iter(calls).buffer_unordered(AT_ONCE);
        while let Some(result) = calls.next().await {
            result.expect("the API server takes it");
        }
    });
}

/// All rows that stand.
pub fn rows(world: &World) -> usize {
    number(world, "true")
}

/// Waits until at least so many rows stand.
pub fn wait_rows(world: &World, count: usize) {
    eventually(PATIENCE, &format!("{count} rows"), || match rows(world) {
        found if found >= count => Ok(()),
        found => Err(format!("{found}; log:\n{}", world.log_tail())),
    });
}

/// How many statuses the last operator has written since its start.
pub fn acknowledged(world: &World) -> f64 {
    world.operator().metric("orloj_operator_api_writes_total", &[("what", "status")]).unwrap_or(0.0)
}

/// Waits until the operator has written at least so many statuses.
pub fn wait_acknowledged(world: &World, count: f64) {
    eventually(PATIENCE, &format!("{count} statuses"), || match acknowledged(world) {
        found if found >= count => Ok(()),
        found => Err(format!("{found}; log:\n{}", world.log_tail())),
    });
}

/// Every row was written once: nothing was written twice, or for nothing.
pub fn assert_written_once(world: &World) {
    assert_eq!(number(world, "payload->'metadata'->>'resourceVersion' <> '1'"), 0, "rows were written again");
}

fn number(world: &World, condition: &str) -> usize {
    let selects: Vec<_> = KINDS
        .iter()
        .map(|kind| format!("select payload from {} where {condition}", world.kind(kind).store.table.name))
        .collect();
    let text = world.database.psql(&format!("select count(*) from ({}) all_rows", selects.join(" union all ")));
    text.trim().parse().expect("a count")
}
