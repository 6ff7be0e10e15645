//! `helm uninstall` where something is in its way.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bed::HelmLine;
use crate::release::{NAME, Release};
use crate::site::{self, PROGRAM, Site};

fn memory(namespace: &str, name: &str) -> String {
    let metadata = json!({"name": name, "namespace": namespace});
    json!({"apiVersion": "orloj.dev/v1", "kind": "Memory", "metadata": metadata, "spec": {"type": "kv"}}).to_string()
}

/// A release in a namespace, with a synced resource in another.
fn released<'a>(site: &'a Site, line: HelmLine, name: &str, values: &[&str]) -> (Release<'a>, String) {
    let watched = format!("{name}-in");
    site.namespace(&watched);
    let release = Release::prepare(site, line, name);
    let cluster = format!("operator.clusterId={name}");
    release.expect(release.install_within(&[&watched], &[&["--set", &cluster], values].concat()));
    site.apply(&memory(&watched, "notes"));
    site.wait_synced(&watched, 1);
    (release, watched)
}

/// The namespace of the resources, and all that is in it, can go without an operator.
fn expect_free(site: &Site, namespace: &str) {
    let finalizers = ["get", "memory", "notes", "-n", namespace, "-o", "jsonpath={.metadata.finalizers}"];
    assert_eq!(site.kubectl(finalizers).expect_ok(), "");
    site.kubectl(["delete", "namespace", namespace, "--timeout=60s"]).expect_ok();
}

/// The database is gone and so is the policy to delete the rows: nothing sticks, and what is left behind is told.
#[test]
fn without_the_database_the_resources_go_and_the_rows_are_told_of() {
    for (line, name) in [(HelmLine::Three, "dbless-3"), (HelmLine::Four, "dbless-4")] {
        let site = site::shared();
        let values = "operator.uninstall.policy=delete,operator.uninstall.storeTimeoutSeconds=5";
        let (release, watched) = released(site, line, name, &["--set", values]);
        let dsn = json!({"stringData": {"postgres-dsn": "postgres://orloj:x@127.0.0.1:9/orloj?sslmode=disable"}});
        site.kubectl(["patch", "secret", NAME, "-n", name, "-p", &dsn.to_string()]).expect_ok();
        let began = Instant::now();
        release.expect(release.helm_plain("uninstall", &["--wait"]));
        assert!(began.elapsed() < Duration::from_mins(2), "{:?}", began.elapsed());
        let events =
            ["get", "events", "-A", "-o", "jsonpath={range .items[*]}{.type} {.reason} {.message}{\"\\n\"}{end}"];
        let events = site.kubectl(events).expect_ok();
        let told = events.lines().find(|line| line.starts_with("Warning RowsLeftBehind"));
        assert!(told.is_some(), "{events}");
        assert!(site.node.logs(name).contains("may stay behind"), "{}", site.node.logs(name));
        expect_free(site, &watched);
        assert_eq!(release.count_rows("memories"), "1");
    }
}

/// A Secret that somebody took away before is a database that is gone; a node that is away keeps no pod for ever.
#[test]
fn without_the_secret_or_with_no_replica_it_goes_through() {
    let site = site::shared();
    let values = "operator.replicaCount=1,operator.uninstall.storeTimeoutSeconds=5";
    let (release, watched) = released(site, HelmLine::Four, "secretless", &["--set", values]);
    site.kubectl(["scale", "deployment", NAME, "-n", "secretless", "--replicas=0"]).expect_ok();
    site.kubectl(["delete", "secret", NAME, "-n", "secretless"]).expect_ok();
    release.expect(release.helm_plain("uninstall", &["--wait"]));
    expect_free(site, &watched);
    assert_eq!(release.count_rows("memories"), "1");
}

/// The hook is a switch: without it the release goes at once, and resources keep the finalizer until an operator is
/// back.
#[test]
fn without_the_hook_the_finalizer_stays_until_an_operator_is_back() {
    let site = site::shared();
    let (release, watched) =
        released(site, HelmLine::Three, "hookless", &["--set", "operator.uninstall.enabled=false"]);
    release.expect(release.helm_plain("uninstall", &["--wait"]));
    let finalizers = ["get", "memory", "notes", "-n", &watched, "-o", "jsonpath={.metadata.finalizers}"];
    assert_eq!(site.kubectl(finalizers).expect_ok(), r#"["orloj.dev/sync"]"#);
    release.expect(release.install_within(&[&watched], &["--set", "operator.clusterId=hookless"]));
    site.kubectl(["delete", "memory", "notes", "-n", &watched, "--timeout=60s"]).expect_ok();
    assert_eq!(release.count_rows("memories"), "0");
    release.expect(release.helm_plain("uninstall", &["--wait"]));
}

/// With a watched namespace go the operator's rights in it: what is still there then waits for rights from elsewhere,
/// as the chart's README says.
#[test]
fn a_watched_namespace_that_went_first_can_still_go() {
    let site = site::shared();
    let (release, watched) = released(site, HelmLine::Four, "hasty", &[]);
    site.kubectl(["delete", "namespace", &watched, "--wait=false"]).expect_ok();
    let output =
        Command::new(PROGRAM).args(["kinds", "rbac", "--namespace", "hasty"]).output().expect("the program runs");
    site.apply(&String::from_utf8_lossy(&output.stdout));
    site.kubectl(["wait", "--for=delete", &format!("namespace/{watched}"), "--timeout=60s"]).expect_ok();
    assert_eq!(release.count_rows("memories"), "0");
    release.expect(release.helm_plain("uninstall", &["--wait"]));
}
