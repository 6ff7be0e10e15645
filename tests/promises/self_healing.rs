//! `SelfHealing`: a row edited, lost or slipped in behind our back is put right within one sweep.

use serde_json::json;

use crate::bed::eventually;
use crate::world::{KEY, PATIENCE, World};

#[test]
fn edited_lost_and_slipped_in_rows_are_put_right() {
    let world = World::start("healing");
    for name in ["edited", "lost", "kept"] {
        world.apply("Memory", name, &json!({"type": "kv"}));
    }
    world.wait_converged();
    let before = world.wait_quiet();
    world.database.psql(&format!(
        "update memories set payload = jsonb_set(payload, '{{spec,type}}', '\"hacked\"'), updated_at = now() \
         where name = '{}/edited'",
        world.namespace
    ));
    world.database.psql(&format!("delete from memories where name = '{}/lost'", world.namespace));
    let stray = json!({"apiVersion": "orloj.dev/v1", "kind": "Memory", "metadata": {"name": "stray",
        "namespace": world.namespace, "annotations": {"orloj.dev/managed-by": "crd-sync"}}, "spec": {}, "status": {}});
    world.database.psql(&format!(
        "insert into memories (name, namespace, payload) values ('{0}/stray', '{0}', '{stray}')",
        world.namespace
    ));
    world.wait_row("Memory", "edited", |row| row["spec"]["type"] == "kv");
    world.wait_row("Memory", "lost", |row| row["spec"]["type"] == "kv");
    world.wait_no_row("Memory", "stray");
    world.wait_converged();
    let after = world.wait_quiet();
    let untouched = |versions: &std::collections::BTreeMap<String, String>| {
        versions.iter().filter(|(key, _)| key.contains("kept")).map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>()
    };
    assert_eq!(untouched(&before), untouched(&after));
}

#[test]
fn an_edit_without_a_new_timestamp_is_found_by_the_sweep() {
    let world = World::start("silent");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    world.wait_quiet();
    world.database.psql(
        "update memories set payload = jsonb_set(payload, '{spec,type}', '\"hacked\"'), \
        updated_at = '2020-01-01'",
    );
    world.wait_row("Memory", "notes", |row| row["spec"]["type"] == "kv");
}

#[test]
fn a_status_that_somebody_overwrote_is_put_right() {
    let world = World::start("status");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    let patch = r#"{"status":{"phase":"Nonsense","conditions":null}}"#;
    world.kubectl(&["patch", "memory", "notes", "--subresource=status", "--type=merge", "-p", patch]).expect_ok();
    world.wait_status("Memory", "notes", |status| status["phase"] == "Synced");
}

/// JSON that Postgres takes and this program cannot hold: it must not stop what reads the table.
#[test]
fn a_row_that_cannot_be_read_back_is_put_right() {
    let world = World::start("unreadable");
    for name in ["huge", "next"] {
        world.apply("Memory", name, &json!({"type": "kv"}));
    }
    world.wait_converged();
    world.database.psql("update memories set payload = jsonb_set(payload, '{spec,type}', '1e400'), updated_at = now()");
    eventually(PATIENCE, "both rows are right again", || {
        let types = world.database.psql("select payload->'spec'->>'type' from memories order by name");
        if types.split_whitespace().eq(["kv", "kv"]) { Ok(()) } else { Err(types) }
    });
    world.wait_converged();
}

#[test]
fn a_damaged_secret_is_sealed_anew() {
    let world = World::named("damaged").env("ORLOJ_SECRET_ENCRYPTION_KEY", KEY).start();
    world.apply("Secret", "token", &json!({"stringData": {"k": "v"}}));
    world.wait_synced("Secret", "token");
    world.wait_quiet();
    world.database.psql(
        "update secrets set payload = jsonb_set(payload, '{spec,data,k}', '\"enc:garbage\"'), updated_at = now()",
    );
    world.wait_row("Secret", "token", |row| {
        row["spec"]["data"]["k"].as_str().is_some_and(|value| value.starts_with("enc:") && value != "enc:garbage")
    });
    world.wait_converged();
}
