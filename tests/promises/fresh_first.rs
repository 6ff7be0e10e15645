//! `FreshFirst`: a change made by a person overtakes a backlog.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::{World, manifest};

#[test]
fn a_change_overtakes_the_acknowledgements_of_a_backlog() {
    let mut world = World::named("fresh").prepare();
    let stream: String = (0..1500)
        .map(|n| {
            let metadata = json!({"name": format!("m{n}"), "namespace": world.namespace});
            format!("---\n{}\n", manifest("Memory", &metadata, &json!({"type": format!("t{n}")})))
        })
        .collect();
    world.cluster.kubectl_stdin(["create", "-f", "-"], &stream).expect_ok();
    world.start_operator();
    let acknowledged = |world: &World| {
        world.operator().metric("orloj_operator_api_writes_total", &[("what", "status")]).unwrap_or(0.0)
    };
    crate::bed::eventually(crate::world::PATIENCE, "the backlog is being acknowledged", || {
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
