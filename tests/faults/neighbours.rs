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
    world.start_operator().wait_ready(PATIENCE);
    world.grant(&second, vec![second.clone()]);
    let kubeconfig = world.cluster.service_account_kubeconfig(&second, SERVICE_ACCOUNT);
    world.set_env("KUBECONFIG", &kubeconfig.display().to_string());
    world.set_env("ORLOJ_OPERATOR_NAMESPACE", &second);
    world.set_env("ORLOJ_OPERATOR_NAMESPACES", &second);
    world.start_operator().wait_ready(PATIENCE);
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
    world.delete("Memory", "notes");
    world.wait_settled();
}
