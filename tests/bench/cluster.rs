//! One operator's life against a real API server and Postgres: first sync, rest, restart, changes, growth.

use std::time::{Duration, Instant};

use kube::Client;

use crate::machine::Load;
use crate::samples::{Samples, median, megabytes, millis, rate};
use crate::table::Table;
use crate::world::World;
use crate::{birth, changes, large, objects, say, war};

/// Resources that the bare client acknowledges for comparison.
const BARE: usize = 2_000;
const REST: Duration = Duration::from_secs(30);
const CHANGES_AT_REST: usize = 100;
const BARE_NAMESPACE: &str = "bare";
/// Restarts whose memory is looked at.
const RESTARTS: usize = 5;
/// Between two changes at rest.
const BETWEEN: Duration = Duration::from_millis(20);
/// Between two changes while the backlog is worked off.
const PACE: Duration = Duration::from_millis(400);

const SYNC: [&str; 2] = ["first-sync", "acknowledged"];
const QUIET: [&str; 3] = ["restart", "rest", "change"];
const MORE: [&str; 2] = ["change-under-load", "memory-object"];

pub async fn measure(table: &mut Table, objects: usize) {
    if table.wants(large::FIGURE) {
        // a world of its own: what it writes would slow the API server down for the others
        large::measure(table, &mut World::start().await).await;
    }
    if !table.wants_any(&[&SYNC[..], &QUIET[..], &MORE[..], &["memory", birth::FIGURE, war::FIGURE]].concat()) {
        return;
    }
    let mut world = World::start().await;
    table.note(world.versions());
    let (bare, acknowledged) = first_sync(table, &mut world, objects).await;
    if table.wants("rest") {
        at_rest(table, &world).await;
    }
    if table.wants("change") {
        changes_at_rest(table, &world, objects, &bare).await;
    }
    if table.wants("restart") {
        restart(table, &mut world).await;
    }
    if table.wants_any(&MORE) {
        grow(table, &mut world, objects).await;
    }
    world.stop_operator();
    if table.wants("acknowledged") {
        acknowledged.compare(table, &world.client, objects).await;
    }
    birth::measure(table, &mut world).await;
    war::measure(table, &mut world).await;
}

/// How fast the operator acknowledged, and a bare client before it.
struct Acknowledged {
    what: String,
    rate: f64,
    bare_before: f64,
}

impl Acknowledged {
    /// An API server slows down as its history grows, so the bare client goes before the operator and after it.
    async fn compare(self, table: &mut Table, client: &Client, objects: usize) {
        let after = bare_rate(client, objects, async |_| ()).await;
        let (before, bare) = (self.bare_before, f64::midpoint(self.bare_before, after));
        table.add(
            "acknowledged",
            format!("{objects} resources, finalizer and status on all"),
            self.what,
            format!(
                "bare client, 8 at once: {before:.0} patches/s before, {after:.0} after; {:.0} % of the mean",
                self.rate / bare * 100.0
            ),
            self.rate >= 0.8 * bare,
        );
    }
}

/// A bare client acknowledges resources of its own; `then` may use them before they are removed.
async fn bare_rate(client: &Client, objects: usize, then: impl AsyncFnOnce(&Client)) -> f64 {
    let (uids, _) = objects::create(client, BARE_NAMESPACE, objects..objects + BARE).await;
    let rate = rate(2 * BARE, objects::acknowledge(client, BARE_NAMESPACE, objects, &uids).await);
    then(client).await;
    objects::remove(client, BARE_NAMESPACE, objects..objects + BARE).await;
    rate
}

