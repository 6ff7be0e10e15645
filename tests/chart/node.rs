//! Does the stand-in notice what a kubelet would?

use std::time::Duration;

use serde_json::{Value, json};

use crate::bed::eventually;
use crate::site::{self, IMAGE, PATIENCE, Site};

fn probe(failures: u32) -> Value {
    let get = json!({"path": "/healthz", "port": "health"});
    json!({"httpGet": get, "periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": failures})
}

/// A pod of the program that syncs nothing, and can still be probed: it waits for a cluster's definitions.
fn pod(name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "automountServiceAccountToken": true, "terminationGracePeriodSeconds": 5,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}, "fsGroup": 65532},
            "volumes": [{"name": "dsn", "secret": {"secretName": "dsn", "defaultMode": 288}}],
            "containers": [{
                "name": "operator", "image": IMAGE,
                "args": ["--leader-elect=false", "--metrics-addr=:8080", "--healthz-addr=:8081", "--cluster-id=$(HOSTNAME)"],
                "env": [{"name": "ORLOJ_POSTGRES_DSN_FILE", "value": "/etc/dsn/dsn"}],
                "ports": [{"name": "health", "containerPort": 8081}],
                "volumeMounts": [{"name": "dsn", "mountPath": "/etc/dsn"}],
                // Patient, as the machine may be busy.
                "startupProbe": probe(90), "livenessProbe": probe(10), "readinessProbe": probe(3),
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true},
            }],
        },
    });
    change(&mut pod);
    pod
}

fn create(site: &Site, namespace: &str, pod: &Value) {
    site.plane.kubectl_stdin(["create", "-n", namespace, "-f", "-"], &pod.to_string()).expect_ok();
}

fn secret(site: &Site, namespace: &str) {
    let dsn = "--from-literal=dsn=postgres://nobody@127.0.0.1:1/none";
    site.kubectl(["-n", namespace, "create", "secret", "generic", "dsn", dsn]).expect_ok();
}

/// Waits until a pod's status says something.
fn wait(site: &Site, namespace: &str, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(PATIENCE, &format!("{name}: {what}"), || {
        let pod = site.kubectl(["-n", namespace, "get", "pod", name, "-o", "json"]).json();
        if holds(&pod) { Ok(pod) } else { Err(format!("{:#}\n{}", pod["status"], site.node.log(namespace, name))) }
    })
}

fn ready(pod: &Value) -> bool {
    pod["status"]["containerStatuses"][0]["ready"] == true
}

fn restarts(pod: &Value) -> i64 {
    pod["status"]["containerStatuses"][0]["restartCount"].as_i64().unwrap_or(0)
}

#[test]
fn a_pod_waits_for_its_secret_and_follows_it() {
    let site = site::shared();
    site.namespace("node-waits");
    create(site, "node-waits", &pod("waits", |_| {}));
    let waiting = wait(site, "node-waits", "waits", "it waits", |pod| {
        let message = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"];
        message.as_str().is_some_and(|message| message.contains("secrets \"dsn\" not found"))
    });
    assert_eq!(waiting["status"]["phase"], "Pending");
    secret(site, "node-waits");
    let running = wait(site, "node-waits", "waits", "it is ready", ready);
    assert_eq!(restarts(&running), 0);
    let own = running["status"]["podIP"].as_str().unwrap_or_default().to_owned();
    assert!(own.starts_with("10.244."), "{own}");

    // Nothing but what the pod names, and this at its path. /var/run is a link, which leads elsewhere from here.
    let root = format!("/proc/{}/root", site.node.pid("node-waits", "waits"));
    let list = |folder: &str| {
        let entries = std::fs::read_dir(format!("{root}{folder}")).expect("root may look into a container");
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name().display().to_string()).collect();
        names.retain(|name| !name.starts_with(".."));
        names.sort();
        names
    };
    assert_eq!(list("/etc/dsn"), ["dsn"]);
    assert_eq!(list("/run/secrets/kubernetes.io/serviceaccount"), ["ca.crt", "namespace", "token"]);
    assert!(!list("/").contains(&"root".to_owned()), "{:?}", list("/"));

    let patch = json!({"stringData": {"dsn": "postgres://somebody@127.0.0.1:1/none"}}).to_string();
    site.kubectl(["-n", "node-waits", "patch", "secret", "dsn", "-p", &patch]).expect_ok();
    eventually(Duration::from_secs(10), "the file follows the Secret", || {
        let text = std::fs::read_to_string(format!("{root}/etc/dsn/dsn")).unwrap_or_default();
        if text.contains("somebody") { Ok(()) } else { Err(text) }
    });
    site.kubectl(["-n", "node-waits", "delete", "pod", "waits", "--timeout=60s"]).expect_ok();
}

