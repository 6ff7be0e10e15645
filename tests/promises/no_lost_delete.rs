//! `NoLostDelete`: a resource with our finalizer is gone only after its row; a row whose resource vanished goes.

use serde_json::json;

use crate::bed::eventually;
use crate::world::{PATIENCE, World};

#[test]
fn the_finalizer_holds_a_resource_until_its_row_is_gone() {
    let world = World::start("finalizer");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    let object = world.wait_synced("Memory", "notes");
    assert_eq!(object["metadata"]["finalizers"], json!(["orloj.dev/sync"]));
    world.operator().stop();
    world.kubectl(&["delete", "memory", "notes", "--wait=false"]).expect_ok();
    assert!(world.row("Memory", "notes").is_some());
    world.operator().start_again();
    eventually(PATIENCE, "the resource is gone", || {
        let answer = world.kubectl(&["get", "memory", "notes", "--ignore-not-found"]).expect_ok();
        if answer.is_empty() { Ok(()) } else { Err(answer) }
    });
    assert_eq!(world.row("Memory", "notes"), None);
}

#[test]
fn other_finalizers_are_left_alone() {
    let world = World::start("others");
    world.apply_with(
        "Memory",
        &json!({"name": "notes", "namespace": world.namespace, "finalizers": ["example.org/other"]}),
        &json!({"type": "kv"}),
    );
    world.wait_status("Memory", "notes", |status| status["phase"] == "Synced");
    let finalizers = world.object("Memory", "notes")["metadata"]["finalizers"].clone();
    assert_eq!(finalizers, json!(["example.org/other", "orloj.dev/sync"]));
    world.kubectl(&["delete", "memory", "notes", "--wait=false"]).expect_ok();
    world.wait_no_row("Memory", "notes");
    eventually(PATIENCE, "only the other finalizer is left", || {
        let finalizers = world.object("Memory", "notes")["metadata"]["finalizers"].clone();
        if finalizers == json!(["example.org/other"]) { Ok(()) } else { Err(finalizers) }
    });
    let patch = r#"{"metadata":{"finalizers":null}}"#;
    world.kubectl(&["patch", "memory", "notes", "--type=merge", "-p", patch]).expect_ok();
}

#[test]
fn a_stripped_finalizer_loses_no_delete() {
    let world = World::start("stripped");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.apply("Memory", "live", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    world.wait_synced("Memory", "live");
    let strip = r#"{"metadata":{"finalizers":null}}"#;
    // down: it vanishes unseen
    world.operator().stop();
    world.kubectl(&["patch", "memory", "notes", "--type=merge", "-p", strip]).expect_ok();
    world.delete("Memory", "notes");
    assert!(world.row("Memory", "notes").is_some());
    world.operator().start_again();
    world.wait_no_row("Memory", "notes");
    // up: the finalizer comes back where the resource lives on
    world.kubectl(&["patch", "memory", "live", "--type=merge", "-p", strip]).expect_ok();
    eventually(PATIENCE, "the finalizer is back", || {
        let finalizers = world.object("Memory", "live")["metadata"]["finalizers"].clone();
        if finalizers == json!(["orloj.dev/sync"]) { Ok(()) } else { Err(finalizers) }
    });
    world.wait_converged();
}

#[test]
fn deleting_never_hangs_where_there_is_no_row() {
    let world = World::start("norow");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    world.database.psql("delete from memories");
    world.delete("Memory", "notes");
    // never synced: refused by the rules, with a finalizer from birth
    world.apply_with(
        "Agent",
        &json!({"name": "bad", "namespace": world.namespace, "finalizers": ["orloj.dev/sync"]}),
        &json!({"prompt": "p", "model_ref": "m", "execution": {"output_schema": {"no": "root type"}}}),
    );
    world.wait_failed("Agent", "bad", "InvalidSpec");
    world.delete("Agent", "bad");
    world.wait_converged();
}

#[test]
fn a_namespace_terminates() {
    let world = World::start("terminates");
    for name in ["a", "b", "c"] {
        world.apply("Memory", name, &json!({"type": "kv"}));
    }
    world.wait_converged();
    // the operator's own rights are in its namespace, so only what it manages is deleted with a wait
    world.kubectl(&["delete", "memories", "--all", "--timeout=60s"]).expect_ok();
    world.cluster.kubectl(["delete", "namespace", &world.namespace, "--timeout=60s"]).expect_ok();
    assert_eq!(world.database.psql("select count(*) from memories").trim(), "0");
}

#[test]
fn retain_leaves_the_row_to_nobody() {
    let world = World::start("retain");
    world.apply_with(
        "Memory",
        &json!({"name": "notes", "namespace": world.namespace, "annotations": {"orloj.dev/deletion-policy": "retain"}}),
        &json!({"type": "kv"}),
    );
    world.wait_synced("Memory", "notes");
    world.delete("Memory", "notes");
    let row = world.wait_row("Memory", "notes", |row| row["metadata"].get("annotations").is_none());
    assert_eq!(row["spec"]["type"], "kv");
    world.wait_swept();
    assert!(world.row("Memory", "notes").is_some(), "a sweep must not take it for an orphan");
}

#[test]
fn retain_holds_where_nobody_saw_it_go() {
    let world = World::start("retaindown");
    world.apply_with(
        "Memory",
        &json!({"name": "notes", "namespace": world.namespace, "annotations": {"orloj.dev/deletion-policy": "retain"}}),
        &json!({"type": "kv"}),
    );
    world.wait_synced("Memory", "notes");
    world.operator().stop();
    let strip = r#"{"metadata":{"finalizers":null}}"#;
    world.kubectl(&["patch", "memory", "notes", "--type=merge", "-p", strip]).expect_ok();
    world.delete("Memory", "notes");
    world.operator().start_again();
    let row = world.wait_row("Memory", "notes", |row| row["metadata"].get("annotations").is_none());
    assert_eq!(row["spec"]["type"], "kv");
    world.wait_swept();
    assert!(world.row("Memory", "notes").is_some());
}