/// Returns how long a change takes that a bare client acknowledges itself, and how fast all was acknowledged.
async fn first_sync(table: &mut Table, world: &mut World, objects: usize) -> (Samples, Acknowledged) {
    let client = world.client.clone();
    say(format!("creating {objects} resources"));
    let (_, took) = objects::create(&client, objects::NAMESPACE, 0..objects).await;
    say(format!("created {:.0}/s", rate(objects, took)));
    let (mut bare, mut bare_changes) = (0.0, Samples::default());
    if table.wants_any(&["acknowledged", "change"]) {
        bare = bare_rate(&client, objects, async |client| {
            for turn in 0..CHANGES_AT_REST {
                let (number, text) = (objects + turn * 7, format!("changed {turn}"));
                bare_changes.add(changes::acknowledged(client, BARE_NAMESPACE, number, &text, true).await);
                tokio::time::sleep(BETWEEN).await;
            }
        })
        .await;
    }
    let mut lists = Vec::new();
    for _ in 0..3 {
        lists.push(objects::list(&client, |_| ()).await);
    }
    let listed = median(lists);

    say("starting the operator");
    let load = Load::now();
    let started = world.start_operator();
    world.wait_rows(objects).await;
    let rows_there = started.elapsed();
    let led = led_after(world);
    let from_lead = rows_there.saturating_sub(led);
    let ratio = from_lead.as_secs_f64() / listed.as_secs_f64();
    table.add(
        "first-sync",
        format!("{objects} resources, from leading until all rows are there"),
        format!("{} ({} from the process's start)", millis(from_lead), millis(rows_there)),
        format!("bare paged list: {}; ratio {ratio:.2}", millis(listed)),
        ratio <= 3.0,
    );

    // the first patch is on its way about when the last row is there
    let first_patch = Instant::now();
    let sent_before = world.patches("finalizer") + world.patches("status");
    world.wait("all is acknowledged", Duration::from_millis(200), async || world.patches("status") >= objects).await;
    let took = first_patch.elapsed();
    let sent = world.patches("finalizer") + world.patches("status") - sent_before;
    let cpu = world.operator().process().cpu_seconds();
    let busy = load.busy_since();
    let (all, acknowledged) = objects::count_acknowledged(&client).await;
    assert_eq!((all, acknowledged), (objects, objects), "not all is acknowledged");
    let achieved = rate(sent, took);
    let what = format!(
        "{achieved:.0} patches/s; all after {:.1} s; {cpu:.1} s of processor time (all processors {:.0} % busy)",
        started.elapsed().as_secs_f64(),
        busy * 100.0
    );
    let acknowledged = Acknowledged { what, rate: achieved, bare_before: bare };

    world.wait_quiet().await;
    let process = world.operator().process();
    let (rss, peak) = (process.rss_bytes(), process.peak_rss_bytes());
    table.add(
        "memory",
        format!("RSS with {objects} resources, all acknowledged"),
        format!("{:.1} MB, at most {:.1} MB", megabytes(rss), megabytes(peak)),
        "the original: 110 to 120 MB".to_owned(),
        rss <= 40_000_000,
    );
    (bare_changes, acknowledged)
}

/// When the operator began to lead, from its own log, after its first line.
fn led_after(world: &World) -> Duration {
    let log = world.operator().log();
    let time = |line: &str| -> Option<jiff::Timestamp> {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        line["timestamp"].as_str()?.parse().ok()
    };
    let first = log.lines().find_map(time);
    let led = log.lines().filter(|line| line.contains("writing under a new epoch")).find_map(time);
    let (Some(first), Some(led)) = (first, led) else { return Duration::ZERO };
    Duration::try_from(led.duration_since(first)).unwrap_or_default()
}

async fn at_rest(table: &mut Table, world: &World) {
    say("at rest");
    let process = world.operator().process();
    let (api, versions) = (world.api_writes(), world.row_versions());
    let (cpu, began) = (process.cpu_seconds(), Instant::now());
    tokio::time::sleep(REST).await;
    let share = (process.cpu_seconds() - cpu) / began.elapsed().as_secs_f64();
    let writes = world.api_writes() - api;
    let changed = world.row_versions() != versions;
    table.add(
        "rest",
        format!("{} s at rest", REST.as_secs()),
        format!(
            "{writes} API writes, {} row writes, {:.2} % of a core",
            if changed { "some" } else { "0" },
            share * 100.0
        ),
        "the original: 160 to 300 object writes a second".to_owned(),
        writes == 0.0 && !changed && share < 0.01,
    );
}

