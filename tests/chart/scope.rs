//! Some namespaces only, and the finalizer that is there from birth.

use serde_json::{Value, json};

use crate::bed::HelmLine;
use crate::bed::{Kubectl, eventually};
use crate::release::{NAME, Release};
use crate::site::{self, PATIENCE, Site};

fn memory(namespace: &str, name: &str, finalizers: &[&str]) -> Value {
    json!({
        "apiVersion": "orloj.dev/v1", "kind": "Memory",
        "metadata": {"name": name, "namespace": namespace, "finalizers": finalizers},
        "spec": {"type": "kv"},
    })
}

fn finalizers(site: &Site, namespace: &str, name: &str) -> Value {
    site.kubectl(["-n", namespace, "get", "memory", name, "-o", "json"]).json()["metadata"]["finalizers"].clone()
}

#[test]
fn nothing_outside_is_touched_or_read() {
    let site = site::shared();
    for namespace in ["scope-in", "scope-out"] {
        site.namespace(namespace);
        site.apply(&memory(namespace, "notes", &[]).to_string());
    }
    let outside = || site.kubectl(["-n", "scope-out", "get", "memory", "notes", "-o", "json"]).expect_ok();
    let before = outside();
    let release = Release::prepare(site, HelmLine::Three, "chart-scope");
    // With a name for the cluster there is no right outside at all.
    let name = ["--set", "operator.clusterId=blue"];
    release.expect(release.install_within(&["scope-in"], &name));
    site.wait_synced("scope-in", 1);
    release.quiet_writes();
    assert_eq!(outside(), before);
    assert_eq!(release.database.psql("select name from memories"), "scope-in/notes");

    let account = Kubectl::new(site.plane.service_account_kubeconfig("chart-scope", NAME));
    let refused = |args: &[&str]| {
        let output = account.run(args);
        assert!(!output.ok && output.stderr.contains("forbidden"), "{args:?}: {output:?}");
    };
    account.run(["get", "tools.orloj.dev", "-n", "scope-in"]).expect_ok();
    for resource in ["tools.orloj.dev", "secrets.orloj.dev", "secrets"] {
        refused(&["get", resource, "-n", "scope-out"]);
        refused(&["get", resource, "-A"]);
    }
    refused(&["get", "secrets", "-n", "chart-scope"]);
    refused(&["get", "secrets", "-n", "scope-in"]);
    refused(&["get", "namespace", "kube-system"]);
    refused(&["get", "leases", "-n", "scope-in"]);
    site.kubectl(["-n", "scope-in", "delete", "memory", "notes", "--timeout=60s"]).expect_ok();
    release.expect(release.helm_plain("uninstall", &["--wait"]));
}

/// Writes of a pod to the API server about one resource, by what was written.
fn api_writes(release: &Release<'_>, what: &str) -> f64 {
    let leader = release.leader().expect("one leads");
    let text = release.site.node.get(&release.namespace, &leader, 8080, "/metrics").expect("metrics answer").body;
    crate::bed::metrics_sum(&text, "orloj_operator_api_writes_total", &[("what", what), ("kind", "Memory")])
}

#[test]
fn a_finalizer_from_birth() {
    let site = site::shared();
    for namespace in ["birth", "birth-elsewhere"] {
        site.namespace(namespace);
    }
    let release = Release::prepare(site, HelmLine::Four, "chart-birth");
    let with = |replicas: &str, policy: &str| {
        ["--set".to_owned(), format!("operator.replicaCount={replicas},operator.finalizerAtCreation.enabled={policy}")]
    };
    // Nobody but the API server can have added it.
    let [set, values] = &with("0", "true");
    release.expect(release.install_within(&["birth"], &[set, values]));
    let rehearsed = memory("birth", "rehearsal", &[]).to_string();
    eventually(PATIENCE, "the policy works", || {
        let create = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
        let created = site.plane.kubectl_stdin(create, &rehearsed).json();
        let finalizers = created["metadata"]["finalizers"].clone();
        if finalizers == json!(["orloj.dev/sync"]) { Ok(()) } else { Err(finalizers.to_string()) }
    });
    site.apply(&memory("birth", "plain", &[]).to_string());
    site.apply(&memory("birth", "kept", &["example.com/keep"]).to_string());
    site.apply(&memory("birth-elsewhere", "plain", &[]).to_string());
    assert_eq!(finalizers(site, "birth", "plain"), json!(["orloj.dev/sync"]));
    assert_eq!(finalizers(site, "birth", "kept"), json!(["example.com/keep", "orloj.dev/sync"]));
    assert_eq!(finalizers(site, "birth-elsewhere", "plain"), Value::Null);

    let [set, values] = &with("1", "true");
    release.expect(release.upgrade_within(&["birth"], &[set, values]));
    site.wait_synced("birth", 2);
    release.quiet_writes();
    assert_eq!((api_writes(&release, "finalizer"), api_writes(&release, "status")), (0.0, 2.0), "one write each");

    let [set, values] = &with("1", "false");
    release.expect(release.upgrade_within(&["birth"], &[set, values]));
    let policies = ["get", "mutatingadmissionpolicy,mutatingadmissionpolicybinding", "-o", "name"];
    assert_eq!(site.kubectl(policies).expect_ok(), "");
    eventually(PATIENCE, "the policy works no more", || {
        let create = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
        let created = site.plane.kubectl_stdin(create, &rehearsed).json();
        if created["metadata"]["finalizers"].is_null() { Ok(()) } else { Err("it still does") }
    });
    site.apply(&memory("birth", "late", &[]).to_string());
    site.wait_synced("birth", 3);
    release.quiet_writes();
    // The same pod: nothing in it has changed, so it was not replaced.
    assert_eq!((api_writes(&release, "finalizer"), api_writes(&release, "status")), (1.0, 3.0), "two writes more");
    release.expect(release.helm_plain("uninstall", &["--wait"]));
}
