//! CRDs that come late or go.

use std::sync::Arc;

use orloj_operator::registry::Registry;
use orloj_operator::registry::crd::crds_yaml;
use serde_json::json;

use crate::bed::{ControlPlane, ControlPlaneOptions, eventually};
use crate::crowd;
use crate::world::{PATIENCE, World};

/// All CRDs but that of one kind.
fn without_memory(registry: &Registry) -> String {
    let all = crds_yaml(registry);
    let others: Vec<_> = all.split("---\n").filter(|crd| !crd.contains("name: memories.orloj.dev")).collect();
    others.join("---\n")
}

/// A kind whose CRD comes late waits for it, and keeps no other waiting (`Isolation`). A CRD that goes takes its
/// resources along, and they their rows; nothing hangs, and namespaces terminate.
#[test]
fn a_crd_comes_late_and_goes_again() {
    let cluster = Arc::new(ControlPlane::start(&ControlPlaneOptions::default()));
    let builder = World::named("crd").cluster(&cluster).crds(without_memory).also_namespace("b");
    let mut world = builder.everywhere().prepare();
    world.absent.insert("Memory".to_owned());
    let other = format!("{}-b", world.namespace);
    for n in 0..20 {
        world.apply("Tool", &format!("t{n}"), &json!({"type": "http", "endpoint": "http://x"}));
    }
    world.start_operator();
    eventually(PATIENCE, "it says what it waits for", || {
        let answer = world.operator().health("/readyz?verbose")?;
        let parked = answer.body.contains("parked: memories: its CRD is not installed");
        let told = answer.status == 200 && parked;
        if told { Ok(()) } else { Err(answer.body) }
    });
    let started = std::time::Instant::now();
    world.wait_settled();
    assert!(started.elapsed() < std::time::Duration::from_secs(50), "others waited: {:?}", started.elapsed());

    cluster.establish(&crds_yaml(&world.registry));
    world.absent.clear();
    eventually(PATIENCE, "the kind is back", || {
        let parked = world.operator().metric("orloj_operator_kind_parked", &[])?;
        if parked == 0.0 { Ok(()) } else { Err(world.log_tail()) }
    });
    for namespace in [&world.namespace, &other] {
        world.apply_with("Memory", &json!({"name": "notes", "namespace": namespace}), &json!({"type": "kv"}));
    }
    let before = world.wait_settled();
    assert_eq!(crowd::rows(&world), 22);

    cluster.kubectl(["delete", "crd", "memories.orloj.dev", "--timeout=120s"]).expect_ok();
    world.absent.insert("Memory".to_owned());
    world.wait_settled();
    assert_eq!(crowd::rows(&world), 20);
    world.apply_with(
        "Tool",
        &json!({"name": "t", "namespace": other}),
        &json!({"type": "http", "endpoint": "http://x"}),
    );
    world.wait_settled();
    cluster.kubectl(["delete", "namespace", &other, "--timeout=120s"]).expect_ok();
    assert_eq!(crowd::rows(&world), 20);

    // it comes back, with other resources under the old names
    cluster.establish(&crds_yaml(&world.registry));
    world.absent.clear();
    world.apply("Memory", "notes", &json!({"type": "other"}));
    let after = world.wait_settled();
    assert_eq!(crowd::rows(&world), 21);
    let tools = |(key, _): &(&String, &String)| key.starts_with("Tool ") && !key.contains(&other);
    assert_eq!(
        before.iter().filter(tools).collect::<Vec<_>>(),
        after.iter().filter(tools).collect::<Vec<_>>(),
        "the other kinds were left alone"
    );
}
