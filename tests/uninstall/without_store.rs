//! The database is gone, or hangs: an uninstall goes through all the same, and says what it left behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bed::{ControlPlane, ControlPlaneOptions, Postgres, PostgresOptions};
use crate::leaver::{Leaver, grant_everywhere, grant_hook, held, rows, uninstall};
use crate::world::World;

/// Rows are told to stay behind, on standard error and by an Event; namespaces and CRDs come to their end.
#[test]
fn finalizers_come_off_without_the_store() {
    let cluster = Arc::new(ControlPlane::start(&ControlPlaneOptions::default()));
    let postgres = Postgres::start(&PostgresOptions::default());
    let mut world = World::named("gone").cluster(&cluster).postgres(&postgres).also_namespace("b").start();
    let other = format!("{}-b", world.namespace);
    for n in 0..12 {
        world.apply("Memory", &format!("m{n}"), &json!({"type": "kv"}));
    }
    world.apply_with("Memory", &json!({"name": "m", "namespace": other}), &json!({"type": "kv"}));
    world.wait_settled();
    grant_hook(&world);
    world.operator().stop();
    cluster.kubectl(["-n", &other, "delete", "omem", "m", "--wait=false"]).expect_ok();
    postgres.stop();

    // what was being deleted is told of, what stays is not
    let started = Instant::now();
    let said = uninstall(&world, &["--store-timeout", "3s", "--stop-timeout", "1s"]);
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    assert!(said.contains("warning: going on without the store, after 3s"), "{said}");
    assert!(said.contains("the rows of 1 resource may stay behind; an operator that is installed again"), "{said}");
    assert!(said.contains(&format!("  Memory {other}/m: the store cannot be reached")), "{said}");
    let events = world.kubectl(&["get", "events.events.k8s.io", "-o", "json"]).json().to_string();
    assert!(events.contains("RowsLeftBehind") && events.contains("\"Warning\""), "{events}");
    assert_eq!(held(&world), 0);

    // the same with rows that should all go
    postgres.start_again();
    world.operator().start_again();
    world.operator().wait_ready(crate::world::PATIENCE);
    world.wait_settled();
    assert_eq!((held(&world), rows(&world).len()), (12, 12), "the row that stayed behind is swept");
    world.operator().stop();
    postgres.stop();
    let said = uninstall(&world, &["--policy", "delete", "--store-timeout", "2s"]);
    assert!(said.contains("the rows of 12 resources may stay behind; with the store back"), "{said}");
    assert!(said.contains("  and 2 more"), "{said}");

    cluster.kubectl(["delete", "namespace", &other, "--timeout=60s"]).expect_ok();
    let definitions: Vec<_> = world.registry.kinds().iter().map(|kind| kind.names.crd()).collect();
    // its rights there went with the namespace: forbidden is not gone, until it may look
    let (code, said) = Leaver::start(&world, &["--policy", "delete", "--store-timeout", "2s"]).end();
    assert!(code == 1 && said.contains(&format!("all memories in namespace {other}: ")), "{said}");
    grant_everywhere(&world, "", "namespaces", &world.namespaces(), "get");
    let delete = ["delete", "crd", "--timeout=60s"].into_iter().chain(definitions.iter().map(String::as_str));
    cluster.kubectl(delete).expect_ok();
    // without definitions there is nothing to take finalizers off; with the store back the rows go by the ledger
    let said = uninstall(&world, &["--policy", "delete", "--store-timeout", "2s"]);
    assert!(said.contains("took the finalizer off 0 resources"), "{said}");
    postgres.start_again();
    let said = uninstall(&world, &["--policy", "delete"]);
    assert!(said.contains("removed 12 rows"), "{said}");
    world.absent.extend(world.registry.kinds().iter().map(|kind| kind.names.kind.clone()));
    assert_eq!(rows(&world).len(), 0);
}

/// One that does not answer is waited for no longer than one that is gone.
#[test]
fn a_store_that_hangs_is_left() {
    let postgres = Postgres::start(&PostgresOptions::default());
    let world = World::named("hangs").postgres(&postgres).start();
    world.apply("Memory", "m", &json!({"type": "kv"}));
    world.wait_settled();
    world.operator().stop();
    postgres.pause();
    let started = Instant::now();
    let said = uninstall(&world, &["--store-timeout", "3s", "--policy", "delete"]);
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    assert!(said.contains("going on without the store"), "{said}");
    assert_eq!(held(&world), 0);
    postgres.resume();
    let said = uninstall(&world, &["--policy", "delete"]);
    assert!(said.contains("removed 1 row"), "{said}");
}

/// No DSN, and one in a file that is not there: not waited for at all.
#[test]
fn no_dsn_is_no_store() {
    let world = World::start("nodsn");
    world.apply("Memory", "m", &json!({"type": "kv"}));
    world.wait_settled();
    world.operator().stop();
    let before = rows(&world);
    let started = Instant::now();
    let (code, said) = Leaver::start_by(&world, None, &["--postgres-dsn-file", "/nowhere/dsn"]).end();
    assert!(code == 0 && said.contains("the DSN cannot be read from /nowhere/dsn"), "{said}");
    assert!(!said.contains("left behind") && !said.contains("stay behind"), "{said}");
    let (code, said) = Leaver::start_by(&world, None, &[]).end();
    assert!(code == 0 && said.contains("none is configured"), "{said}");
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    assert_eq!((held(&world), rows(&world)), (0, before));
}
