//! The operator dies or is told to end in the middle of its work.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use orloj_operator::cluster::lease::LEASE_NAME;
use serde_json::json;

use crate::bed;
use crate::crowd;
use crate::slow_store::{TableLock, fast_inserts, slow_inserts};
use crate::world::World;

const CROWD: usize = 2000;

/// What the program promises to need at most after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// `Convergence` and `Quiet` over kill -9, in mid-batch and in mid-acknowledgement: every row is written once.
#[test]
fn killed_in_the_middle_of_a_first_sync() {
    let mut world = World::named("killed").env("ORLOJ_OPERATOR_BATCH_SIZE", "50").prepare();
    crowd::create(&world, CROWD);
    slow_inserts(&world, 0.1);
    world.start_operator();
    for progress in [100, 800, 1500] {
        crowd::wait_rows(&world, progress);
        world.operator().kill();
        assert!(crowd::rows(&world) < CROWD, "it was through already: this proved nothing");
        start_at_once(&world);
    }
    fast_inserts(&world);
    crowd::wait_acknowledged(&world, 200.0);
    world.operator().kill();
    start_at_once(&world);
    world.wait_leading();
    let before = world.wait_settled();
    crowd::assert_written_once(&world);
    assert_eq!(crowd::rows(&world), CROWD);
    // and at rest: the next one finds nothing to do
    world.operator().kill();
    start_at_once(&world);
    world.wait_leading();
    let mut after = world.wait_settled();
    // the epoch is written once a term
    after.insert(EPOCH.to_owned(), before[EPOCH].clone());
    assert_eq!(after, before);
}

const EPOCH: &str = "orloj_operator.leader";

/// The batch in flight commits, the lease is free, the exit is clean; what is left is done by the next one.
#[test]
fn told_to_end_in_the_middle_of_a_first_sync() {
    let mut world = World::named("term").env("ORLOJ_OPERATOR_BATCH_SIZE", "50").prepare();
    crowd::create(&world, CROWD);
    slow_inserts(&world, 1.0);
    world.start_operator();
    crowd::wait_rows(&world, 100);
    let (before, started) = (crowd::rows(&world), Instant::now());
    world.operator().process().signal(Signal::SIGTERM);
    let status = world.operator().process().wait(GRACE);
    assert_eq!(status.and_then(|status| status.code()), Some(0), "log:\n{}", world.log_tail());
    assert!(started.elapsed() < GRACE);
    let after = crowd::rows(&world);
    assert!(after > before && after < CROWD, "{before} rows became {after}: a batch was in flight, and only one");
    assert_eq!(holder(&world), "", "the lease is given back");
    fast_inserts(&world);
    world.operator().start_again();
    world.wait_settled();
    crowd::assert_written_once(&world);
}

/// A store that does not answer does not keep the operator from ending.
#[test]
fn told_to_end_while_the_store_hangs() {
    let postgres = bed::Postgres::start(&bed::PostgresOptions::default());
    let mut world = World::named("hang").postgres(&postgres).prepare();
    crowd::create(&world, 20);
    let lock = TableLock::take(&world.database, "memories");
    world.start_operator();
    lock.wait_awaited();
    postgres.pause();
    let started = Instant::now();
    world.operator().process().signal(Signal::SIGTERM);
    // the end of a process on a busy machine takes its time
    let status = world.operator().process().wait(GRACE + Duration::from_secs(2));
    let took = started.elapsed();
    // before anything can fail: nobody else could end what is paused
    postgres.resume();
    drop(lock);
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{took:?}; log:\n{}", world.log_tail());
    assert_eq!(holder(&world), "", "the lease is given back");
    world.operator().start_again();
    world.apply("Memory", "after", &json!({"type": "kv"}));
    world.wait_settled();
}

/// Without waiting for the dead one's lease to run out: the lease is not the subject here.
fn start_at_once(world: &World) {
    world.kubectl(&["delete", "lease", LEASE_NAME]).expect_ok();
    world.operator().start_again();
}

fn holder(world: &World) -> String {
    world.kubectl(&["get", "lease", LEASE_NAME, "-o", "jsonpath={.spec.holderIdentity}"]).expect_ok()
}
