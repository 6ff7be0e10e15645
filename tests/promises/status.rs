//! What `kubectl` shows: phases that orlojd reports, conditions, errors that last, suspended resources.

use serde_json::json;

use crate::world::{World, condition};

#[test]
fn a_runtime_phase_comes_back() {
    let world = World::start("phase");
    world.apply("Tool", "search", &json!({"type": "http", "endpoint": "http://x"}));
    let object = world.wait_synced("Tool", "search");
    assert_eq!(object["status"]["phase"], "Synced");
    let ready = condition(&object["status"], "Ready");
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("Unknown"), &json!("AwaitingRuntime")));
    let report = |phase: &str, error: &str| {
        world.database.psql(&format!(
            "update tools set status_phase = lower('{phase}'), updated_at = now(), payload = jsonb_set(payload, \
             '{{status}}', '{{\"phase\": \"{phase}\", \"lastError\": \"{error}\", \"observedGeneration\": 1}}')"
        ));
    };
    report("Ready", "");
    let object = world.wait_status("Tool", "search", |status| status["phase"] == "Ready");
    assert_eq!(condition(&object["status"], "Ready")["status"], "True");
    report("Error", "connection refused");
    let object = world.wait_status("Tool", "search", |status| status["phase"] == "Error");
    let ready = condition(&object["status"], "Ready");
    assert_eq!((&ready["status"], &ready["message"]), (&json!("False"), &json!("connection refused")));
    // `kinds/ORLOJD.md` 5.1: a spec change keeps what orlojd wrote
    world.apply("Tool", "search", &json!({"type": "http", "endpoint": "http://y"}));
    let row = world.wait_row("Tool", "search", |row| row["spec"]["endpoint"] == "http://y");
    assert_eq!(row["status"]["phase"], "Error");
}

#[test]
fn an_error_lasts_until_a_sync_succeeds() {
    let world = World::start("error");
    let spec = |schema| json!({"prompt": "p", "model_ref": "m", "execution": {"output_schema": schema}});
    world.apply("Agent", "a", &spec(json!({"type": "object"})));
    world.wait_synced("Agent", "a");
    world.apply("Agent", "a", &spec(json!({"no": "type"})));
    let object = world.wait_failed("Agent", "a", "InvalidSpec");
    assert_eq!(object["status"]["phase"], "SyncError");
    assert_eq!(object["status"]["syncError"], "spec.execution.output_schema: root level must contain a \"type\" key");
    assert_eq!(object["status"]["observedGeneration"], 2);
    let row = world.row("Agent", "a").unwrap();
    assert_eq!(row["spec"]["execution"]["output_schema"], json!({"type": "object"}), "the last good row stays");
    world.wait_quiet();
    assert_eq!(world.object("Agent", "a")["status"]["phase"], "SyncError", "kinds/ORLOJD.md 5.8");
    world.apply("Agent", "a", &spec(json!({"type": "string"})));
    let object = world.wait_synced("Agent", "a");
    assert_eq!(object["status"].get("syncError"), None);
    assert_eq!(condition(&object["status"], "Ready")["status"], "True", "no runtime reports: Ready follows Synced");
}

#[test]
fn a_suspended_resource_is_left_alone() {
    let world = World::start("suspend");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    world.annotate("Memory", "notes", "orloj.dev/suspend=true");
    world.wait_failed("Memory", "notes", "Suspended");
    let patch = r#"{"spec":{"type":"vector"}}"#;
    world.kubectl(&["patch", "memory", "notes", "--type=merge", "-p", patch]).expect_ok();
    world.wait_status("Memory", "notes", |status| status["observedGeneration"] == 2);
    world.wait_quiet();
    assert_eq!(world.row("Memory", "notes").unwrap()["spec"]["type"], "kv");
    world.kubectl(&["annotate", "memory", "notes", "orloj.dev/suspend-"]).expect_ok();
    world.wait_row("Memory", "notes", |row| row["spec"]["type"] == "vector");
    world.wait_synced("Memory", "notes");
}
