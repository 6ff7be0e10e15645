//! Kinds that cannot be synced for a while, and the others, which do not notice.

use std::time::{Duration, Instant};

use orloj_operator::authoring::rbac::rbac;
use serde_json::{Value, json};

use crate::bed::eventually;
use crate::world::{PATIENCE, World, condition};

/// What others may lose by a kind that is parked.
const SOON: Duration = Duration::from_secs(20);

/// Ready, with the kind told as parked for this reason and with this text; metric and log too.
fn wait_parked(world: &World, reason: &str, text: &str) {
    eventually(PATIENCE, "the kind is told as parked", || {
        let answer = world.operator().health("/readyz?verbose")?;
        let told = answer.body.lines().find(|line| line.contains("parked: memories: ") && line.contains(text));
        let metric =
            world.operator().metric("orloj_operator_kind_parked", &[("kind", "Memory"), ("reason", reason)])?;
        let others = world.operator().metric("orloj_operator_kind_parked", &[])?;
        if answer.status == 200 && told.is_some() && metric == 1.0 && others == 1.0 {
            return Ok(());
        }
        Err(format!("{} {metric} {others}; log:\n{}", answer.body, world.log_tail()))
    });
    let log = world.operator().log();
    assert_eq!(log.matches("memories are parked: ").count(), 1, "once a change:\n{}", world.log_tail());
}

fn wait_back(world: &World) {
    eventually(PATIENCE, "no kind is parked", || {
        let answer = world.operator().health("/readyz?verbose")?;
        let metric = world.operator().metric("orloj_operator_kind_parked", &[])?;
        let back = answer.status == 200 && !answer.body.contains("parked") && metric == 0.0;
        if back { Ok(()) } else { Err(format!("{}; log:\n{}", answer.body, world.log_tail())) }
    });
}

/// A resource of another kind is created, changed and deleted, and nothing delays that.
fn others_go_on(world: &World) {
    let started = Instant::now();
    for endpoint in ["http://x", "http://y"] {
        world.apply("Tool", "beside", &json!({"type": "http", "endpoint": endpoint}));
        world.wait_row("Tool", "beside", |row| row["spec"]["endpoint"] == endpoint);
    }
    world.wait_synced("Tool", "beside");
    world.delete("Tool", "beside");
    world.wait_no_row("Tool", "beside");
    assert!(started.elapsed() < SOON, "others waited: {:?}", started.elapsed());
}

fn wait_unavailable(world: &World, name: &str, text: &str) -> Value {
    let object = world.wait_failed("Memory", name, "KindUnavailable");
    let message = condition(&object["status"], "Synced")["message"].clone();
    assert!(message.as_str().is_some_and(|message| message.contains(text)), "{message}");
    object
}

fn apply(world: &World, objects: &[Value]) {
    let stream: String = objects.iter().map(|object| format!("---\n{object}\n")).collect();
    world.kubectl_apply(&stream);
}

fn ledger(world: &World) -> String {
    world.database.psql("select key, synced_at from orloj_operator.ledger where kind = 'Memory' order by key")
}

#[test]
fn a_kind_whose_table_comes_later_waits_alone() {
    let mut world = World::named("late-table").prepare();
    world.database.psql("create table later (like memories including all)");
    world.database.psql("drop table memories");
    world.apply("Memory", "m", &json!({"type": "kv"}));
    world.start_operator();
    world.operator().wait_ready(PATIENCE);
    wait_parked(&world, "table", "table memories is not there: this kind needs a newer orlojd");
    others_go_on(&world);
    let object = wait_unavailable(&world, "m", "table memories is not there");
    assert_eq!(object["metadata"]["finalizers"], Value::Null, "it has no row to hold on to");
    assert_eq!(condition(&object["status"], "Stalled"), &Value::Null, "it waits");
    // what was never synced can go
    world.apply("Memory", "short-lived", &json!({"type": "kv"}));
    world.delete("Memory", "short-lived");

    world.database.psql("alter table later rename to memories");
    world.wait_synced("Memory", "m");
    wait_back(&world);
    world.wait_settled();
}

#[test]
fn a_table_that_is_dropped_parks_its_kind_alone() {
    let world = World::start("dropped-table");
    for name in ["stays", "goes", "changes"] {
        world.apply("Memory", name, &json!({"type": "kv"}));
        world.wait_synced("Memory", name);
    }
    world.database.psql("create table later (like memories including all)");
    world.database.psql("drop table memories");
    wait_parked(&world, "table", "table memories is not there");
    let before = ledger(&world);
    world.apply("Memory", "changes", &json!({"type": "vector"}));
    world.apply("Memory", "comes", &json!({"type": "kv"}));
    world.delete_later("Memory", "goes");
    others_go_on(&world);
    for name in ["stays", "changes", "comes"] {
        wait_unavailable(&world, name, "table memories is not there");
    }
    let goes = world.object("Memory", "goes");
    assert_eq!(goes["metadata"]["finalizers"], json!(["orloj.dev/sync"]), "nothing is known of its row");
    assert_eq!(ledger(&world), before);

    world.database.psql("alter table later rename to memories");
    for name in ["stays", "changes", "comes"] {
        world.wait_synced("Memory", name);
    }
    wait_back(&world);
    world.wait_settled();
    assert_eq!(world.row("Memory", "changes").unwrap()["spec"]["type"], "vector");
    assert_eq!(world.row("Memory", "goes"), None);
}

#[test]
fn a_kind_whose_resources_may_not_be_listed_waits_alone() {
    let mut world = World::named("forbidden").prepare();
    let all = rbac(&world.registry, &world.rbac_options());
    let mut fewer = all.clone();
    let rules = fewer.iter_mut().filter_map(|object| object.get_mut("rules")?.as_array_mut()).flatten();
    for resources in rules.filter_map(|rule| rule.get_mut("resources")?.as_array_mut()) {
        resources.retain(|resource| !resource.as_str().is_some_and(|name| name.starts_with("memories")));
    }
    apply(&world, &fewer);
    world.apply("Memory", "m", &json!({"type": "kv"}));
    world.database.psql(
        "insert into memories (name, namespace, payload) values ('x/theirs', 'x', '{\"metadata\": {\"name\": \"theirs\"}}')",
    );
    world.start_operator();
    world.operator().wait_ready(PATIENCE);
    wait_parked(&world, "rights", "not allowed to list or watch it");
    others_go_on(&world);
    assert_eq!(world.object("Memory", "m")["status"]["conditions"], Value::Null, "nobody may write there");
    apply(&world, &all);
    world.wait_synced("Memory", "m");
    wait_back(&world);
    assert!(world.row_at("Memory", "x", "theirs").is_some());
}

#[test]
fn without_any_table_the_pod_is_not_ready() {
    let mut world = World::named("no-tables").prepare();
    for kind in world.registry.kinds() {
        world.database.psql(&format!("drop table {}", kind.store.table.name));
    }
    world.start_operator();
    eventually(PATIENCE, "it says what it waits for", || {
        let answer = world.operator().health("/readyz")?;
        let told = answer.status == 503 && answer.body.contains("table memories is not there");
        if told { Ok(()) } else { Err(answer.body) }
    });
}
