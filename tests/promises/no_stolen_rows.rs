//! `NoStolenRows`: a row is written or deleted only for the resource that owns it; the older one owns a key.

use serde_json::json;

use crate::bed::eventually;
use crate::world::{PATIENCE, World};

fn metadata(world: &World, suffix: &str, target: Option<&str>) -> serde_json::Value {
    let namespace = if suffix.is_empty() { world.namespace.clone() } else { format!("{}-{suffix}", world.namespace) };
    let mut metadata = json!({"name": "notes", "namespace": namespace});
    if let Some(target) = target {
        metadata["annotations"] = json!({"orloj.dev/target-namespace": target});
    }
    metadata
}

#[test]
fn the_older_owns_the_key_and_the_younger_says_so() {
    let world = World::named("owner").also_namespace("b").start();
    let other = format!("{}-b", world.namespace);
    world.apply_with("Memory", &metadata(&world, "", None), &json!({"type": "older"}));
    world.wait_synced("Memory", "notes");
    // creation times count whole seconds
    std::thread::sleep(std::time::Duration::from_millis(1100));
    world.apply_with("Memory", &metadata(&world, "b", Some(&world.namespace)), &json!({"type": "younger"}));
    let get = || world.cluster.kubectl(["-n", &other, "get", "memory", "notes", "-o", "json"]).json();
    let told = eventually(PATIENCE, "the younger says so", || {
        let status = get()["status"].clone();
        if status["phase"] == "SyncError" { Ok(status) } else { Err(status) }
    });
    let text = told["syncError"].as_str().unwrap();
    assert!(text.contains(&format!("{}/notes", world.namespace)) && text.contains("older"), "{text}");
    assert_eq!(world.row("Memory", "notes").unwrap()["spec"]["type"], "older");
    let versions = world.wait_quiet();
    world.wait_swept();
    assert_eq!(versions, world.versions(), "nothing flaps");
    // deleting the younger leaves the older one's row; deleting the older hands the key over
    world.delete("Memory", "notes");
    world.wait_row("Memory", "notes", |row| row["spec"]["type"] == "younger");
    world.wait_converged();
    world.cluster.kubectl(["-n", &other, "delete", "memory", "notes", "--timeout=60s"]).expect_ok();
    world.wait_no_row("Memory", "notes");
}

#[test]
fn a_move_takes_the_old_row_along() {
    let world = World::start("move");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    world.annotate("Memory", "notes", "orloj.dev/target-namespace=elsewhere");
    eventually(PATIENCE, "the row has moved", || {
        world.row_at("Memory", "elsewhere", "notes").map(|_| ()).ok_or("not there yet")
    });
    assert_eq!(world.row("Memory", "notes"), None);
    let row = world.row_at("Memory", "elsewhere", "notes").unwrap();
    assert_eq!(row["metadata"]["annotations"]["orloj.dev/source-namespace"], world.namespace.as_str());
    world.wait_converged();
    world.delete("Memory", "notes");
    assert_eq!(world.row_at("Memory", "elsewhere", "notes"), None);
}

#[test]
fn an_existing_row_is_adopted_and_an_event_says_so() {
    let world = World::named("adopt").prepare();
    let payload = json!({"apiVersion": "orloj.dev/v1", "kind": "Memory",
        "metadata": {"name": "notes", "namespace": world.namespace, "resourceVersion": "7", "generation": 3,
            "createdAt": "2026-01-01T00:00:00Z", "annotations": {"orloj.dev/managed-by": "crd-sync"}},
        "spec": {"type": "kv", "auth": {}}, "status": {"phase": "Ready", "observedGeneration": 3}});
    world.database.psql(&format!(
        "insert into memories (name, namespace, status_phase, payload) values ('{0}/notes', '{0}', 'ready', '{payload}')",
        world.namespace
    ));
    let before = world.database.psql("select xmin, payload from memories");
    let mut world = world;
    world.start_operator();
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    let object = world.wait_status("Memory", "notes", |status| status["phase"] == "Ready");
    assert_eq!(crate::world::condition(&object["status"], "Ready")["status"], "True");
    assert_eq!(world.database.psql("select xmin, payload from memories"), before, "equal in meaning: not rewritten");
    eventually(PATIENCE, "an Event tells of it", || {
        let events = world.kubectl(&["get", "events.events.k8s.io", "-o", "jsonpath={.items[*].reason}"]).expect_ok();
        if events.contains("Adopted") { Ok(()) } else { Err(events) }
    });
}

#[test]
fn rows_of_others_are_never_touched() {
    let world = World::start("foreign");
    let foreign = r#"{"metadata": {"name": "theirs", "namespace": "x"}, "spec": {"type": "rest"}, "status": {}}"#;
    world
        .database
        .psql(&format!("insert into memories (name, namespace, payload) values ('x/theirs', 'x', '{foreign}')"));
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    world.wait_swept();
    assert_eq!(world.row_at("Memory", "x", "theirs").unwrap()["spec"]["type"], "rest");
}
