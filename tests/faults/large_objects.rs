//! Resources of a megabyte: what is held of them is bounded in bytes, and small ones beside them do not wait.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::bed::{ControlPlane, ControlPlaneOptions, eventually};
use crate::world::{PATIENCE, World, manifest};

const LARGE: usize = 120;
const MEBIBYTE: u64 = 1024 * 1024;
/// More than the operator takes by far, and less than its bodies would, each of which is in memory several times.
const MOST: u64 = 200 * MEBIBYTE;

fn large(world: &World, number: usize) -> Value {
    let named = json!({"name": format!("large-{number:03}"), "namespace": world.namespace});
    let text = format!("{number}: you answer what you are asked, briefly. ");
    manifest("Agent", &named, &json!({"model_ref": "m", "prompt": text.repeat(1_000_000 / text.len())}))
}

fn wait_synced(world: &World, agents: usize) {
    eventually(PATIENCE, "all are synced", || {
        let synced = world.operator().metric("orloj_operator_resources", &[("kind", "Agent"), ("state", "synced")])?;
        #[allow(clippy::cast_precision_loss, reason = "a count")]
        let all = synced >= agents as f64;
        if all { Ok(()) } else { Err(format!("{synced}; log:\n{}", world.log_tail())) }
    });
}

fn check_memory(world: &World, when: &str) {
    let peak = world.operator().process().peak_rss_bytes();
    assert!(peak < MOST, "{when}: {} MiB", peak / MEBIBYTE);
    let held = world.operator().metric("orloj_operator_held_bytes_peak", &[]).unwrap();
    assert!(held > 1e6, "{when}: they were held: {held}");
    assert!(held < 10.0 * 1024.0 * 1024.0, "{when}: {held} bytes held");
}

#[test]
fn large_resources_are_held_by_bytes_and_not_by_number() {
    // what it writes would slow down the others
    let cluster = Arc::new(ControlPlane::start(&ControlPlaneOptions::default()));
    let mut world = World::named("large").cluster(&cluster).prepare();
    for number in 0..LARGE {
        world.cluster.kubectl_stdin(["create", "-f", "-"], &large(&world, number).to_string()).expect_ok();
    }
    world.start_operator();
    world.operator().wait_ready(PATIENCE);
    world.apply("Tool", "small", &json!({"type": "http", "endpoint": "http://x"}));
    world.wait_synced("Tool", "small");
    wait_synced(&world, LARGE);
    check_memory(&world, "first sync");
    world.operator().stop();
    world.operator().start_again();
    world.wait_leading();
    wait_synced(&world, LARGE);
    world.wait_swept();
    let peak = world.operator().process().peak_rss_bytes();
    assert!(peak < MOST, "restart: {} MiB", peak / MEBIBYTE);
    // their rows are read before they are removed
    world.kubectl(&["delete", "agents.orloj.dev", "--all", "--timeout=120s"]).expect_ok();
    let peak = world.operator().process().peak_rss_bytes();
    assert!(peak < MOST, "removal: {} MiB", peak / MEBIBYTE);
}
