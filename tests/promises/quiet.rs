//! `Quiet`: nothing changed, so nothing is written: not at rest, not across restart, relist or change of leader.

use serde_json::json;

use crate::world::{Builder, KEY, World};

fn filled(world: Builder) -> World {
    let world = world.env("ORLOJ_SECRET_ENCRYPTION_KEY", KEY).start();
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.apply("Tool", "search", &json!({"type": " HTTP ", "endpoint": "http://x", "auth": {"scopes": []}}));
    world.apply("Secret", "token", &json!({"stringData": {"k": "v"}}));
    world.apply("Agent", "bad", &json!({"prompt": "p", "model_ref": "m", "execution": {"output_schema": {"a": 1}}}));
    world.wait_synced("Memory", "notes");
    world.wait_synced("Tool", "search");
    world.wait_synced("Secret", "token");
    world.wait_failed("Agent", "bad", "InvalidSpec");
    world
}

#[test]
fn a_restart_writes_nothing() {
    let world = filled(World::named("restart"));
    let before = world.wait_quiet();
    let events = || world.kubectl(&["get", "events.events.k8s.io", "-o", "json"]).expect_ok();
    let told = events();
    for _ in 0..2 {
        world.operator().stop();
        world.operator().start_again();
        world.operator().wait_ready(crate::world::PATIENCE);
        assert_eq!(strip_lease(&world.wait_quiet()), strip_lease(&before));
    }
    assert_eq!(events(), told, "what was told once is not told again");
}

#[test]
fn a_new_leader_writes_nothing() {
    let mut world = filled(World::named("leader").short_lease());
    let before = world.wait_quiet();
    world.start_operator();
    world.operators()[0].kill();
    crate::bed::eventually(crate::world::PATIENCE, "the second one leads", || {
        let leads = world.operators()[1].metric("leader_election_master_status", &[])?;
        if leads > 0.0 { Ok(()) } else { Err("standing by".to_owned()) }
    });
    world.apply("Memory", "fresh", &json!({"type": "kv"}));
    world.wait_synced("Memory", "fresh");
    let after = world.wait_quiet();
    // the fresh one is in these two tables
    let fresh = |key: &str| key.ends_with(".memories") || key.ends_with(".ledger");
    for (key, version) in strip_lease(&before).into_iter().filter(|(key, _)| !fresh(key)) {
        assert_eq!(after.get(&key), Some(&version), "{key} was written again");
    }
}

/// The epoch is written once a term: that is what a term is.
fn strip_lease(versions: &std::collections::BTreeMap<String, String>) -> std::collections::BTreeMap<String, String> {
    versions.iter().filter(|(key, _)| !key.contains("leader")).map(|(k, v)| (k.clone(), v.clone())).collect()
}

#[test]
fn a_new_resource_costs_two_writes_and_an_edit_one() {
    let world = World::start("budget");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    world.wait_quiet();
    let writes = |what: &str| {
        world.operator().metric("orloj_operator_api_writes_total", &[("kind", "Memory"), ("what", what)]).unwrap_or(0.0)
    };
    assert_eq!((writes("finalizer"), writes("status")), (1.0, 1.0));
    world.apply("Memory", "notes", &json!({"type": "vector"}));
    world.wait_synced("Memory", "notes");
    world.wait_quiet();
    assert_eq!((writes("finalizer"), writes("status")), (1.0, 2.0));
    world.kubectl(&["label", "memory", "notes", "team=a"]).expect_ok();
    world.wait_row("Memory", "notes", |row| row["metadata"]["labels"]["team"] == "a");
    world.wait_quiet();
    // lastSyncedAt moves with the row
    assert!(writes("status") <= 3.0);
    world.delete("Memory", "notes");
    assert_eq!(writes("finalizer"), 2.0);
    let patches = world.operator().metric("rest_client_requests_total", &[("method", "PATCH"), ("code", "200")]);
    assert_eq!(patches.unwrap(), writes("finalizer") + writes("status"), "no patch but these");
}
