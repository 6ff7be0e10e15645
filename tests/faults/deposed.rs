//! `OneWriter`: a leader that sleeps in the middle of a batch, past its lease.

use serde_json::json;

use crate::bed::eventually;
use crate::slow_store::TableLock;
use crate::world::{PATIENCE, World};

#[test]
fn a_leader_that_slept_in_mid_batch_commits_nothing() {
    let mut world = World::named("asleep").short_lease().start();
    for n in 0..10 {
        world.apply("Memory", &format!("m{n}"), &json!({"type": "one"}));
    }
    world.wait_settled();
    world.start_operator();
    // its batch is in a transaction and waits for the table
    let lock = TableLock::take(&world.database, "memories");
    world.apply("Memory", "m0", &json!({"type": "two"}));
    world.apply("Memory", "fresh", &json!({"type": "one"}));
    lock.wait_awaited();
    world.operators()[0].pause();
    drop(lock);
    eventually(PATIENCE, "the second one leads", || {
        let leads = world.operators()[1].metric("leader_election_master_status", &[])?;
        if leads > 0.0 { Ok(()) } else { Err("standing by".to_owned()) }
    });
    world.apply("Memory", "m0", &json!({"type": "three"}));
    world.delete("Memory", "m1");
    world.wait_row("Memory", "m0", |row| row["spec"]["type"] == "three");
    world.wait_converged();
    let before = world.wait_quiet();
    world.operators()[0].resume();
    let ended = world.operators()[0].process().wait(PATIENCE).expect("it ends");
    assert!(!ended.success(), "a deposed leader exits, and not as if all were well");
    assert_eq!(world.wait_settled(), before);
    assert!(world.operators()[1].process().exited().is_none(), "the other goes on");
    world.apply("Memory", "m0", &json!({"type": "four"}));
    world.wait_row("Memory", "m0", |row| row["spec"]["type"] == "four");
    world.wait_settled();
}
