//! `OneWriter`: a deposed leader cannot commit, even if it does not know yet that it was deposed.

use serde_json::json;

use crate::bed::eventually;
use crate::world::{PATIENCE, World};

#[test]
fn a_leader_that_slept_past_its_lease_commits_nothing() {
    let mut world = World::named("fence").short_lease().start();
    world.apply("Memory", "notes", &json!({"type": "one"}));
    world.wait_synced("Memory", "notes");
    world.start_operator();
    world.operators()[0].pause();
    eventually(PATIENCE, "the second one leads", || {
        let leads = world.operators()[1].metric("leader_election_master_status", &[])?;
        if leads > 0.0 { Ok(()) } else { Err("standing by".to_owned()) }
    });
    world.apply("Memory", "notes", &json!({"type": "two"}));
    world.wait_row("Memory", "notes", |row| row["spec"]["type"] == "two");
    world.wait_quiet();
    let before = world.database.row_versions();
    world.operators()[0].resume();
    let ended = world.operators()[0].process().wait(PATIENCE);
    assert!(ended.is_some_and(|status| !status.success()), "a deposed leader exits, and not as if all were well");
    assert_eq!(world.database.row_versions(), before);
}

#[test]
fn the_lease_is_handed_over_at_once_on_sigterm() {
    let mut world = World::named("handover")
        .env("ORLOJ_OPERATOR_LEASE_DURATION", "30s")
        .env("ORLOJ_OPERATOR_RENEW_DEADLINE", "20s")
        .start();
    world.start_operator();
    eventually(PATIENCE, "the second one stands by", || {
        let answer = world.operators()[1].health("/readyz?verbose")?;
        if answer.body.contains("standing by") { Ok(()) } else { Err(answer.body) }
    });
    let started = std::time::Instant::now();
    world.operators()[0].stop();
    assert!(world.operators()[0].log().contains("released the lease"));
    eventually(std::time::Duration::from_secs(15), "the second one leads", || {
        let leads = world.operators()[1].metric("leader_election_master_status", &[])?;
        if leads > 0.0 { Ok(()) } else { Err("standing by".to_owned()) }
    });
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "it waited for the lease to run out");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
}
