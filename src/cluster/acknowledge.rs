//! Finalizer, status and Events on their way to the API server.
//!
//! All patches are JSON patches that first test the uid, so that none ever reaches a namesake created later, and
//! that touch nothing but what is ours. A finalizer patch also tests what it believes to be there.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use http::HeaderValue;
use http::header::ACCEPT;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::core::{Request, Status};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};

use super::client::CALL_TIMEOUT;
use super::error::describe;
use super::lease::Tenure;
use super::seen::WatchedObject;
use super::{api, names_nothing};
use crate::orlojd::{FINALIZER, SYNC_STATUS};
use crate::registry::Registry;
use crate::resource::{Resource, ResourceId};
use crate::source::target::Finalizers;
use crate::source::target::{Ack, FinalizerChange, Notice, Notified, ResourceClient, ResourceClientError};

/// Of what a patch made, only the version matters: the answer need not carry the bodies back.
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// Events: this many at once, then so many a second. They tell of what is rare; a flood of them helps nobody.
const EVENT_BURST: f64 = 50.0;
const EVENTS_PER_SECOND: f64 = 5.0;

/// Longest note that the API server takes, in bytes.
const MAX_NOTE: usize = 1024;

/// The API server as the reconciler's target.
pub struct ClusterResourceClient {
    client: Client,
    registry: Arc<Registry>,
    recorder: Recorder,
    events: Mutex<Bucket>,
    tenure: Option<Tenure>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl ClusterResourceClient {
    /// `instance` names this process in Events.
    #[must_use]
    pub fn new(client: Client, registry: Arc<Registry>, instance: String) -> Self {
        let reporter = Reporter { controller: "orloj-operator".to_owned(), instance: Some(instance) };
        let recorder = Recorder::new(client.clone(), reporter);
        let events = Mutex::new(Bucket { tokens: EVENT_BURST, filled: Instant::now() });
        Self { client, registry, recorder, events, tenure: None }
    }

    /// Writes no longer than this lasts: what an operator that slept past it would put back, nobody takes off again.
    #[must_use]
    pub fn within(self, tenure: Option<Tenure>) -> Self {
        Self { tenure, ..self }
    }

    /// Takes our finalizer off, and nothing else. `alive`: only where nobody has asked for the deletion meanwhile,
    /// which would let the resource go with its row still there.
    pub async fn release(&self, resource: &Resource, alive: bool) -> Result<(), ResourceClientError> {
        let finalizers = Finalizers::of(&resource.finalizers);
        let Some(patch) = finalizer_patch(&resource.uid, FinalizerChange::Remove(finalizers)) else {
            return Ok(());
        };
        let patch = if alive { while_alive(patch) } else { patch };
        self.patch(&resource.id, patch, false).await.map(drop)
    }

    async fn patch(&self, id: &ResourceId, patch: Value, status: bool) -> Result<u64, ResourceClientError> {
        let patch: json_patch::Patch =
            serde_json::from_value(patch).map_err(|error| ResourceClientError::Refused(error.to_string()))?;
        self.send(id, &Patch::Json::<()>(patch), status).await
    }

    /// Tells a status in an annotation, as a merge: there may be no annotations yet. Another uid is a conflict.
    async fn annotate(&self, id: &ResourceId, uid: &str, status: &Value) -> Result<u64, ResourceClientError> {
        let patch = json!({"metadata": {"uid": uid, "annotations": {SYNC_STATUS: status.to_string()}}});
        self.send(id, &Patch::Merge(patch), false).await
    }

    async fn send<P: Serialize + Debug>(
        &self,
        id: &ResourceId,
        patch: &Patch<P>,
        status: bool,
    ) -> Result<u64, ResourceClientError> {
        if self.tenure.as_ref().is_some_and(Tenure::is_over) {
            return Err(ResourceClientError::Unreachable("the lease has run out".to_owned()));
        }
        let (params, name) = (PatchParams::default(), &*id.object.name);
        let collection = Request::new(self.api(id).resource_url());
        let request = if status {
            collection.patch_subresource("status", name, &params, patch)
        } else {
            collection.patch(name, &params, patch)
        };
        let mut request = request.map_err(|error| ResourceClientError::Refused(error.to_string()))?;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(METADATA_ONLY));
        let answer: WatchedObject = within_time(self.client.request(request)).await?;
        Ok(answer.version())
    }

    fn api(&self, id: &ResourceId) -> Api<WatchedObject> {
        api(&self.client, self.registry.kind(id.kind), Some(&id.object.namespace))
    }
}

