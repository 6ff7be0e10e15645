//! `FreshFirst`: a change made by a person overtakes a backlog.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::bed::eventually;
use crate::world::{PATIENCE, World, manifest};

fn create_backlog(world: &World, count: usize) {
    let stream: String = (0..count)
        .map(|n| {
            let metadata = json!({"name": format!("m{n}"), "namespace": world.namespace});
            format!("---\n{}\n", manifest("Memory", &metadata, &json!({"type": format!("t{n}")})))
        })
        .collect();
    world.cluster.kubectl_stdin(["create", "-f", "-"], &stream).expect_ok();
}

#[test]
fn a_change_overtakes_the_rows_of_a_backlog() {
    const BACKLOG: usize = 300;
    let mut world = World::named("freshrow").arg("--batch-size=10").prepare();
    create_backlog(&world, BACKLOG);
    // thirty batches, so that the backlog takes long, however quick the machine; and the order in which rows come
    world.database.psql(
        "create table bed_order (at serial, name text); \
         create function bed_slow() returns trigger language plpgsql as \
         $$ begin perform pg_sleep(1); return null; end $$; \
         create function bed_note() returns trigger language plpgsql as \
         $$ begin insert into bed_order (name) values (new.name); return null; end $$; \
         create trigger bed_slow before insert on memories for each statement execute function bed_slow(); \
         create trigger bed_note after insert on memories for each row execute function bed_note()",
    );
    world.start_operator();
    let rows = |world: &World| world.database.psql("select count(*) from memories").trim().parse::<usize>().unwrap();
    eventually(PATIENCE, "the backlog is being written", || match rows(&world) {
        0 => Err("no row yet"),
        _ => Ok(()),
    });
    world.apply("Memory", "urgent", &json!({"type": "kv"}));
    world.wait_row("Memory", "urgent", |_| true);
    world.wait_converged();
    let before_it = world
        .database
        .psql("select count(*) from bed_order where at < (select at from bed_order where name like '%/urgent')");
    let before_it: usize = before_it.trim().parse().unwrap();
    assert!(before_it < BACKLOG, "the change went to the end of the queue, or the backlog was through already");
}

#[test]
fn a_change_overtakes_the_acknowledgements_of_a_backlog() {
    let mut world = World::named("fresh").prepare();
    create_backlog(&world, 1500);
    world.start_operator();
    let acknowledged = |world: &World| {
        world.operator().metric("orloj_operator_api_writes_total", &[("what", "status")]).unwrap_or(0.0)
    };
    eventually(PATIENCE, "the backlog is being acknowledged", || {
        let count = acknowledged(&world);
        if count > 10.0 { Ok(()) } else { Err(count) }
    });
    let started = Instant::now();
    world.apply("Tool", "urgent", &json!({"type": "http", "endpoint": "http://x"}));
    world.wait_synced("Tool", "urgent");
    let took = started.elapsed();
    assert!(acknowledged(&world) < 1500.0, "the backlog was through already: this proved nothing");
    // far less than the backlog takes; the figure itself is the benchmark's business
    assert!(took < Duration::from_secs(5), "{took:?}");
    world.wait_converged();
}
