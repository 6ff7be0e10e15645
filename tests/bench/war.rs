//! What a second writer costs that drops fields which the resources set (`NoWriteWar`).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::say;
use crate::table::Table;
use crate::world::World;

pub const FIGURE: &str = "write-war";

const RESOURCES: usize = 100;
/// Minutes that are counted one by one.
const MINUTES: usize = 4;
/// Between two looks of the other writer.
const PAUSE: Duration = Duration::from_millis(250);
/// Looks of the operator in a minute, by the default of `--status-sync-interval`: a repair at each would be so many.
const LOOKS: f64 = 12.0;
const NAMESPACE: &str = "war";

const DROP: &str = "with dropped as (update tools set payload = payload #- '{spec,a2a,agent_url}', updated_at = now() \
    where namespace = 'war' and payload #> '{spec,a2a,agent_url}' is not null returning 1) select count(*) from dropped";

pub async fn measure(table: &mut Table, world: &mut World) {
    if !table.wants(FIGURE) {
        return;
    }
    say("a write war");
    world.cluster.kubectl(["create", "namespace", NAMESPACE]).expect_ok();
    let tools: Vec<_> = (0..RESOURCES)
        .map(|number| {
            json!({"apiVersion": "orloj.dev/v1", "kind": "Tool",
                "metadata": {"name": format!("tool-{number}"), "namespace": NAMESPACE},
                "spec": {"type": "http", "endpoint": "http://x", "a2a": {"agent_url": "http://y"}}})
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": tools}).to_string();
    world.cluster.kubectl_stdin(["apply", "--server-side", "-f", "-"], &list).expect_ok();
    world.start_operator();
    world.wait_quiet().await;
    let (stop, dropped) = (AtomicBool::new(false), AtomicU64::new(0));
    let database = world.database.clone();
    let counts = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let count = database.psql(DROP).trim().parse().unwrap_or(0);
                dropped.fetch_add(count, Ordering::Relaxed);
                std::thread::sleep(PAUSE);
            }
        });
        let counts: Vec<_> = (0..MINUTES).map(|_| one_minute(world)).collect();
        stop.store(true, Ordering::Relaxed);
        counts
    });
    world.stop_operator();
    #[allow(clippy::cast_precision_loss, reason = "a count")]
    let each = |count: f64| count / RESOURCES as f64;
    let words = |count: fn(&(f64, f64)) -> f64| {
        let minutes: Vec<_> = counts.iter().map(|minute| format!("{:.2}", each(count(minute)))).collect();
        minutes.join(", ")
    };
    let rows: f64 = counts.iter().map(|(rows, _)| rows).sum();
    table.add(
        FIGURE,
        format!("{RESOURCES} Tools, of whose rows another program drops a field 4 times a second: writes a resource in each of {MINUTES} minutes"),
        format!("rows {}; API {}", words(|minute| minute.0), words(|minute| minute.1)),
        format!("{} times undone; a repair at each look: {LOOKS} rows a minute", dropped.load(Ordering::Relaxed)),
        each(rows) <= 7.0,
    );
}

/// Rows and API writes of the operator in a minute.
fn one_minute(world: &World) -> (f64, f64) {
    let count = || {
        let metric = |name: &str, labels: &[(&str, &str)]| world.operator().metric(name, labels).unwrap_or(0.0);
        let rows = metric("orloj_operator_store_rows_total", &[("table", "tools"), ("action", "update")]);
        (rows, metric("orloj_operator_api_writes_total", &[("kind", "Tool")]))
    };
    let before = count();
    std::thread::sleep(Duration::from_mins(1));
    let after = count();
    (after.0 - before.0, after.1 - before.1)
}
