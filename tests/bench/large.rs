//! What resources of a megabyte take: the operator's memory at its highest, at a first sync and at a restart, and what
//! they cost small resources beside them.

use std::time::{Duration, Instant};

use kube::api::PostParams;
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
    world.start_operator();
    let alone = small(world, 0).await;
    world.wait_quiet().await;
    world.stop_operator();
    say(format!("creating {LARGE} resources of 1 MB"));
    let client = world.client.clone();
    objects::each(0..LARGE, async |number| {
        let body = agent(&format!("large-{number:04}")).to_string().into_bytes();
        let request = objects::path(NAMESPACE, "agents").create(&PostParams::default(), body);
        objects::send(&client, request).await.map(drop)
    })
    .await;
    let started = world.start_operator();
    let beside = small(world, SMALL).await;
    let large_then = rows(world, &format!("agents where namespace = '{NAMESPACE}'"));
    wait_synced(world, LARGE + 2 * SMALL).await;
    let took = started.elapsed();
    world.wait_quiet().await;
    let first = world.operator().process().peak_rss_bytes();
    world.stop_operator();
    world.start_operator();
    wait_synced(world, LARGE + 2 * SMALL).await;
    world.wait_quiet().await;
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
        format!(
            "{SMALL} small resources: {} beside them ({large_then} large rows by then), {} alone; ratio {ratio:.2}",
            millis(beside),
            millis(alone)
        ),
        first.max(restarted) < MOST && ratio <= 2.0,
    );
}

/// How long it takes an operator that has just started until small resources, created now, all have their rows.
async fn small(world: &World, first: usize) -> Duration {
    world.wait("the operator is ready", Duration::from_millis(10), async || world.operator().ready()).await;
    let before = rows(world, "tools");
    let started = Instant::now();
    objects::create(&world.client, objects::NAMESPACE, first..first + SMALL).await;
    world.wait("the small rows", Duration::from_millis(10), async || rows(world, "tools") >= before + SMALL / 2).await;
    started.elapsed()
}

fn rows(world: &World, of: &str) -> usize {
    world.database.psql(&format!("select count(*) from {of}")).trim().parse().unwrap_or(0)
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

fn agent(name: &str) -> Value {
    let text = format!("{name}: you answer what you are asked, briefly and with a source. ");
    json!({"apiVersion": "orloj.dev/v1", "kind": "Agent", "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"model_ref": "default", "prompt": text.repeat(PROMPT / text.len())}})
}
