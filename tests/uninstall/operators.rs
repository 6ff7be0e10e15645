//! Operators that run, slept or come back, and `uninstall` interrupted.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::bed::eventually;
use crate::crowd;
use crate::leaver::{Leaver, grant_hook, held, row_versions, rows, uninstall};
use crate::world::{PATIENCE, World};

const CROWD: usize = 1000;

/// 1,000 resources take seconds; SIGTERM in the middle leaves nothing that a second run does not finish.
#[test]
fn interrupted_and_run_again() {
    let world = World::start("interrupted");
    crowd::create(&world, CROWD);
    world.wait_converged();
    world.operator().stop();
    let before = rows(&world);
    let first = Leaver::start(&world, &[]);
    eventually(PATIENCE, "it has begun", || match held(&world) {
        CROWD => Err(first.log()),
        _ => Ok(()),
    });
    first.process().signal(Signal::SIGTERM);
    let (code, said) = first.end();
    let left = held(&world);
    assert!(left > 0, "it was through already: this proved nothing: {said}");
    assert!(code == 1 && said.contains("interrupted"), "{code} {said}");
    let lease = world.kubectl(&["get", "lease", "orloj-operator-leader", "-o", "json"]).json();
    assert!(lease["spec"]["holderIdentity"].is_null(), "given back: {lease}");

    let started = Instant::now();
    let said = uninstall(&world, &[]);
    assert!(said.contains(&format!("took the finalizer off {left} resources; 1000 rows stay")), "{said}");
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
    assert_eq!(held(&world), 0);
    assert_eq!(rows(&world), before);
}

/// `OneWriter`: an operator that slept through it all can neither write a row nor put its finalizer back.
#[test]
fn an_operator_that_slept_commits_nothing() {
    let world = World::named("slept").short_lease().start();
    for n in 0..5 {
        world.apply("Memory", &format!("m{n}"), &json!({"type": "kv"}));
    }
    world.wait_settled();
    let term = || {
        let text = world.database.psql("select epoch, cluster from orloj_operator.leader");
        let (epoch, cluster) = text.split_once('\t').expect("one term");
        (epoch.parse::<u64>().expect("a number"), cluster.to_owned())
    };
    let (epoch, cluster) = term();
    world.operator().pause();
    let said = uninstall(&world, &[]);
    assert!(said.contains("took the finalizer off 5 resources; 5 rows stay"), "{said}");
    assert_eq!(term(), (epoch + 1, cluster), "the sleeper's own term has ended in the store");
    // for the sleeper to write
    world.apply("Memory", "m0", &json!({"type": "changed"}));
    let before = row_versions(&world);
    world.operator().resume();
    let ended = world.operator().process().wait(PATIENCE).expect("it ends");
    assert!(!ended.success());
    assert_eq!(row_versions(&world), before);
    assert_eq!(held(&world), 0);
}

/// One that is alive is not robbed of its resources.
#[test]
fn an_operator_that_runs_is_left_alone() {
    let world = World::named("alive").short_lease().start();
    world.apply("Memory", "m", &json!({"type": "kv"}));
    let before = world.wait_settled();
    let (code, said) = Leaver::start(&world, &["--policy", "delete"]).end();
    assert!(code == 2 && said.contains("while an operator runs") && said.contains("holds it, and renews it"), "{said}");
    assert_eq!(world.wait_settled(), before);
}

/// Nor is one whose Deployment does not stop, as where the rights on it are missing: it would put back what is taken
/// off.
#[test]
fn an_operator_that_does_not_stop_is_left_alone() {
    let world = World::named("stubborn").short_lease().start();
    world.apply("Memory", "m", &json!({"type": "kv"}));
    let before = world.wait_settled();
    world.kubectl_apply(&deployment(&world, 1).to_string());
    let args = ["--policy", "delete", "--deployment", "operator", "--stop-timeout", "2s"];
    let (code, said) = Leaver::start(&world, &args).end();
    assert!(code == 2 && said.contains("did not stop") && said.contains("holds it, and renews it"), "{said}");
    assert!(said.contains("forbidden") && !said.contains("Status {"), "{said}");
    assert_eq!(world.wait_settled(), before);
    assert_eq!(held(&world), 1);
}

fn deployment(world: &World, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "operator", "namespace": world.namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "operator"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["x"]}]},
            "template": pod_template(),
        },
    })
}

fn pod_template() -> Value {
    json!({
        "metadata": {"labels": {"app": "operator", "tier": "x"}},
        "spec": {"containers": [{"name": "operator", "image": "example.com/none"}]},
    })
}

fn pod(world: &World, name: &str) {
    let mut pod = pod_template();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["namespace"] = json!(world.namespace);
    world.kubectl_apply(&pod.to_string());
}

/// The Deployment is scaled to nothing, and its pods waited for: no finalizer comes off before they are gone.
#[test]
fn the_deployment_stops_first() {
    let world = World::start("stops");
    world.apply("Memory", "m", &json!({"type": "kv"}));
    world.wait_settled();
    grant_hook(&world);
    world.kubectl_apply(&deployment(&world, 2).to_string());
    pod(&world, "one");
    pod(&world, "done");
    let done = r#"{"status": {"phase": "Succeeded"}}"#;
    world.kubectl(&["patch", "pod", "done", "--subresource=status", "--type=merge", "-p", done]).expect_ok();
    // its process is gone, and with it the lease: what is waited for is the pod
    world.operator().stop();
    let leaver = Leaver::start(&world, &["--deployment", "operator"]);
    eventually(PATIENCE, "it is scaled to 0", || {
        let found = world.kubectl(&["get", "deployment", "operator", "-o", "json"]).json();
        if found["spec"]["replicas"] == 0 { Ok(()) } else { Err(leaver.log()) }
    });
    // a span is the subject: it waits
    std::thread::sleep(Duration::from_secs(2));
    assert!(leaver.process().exited().is_none(), "{}", leaver.log());
    assert_eq!(held(&world), 1);
    // as the kubelet would
    world.kubectl(&["delete", "pod", "one", "--force", "--grace-period=0"]).expect_ok();
    let (code, said) = leaver.end();
    assert!(code == 0 && said.contains("none of its pods is left"), "{said}");
    assert_eq!(held(&world), 0);
}

/// Pods that do not end hold nothing up for longer than was said; a Deployment that is not there counts as stopped.
#[test]
fn a_deployment_that_does_not_stop_is_told_of() {
    let world = World::named("stuck").short_lease().start();
    world.apply("Memory", "m", &json!({"type": "kv"}));
    world.wait_settled();
    grant_hook(&world);
    let args = ["--deployment", "operator", "--stop-timeout", "2s"];
    // rights are by name, so another one is forbidden, which is no proof of its absence
    world.operator().stop();
    let said = uninstall(&world, &args);
    assert!(said.contains("no Deployment") && said.contains("nothing to stop"), "{said}");

    world.operator().start_again();
    world.operator().wait_ready(PATIENCE);
    world.wait_settled();
    world.kubectl_apply(&deployment(&world, 1).to_string());
    pod(&world, "one");
    // frozen with its pod: neither ends nor renews
    world.operator().pause();
    let said = uninstall(&world, &args);
    assert!(said.contains("warning: Deployment") && said.contains("1 of its pods still run"), "{said}");
    assert_eq!(held(&world), 0);
    world.operator().resume();
    assert!(world.operator().process().wait(PATIENCE).is_some_and(|status| !status.success()));
    assert_eq!(held(&world), 0);
}
