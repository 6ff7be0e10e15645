//! `Isolation` with CRDs that let through what ours refuse, so that the operator meets it.

use std::sync::Arc;

use orloj_operator::registry::{Kind, Registry};
use serde_json::{Value, json};

use crate::bed::{ControlPlane, ControlPlaneOptions};
use crate::crowd;
use crate::world::{World, condition, manifest};

/// Upstream's form of the status, and a spec of which nothing is checked.
fn lax(registry: &Registry) -> String {
    let text = |kind: &str| json!({"type": kind});
    let schema = json!({"type": "object", "properties": {
        "spec": {"x-kubernetes-preserve-unknown-fields": true},
        "status": {"type": "object", "properties": {
            "phase": text("string"), "observedGeneration": {"type": "integer", "format": "int64"},
            "lastSyncedAt": text("string"), "syncError": text("string"),
            "conditions": {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
        }},
    }});
    let lax = |mut crd: Value| {
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = schema.clone();
        format!("---\n{crd}\n")
    };
    registry.kinds().iter().map(Kind::crd).map(lax).collect()
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!("bottom"), |below, _| json!({"a": below}))
}

#[test]
fn what_lax_crds_let_through_fails_alone() {
    let options = ControlPlaneOptions { controller_manager: false, ..ControlPlaneOptions::default() };
    let cluster = Arc::new(ControlPlane::start(&options));
    let world = World::named("lax").cluster(&cluster).crds(lax).start();
    crowd::create(&world, 996);
    let long = "n".repeat(250);
    let named = |name: &str| json!({"name": name, "namespace": world.namespace});
    let labelled = json!({"name": "labelled", "namespace": world.namespace, "labels": {"orloj.dev/mcp-server": "x"}});
    let http = json!({"type": "http", "endpoint": "http://x"});
    let wasm = |fuel: Value| json!({"type": "wasm", "wasm": {"module": "m.wasm", "fuel": fuel}});
    let bad = [
        (manifest("Memory", &named("nul"), &json!({"type": "a\u{0}b"})), "NulCharacter"),
        (manifest("Memory", &named(&long), &json!({"type": "kv"})), "KeyTooLong"),
        (manifest("Memory", &named("number"), &json!({"type": 5})), "Malformed"),
        (manifest("Memory", &named("list"), &json!(["kv"])), "Malformed"),
        (manifest("Memory", &named("text"), &json!("kv")), "Malformed"),
        (manifest("Tool", &named("negative"), &wasm(json!(-1))), "Malformed"),
        (manifest("Tool", &named("fraction"), &wasm(json!(1.5))), "Malformed"),
        (
            manifest("Tool", &named("switch"), &json!({"type": "wasm", "wasm": {"module": "m", "enable_wasi": "yes"}})),
            "Malformed",
        ),
        (manifest("Tool", &named("status"), &http), "InvalidMetadata"),
        (manifest("Tool", &labelled, &http), "InvalidMetadata"),
        (
            manifest(
                "Agent",
                &named("limits"),
                &json!({"prompt": "p", "model_ref": "m", "limits": {"max_steps": "ten"}}),
            ),
            "Malformed",
        ),
        (manifest("Secret", &named("secret"), &json!({"data": {"k": 7}})), "Malformed"),
        // a row of it could be written, and never be read back
        (
            manifest(
                "Tool",
                &named("deep"),
                &json!({"type": "http", "endpoint": "http://x", "input_schema": nested(105)}),
            ),
            "TooLarge",
        ),
    ];
    for (object, _) in &bad {
        world.cluster.kubectl_stdin(["create", "-f", "-"], &object.to_string()).expect_ok();
    }
    // the most that an API server takes is about 1.5 MiB
    let big = "x".repeat(1_400 * 1024);
    world
        .cluster
        .kubectl_stdin(["create", "-f", "-"], &manifest("Memory", &named("big"), &json!({"type": big})).to_string())
        .expect_ok();
    for (object, reason) in &bad {
        let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        world.wait_failed(kind, name, reason);
        assert_eq!(world.row(kind, name), None, "{kind} {name}");
    }
    world.wait_row("Memory", "big", |row| row["spec"]["type"].as_str().is_some_and(|text| text.len() == big.len()));
    world.wait_settled();
    // 996 and the big one
    assert_eq!(crowd::rows(&world), 997);

    // a good one that turns bad keeps its last good row, and a bad one can be mended or deleted
    let patch = |name: &str, spec: Value| {
        let patch = json!({"spec": spec}).to_string();
        world.kubectl(&["patch", "memory", name, "--type=merge", "-p", &patch]).expect_ok();
    };
    let row = world.row("Memory", "c0");
    patch("c0", json!({"type": ["kv"]}));
    let told = world.wait_failed("Memory", "c0", "Malformed");
    assert_eq!(condition(&told["status"], "Ready")["status"], "False");
    world.wait_quiet();
    assert_eq!(world.row("Memory", "c0"), row);
    patch("c0", json!({"type": "kv"}));
    patch("number", json!({"type": "kv"}));
    for (kind, name) in [("Memory", "nul"), ("Memory", "text"), ("Tool", "negative"), ("Secret", "secret")] {
        world.delete(kind, name);
    }
    world.wait_settled();
    assert_eq!(crowd::rows(&world), 998);
}

/// One malformed among a thousand that are there from the start, and the operator new.
#[test]
fn one_malformed_among_a_thousand() {
    let options = ControlPlaneOptions { controller_manager: false, ..ControlPlaneOptions::default() };
    let cluster = Arc::new(ControlPlane::start(&options));
    let mut world = World::named("thousand").cluster(&cluster).crds(lax).prepare();
    crowd::create(&world, 999);
    let bad = manifest("Memory", &json!({"name": "bad", "namespace": world.namespace}), &json!({"type": {"a": []}}));
    world.cluster.kubectl_stdin(["create", "-f", "-"], &bad.to_string()).expect_ok();
    world.start_operator();
    world.wait_failed("Memory", "bad", "Malformed");
    world.wait_settled();
    crowd::assert_written_once(&world);
    assert_eq!(crowd::rows(&world), 999);
}