#[test]
fn what_is_wrong_shows() {
    let site = site::shared();
    let namespace = "node-wrong";
    site.namespace(namespace);
    secret(site, namespace);
    let container = |pod: &mut Value| pod["spec"]["containers"][0].take();
    let with = |name: &str, pointer: &str, value: Value| {
        pod(name, |pod| {
            let mut one = container(pod);
            *one.pointer_mut(pointer).expect("the pod has it") = value;
            pod["spec"]["containers"][0] = one;
        })
    };
    create(site, namespace, &with("path", "/readinessProbe/httpGet/path", json!("/nothing")));
    create(
        site,
        namespace,
        &pod("port", |pod| {
            pod["spec"]["containers"][0]["ports"][0]["containerPort"] = json!(8082);
            pod["spec"]["containers"][0]["startupProbe"] = probe(3);
        }),
    );
    create(site, namespace, &with("unmounted", "/volumeMounts/0/mountPath", json!("/etc/elsewhere")));
    create(site, namespace, &with("image", "/image", json!("ghcr.io/orlojhq/orloj-operator:other")));
    create(site, namespace, &with("command", "/args", json!(["--no-such-flag"])));
    create(site, namespace, &pod("no-token", |pod| pod["spec"]["automountServiceAccountToken"] = json!(false)));
    create(
        site,
        namespace,
        &pod("no-group", |pod| {
            pod["spec"]["securityContext"].as_object_mut().map(|context| context.remove("fsGroup"));
        }),
    );
    create(site, namespace, &pod("whole", |_| {}));

    wait(site, namespace, "whole", "it is ready", ready);
    wait(site, namespace, "port", "its startup probe restarts it", |pod| restarts(pod) > 0);
    for name in ["unmounted", "command", "no-token"] {
        let ended = wait(site, namespace, name, "it ends, and is started again", |pod| restarts(pod) > 0);
        assert!(!ready(&ended), "{name}");
    }
    let image = wait(site, namespace, "image", "its image is not there", |pod| {
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ErrImagePull"
    });
    assert_eq!(image["status"]["phase"], "Pending");
    let path = wait(site, namespace, "path", "it runs", |pod| pod["status"]["phase"] == "Running");
    assert!(!ready(&path) && restarts(&path) == 0, "{path:#}");
    if nix::unistd::geteuid().is_root() {
        // Elsewhere all files are the one user's.
        wait(site, namespace, "no-group", "it may not read the Secret", |pod| restarts(pod) > 0);
        let log = site.node.log(namespace, "no-group");
        assert!(log.contains("ermission denied"), "{log}");
    }
    assert!(
        site.node.log(namespace, "unmounted").contains("/etc/dsn/dsn"),
        "{}",
        site.node.log(namespace, "unmounted")
    );
    let privileged = with("privileged", "/securityContext/allowPrivilegeEscalation", json!(true));
    let refused = site.plane.kubectl_stdin(["create", "-n", namespace, "-f", "-"], &privileged.to_string());
    assert!(refused.stderr.contains("violates PodSecurity"), "{refused:?}");
}
