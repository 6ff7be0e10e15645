//! What `kubectl` shows: phases that orlojd reports, conditions, errors that last, suspended resources.

use serde_json::json;

use crate::bed::eventually;
use crate::world::{PATIENCE, World, condition};

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

/// Whoever looks why it does not go must not read that all is well.
#[test]
fn a_deleted_resource_that_others_hold_says_that_its_row_is_gone() {
    let world = World::start("held");
    let metadata = json!({"name": "notes", "namespace": world.namespace, "finalizers": ["example.org/hold"]});
    world.apply_with("Memory", &metadata, &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    world.delete_later("Memory", "notes");
    world.wait_no_row("Memory", "notes");
    let object = world.wait_failed("Memory", "notes", "Removed");
    let ready = condition(&object["status"], "Ready");
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!("Removed")));
    assert_eq!(object["metadata"]["finalizers"], json!(["example.org/hold"]));
    world.wait_quiet();
    let free = r#"{"metadata":{"finalizers":null}}"#;
    world.kubectl(&["patch", "memory", "notes", "--type=merge", "-p", free]).expect_ok();
    world.wait_converged();
}

/// A resource just below etcd's limit has no room for a status: somebody has to hear of it, and nobody has to wait.
#[test]
fn a_status_that_does_not_fit_is_told() {
    let world = World::start("full");
    let mut room = 1_572_864;
    loop {
        let spec = json!({"prompt": "p".repeat(room), "model_ref": "m"});
        let agent = json!({
            "apiVersion": "orloj.dev/v1", "kind": "Agent", "spec": spec,
            "metadata": {"name": "full", "namespace": world.namespace},
        });
        let created = world.cluster.kubectl_stdin(["create", "-f", "-"], &agent.to_string());
        if created.ok {
            break;
        }
        assert!(created.stderr.contains("too large"), "{}", created.stderr);
        room -= 50;
    }
    let counted = |what: &str| {
        let labels = [("kind", "Agent"), ("what", what), ("outcome", "too-large")];
        world.operator().metric("orloj_operator_api_writes_total", &labels).unwrap()
    };
    eventually(PATIENCE, "the status is told to be too large", || {
        let events = world.kubectl(&["get", "events", "-o", "json"]).json();
        let told = events["items"].as_array().unwrap().iter().any(|event| {
            event["reason"] == "StatusNotWritten" && event["message"].as_str().unwrap().contains("too large")
        });
        if told && counted("status") > 0.0 { Ok(()) } else { Err(format!("{events}; {}", world.log_tail())) }
    });
    assert!(world.row("Agent", "full").is_some(), "the row is written all the same");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    assert!(world.operator().log().contains("too large for the source"));
    // it backs off: far fewer tries than seconds
    let before = counted("status");
    std::thread::sleep(std::time::Duration::from_secs(10));
    assert!(counted("status") - before < 6.0, "{before} and then {}", counted("status"));
}

/// What a resource's status says stands in the store too, for those who have no cluster to ask, and goes with its cause.
#[test]
fn what_is_not_synced_is_known_to_the_store() {
    let world = World::start("outcomes");
    let known = || {
        let columns = "kind || ' ' || name || ' ' || generation || ' ' || reason";
        world.database.psql(&format!("select {columns} from orloj_operator.outcome order by 1")).trim().to_owned()
    };
    let wait = |expected: &str| {
        crate::bed::eventually(crate::world::PATIENCE, expected, || {
            let known = known();
            if known == expected { Ok(()) } else { Err(known) }
        });
    };
    let broken = json!({"prompt": "p", "model_ref": "m", "execution": {"output_schema": {"a": 1}}});
    world.apply("Agent", "bad", &broken);
    world.apply("Agent", "worse", &broken);
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    wait("Agent bad 1 InvalidSpec\nAgent worse 1 InvalidSpec");
    world.kubectl(&["annotate", "memory", "notes", "orloj.dev/suspend=true"]).expect_ok();
    wait("Agent bad 1 InvalidSpec\nAgent worse 1 InvalidSpec\nMemory notes 1 Suspended");
    world.kubectl(&["annotate", "memory", "notes", "orloj.dev/suspend-"]).expect_ok();
    world.apply("Agent", "bad", &json!({"prompt": "p", "model_ref": "m"}));
    wait("Agent worse 1 InvalidSpec");
    // one that goes while nobody looks
    world.operator().stop();
    world.kubectl(&["delete", "agent", "worse", "--wait=false"]).expect_ok();
    world.operator().start_again();
    wait("");
}
