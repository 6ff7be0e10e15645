//! `Convergence`: rows equal specs, statuses are current, no managed row is without its resource.

use serde_json::json;

use crate::bed;
use crate::world::World;

#[test]
fn the_examples_become_rows_and_statuses() {
    let world = World::start("examples");
    let examples = std::fs::read_dir("examples").unwrap().map(|entry| entry.unwrap().path());
    for file in examples.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        let text = std::fs::read_to_string(file)
            .unwrap()
            .replace("namespace: support", &format!("namespace: {}", world.namespace));
        world.cluster.kubectl_stdin(["apply", "-f", "-"], &text).expect_ok();
    }
    world.wait_converged();
    let phases = world.kubectl(&["get", "agents", "-o", "jsonpath={.items[*].status.phase}"]).expect_ok();
    assert!(phases.split_whitespace().all(|phase| phase == "Synced"), "{phases}");
}

#[test]
fn edits_follow_and_deletes_take_the_row_along() {
    let world = World::start("edits");
    world.apply("Memory", "notes", &json!({"type": "vector"}));
    let first = world.wait_row("Memory", "notes", |row| row["spec"]["type"] == "vector");
    assert_eq!(first["metadata"]["resourceVersion"], "1");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    let second = world.wait_row("Memory", "notes", |row| row["spec"]["type"] == "kv");
    assert_eq!((&second["metadata"]["resourceVersion"], &second["metadata"]["generation"]), (&json!("2"), &json!(2)));
    world.wait_synced("Memory", "notes");
    world.delete("Memory", "notes");
    world.wait_no_row("Memory", "notes");
    world.wait_converged();
}

#[test]
fn labels_and_annotations_reach_the_row_without_a_new_generation() {
    let world = World::start("labels");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    world.kubectl(&["label", "memory", "notes", "team=a"]).expect_ok();
    let row = world.wait_row("Memory", "notes", |row| row["metadata"]["labels"]["team"] == "a");
    assert_eq!(row["metadata"]["generation"], 1);
    let annotations = row["metadata"]["annotations"].as_object().unwrap();
    assert_eq!(annotations.keys().collect::<Vec<_>>(), ["orloj.dev/managed-by"], "kubectl's own is never copied");
}

#[test]
fn a_database_outage_is_told_and_survived() {
    let postgres = bed::Postgres::start(&bed::PostgresOptions::default());
    let database = postgres.database();
    database.apply_orlojd_schema();
    let mut world = World::named("outage").prepare();
    world.database = database;
    world.start_operator();
    world.operator().wait_ready(crate::world::PATIENCE);
    world.apply("Memory", "before", &json!({"type": "kv"}));
    world.wait_synced("Memory", "before");
    postgres.stop();
    world.apply("Memory", "during", &json!({"type": "kv"}));
    world.apply("Memory", "before", &json!({"type": "vector"}));
    let told = world.wait_failed("Memory", "before", "StoreUnavailable");
    assert_eq!(told["status"]["phase"], "Synced", "the last phase is kept");
    postgres.start_again();
    world.wait_converged();
    world.wait_row("Memory", "before", |row| row["spec"]["type"] == "vector");
}

#[test]
fn the_operator_waits_for_orlojds_migrations() {
    let mut world = World::named("migrations").prepare();
    let empty = bed::postgres().database();
    world.database = empty;
    world.apply("Memory", "early", &json!({"type": "kv"}));
    world.start_operator();
    bed::eventually(crate::world::PATIENCE, "it says what it waits for", || {
        let answer = world.operator().health("/readyz")?;
        if answer.status == 503 && answer.body.contains("table memories is not there") {
            Ok(())
        } else {
            Err(answer.body)
        }
    });
    world.database.apply_orlojd_schema();
    world.operator().wait_ready(crate::world::PATIENCE);
    world.wait_converged();
}
