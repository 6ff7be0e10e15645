//! Resources of about 1.1 KiB, and a bare client for them: what any client has to do, and nothing else.

use std::ops::Range;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use http::Request;
use kube::Client;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::Request as Path;
use serde_json::{Value, json};

/// Where the measured resources live.
pub const NAMESPACE: &str = "bench";
const GROUP: &str = "/apis/orloj.dev/v1";
/// Calls at once, as the operator's default: from 4 on the API server takes no more.
const CONCURRENCY: usize = 8;
const FINALIZER: &str = "orloj.dev/sync";

/// As JSON, without what the API server adds.
const SIZE: usize = 1_120;

/// The two kinds, half and half.
pub const KINDS: [(&str, &str); 2] = [("tools", "Tool"), ("agents", "Agent")];

/// Number `number` of all: tools are even, agents odd.
pub struct Named {
    pub plural: &'static str,
    pub kind: &'static str,
    pub name: String,
}

impl Named {
    pub fn new(number: usize) -> Self {
        let (plural, kind) = KINDS[number % KINDS.len()];
        Self { plural, kind, name: format!("{}-{number:06}", kind.to_lowercase()) }
    }

    fn path(&self, namespace: &str) -> Path {
        path(namespace, self.plural)
    }

    /// The whole resource, filled up to [`SIZE`].
    pub fn manifest(&self, namespace: &str) -> Value {
        let mut manifest = json!({
            "apiVersion": "orloj.dev/v1", "kind": self.kind,
            "metadata": {
                "name": self.name, "namespace": namespace,
                "labels": {"app.kubernetes.io/part-of": "bench", "team": "platform"},
                "annotations": {"example.com/source": "git://example.com/config"},
            },
        });
        let (spec, filled) = match self.kind {
            "Tool" => (
                json!({
                    "type": "http", "endpoint": "https://tools.example.com/v1/lookup", "risk_level": "low",
                    "capabilities": ["read", "search"], "auth": {"secretRef": "tools-api"},
                    "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}},
                    "runtime": {"timeout": "10s", "retry": {"max_attempts": 3, "backoff": "500ms"}},
                    "description": "",
                }),
                "description",
            ),
            _ => (
                json!({
                    "model_ref": "default", "tools": ["search", "lookup"], "roles": ["analyst"],
                    "limits": {"max_steps": 6, "timeout": "60s"}, "memory": {"ref": "notes"}, "prompt": "",
                }),
                "prompt",
            ),
        };
        manifest["spec"] = spec;
        let missing = SIZE.saturating_sub(manifest.to_string().len());
        manifest["spec"][filled] = "Looks up what is known and answers in a few words. ".repeat(40)[..missing].into();
        manifest
    }
}

/// Where the API server has a namespace's resources of one kind.
pub fn path(namespace: &str, plural: &str) -> Path {
    Path::new(format!("{GROUP}/namespaces/{namespace}/{plural}"))
}

/// Runs a call for each number, [`CONCURRENCY`] at once; panics at the first that fails.
pub async fn each(numbers: Range<usize>, call: impl AsyncFn(usize) -> kube::Result<()>) -> Duration {
    let started = Instant::now();
    let call = &call;
    let one = |number| async move { call(number).await.expect("the API server takes it") };
    stream::iter(numbers).for_each_concurrent(CONCURRENCY, one).await;
    started.elapsed()
}

pub async fn send(
    client: &Client,
    request: Result<Request<Vec<u8>>, kube::core::request::Error>,
) -> kube::Result<Value> {
    client.request(request.expect("a request")).await
}

/// Creates them; gives the uids in the numbers' order, and how long it took.
pub async fn create(client: &Client, namespace: &str, numbers: Range<usize>) -> (Vec<String>, Duration) {
    let uids = Mutex::new(vec![String::new(); numbers.len()]);
    let first = numbers.start;
    let took = each(numbers, async |number| {
        let named = Named::new(number);
        let body = named.manifest(namespace).to_string().into_bytes();
        let made = send(client, named.path(namespace).create(&PostParams::default(), body)).await?;
        let uid = made["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        uids.lock().expect("no panic under the lock")[number - first] = uid;
        Ok(())
    })
    .await;
    (uids.into_inner().expect("no panic under the lock"), took)
}

/// Sends for each resource the two patches that the operator sends.
pub async fn acknowledge(client: &Client, namespace: &str, first: usize, uids: &[String]) -> Duration {
    let params = PatchParams::default();
    each(first..first + uids.len(), async |number| {
        let (named, uid) = (Named::new(number), &uids[number - first]);
        let finalizer = patch(&json!([
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "test", "path": "/metadata/finalizers", "value": null},
            {"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER]},
        ]));
        send(client, named.path(namespace).patch(&named.name, &params, &finalizer)).await?;
        let now = "2026-01-01T00:00:00Z";
        let condition = |kind: &str| {
            json!({"type": kind, "status": "True", "reason": "Synced", "message": "the row equals the resource",
                   "observedGeneration": 1, "lastTransitionTime": now})
        };
        let status = patch(&json!([
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/status", "value": {
                "phase": "Synced", "observedGeneration": 1, "lastSyncedAt": now,
                "conditions": [condition("Synced"), condition("Ready")],
            }},
        ]));
        send(client, named.path(namespace).patch_subresource("status", &named.name, &params, &status)).await.map(drop)
    })
    .await
}

/// Takes the finalizer off again and deletes them.
pub async fn remove(client: &Client, namespace: &str, numbers: Range<usize>) {
    each(numbers, async |number| {
        let named = Named::new(number);
        let off = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        send(client, named.path(namespace).patch(&named.name, &PatchParams::default(), &off)).await?;
        send(client, named.path(namespace).delete(&named.name, &DeleteParams::default())).await.map(drop)
    })
    .await;
}

fn patch(operations: &Value) -> Patch<()> {
    Patch::Json(serde_json::from_value(operations.clone()).expect("a JSON patch"))
}

/// Pages through all of both kinds, decoding them; hands each page to `look`.
pub async fn list(client: &Client, mut look: impl FnMut(&Value)) -> Duration {
    let started = Instant::now();
    for (plural, _) in KINDS {
        let path = Path::new(format!("{GROUP}/{plural}"));
        let mut next = None;
        loop {
            let mut params = ListParams::default().limit(500);
            params.continue_token = next;
            let page = send(client, path.list(&params)).await.expect("a page");
            look(&page["items"]);
            next = page["metadata"]["continue"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
    }
    started.elapsed()
}

/// How many there are, and how many of them say that they are synced, at their newest generation, with the finalizer.
pub async fn count_acknowledged(client: &Client) -> (usize, usize) {
    let (mut all, mut acknowledged) = (0, 0);
    list(client, |items| {
        for item in items.as_array().into_iter().flatten() {
            all += 1;
            let (metadata, status) = (&item["metadata"], &item["status"]);
            let ours = metadata["finalizers"].as_array().is_some_and(|all| all.iter().any(|one| one == FINALIZER));
            let conditions = status["conditions"].as_array();
            let synced =
                conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Synced" && one["status"] == "True"));
            acknowledged += usize::from(ours && synced && status["observedGeneration"] == metadata["generation"]);
        }
    })
    .await;
    (all, acknowledged)
}
