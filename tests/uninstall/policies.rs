//! Rows that stay, and rows that go.

use serde_json::json;

use crate::crowd;
use crate::leaver::{FINALIZER, contents, finalizers, held, row_versions, rows, uninstall};
use crate::world::World;

const CROWD: usize = 40;

/// `retain`: rows byte for byte, and a later operator that writes none of them.
#[test]
fn retained_rows_are_taken_up_again_without_a_write() {
    let mut world = World::start("retain");
    crowd::create(&world, CROWD);
    world.wait_settled();
    assert_eq!(held(&world), CROWD);
    world.operator().stop();
    let (before, written, objects) = (rows(&world), row_versions(&world), contents(&world));
    assert_eq!(before.len(), CROWD);

    let said = uninstall(&world, &[]);
    assert!(said.contains("took the finalizer off 40 resources; 40 rows stay"), "{said}");
    assert_eq!(held(&world), 0);
    assert_eq!((rows(&world), row_versions(&world)), (before, written.clone()), "rows were touched");
    assert_eq!(contents(&world), objects, "resources were touched beyond their finalizers");
    // gone meanwhile, without the operator
    world.delete("Memory", "c0");

    // again: nothing is left to do
    let said = uninstall(&world, &[]);
    assert!(said.contains("took the finalizer off 0 resources; 40 rows stay"), "{said}");

    world.start_operator();
    world.wait_settled();
    assert_eq!(held(&world), CROWD - 1);
    assert_eq!(world.row("Memory", "c0"), None, "what went meanwhile is swept");
    let after = row_versions(&world);
    let others = |versions: &std::collections::BTreeMap<String, String>| {
        versions
            .iter()
            .filter(|(table, _)| *table != "public.memories")
            .map(|(t, v)| (t.clone(), v.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(others(&after), others(&written), "rows were written");
    crowd::assert_written_once(&world);
}

/// Somebody deleted it before the operator left: its row goes first, whatever becomes of the others.
#[test]
fn a_resource_in_deletion_takes_its_row_along() {
    let world = World::start("leaving");
    for name in ["stays", "goes", "kept"] {
        world.apply("Memory", name, &json!({"type": "kv"}));
    }
    world.annotate("Memory", "kept", "orloj.dev/deletion-policy=retain");
    world.wait_settled();
    world.operator().stop();
    world.delete_later("Memory", "goes");
    world.delete_later("Memory", "kept");
    let said = uninstall(&world, &[]);
    assert!(said.contains("took the finalizer off 3 resources; removed 1 row; left 1 row to nobody"), "{said}");
    assert_eq!(world.row("Memory", "goes"), None);
    let kept = world.row("Memory", "kept").expect("a row that its resource leaves");
    assert!(kept["metadata"]["annotations"]["orloj.dev/managed-by"].is_null(), "{kept}");
    assert!(world.row("Memory", "stays").is_some());
    let left: Vec<_> = world.objects().iter().map(|object| object["metadata"]["name"].clone()).collect();
    assert_eq!(left, [json!("stays")]);
}

/// `delete`, and `NoStolenRows`: what another resource, another cluster or nobody owns stays.
#[test]
fn deleted_rows_are_those_that_were_owned() {
    let world = World::named("delete").also_namespace("b").start();
    let other = format!("{}-b", world.namespace);
    for name in ["a", "suspended", "kept", "torn"] {
        world.apply("Memory", name, &json!({"type": "kv"}));
    }
    world.apply("Secret", "password", &json!({"stringData": {"value": "s3cret"}}));
    // another owner of the key, in the same cluster
    world.wait_settled();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let guest =
        json!({"name": "a", "namespace": other, "annotations": {"orloj.dev/target-namespace": world.namespace}});
    world.apply_with("Memory", &guest, &json!({"type": "younger"}));
    world.apply_with("Memory", &json!({"name": "own", "namespace": other}), &json!({"type": "kv"}));
    world.wait_row_at("Memory", &other, "own", |_| true);
    world.annotate("Memory", "kept", "orloj.dev/deletion-policy=retain");
    world.annotate("Memory", "suspended", "orloj.dev/suspend=true");
    world.wait_quiet();
    world.operator().stop();
    // written by hand, and by another cluster
    let sql = |name: &str| {
        let payload = json!({"metadata": {"name": name, "namespace": world.namespace}, "spec": {}});
        format!(
            "insert into memories (name, namespace, status_phase, payload) values ('{0}/{name}', '{0}', '', '{payload}')",
            world.namespace
        )
    };
    world.database.psql(&sql("by-hand"));
    world.database.psql(&sql("elsewhere"));
    world.database.psql(&format!(
        "insert into orloj_operator.ledger select 'other', kind, namespace, 'elsewhere', 'u', created, '{}/elsewhere', generation, \
         fingerprint, row_fingerprint, synced_at, retain from orloj_operator.ledger where kind = 'Memory' limit 1",
        world.namespace
    ));
    world.apply("Memory", "elsewhere", &json!({"type": "mine"}));
    // its resource goes without the operator
    crowd_tear_out(&world, "torn");

    let said = uninstall(&world, &["--policy", "delete"]);
    assert_eq!(held(&world), 0);
    let left: Vec<_> = rows(&world).into_keys().collect();
    let expected = ["by-hand", "elsewhere", "kept"].map(|name| format!("memories {}/{name}", world.namespace));
    assert_eq!(left, expected, "{said}");
    assert!(said.contains("removed 5 rows; left 1 row to nobody"), "{said}");
    let entries = world.database.psql("select cluster from orloj_operator.ledger");
    assert_eq!(entries, "other", "the ledger");
    assert_eq!(world.objects().len(), 7, "resources stay");
}

fn crowd_tear_out(world: &World, name: &str) {
    let none = r#"{"metadata": {"finalizers": null}}"#;
    world.kubectl(&["patch", "omem", name, "--type=merge", "-p", none]).expect_ok();
    world.delete("Memory", name);
}

/// Finalizers of others stay where they are, wherever ours stands among them.
#[test]
fn a_second_finalizer_stays() {
    let world = World::start("second");
    let metadata = |name: &str| json!({"name": name, "namespace": world.namespace, "finalizers": ["example.com/a"]});
    world.apply_with("Memory", &metadata("one"), &json!({"type": "kv"}));
    world.apply_with("Memory", &metadata("two"), &json!({"type": "kv"}));
    world.wait_settled();
    let both = r#"[{"op": "add", "path": "/metadata/finalizers/-", "value": "example.com/b"}]"#;
    world.kubectl(&["patch", "omem", "two", "--type=json", "-p", both]).expect_ok();
    world.operator().stop();
    world.delete_later("Memory", "two");
    uninstall(&world, &[]);
    assert_eq!(finalizers(&world.object("Memory", "one")), ["example.com/a"]);
    assert_eq!(finalizers(&world.object("Memory", "two")), ["example.com/a", "example.com/b"]);
    assert!(world.row("Memory", "one").is_some());
    assert_eq!(world.row("Memory", "two"), None);
    // the world is to go
    for name in ["one", "two"] {
        let none = r#"{"metadata": {"finalizers": null}}"#;
        world.kubectl(&["patch", "omem", name, "--type=merge", "-p", none]).expect_ok();
    }
}

/// A kind of --kinds, and one whose file is missing this time.
#[test]
fn kinds_by_file_are_let_go_too() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kinds");
    let cluster = std::sync::Arc::new(crate::bed::ControlPlane::start(&crate::bed::ControlPlaneOptions::default()));
    let world = World::named("byfile").cluster(&cluster).kinds(folder).start();
    world.apply("Widget", "shelf", &json!({"size": "small"}));
    world.apply("Memory", "m", &json!({"type": "kv"}));
    world.wait_settled();
    world.operator().stop();
    let said = uninstall(&world, &["--policy", "delete"]);
    assert!(
        said.contains("warning: 1 row stays of the unknown kind Widget, whose resources may still have the finalizer"),
        "{said}"
    );
    assert_eq!(finalizers(&world.object("Widget", "shelf")), [FINALIZER]);
    let said = uninstall(&world, &["--policy", "delete", "--kinds", folder]);
    assert!(said.contains("took the finalizer off 1 resource; removed 1 row"), "{said}");
    assert_eq!((held(&world), rows(&world).len()), (0, 0));
}
