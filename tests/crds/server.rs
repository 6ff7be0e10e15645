//! The CRDs, installed once, and a way to ask the API server about resources without creating any.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use futures::StreamExt;
use kube::api::{DynamicObject, PostParams};
use kube::core::Status;
use orloj_operator::cluster::api;
use orloj_operator::registry::Kind;
use orloj_operator::registry::crd::crds_yaml;
use orloj_operator::resource::{ObjectName, Resource, ResourceId};
use serde_json::{Value, json};

use crate::bed::{self, ControlPlane};
use crate::files::registry;

/// Requests under way at a time.
const CONCURRENCY: usize = 8;

/// What upstream's CRDs require as well, where its parent is there (`kinds/ORLOJD.md` 3.2): a missing one is no
/// disagreement. Indices stand as `[]`.
const REQUIRED_UPSTREAM: [&str; 6] = [
    "spec.prompt",
    "spec.transport",
    "spec.env[].name",
    "spec.cli.env_from[].name",
    "spec.cli.env_from[].secretRef",
    "spec.wasm.enable_wasi",
];

/// The shared control plane with all CRDs established.
pub fn installed() -> &'static ControlPlane {
    static ONCE: OnceLock<()> = OnceLock::new();
    let plane = bed::control_plane();
    ONCE.get_or_init(|| plane.establish(&crds_yaml(&registry())));
    plane
}

/// A resource as the operator would get it.
pub fn resource(kind: &Kind, name: &str, spec: Value) -> Resource {
    Resource {
        id: ResourceId { kind: kind.index, object: ObjectName::new("default", name) },
        uid: "uid".into(),
        generation: 1,
        version: 1,
        created: 0,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        finalizers: Vec::new(),
        deleting: false,
        unreadable: None,
        spec,
        status: Value::Null,
    }
}

/// A manifest of a kind.
pub fn manifest(kind: &Kind, name: &str, spec: &Value) -> Value {
    let mut manifest = json!({
        "apiVersion": kind.names.api_version(), "kind": kind.names.kind,
        "metadata": {"name": name, "namespace": "default"},
    });
    if !spec.is_null() {
        manifest["spec"] = spec.clone();
    }
    manifest
}

/// The API server's verdict.
#[derive(Debug)]
pub struct Answer {
    /// `None` where it was accepted.
    pub refusal: Option<Box<Status>>,
    /// The spec as it was sent in the end.
    pub spec: Value,
    /// Fields that had to be filled in, because upstream's CRDs require them as well.
    pub filled: usize,
}

/// Asks about a resource by a creation that is only a dry run. What upstream requires as well is filled in with what
/// normalise takes for it anyway, so that the rest of the resource is judged, too.
pub async fn ask(client: &kube::Client, kind: &Kind, name: &str, mut spec: Value) -> Answer {
    let api = api(client, kind, Some("default"));
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let mut filled = 0;
    loop {
        let object: DynamicObject = serde_json::from_value(manifest(kind, name, &spec)).expect("it has a name");
        let status = match api.create(&dry, &object).await {
            Ok(_) => return Answer { refusal: None, spec, filled },
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => status,
            Err(error) => panic!("{name}: {error}"),
        };
        let missing = missing(&status);
        if missing.is_empty() {
            return Answer { refusal: Some(status), spec, filled };
        }
        for field in missing {
            filled += 1;
            put(&mut spec, &field, zero(&field));
        }
    }
}

/// Asks about many.
pub async fn ask_all<'k, T: 'k>(
    client: &'k kube::Client,
    questions: impl IntoIterator<Item = (T, &'k Kind, String, Value)>,
) -> Vec<(T, Answer)> {
    let answers = questions.into_iter().map(|(tag, kind, name, spec)| async move {
        let answer = ask(client, kind, &name, spec).await;
        (tag, answer)
    });
    futures::stream::iter(answers).buffer_unordered(CONCURRENCY).collect().await
}

/// Fields whose absence is all that is wrong, and that upstream requires as well.
fn missing(status: &Status) -> Vec<String> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let required = causes.filter(|cause| cause.reason == "FieldValueRequired").map(|cause| cause.field.clone());
    required.filter(|field| is_required_upstream(field)).collect()
}

/// Whether upstream's definitions require a field as well.
pub fn is_required_upstream(field: &str) -> bool {
    REQUIRED_UPSTREAM.contains(&without_indices(field).as_str())
}

/// What normalise takes for a field that is missing.
pub fn zero(field: &str) -> Value {
    if field.ends_with("enable_wasi") { json!(false) } else { json!("") }
}

fn without_indices(field: &str) -> String {
    let outside = |part: &str| part.split_once(']').map_or(String::new(), |(_, rest)| format!("[]{rest}"));
    let mut parts = field.split('[');
    parts.next().unwrap_or_default().to_owned() + &parts.map(outside).collect::<String>()
}

/// Sets `spec.a.b[3].c`.
pub fn put(spec: &mut Value, field: &str, value: Value) {
    let pointer = field.trim_start_matches("spec").replace(['.', '['], "/").replace(']', "");
    let (parent, name) = pointer.rsplit_once('/').expect("below the spec");
    spec.pointer_mut(parent).expect("its parent is there")[name] = value;
}

/// All that the API server says against a resource, in a line.
pub fn complaint(status: &Status) -> String {
    status.message.lines().collect::<Vec<_>>().join(" ")
}

/// A null as a list's item or a map's value: no CRD of either side takes it, and Go reads it as zero. (Null fields
/// are dropped by the API server and by normalise.)
pub fn null_inside(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| item.is_null() || null_inside(item)),
        Value::Object(map) => map.values().any(null_inside),
        _ => false,
    }
}
