//! Taking over from the original operator: its rows, its finalizer, its form of a status.

use std::collections::BTreeMap;
use std::sync::Arc;

use orloj_operator::desired::Versions;
use orloj_operator::registry::{Kind, Registry};
use serde_json::{Value, json};

use crate::bed::{ControlPlane, ControlPlaneOptions};
use crate::checks::resource_of;
use crate::crowd;
use crate::world::{World, manifest};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The original's row of a resource: the normalised payload, and all annotations of the resource.
fn original_row(kind: &Kind, object: &Value, version: u32) -> (String, Value) {
    let desired = kind.desired(&resource_of(kind, object)).unwrap();
    let versions = Versions {
        resource_version: &version.to_string(),
        generation: i64::from(version) * 3,
        created_at: "2026-01-01T00:00:00Z",
    };
    let mut payload = kind.payload(&desired, Some(&versions), &json!({"phase": "Pending"}));
    if let Some(last) = object["metadata"]["annotations"].get(LAST_APPLIED) {
        payload["metadata"]["annotations"][LAST_APPLIED] = last.clone();
    }
    (desired.key, payload)
}

/// The original has been here: finalizer, status without conditions, row.
fn as_the_original_left_it(world: &World, kind: &str, name: &str, version: u32) {
    let crd = world.kind(kind).names.crd();
    let object = world.object(kind, name);
    let (finalizer, status) = (
        json!({"metadata": {"finalizers": ["orloj.dev/sync"]}}).to_string(),
        json!({"status": {"phase": "Pending", "observedGeneration": 4, "lastSyncedAt": "2026-01-01T00:00:00Z"}}),
    );
    world.kubectl(&["patch", &crd, name, "--type=merge", "-p", &finalizer]).expect_ok();
    let status = status.to_string();
    world.kubectl(&["patch", &crd, name, "--subresource=status", "--type=merge", "-p", &status]).expect_ok();
    let kind = world.kind(kind);
    let (key, payload) = original_row(kind, &object, version);
    let table = &kind.store.table;
    let quoted = |text: String| format!("'{}'", text.replace('\'', "''"));
    let mut names = ["name", "namespace", "status_phase", "payload", "updated_at"].map(str::to_owned).to_vec();
    names.extend(table.columns.iter().map(|column| column.name.clone()));
    let mut values = vec![key, world.namespace.clone(), "pending".into(), payload.to_string(), "2026-01-01".into()];
    values.extend(kind.columns(&payload).iter().filter_map(|value| value.json().as_str().map(str::to_owned)));
    let values: Vec<_> = values.into_iter().map(quoted).collect();
    world.database.psql(&format!("insert into {} ({}) values ({})", table.name, names.join(", "), values.join(", ")));
}

fn row_versions(world: &World) -> BTreeMap<String, String> {
    world.database.row_versions().into_iter().filter(|(table, _)| table.starts_with("public.")).collect()
}

/// One of each kind, as the examples in the documentation look.
fn specs() -> Vec<(&'static str, Value)> {
    vec![
        ("Memory", json!({"type": "vector", "provider": "pgvector"})),
        ("Tool", json!({"type": " HTTP ", "endpoint": "http://x", "auth": {"scopes": []}})),
        ("Agent", json!({"prompt": "it's a <b>", "model_ref": "m", "tools": ["t"]})),
        ("ModelEndpoint", json!({"provider": "OpenAI", "default_model": "gpt"})),
        ("AgentSystem", json!({"agents": ["a"], "graph": {}})),
        ("McpServer", json!({"transport": "http", "endpoint": "http://x"})),
        ("AgentPolicy", json!({"apply_mode": "global"})),
        ("Secret", json!({"stringData": {"k": "v"}})),
    ]
}

