//! `Isolation`: one malformed, huge or failing object never delays another.

use serde_json::{Value, json};

use crate::bed::eventually;
use crate::world::{PATIENCE, World, condition, manifest};

/// One bad resource of each sort among a thousand good ones.
#[test]
fn bad_objects_fail_alone_among_a_thousand() {
    let world = World::start("isolation");
    let named = |name: &str| json!({"name": name, "namespace": world.namespace});
    let bad = [
        manifest("Memory", &named("nul"), &json!({"type": "a\u{0}b"})),
        manifest(
            "Agent",
            &named("schema"),
            &json!({"prompt": "p", "model_ref": "m", "execution": {"output_schema": {"x": 1}}}),
        ),
        manifest("Memory", &named("big"), &json!({"type": "x".repeat(1_200_000)})),
        manifest("Memory", &json!({"name": "n".repeat(250), "namespace": world.namespace}), &json!({"type": "kv"})),
    ];
    let good = (0..1000).map(|n| manifest("Memory", &named(&format!("good-{n}")), &json!({"type": format!("t{n}")})));
    let list: Vec<Value> = bad.into_iter().chain(good).collect();
    let stream: String = list.iter().map(|object| format!("---\n{object}\n")).collect();
    world.cluster.kubectl_stdin(["create", "-f", "-"], &stream).expect_ok();
    world.wait_failed("Memory", "nul", "NulCharacter");
    world.wait_failed("Memory", &"n".repeat(250), "KeyTooLong");
    world.wait_failed("Agent", "schema", "InvalidSpec");
    world.wait_row("Memory", "big", |row| row["spec"]["type"].as_str().is_some_and(|text| text.len() == 1_200_000));
    for n in [0, 500, 999] {
        world.wait_synced("Memory", &format!("good-{n}"));
    }
    eventually(PATIENCE, "all good rows", || {
        let count = world.database.psql("select count(*) from memories where name like '%/good-%'");
        if count.trim() == "1000" { Ok(()) } else { Err(count) }
    });
    let row = world.row("Memory", "nul");
    assert_eq!(row, None);
}

/// What the store refuses is split off the batch until it stands alone.
#[test]
fn a_row_that_the_store_refuses_stands_alone() {
    let world = World::named("refused").prepare();
    world.database.psql("alter table memories add constraint no_poison check (payload::text not like '%poison%')");
    for n in 0..20 {
        let kind = if n == 7 { "poison" } else { "kv" };
        world.apply("Memory", &format!("m{n}"), &json!({"type": kind}));
    }
    let mut world = world;
    world.start_operator();
    world.wait_failed("Memory", "m7", "RefusedByStore");
    for n in (0..20).filter(|n| *n != 7) {
        world.wait_synced("Memory", &format!("m{n}"));
    }
    let told = world.object("Memory", "m7")["status"]["syncError"].clone();
    assert!(told.as_str().unwrap().contains("no_poison"), "{told}");
    // retried for ever: it gets through once the store takes it
    world.database.psql("alter table memories drop constraint no_poison");
    world.wait_synced("Memory", "m7");
}

/// Nested deeper than `serde_json` reads, in a part of which the API server checks nothing.
fn deep() -> Value {
    let schema = (0..200).fold(json!("x"), |inner, _| json!({"a": inner}));
    json!({"type": "http", "endpoint": "http://x", "input_schema": schema})
}

/// The API server takes what we cannot read: it says so, keeps the row it had, delays nothing and can be deleted.
#[test]
fn what_cannot_be_read_is_told_and_can_be_deleted() {
    let world = World::start("unreadable");
    world.apply("Tool", "turned", &json!({"type": "http", "endpoint": "http://x"}));
    world.wait_synced("Tool", "turned");
    let row = world.row("Tool", "turned");
    let born = manifest("Tool", &json!({"name": "born", "namespace": world.namespace}), &deep());
    world.cluster.kubectl_stdin(["create", "-f", "-"], &born.to_string()).expect_ok();
    let patch = json!({"spec": deep()}).to_string();
    world.kubectl(&["patch", "tools.orloj.dev", "turned", "--type=merge", "-p", &patch]).expect_ok();
    world.apply("Tool", "beside", &json!({"type": "http", "endpoint": "http://x"}));
    world.wait_synced("Tool", "beside");
    for name in ["born", "turned"] {
        eventually(PATIENCE, &format!("{name} says so"), || {
            let parts = "jsonpath={.metadata.generation} {.status}";
            let told = world.kubectl(&["get", "tools.orloj.dev", name, "-o", parts]).stdout;
            let (generation, status) = told.split_once(' ').unwrap_or_default();
            let status: Value = serde_json::from_str(status).unwrap_or_default();
            let about = status["observedGeneration"].as_i64() == generation.parse().ok();
            let reason = &condition(&status, "Synced")["reason"];
            if about && status["phase"] == "SyncError" && reason == "Invalid" {
                return Ok(());
            }
            Err(format!("{told}; log:\n{}", world.log_tail()))
        });
        eventually(PATIENCE, "an Event", || {
            let field = format!("reason=Invalid,regarding.name={name}");
            let events = world.kubectl(&["get", "events.events.k8s.io", "--field-selector", &field, "-o", "name"]);
            if events.stdout.is_empty() { Err(world.log_tail()) } else { Ok(()) }
        });
    }
    assert_eq!((world.row("Tool", "turned"), world.row("Tool", "born")), (row, None));
    for name in ["born", "turned"] {
        world.delete("Tool", name);
    }
    world.wait_no_row("Tool", "turned");
    assert!(!world.operator().log().contains("unable to acknowledge"), "{}", world.log_tail());
}
