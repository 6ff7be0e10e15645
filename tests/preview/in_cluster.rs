//! Through a real API server, kubectl and the operator.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::bed::eventually;
use crate::export::{fit, rest_rows};
use crate::program::Ran;
use crate::stage::{Stage, kind, without_ownership};
use crate::world::{PATIENCE, SERVICE_ACCOUNT, World};

/// `plan --cluster` with the operator's own account.
fn plan(world: &World, stage: &Stage) -> Ran {
    let kubeconfig = world.cluster.service_account_kubeconfig(&world.namespace, SERVICE_ACCOUNT);
    let mut command = stage.desk.command("plan --cluster -o json --namespaces");
    command.arg(world.namespaces().join(",")).arg("--kubeconfig").arg(&kubeconfig);
    let mark = stage.mark();
    let ran = crate::program::run(command.args(["--store", &stage.url]));
    assert_eq!(stage.mark(), mark, "a plan wrote");
    ran
}

fn actions(ran: &Ran) -> Value {
    ran.json()["summary"]["actions"].clone()
}

/// Rows of orlojd, exported, applied with kubectl and synced by the operator: nothing changes but who owns them. And
/// the plan says so before.
#[test]
fn exported_rows_come_back_through_a_cluster() {
    let mut world = World::named("export").prepare();
    let stage = Stage::of(world.database.clone());
    stage.migrate();
    let namespace = world.namespace.clone();
    let rows = rest_rows(|payload| {
        fit(payload);
        payload["metadata"]["namespace"] = namespace.clone().into();
    });
    stage.put_all(&rows);
    let before = stage.rows();

    let exported = stage.run("export --reveal").expect(0);
    world.cluster.kubectl_stdin(["apply", "--server-side", "-f", "-"], &exported.out).expect_ok();
    // client-side too, which checks unknown fields by another way
    let tools = stage.run("export tools --reveal").expect(0).out;
    world.cluster.kubectl_stdin(["apply", "--server-side=false", "--dry-run=server", "-f", "-"], &tools).expect_ok();
    assert_eq!(actions(&plan(&world, &stage).expect(2)), json!({"adopt": before.len()}));
    let untouched = world.kubectl(&["get", "orloj", "-o", "json"]).json();
    let items = untouched["items"].as_array().unwrap();
    assert!(
        items.len() == before.len() && items.iter().all(|item| item["status"]["conditions"].is_null()),
        "{}",
        items.len()
    );
    assert!(items.iter().all(|item| item["metadata"]["finalizers"].is_null()));

    world.start_operator();
    let owned = || {
        let rows = stage.rows();
        let owned = rows.values().filter(|row| row["metadata"]["annotations"]["orloj.dev/managed-by"] == "crd-sync");
        let owned = owned.count();
        if owned == before.len() { Ok(rows) } else { Err(format!("{owned} rows; log:\n{}", world.log_tail())) }
    };
    let after = eventually(PATIENCE, "all rows are owned", owned);
    let comparable = |rows: BTreeMap<_, Value>| -> BTreeMap<_, Value> {
        rows.into_iter().map(|(key, row)| (key, without_ownership(row))).collect()
    };
    assert_eq!(comparable(after), comparable(before.clone()));
    world.operator().stop();
    let quiet = plan(&world, &stage).expect(0).json();
    let summary = &quiet["summary"];
    assert_eq!((&summary["resources"], &summary["unchanged"]), (&json!(before.len()), &json!(before.len())), "{quiet}");
    assert_eq!(quiet["changes"], json!([]));
}

/// What the operator does is what was planned: changes, deletions, orphans, conflicts.
#[test]
fn the_operator_does_what_was_planned() {
    let mut world = World::start("foretold");
    let stage = Stage::of(world.database.clone());
    let memory = |kind: &str| json!({"type": kind});
    for name in ["changes", "goes", "stays"] {
        world.apply("Memory", name, &memory("vector"));
    }
    for name in ["changes", "goes", "stays"] {
        world.wait_synced("Memory", name);
    }
    assert_eq!(actions(&plan(&world, &stage).expect(0)), json!({}));
    world.operator().stop();

    world.apply("Memory", "changes", &memory("kv"));
    world.apply("Memory", "comes", &memory("vector"));
    let crd = world.kind("Memory").names.crd();
    world
        .kubectl(&["patch", &crd, "goes", "--type=json", "-p", r#"[{"op": "remove", "path": "/metadata/finalizers"}]"#])
        .expect_ok();
    world.delete("Memory", "goes");
    let metadata = json!({"name": "wrong", "namespace": world.namespace, "annotations": {"orloj.dev/target-namespace": "x".repeat(250)}});
    world.apply_with("Memory", &metadata, &memory("vector"));
    // of the original operator, and of a resource that nobody has
    let orphan = json!({"apiVersion": "orloj.dev/v1", "kind": "Memory", "spec": {"type": "kv"},
        "metadata": {"name": "orphan", "namespace": world.namespace, "annotations": {"orloj.dev/managed-by": "crd-sync"}}});
    let key = |name: &str| format!("{}/{name}", world.namespace);
    stage.put(kind("memory"), &BTreeMap::from([(key("orphan"), Some(orphan))]));

    let planned = plan(&world, &stage).expect(1).json();
    let told: Vec<_> = planned["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["action"].as_str().unwrap().to_owned(), change["key"].as_str().unwrap().to_owned()))
        .collect();
    let expected =
        [("change", "changes"), ("create", "comes"), ("delete", "goes"), ("delete", "orphan"), ("refuse", "wrong")];
    assert_eq!(told, expected.map(|(action, name)| (action.to_owned(), key(name))), "{planned:#}");
    let refused = &planned["changes"][4];

    world.start_operator();
    world.wait_no_row("Memory", "orphan");
    world.wait_no_row("Memory", "goes");
    world.wait_row("Memory", "changes", |row| row["spec"]["type"] == "kv");
    world.wait_synced("Memory", "comes");
    let status = world.wait_failed("Memory", "wrong", refused["reason"].as_str().unwrap());
    assert_eq!(status["status"]["syncError"], refused["error"]);
    assert_eq!(actions(&plan(&world, &stage).expect(1)), json!({"refuse": 1}));
}

#[test]
fn what_cannot_be_listed_is_told() {
    let world = World::named("unlisted").prepare();
    let stage = Stage::of(world.database.clone());
    let kubeconfig = world.cluster.service_account_kubeconfig(&world.namespace, SERVICE_ACCOUNT);
    let mut command = stage.desk.command("plan --cluster --cluster-id here --namespaces kube-public");
    command.arg("--kubeconfig").arg(&kubeconfig).args(["--store", &stage.url]);
    let denied = crate::program::run(&mut command).expect(1);
    assert!(
        denied.err.contains("unable to list memories.orloj.dev in namespace kube-public: not allowed to list it"),
        "{denied:?}"
    );
}
