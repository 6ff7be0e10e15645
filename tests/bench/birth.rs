//! What a finalizer from birth saves: the chart's `MutatingAdmissionPolicy` against the operator's own patch.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::samples::{median, rate};
use crate::table::Table;
use crate::world::World;
use crate::{objects, say};

pub const FIGURE: &str = "finalizer-at-creation";

/// New resources of one turn.
const NEW: usize = 1_000;
/// Turns, with and without the policy alternately: the API server slows down as its history grows.
const TURNS: usize = 6;
const NAMESPACE: &str = "birth";

/// A turn: resources are created as fast as the API server takes them, while the operator acknowledges.
struct Turn {
    /// Of the operator's, to resources.
    writes: usize,
    /// From the first creation until the last acknowledgement.
    took: Duration,
    created: Duration,
}

pub async fn measure(table: &mut Table, world: &mut World) {
    if !table.wants(FIGURE) {
        return;
    }
    say("the finalizer from birth");
    let policy = policy();
    world.cluster.kubectl(["create", "namespace", NAMESPACE]).expect_ok();
    world.start_operator();
    world.wait_quiet().await;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        if turn % 2 == 0 {
            without.push(one_turn(world).await);
        } else {
            world.cluster.kubectl_stdin(["apply", "--server-side", "-f", "-"], &policy).expect_ok();
            wait_policy(world, true).await;
            with.push(one_turn(world).await);
            world.cluster.kubectl_stdin(["delete", "-f", "-"], &policy).expect_ok();
            wait_policy(world, false).await;
        }
    }
    world.stop_operator();
    #[allow(clippy::cast_precision_loss, reason = "a count")]
    let each = |turns: &[Turn]| turns.iter().map(|turn| turn.writes).sum::<usize>() as f64 / (turns.len() * NEW) as f64;
    let took = |turns: &[Turn]| median(turns.iter().map(|turn| turn.took).collect());
    let created = |turns: &[Turn]| rate(NEW, median(turns.iter().map(|turn| turn.created).collect()));
    let words = |turns: &[Turn]| {
        let (each, took, created) = (each(turns), took(turns).as_secs_f64(), created(turns));
        format!("{each:.2} API writes a resource; all acknowledged after {took:.1} s, created {created:.0}/s")
    };
    table.add(
        FIGURE,
        format!("{NEW} new resources, the finalizer by the chart's policy, the middle one of {} turns", with.len()),
        words(&with),
        format!("by the operator: {}", words(&without)),
        (each(&with) - 1.0).abs() < f64::EPSILON && took(&with) < took(&without),
    );
}

async fn one_turn(world: &World) -> Turn {
    let sent = || world.patches("finalizer") + world.patches("status");
    let (before, acknowledged) = (sent(), world.patches("status"));
    let started = Instant::now();
    let (_, created) = objects::create(&world.client, NAMESPACE, 0..NEW).await;
    world
        .wait("all is acknowledged", Duration::from_millis(20), async || world.patches("status") >= acknowledged + NEW)
        .await;
    let (took, writes) = (started.elapsed(), sent() - before);
    objects::remove(&world.client, NAMESPACE, 0..NEW).await;
    world.wait_quiet().await;
    Turn { writes, took, created }
}

/// A policy counts from some moment on, and until another, of which the API server does not tell.
async fn wait_policy(world: &World, counts: bool) {
    world
        .wait("the policy is heeded", Duration::from_millis(100), async || {
            let probe = objects::Named::new(NEW).manifest(NAMESPACE).to_string();
            let dry = ["create", "--dry-run=server", "-o", "jsonpath={.metadata.finalizers}", "-f", "-"];
            world.cluster.kubectl_stdin(dry, &probe).expect_ok().is_empty() != counts
        })
        .await;
}

/// As the chart has it.
fn policy() -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    let run = |command: &mut Command| {
        let output = command.current_dir(root).output().expect("it can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it speaks UTF-8")
    };
    let helms = run(&mut Command::new("tests/chart/helm.sh"));
    let helm = helms.lines().last().expect("a helm");
    run(Command::new(helm)
        .args(["template", "bench", "chart", "--show-only", "templates/finalizer-policy.yaml"])
        .args(["--set", "operator.enabled=true,operator.finalizerAtCreation.enabled=true"])
        .args(["--api-versions", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"]))
}
