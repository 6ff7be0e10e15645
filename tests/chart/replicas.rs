//! Two replicas: what stands around them, and what happens when the one that leads is killed.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::bed::HelmLine;
use crate::bed::{TableWrites, eventually};
use crate::release::{NAME, Release};
use crate::site::{self, PATIENCE, Site};

const DESK: &str = "replicas-desk";

/// How many resources are there before the leader dies.
const RESOURCES: u64 = 20;

#[test]
fn the_other_one_takes_over() {
    let site = site::shared();
    monitors(site);
    site.namespace(DESK);
    let release = Release::prepare(site, HelmLine::Four, "chart-replicas");
    // A change of leader within seconds.
    let lease = "operator.extraArgs={--lease-duration=6s,--renew-deadline=5s,--retry-period=500ms}";
    let monitor = "operator.serviceMonitor.enabled=true,operator.serviceMonitor.labels.release=prometheus";
    let values = ["--set", "operator.replicaCount=2", "--set", lease, "--set", monitor];
    release.expect(release.install_within(&[DESK], &values));
    what_stands_around(&release);
    roles(site);
    events(&release);
    take_over(&release);
    release.expect(release.helm_plain("uninstall", &["--wait"]));
}

/// The definition that `ServiceMonitors` need, as small as it can be.
fn monitors(site: &Site) {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com", "scope": "Namespaced",
            "names": {"plural": "servicemonitors", "singular": "servicemonitor", "kind": "ServiceMonitor"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    });
    site.plane.establish(&definition.to_string());
}

/// Budget, Service, policy and monitor all mean these two pods.
fn what_stands_around(release: &Release<'_>) {
    let site = release.site;
    let get = |kind: &str, name: &str| site.kubectl(["get", "-n", &release.namespace, kind, name, "-o", "json"]).json();
    let pods = release.ready_pods();
    assert_eq!(pods.len(), 2);
    let budget = eventually(PATIENCE, "the budget counts two pods", || {
        let budget = get("pdb", NAME);
        let status = &budget["status"];
        if status["expectedPods"] == 2 && status["currentHealthy"] == 2 { Ok(budget) } else { Err(status.to_string()) }
    });
    assert_eq!(budget["status"]["disruptionsAllowed"], 1);

    let addresses: Vec<Value> = pods.iter().map(|pod| get("pod", pod)["status"]["podIP"].clone()).collect();
    eventually(PATIENCE, "the Service leads to both", || {
        let slices =
            ["endpointslices", "-n", &release.namespace, "-l", "kubernetes.io/service-name=orloj-operator-metrics"];
        let slices = site.items(&slices)?;
        let Some(slice) = slices.first() else { return Err("no EndpointSlice".to_owned()) };
        let ends: Vec<&Value> = slice["endpoints"].as_array().into_iter().flatten().collect();
        let ready = ends.iter().filter(|end| end["conditions"]["ready"] == true);
        let ready: Vec<&Value> = ready.map(|end| &end["addresses"][0]).collect();
        let all = ready.len() == 2 && addresses.iter().all(|address| ready.contains(&address));
        if all && slice["ports"][0]["port"] == 8080 { Ok(()) } else { Err(slice.to_string()) }
    });
    for pod in &pods {
        let answer = site.node.get(&release.namespace, pod, 8080, "/metrics").expect("metrics answer");
        assert!(answer.body.contains("orloj_operator_build_info"), "{}", answer.body);
    }

    let policy = get("networkpolicy", NAME);
    assert_eq!(selected(release, "pods", &policy["spec"]["podSelector"]["matchLabels"]).len(), 2);
    let ports = policy["spec"]["ingress"].as_array().into_iter().flatten().map(|rule| rule["ports"][0]["port"].clone());
    assert_eq!(ports.collect::<Vec<_>>(), [json!("metrics"), json!("health")]);
    let container = get("pod", &pods[0])["spec"]["containers"][0]["ports"].clone();
    let names: Vec<_> = container.as_array().into_iter().flatten().map(|port| port["name"].clone()).collect();
    assert_eq!(names, [json!("metrics"), json!("health")]);

    let monitor = get("servicemonitor", NAME);
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    let services = selected(release, "services", &monitor["spec"]["selector"]["matchLabels"]);
    assert_eq!(services.len(), 1);
    assert_eq!(services[0]["spec"]["ports"][0]["name"], monitor["spec"]["endpoints"][0]["port"]);
}

fn selected(release: &Release<'_>, kind: &str, labels: &Value) -> Vec<Value> {
    let pairs = labels.as_object().into_iter().flatten();
    let selector: Vec<_> = pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    assert!(!selector.is_empty());
    release.site.items(&[kind, "-n", &release.namespace, "-l", &selector.join(",")]).expect("a list")
}