#[async_trait]
impl ResourceClient for ClusterResourceClient {
    #[tracing::instrument(level = "debug", skip_all, fields(kind = self.registry.kind(id.kind).names.kind, object = %id.object))]
    async fn acknowledge(&self, id: &ResourceId, ack: &Ack) -> Result<u64, ResourceClientError> {
        let mut version = 0;
        if let Some(patch) = finalizer_patch(&ack.uid, ack.finalizer) {
            version = self.patch(id, patch, false).await?;
        }
        if let Some(status) = &ack.status {
            version = if self.registry.kind(id.kind).foreign.is_some() {
                self.annotate(id, &ack.uid, &status.to_json()).await?
            } else {
                let patch = json!([
                    {"op": "test", "path": "/metadata/uid", "value": &*ack.uid},
                    {"op": "add", "path": "/status", "value": status.to_json()},
                ]);
                self.patch(id, patch, true).await?
            };
        }
        Ok(version)
    }

    async fn fetch(&self, id: &ResourceId) -> Result<Option<Resource>, ResourceClientError> {
        let api = self.api(id);
        match within_time(api.get(&id.object.name)).await {
            // what no longer has a row is as good as gone
            Ok(seen) => {
                let kind = self.registry.kind(id.kind);
                let resource = seen.into_resource(kind);
                Ok(kind.selects(&id.object.namespace, &resource.labels).then_some(resource))
            }
            Err(ResourceClientError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn notify(&self, id: &ResourceId, notice: &Notice) -> Notified {
        let allowed = {
            let mut bucket = self.events.lock();
            bucket.take(Instant::now())
        };
        if !allowed {
            tracing::debug!(object = %id.object, reason = notice.reason, "left out an Event: too many at once");
            return Notified::Dropped;
        }
        let kind = self.registry.kind(id.kind);
        let reference = ObjectReference {
            api_version: Some(kind.names.api_version()),
            kind: Some(kind.names.kind.clone()),
            namespace: Some(id.object.namespace.to_string()),
            name: Some(id.object.name.to_string()),
            uid: Some(notice.uid.to_string()),
            ..ObjectReference::default()
        };
        let event = Event {
            type_: if notice.warning { EventType::Warning } else { EventType::Normal },
            reason: notice.reason.to_owned(),
            note: Some(clip(&notice.note)),
            action: notice.action.to_owned(),
            secondary: None,
        };
        match tokio::time::timeout(CALL_TIMEOUT, self.recorder.publish(&event, &reference)).await {
            Ok(Ok(())) => return Notified::Sent,
            Ok(Err(error)) => tracing::debug!(object = %id.object, %error, "unable to publish an Event"),
            Err(_) => tracing::debug!(object = %id.object, "unable to publish an Event in time"),
        }
        Notified::Failed
    }
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let earned = now.duration_since(self.filled).as_secs_f64() * EVENTS_PER_SECOND;
        self.tokens = (self.tokens + earned).min(EVENT_BURST);
        self.filled = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

impl std::fmt::Debug for ClusterResourceClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterResourceClient").finish_non_exhaustive()
    }
}

fn finalizer_patch(uid: &str, change: FinalizerChange) -> Option<Value> {
    let same = json!({"op": "test", "path": "/metadata/uid", "value": uid});
    match change {
        FinalizerChange::Keep => None,
        FinalizerChange::Add(Finalizers { count: 0, .. }) => Some(json!([
            same,
            {"op": "test", "path": "/metadata/finalizers", "value": null},
            {"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER]},
        ])),
        FinalizerChange::Add(_) => {
            Some(json!([same, {"op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER}]))
        }
        FinalizerChange::Remove(Finalizers { ours, .. }) => {
            let path = format!("/metadata/finalizers/{}", ours?);
            Some(json!([
                same,
                {"op": "test", "path": path, "value": FINALIZER},
                {"op": "remove", "path": path},
            ]))
        }
    }
}

/// A patch that fails once somebody has asked for the deletion.
fn while_alive(mut patch: Value) -> Value {
    if let Some(operations) = patch.as_array_mut() {
        operations.insert(0, json!({"op": "test", "path": "/metadata/deletionTimestamp", "value": null}));
    }
    patch
}

pub(super) async fn within_time<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, ResourceClientError> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(result) => result.map_err(|error| classify(&error)),
        Err(_) => Err(ResourceClientError::Unreachable(format!("no answer within {} s", CALL_TIMEOUT.as_secs()))),
    }
}

/// What an error of the API server means for an acknowledgement.
fn classify(error: &kube::Error) -> ResourceClientError {
    match error {
        kube::Error::Api(status) => match status.code {
            // a 404 without the resource's name is of the path (its CRD is gone) or of somebody in between: it says
            // nothing about the resource
            404 if names_resource(status) => ResourceClientError::Gone,
            // what the API server's own checks refuse names the resource; the other 422 is a failed `test`
            422 if names_resource(status) => ResourceClientError::Refused(status.message.clone()),
            // 409 is a lost race
            409 | 422 => ResourceClientError::Stale(status.message.clone()),
            413 => ResourceClientError::TooLarge(status.message.clone()),
            // etcd's limit is lower than the API server's own, which passes its words on
            500 if status.message.contains("request is too large") => {
                ResourceClientError::TooLarge(status.message.clone())
            }
            400 | 401 | 403 | 405 | 415 => ResourceClientError::Refused(status.message.clone()),
            502..=504 => ResourceClientError::Unreachable(status.message.clone()),
            _ => ResourceClientError::Transient(status.message.clone()),
        },
        other => ResourceClientError::Unreachable(describe(other)),
    }
}

fn names_resource(status: &Status) -> bool {
    !names_nothing(status)
}

fn clip(note: &str) -> String {
    let mut end = note.len().min(MAX_NOTE);
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    note[..end].to_owned()
}

#[cfg(test)]
mod tests {

    use kube::client::Body;

    use super::super::lease::{Elector, Timing};
    use super::*;
    use crate::resource::{KindIndex, ObjectName};

    #[test]
    fn a_patch_tests_what_it_believes() {
        let none = finalizer_patch("u", FinalizerChange::Add(Finalizers::default())).unwrap();
        assert_eq!(none[1], json!({"op": "test", "path": "/metadata/finalizers", "value": null}));
        let some = finalizer_patch("u", FinalizerChange::Add(Finalizers { count: 2, ours: None })).unwrap();
        assert_eq!(some[1]["path"], "/metadata/finalizers/-");
        let off = finalizer_patch("u", FinalizerChange::Remove(Finalizers { count: 2, ours: Some(1) })).unwrap();
        assert_eq!(off[1], json!({"op": "test", "path": "/metadata/finalizers/1", "value": FINALIZER}));
        assert_eq!(off[2], json!({"op": "remove", "path": "/metadata/finalizers/1"}));
    }

    /// Whoever wakes up past its time sends nothing.
    #[tokio::test]
    async fn nothing_is_written_when_the_tenure_is_over() {
        let unsent = tower::service_fn(|request: http::Request<Body>| async move {
            let text = format!("sent: {request:?}");
            Err::<http::Response<Body>, _>(std::io::Error::other(text))
        });
        let registry = Arc::new(Registry::embedded().unwrap());
        let timing = Timing { duration: CALL_TIMEOUT, renew_deadline: CALL_TIMEOUT, retry: CALL_TIMEOUT };
        let elector = Elector::new(Client::new(unsent, "ns"), "ns", "me".to_owned(), timing);
        // one that never led
        let tenure = elector.tenure();
        let target =
            ClusterResourceClient::new(Client::new(unsent, "ns"), registry, "me".to_owned()).within(Some(tenure));
        let id = ResourceId { kind: KindIndex(0), object: ObjectName::new("a", "x") };
        let finalizer = FinalizerChange::Add(Finalizers::default());
        let ack = Ack { uid: "u".into(), finalizer, status: None };
        let error = target.acknowledge(&id, &ack).await.unwrap_err();
        assert_eq!(error.to_string(), "unable to reach the source: the lease has run out");
    }

    #[test]
    fn a_live_resource_is_released_only_while_it_lives() {
        let off = finalizer_patch("u", FinalizerChange::Remove(Finalizers { count: 1, ours: Some(0) })).unwrap();
        let alive = while_alive(off.clone());
        assert_eq!(alive[0], json!({"op": "test", "path": "/metadata/deletionTimestamp", "value": null}));
        assert_eq!(alive.as_array().unwrap()[1..], off.as_array().unwrap()[..]);
    }

    #[test]
    fn only_the_api_server_says_that_a_resource_is_gone() {
        let class = |text: &str| {
            let status: Status = serde_json::from_str(text).unwrap();
            classify(&kube::Error::Api(Box::new(status))).class()
        };
        let named = r#"{"code": 404, "reason": "NotFound", "details": {"name": "x", "kind": "widgets"}}"#;
        assert_eq!(class(named), "gone");
        assert_eq!(class(r#"{"code": 404, "reason": "NotFound", "details": {}}"#), "transient");
        assert_eq!(class(r#"{"code": 404, "message": "404 page not found"}"#), "transient");
        assert_eq!(class(r#"{"code": 422, "reason": "Invalid", "details": {"name": "x"}}"#), "refused");
        assert_eq!(class(r#"{"code": 422, "reason": "Invalid", "details": {}}"#), "stale");
        assert_eq!(class(r#"{"code": 503}"#), "unreachable");
        assert_eq!(class(r#"{"code": 500, "message": "etcdserver: request is too large"}"#), "too-large");
        assert_eq!(class(r#"{"code": 500, "message": "etcdserver: no leader"}"#), "transient");
    }

    #[test]
    fn events_are_few() {
        let start = Instant::now();
        let mut bucket = Bucket { tokens: EVENT_BURST, filled: start };
        assert_eq!((0..100).filter(|_| bucket.take(start)).count(), 50);
        let later = start + std::time::Duration::from_secs(2);
        assert_eq!((0..100).filter(|_| bucket.take(later)).count(), 10);
    }
}