async fn changes_at_rest(table: &mut Table, world: &World, objects: usize, bare: &Samples) {
    say("changes at rest");
    let mut samples = Samples::default();
    for turn in 0..CHANGES_AT_REST {
        let number = (turn * 97) % objects;
        let text = format!("changed at rest {turn}");
        samples.add(changes::acknowledged(&world.client, objects::NAMESPACE, number, &text, false).await);
        tokio::time::sleep(BETWEEN).await;
    }
    let (p50, p99) = (samples.quantile(0.5), samples.quantile(0.99));
    table.add(
        "change",
        format!("one change to its acknowledgement, at rest, {} of them", samples.len()),
        format!("p50 {}, p99 {}", millis(p50), millis(p99)),
        format!(
            "both writes by a bare client, no store: p50 {}, p99 {}; the original elsewhere: 26 and 61 ms",
            millis(bare.quantile(0.5)),
            millis(bare.quantile(0.99))
        ),
        p50 < Duration::from_millis(26) && p99 < Duration::from_millis(61),
    );
}

async fn restart(table: &mut Table, world: &mut World) {
    say("restarting");
    world.wait_quiet().await;
    let stopping = Instant::now();
    world.stop_operator();
    let stopped = stopping.elapsed();
    let (api, versions) = (world.api_writes(), world.row_versions());
    let started = world.start_operator();
    world.wait_quiet().await;
    let quiet = started.elapsed();
    // past the next reading of changed rows
    tokio::time::sleep(Duration::from_secs(6)).await;
    let writes = world.api_writes() - api;
    let changed = world.row_versions() != versions;
    let process = world.operator().process();
    table.add(
        "restart",
        "restart with nothing changed".to_owned(),
        format!(
            "{writes} API writes, {} row writes; stopped in {}, quiet after {:.1} s, {:.1} MB RSS, at most {:.1} MB",
            if changed { "some" } else { "0" },
            millis(stopped),
            quiet.as_secs_f64(),
            megabytes(process.rss_bytes()),
            megabytes(process.peak_rss_bytes())
        ),
        "the original rewrites all".to_owned(),
        writes == 0.0 && !changed,
    );
}

/// RSS after a restart, the middle one of several: what a first sync leaves behind in the allocator, and by how much it
/// rounds up, would hide what a resource takes.
async fn settled_rss(world: &mut World) -> u64 {
    let mut sizes = Vec::new();
    for _ in 0..RESTARTS {
        world.stop_operator();
        world.start_operator();
        world.wait_quiet().await;
        sizes.push(world.operator().process().rss_bytes());
    }
    sizes.sort_unstable();
    sizes[RESTARTS / 2]
}

/// As many resources again, there when the operator starts; while they are acknowledged, a person changes some.
async fn grow(table: &mut Table, world: &mut World, objects: usize) {
    let before = if table.wants("memory-object") { settled_rss(world).await } else { 0 };
    say(format!("{objects} more"));
    world.stop_operator();
    let client = world.client.clone();
    objects::create(&client, objects::NAMESPACE, objects..2 * objects).await;
    world.start_operator();
    world.wait_rows(2 * objects).await;
    world.wait("the first patch", Duration::from_millis(20), async || world.patches("status") > 0).await;
    let mut samples = Samples::default();
    while world.patches("status") + 200 < objects {
        let number = (samples.len() * 131) % (2 * objects);
        let text = format!("changed under load {}", samples.len());
        samples.add(changes::acknowledged(&client, objects::NAMESPACE, number, &text, false).await);
        tokio::time::sleep(PACE).await;
    }
    let (p50, p99) = (samples.quantile(0.5), samples.quantile(0.99));
    table.add(
        "change-under-load",
        format!("the same while {objects} are being acknowledged, {} of them", samples.len()),
        format!("p50 {}, p99 {}", millis(p50), millis(p99)),
        "the original: p50 2.2 s".to_owned(),
        p99 < Duration::from_secs(1),
    );
    world.wait("all is acknowledged", Duration::from_millis(250), async || world.patches("status") >= objects).await;
    world.wait_quiet().await;
    if !table.wants("memory-object") {
        return;
    }
    let now = settled_rss(world).await;
    #[allow(clippy::cast_precision_loss, reason = "far from 2^52")]
    let each = (now as f64 - before as f64) / objects as f64;
    table.add(
        "memory-object",
        format!("each further resource, from {objects} to {}, each the middle one of {RESTARTS} restarts", 2 * objects),
        format!("{each:.0} B"),
        format!("{:.1} MB against {:.1} MB RSS", megabytes(now), megabytes(before)),
        each <= 300.0,
    );
}
