//! What would be wrong with the chart shows: copies of it, each with one mistake, must not come up, and must say why.

use std::thread;

use serde_json::json;

use crate::bed::HelmLine;
use crate::bed::eventually;
use crate::lifecycle::{copy_chart, edit};
use crate::release::Release;
use crate::site::{self, PATIENCE};

/// A mistake in a file of the chart, and how it shows.
struct Mistake {
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    /// Words in a status, a condition or a log.
    symptom: &'static str,
    /// Whether the pods are ready nevertheless, and the work is not done.
    ready: bool,
}

const DEPLOYMENT: &str = "templates/deployment.yaml";
const RIGHTS: &str = "files/rbac.yaml";

const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "no-list",
        file: RIGHTS,
        from: "  - list\n  - watch\n",
        to: "",
        symptom: "cannot list resource",
        ready: false,
    },
    Mistake {
        name: "no-status",
        file: RIGHTS,
        from: "  - tools/status\n  verbs:\n  - patch\n",
        to: "  - tools/status\n  verbs:\n  - get\n",
        symptom: "cannot patch resource",
        ready: true,
    },
    Mistake {
        name: "no-lease",
        file: RIGHTS,
        from: "  - leases\n  verbs:\n  - create\n",
        to: "  - leases\n  verbs:\n  - list\n",
        symptom: "cannot create resource",
        ready: false,
    },
    Mistake {
        name: "other-account",
        file: "templates/rbac.yaml",
        from: "    name: {{ include \"orloj-operator.serviceAccountName\" .root }}",
        to: "    name: someone-else",
        symptom: "is forbidden",
        ready: false,
    },
    Mistake {
        name: "health-port",
        file: DEPLOYMENT,
        from: "--healthz-addr=:{{ $operator.healthzPort }}",
        to: "--healthz-addr=:9999",
        symptom: "port 8081",
        ready: false,
    },
    Mistake {
        name: "probe-path",
        file: DEPLOYMENT,
        from: "path: /readyz",
        to: "path: /ready",
        symptom: "HTTP probe failed with statuscode: 404",
        ready: false,
    },
    Mistake {
        name: "probe-port",
        file: DEPLOYMENT,
        from: "            - name: health\n",
        to: "            - name: healthz\n",
        symptom: "no port is called health",
        ready: false,
    },
    Mistake {
        name: "unmounted",
        file: DEPLOYMENT,
        from: "            - name: postgres\n              mountPath: /etc/orloj-operator/postgres\n              readOnly: true\n",
        to: "",
        symptom: "/etc/orloj-operator/postgres/dsn",
        ready: false,
    },
    Mistake {
        name: "other-path",
        file: "templates/_pods.tpl",
        from: "        path: dsn\n",
        to: "        path: url\n",
        symptom: "/etc/orloj-operator/postgres/dsn",
        ready: false,
    },
    Mistake {
        name: "other-key",
        file: "templates/_pods.tpl",
        from: "      - key: {{ $dsn.key }}\n",
        to: "      - key: dsn\n",
        symptom: "has no key",
        ready: false,
    },
    Mistake {
        name: "no-token",
        file: DEPLOYMENT,
        from: "            - name: token\n              mountPath: /var/run/secrets/kubernetes.io/serviceaccount\n              readOnly: true\n",
        to: "",
        symptom: "not running in a pod",
        ready: false,
    },
    Mistake {
        name: "escalation",
        file: DEPLOYMENT,
        from: "          securityContext:\n            {{- toYaml . | nindent 12 }}\n",
        to: "          securityContext:\n            allowPrivilegeEscalation: true\n",
        symptom: "violates PodSecurity",
        ready: false,
    },
];

#[test]
fn every_mistake_shows() {
    let failures: Vec<&str> = thread::scope(|scope| {
        let checks: Vec<_> = MISTAKES.iter().map(|mistake| (mistake.name, scope.spawn(|| check(mistake)))).collect();
        checks.into_iter().filter_map(|(name, check)| check.join().is_err().then_some(name)).collect()
    });
    assert!(failures.is_empty(), "not noticed, or not told: {failures:?}");
}

fn check(mistake: &Mistake) {
    let site = site::shared();
    let namespace = format!("broken-{}", mistake.name);
    // They need no others, and the helms differ little in what they send.
    let release = Release::prepare(site, HelmLine::Three, &namespace);
    let copy = copy_chart(release.helm.folder(), "broken");
    edit(&copy.join(mistake.file), |text| text.replace(mistake.from, mistake.to));
    let tool = json!({
        "apiVersion": "orloj.dev/v1", "kind": "Tool", "metadata": {"name": "search", "namespace": namespace},
        "spec": {"type": "http", "endpoint": "http://x"},
    });
    site.apply(&tool.to_string());
    let watched = format!("operator.watchNamespaces={{{namespace}}}");
    let values =
        ["--set", &watched, "--set", "operator.installCRDs=false,operator.rbac.aggregate=false,operator.clusterId=x"];
    let installed = release.helm_chart("install", &copy.display().to_string(), &values);
    assert!(installed.ok, "{}: {}", mistake.name, installed.stderr);
    eventually(PATIENCE, mistake.name, || {
        let said = symptoms(&release);
        if said.contains(mistake.symptom) { Ok(()) } else { Err(said) }
    });
    if mistake.ready {
        let status = site
            .kubectl(["-n", &namespace, "get", "tool", "search", "-o", "jsonpath={.status.conditions}"])
            .expect_ok();
        assert_eq!(status, "", "{}", mistake.name);
    } else {
        // While nobody leads yet a pod stands by, and is ready.
        eventually(PATIENCE, mistake.name, || {
            if release.ready_pods().is_empty() { Ok(()) } else { Err(symptoms(&release)) }
        });
    }
    // Its hook would be hindered by the same mistake.
    release.expect(release.helm_plain("uninstall", &["--no-hooks"]));
}

/// All that somebody who looks for the mistake would find.
fn symptoms(release: &Release<'_>) -> String {
    let namespace = &release.namespace;
    let statuses = [
        "-n",
        namespace,
        "get",
        "deployments,replicasets,pods",
        "-o",
        "jsonpath={range .items[*]}{.kind}: {.status}{\"\\n\"}{end}",
    ];
    format!("{}\n{}", release.site.kubectl(statuses).stdout, release.site.node.logs(namespace))
}