/// Where the meaning is equal no row is written, and each resource costs one status.
#[test]
fn equal_rows_of_the_original_are_not_written() {
    let mut world = World::named("takeover").prepare();
    for (version, (kind, spec)) in (7..).zip(specs()) {
        let object =
            manifest(kind, &json!({"name": "x", "namespace": world.namespace, "labels": {"team": "a"}}), &spec);
        world.cluster.kubectl_stdin(["create", "-f", "-"], &object.to_string()).expect_ok();
        as_the_original_left_it(&world, kind, "x", version);
    }
    let before = row_versions(&world);
    world.start_operator();
    world.wait_leading();
    world.wait_settled();
    assert_eq!(row_versions(&world), before, "rows were written");
    let writes = |what: &str| world.operator().metric("orloj_operator_api_writes_total", &[("what", what)]).unwrap();
    assert_eq!((writes("finalizer"), writes("status")), (0.0, 8.0));
    world.delete("Memory", "x");
    world.wait_no_row("Memory", "x");
}

/// kubectl's last-applied annotation is what the original copies and we take out (`NoPlaintext`): written once.
#[test]
fn rows_with_kubectls_annotation_are_written_once() {
    let mut world = World::named("applied").prepare();
    let specs = specs();
    for (kind, spec) in &specs {
        world.apply(kind, "x", spec);
        as_the_original_left_it(&world, kind, "x", 7);
    }
    // rows whose resource the original never saw go
    crowd::create(&world, 4);
    for kind in ["Memory", "Tool"] {
        as_the_original_left_it(&world, kind, if kind == "Memory" { "c0" } else { "c1" }, 3);
    }
    crowd::tear_out(&world, 0..2);
    world.start_operator();
    world.wait_leading();
    world.wait_settled();
    for (kind, _) in &specs {
        let row = world.row(kind, "x").unwrap();
        let metadata = &row["metadata"];
        assert_eq!((&metadata["resourceVersion"], &metadata["generation"]), (&json!("8"), &json!(21)), "{kind}: {row}");
        assert_eq!(metadata["createdAt"], "2026-01-01T00:00:00Z");
        assert_eq!(row["status"]["phase"], *world.kind(kind).store.initial_phase);
        assert!(!row.to_string().contains("last-applied"), "{row}");
    }
    assert_eq!((world.row("Memory", "c0"), world.row("Tool", "c1")), (None, None));
}

/// Our CRDs with upstream's form of the status: the API server drops the conditions.
fn without_conditions(registry: &Registry) -> String {
    let crds = registry.kinds().iter().map(|kind| {
        let mut crd = kind.crd();
        let status = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
        status["properties"].as_object_mut().expect("a status has fields").remove("conditions");
        crd.to_string()
    });
    crds.collect::<Vec<_>>().join("\n---\n")
}

/// Helm never upgrades CRDs: with upstream's, rows and phases come all the same, and nothing goes round in circles.
#[test]
fn upstreams_crds_may_stay() {
    let options = ControlPlaneOptions { controller_manager: false, ..ControlPlaneOptions::default() };
    let cluster = Arc::new(ControlPlane::start(&options));
    let world = World::named("pruned").cluster(&cluster).crds(without_conditions).start();
    crowd::create(&world, 40);
    crowd::wait_rows(&world, 40);
    world.wait_still();
    for object in world.objects() {
        let status = &object["status"];
        assert_eq!((&status["phase"], &status["conditions"]), (&json!("Synced"), &Value::Null));
        assert_eq!(status["observedGeneration"], object["metadata"]["generation"]);
        assert_eq!(object["metadata"]["finalizers"], json!(["orloj.dev/sync"]));
    }
    crowd::delete(&world, 0..10);
    let patch = json!({"spec": {"endpoint": "http://new"}}).to_string();
    world.kubectl(&["patch", "tools.orloj.dev", "c13", "--type=merge", "-p", &patch]).expect_ok();
    world.wait_row("Tool", "c13", |row| row["spec"]["endpoint"] == "http://new");
    world.wait_still();
    assert_eq!(crowd::rows(&world), 30);
}