/// What people may do by the cluster's own roles.
fn roles(site: &Site) {
    for role in ["view", "edit", "admin"] {
        let (role_flag, user) = (format!("--clusterrole={role}"), format!("--user={role}er"));
        site.kubectl(["-n", DESK, "create", "rolebinding", role, &role_flag, &user]).expect_ok();
    }
    let ask = |role: &str, args: &[&str]| {
        let user = format!("--as={role}er");
        let common = ["-n", DESK, "auth", "can-i", &user];
        site.kubectl(common.iter().chain(args)).stdout.trim() == "yes"
    };
    let may = |role: &str, verb: &str, resource: &str| ask(role, &[verb, resource]);
    eventually(PATIENCE, "the roles are aggregated", || {
        let all = ["view", "edit", "admin"].map(|role| may(role, "get", "tools.orloj.dev"));
        if all == [true; 3] { Ok(()) } else { Err(format!("{all:?}")) }
    });
    assert!(!may("view", "create", "tools.orloj.dev") && !may("view", "get", "secrets.orloj.dev"));
    for role in ["edit", "admin"] {
        assert!(may(role, "create", "tools.orloj.dev") && may(role, "get", "secrets.orloj.dev"), "{role}");
        assert!(!ask(role, &["patch", "tools.orloj.dev", "--subresource=status"]), "{role}");
    }
}

/// The operator may write Events.
fn events(release: &Release<'_>) {
    let site = release.site;
    let bad = json!({
        "apiVersion": "orloj.dev/v1", "kind": "Agent", "metadata": {"name": "bad", "namespace": DESK},
        "spec": {"prompt": "p", "model_ref": "m", "execution": {"output_schema": {"a": 1}}},
    });
    site.apply(&bad.to_string());
    eventually(PATIENCE, "an Event tells why", || {
        let text = site.kubectl(["-n", DESK, "get", "events.events.k8s.io"]).stdout;
        if text.contains("InvalidSpec") {
            Ok(())
        } else {
            Err(format!("{text}\n{}", site.node.logs(&release.namespace)))
        }
    });
    site.kubectl(["-n", DESK, "delete", "agent", "bad", "--timeout=60s"]).expect_ok();
}

fn memory(name: &str, kind: &str) -> String {
    json!({
        "apiVersion": "orloj.dev/v1", "kind": "Memory", "metadata": {"name": name, "namespace": DESK},
        "spec": {"type": kind},
    })
    .to_string()
}

/// Each row, with what changes whenever it is written.
fn rows(release: &Release<'_>) -> BTreeMap<String, String> {
    let text = release.database.psql("select name, ctid || ':' || xmin from memories");
    text.lines().filter_map(|line| line.split_once('\t')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

fn take_over(release: &Release<'_>) {
    let site = release.site;
    let all: Vec<String> = (0..RESOURCES).map(|number| memory(&format!("m{number}"), "kv")).collect();
    site.apply(&all.join("\n---\n"));
    site.wait_synced(DESK, usize::try_from(RESOURCES).expect("few"));
    release.quiet_writes();
    let before = rows(release);
    let leader = release.leader().expect("one leads");
    let pid = site.node.pid(&release.namespace, &leader);
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).expect("it runs");

    site.apply(&memory("m1", "vector"));
    site.apply(&memory("fresh", "kv"));
    site.kubectl(["-n", DESK, "delete", "memory", "m0", "--timeout=90s"]).expect_ok();
    site.wait_synced(DESK, usize::try_from(RESOURCES).expect("few"));
    let now = eventually(PATIENCE, "another one leads", || release.leader().ok_or("nobody leads"));
    assert_ne!(now, leader);
    release.quiet_writes();

    let after = rows(release);
    let desk = |name: &str| format!("{DESK}/{name}");
    assert!(after.contains_key(&desk("fresh")) && !after.contains_key(&desk("m0")));
    let touched: Vec<&String> =
        before.iter().filter(|(key, version)| after.get(*key) != Some(version)).map(|(key, _)| key).collect();
    assert_eq!(touched, [&desk("m0"), &desk("m1")], "nothing else was written");
    let wanted = TableWrites { inserted: RESOURCES + 1, updated: 1, deleted: 1 };
    // The statistics of a session come late.
    eventually(Duration::from_secs(40), "nothing was written twice", || {
        let counters = release.database.write_counters();
        let counted = counters.get("public.memories").copied().unwrap_or_default();
        if counted == wanted { Ok(()) } else { Err(format!("{counted:?}")) }
    });
    eventually(PATIENCE, "the killed one is back", || {
        let restarts = ["-n", &release.namespace, "get", "pod", &leader, "-o", "jsonpath={..restartCount}"];
        let restarts = site.kubectl(restarts).stdout;
        if restarts == "1" && release.ready_pods().len() == 2 { Ok(()) } else { Err(restarts) }
    });
}
