//! `NoStolenRows` between two operators of one cluster on one database, each with namespaces of its own.

use serde_json::json;

use crate::bed::{Operator, eventually};
use crate::world::{PATIENCE, SERVICE_ACCOUNT, World, condition};

fn alive(operators: &[Operator]) {
    for operator in operators {
        let ended = operator.process().exited();
        assert!(ended.is_none(), "{ended:?}; log:\n{}", operator.log());
    }
}

/// A world whose first operator watches the first namespace, and the second the second.
fn neighbours() -> (World, String) {
    let mut world = World::named("neighbours").also_namespace("b").prepare();
    let (first, second) = (world.namespace.clone(), format!("{}-b", world.namespace));
    world.set_env("ORLOJ_OPERATOR_NAMESPACES", &first);
    world.start_operator();
    world.wait_leading();
    world.grant(&second, vec![second.clone()]);
    let kubeconfig = world.cluster.service_account_kubeconfig(&second, SERVICE_ACCOUNT);
    world.set_env("KUBECONFIG", &kubeconfig.display().to_string());
    world.set_env("ORLOJ_OPERATOR_NAMESPACE", &second);
    world.set_env("ORLOJ_OPERATOR_NAMESPACES", &second);
    world.start_operator();
    world.wait_leading();
    (world, second)
}

#[test]
fn two_operators_leave_each_others_rows_alone() {
    let (world, other) = neighbours();
    let create = |namespace: &str, name: &str, target: Option<&str>, kind: &str| {
        let mut metadata = json!({"name": name, "namespace": namespace});
        if let Some(target) = target {
            metadata["annotations"] = json!({"orloj.dev/target-namespace": target});
        }
        world.apply_with("Memory", &metadata, &json!({"type": kind}));
    };
    for name in ["a", "b", "c"] {
        create(&world.namespace, name, None, "first");
        create(&other, name, None, "second");
    }
    // into the other one's namespace: the row is in one, the resource in the other
    create(&world.namespace, "guest", Some(&other), "first");
    world.wait_settled();
    alive(world.operators());
    // one that is down has its rows left alone by the other one's sweeps
    world.operators()[0].stop();
    world.delete_later("Memory", "a");
    create(&other, "a", None, "changed");
    eventually(PATIENCE, "the other one goes on", || match world.row_at("Memory", &other, "a") {
        Some(row) if row["spec"]["type"] == "changed" => Ok(()),
        row => Err(format!("{row:?}")),
    });
    world.wait_quiet();
    assert_eq!(world.row("Memory", "a").unwrap()["spec"]["type"], "first");
    world.operators()[0].start_again();
    world.wait_settled();
    alive(world.operators());
    assert_eq!(world.row("Memory", "a"), None);
}

/// Two that map to one key: the older owns it, whoever looks after it.
#[test]
fn a_key_wanted_by_both_belongs_to_the_older() {
    let (world, other) = neighbours();
    let in_other = json!({"name": "notes", "namespace": other});
    world.apply_with("Memory", &in_other, &json!({"type": "older"}));
    world.wait_settled();
    // creation times count whole seconds
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let guest =
        json!({"name": "notes", "namespace": world.namespace, "annotations": {"orloj.dev/target-namespace": other}});
    world.apply_with("Memory", &guest, &json!({"type": "younger"}));
    world.wait_failed("Memory", "notes", "KeyConflict");
    let before = world.wait_quiet();
    assert_eq!(world.row_at("Memory", &other, "notes").unwrap()["spec"]["type"], "older");
    assert_eq!(world.wait_quiet(), before, "nothing flaps");
    assert_eq!(condition(&world.object("Memory", "notes")["status"], "Synced")["status"], "False");
    alive(world.operators());
    // nobody of its own operator's tells the younger that the key is free
    world.cluster.kubectl(["-n", &other, "delete", "memory", "notes"]).expect_ok();
    world.wait_synced("Memory", "notes");
    world.wait_row_at("Memory", &other, "notes", |row| row["spec"]["type"] == "younger");
    world.wait_settled();
    alive(world.operators());
    world.delete("Memory", "notes");
    world.wait_settled();
}

/// The same the other way round: the one that loses its key is in a namespace that the winner's operator may not read.
#[test]
fn a_key_is_taken_from_a_younger_neighbour() {
    let (world, other) = neighbours();
    let guest = json!({"name": "notes", "namespace": world.namespace, "annotations": {"orloj.dev/suspend": "true", "orloj.dev/target-namespace": other}});
    world.apply_with("Memory", &guest, &json!({"type": "older"}));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    world.apply_with("Memory", &json!({"name": "notes", "namespace": other}), &json!({"type": "younger"}));
    world.wait_row_at("Memory", &other, "notes", |row| row["spec"]["type"] == "younger");
    world.annotate("Memory", "notes", "orloj.dev/suspend-");
    world.wait_row_at("Memory", &other, "notes", |row| row["spec"]["type"] == "older");
    world.wait_synced("Memory", "notes");
    eventually(PATIENCE, "the younger says so", || {
        let object = world.cluster.kubectl(["-n", &other, "get", "memory", "notes", "-o", "json"]).expect_ok();
        let object: serde_json::Value = serde_json::from_str(&object).unwrap();
        let told = condition(&object["status"], "Synced")["reason"] == "KeyConflict";
        if told { Ok(()) } else { Err(object["status"].to_string()) }
    });
    world.wait_still();
    alive(world.operators());
}
