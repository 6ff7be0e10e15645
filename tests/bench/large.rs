//! What resources of a megabyte take: the operator's memory at its highest, at a first sync and at a restart, and what
//! they cost small resources beside them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::samples::{megabytes, millis};
use crate::table::Table;
use crate::world::World;
use crate::{objects, say};

pub const FIGURE: &str = "large-objects";

const LARGE: usize = 1_000;
const SMALL: usize = 1_000;
const PROMPT: usize = 1_000_000;
const NAMESPACE: &str = "large";
/// A pod above it would be killed, with something to spare, by the chart's limit of 256 Mi.
const MOST: u64 = 160 * 1024 * 1024;

pub async fn measure(table: &mut Table, world: &mut World) {
    if !table.wants(FIGURE) {
        return;
    }
    world.cluster.kubectl(["create", "namespace", NAMESPACE]).expect_ok();
    let alone = small(world, "alone").await;
    say(format!("creating {LARGE} resources of 1 MB"));
    world.stop_operator();
    for number in 0..LARGE {
        create(world, &agent(&format!("large-{number:04}"), PROMPT));
    }
    let started = world.start_operator();
    let beside = small(world, "beside").await;
    wait_synced(world, LARGE + 2 * SMALL).await;
    let took = started.elapsed();
    world.wait_quiet().await;
    let first = world.operator().process().peak_rss_bytes();
    world.stop_operator();
    world.start_operator();
    world.wait_quiet().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let restarted = world.operator().process().peak_rss_bytes();
    world.stop_operator();
    let ratio = beside.as_secs_f64() / alone.as_secs_f64();
    table.add(
        FIGURE,
        format!("peak RSS with {LARGE} Agents of 1 MB each"),
        format!(
            "first sync {:.1} MB, {:.1} s; restart {:.1} MB",
            megabytes(first),
            took.as_secs_f64(),
            megabytes(restarted)
        ),
        format!("{SMALL} small resources: {} beside them, {} alone; ratio {ratio:.2}", millis(beside), millis(alone)),
        first.max(restarted) < MOST && ratio <= 2.0,
    );
}

/// How long it takes until small resources, created one after another, all have their rows.
async fn small(world: &mut World, name: &str) -> Duration {
    world.start_operator();
    world.wait_quiet().await;
    let (before, started) = (tools(world), Instant::now());
    let (client, first) = (world.client.clone(), if name == "alone" { 0 } else { SMALL });
    objects::create(&client, objects::NAMESPACE, first..first + SMALL).await;
    world.wait("the small rows", Duration::from_millis(10), async || tools(world) >= before + SMALL / 2).await;
    started.elapsed()
}

fn tools(world: &World) -> usize {
    world.database.psql("select count(*) from tools").trim().parse().unwrap_or(0)
}

async fn wait_synced(world: &World, wanted: usize) {
    world
        .wait("all are synced", Duration::from_millis(500), async || {
            let metric = |kind: &str| {
                let labels = [("kind", kind), ("state", "synced")];
                world.operator().metric("orloj_operator_resources", &labels).unwrap_or(0.0)
            };
            #[allow(clippy::cast_precision_loss, reason = "a count")]
            let wanted = wanted as f64;
            metric("Agent") + metric("Tool") >= wanted
        })
        .await;
}

fn agent(name: &str, prompt: usize) -> Value {
    let text = format!("{name}: you answer what you are asked, briefly and with a source. ");
    json!({"apiVersion": "orloj.dev/v1", "kind": "Agent", "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"model_ref": "default", "prompt": text.repeat(prompt / text.len())}})
}

fn create(world: &World, object: &Value) {
    world.cluster.kubectl_stdin(["create", "-f", "-"], &object.to_string()).expect_ok();
}
