//! Nothing that the chart or a team applies shows as drifted: not at once, not after the operator has worked on it.

use std::time::Duration;

use crate::bed::{ControlPlane, ControlPlaneOptions, Operator, eventually};
use crate::tools::{helms, output, root};

const NAMESPACE: &str = "orloj-system";

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// What the chart makes by default, by each helm, twice.
fn rendered() -> Vec<String> {
    let render = |helm: &mut std::process::Command| {
        let args = ["template", "orloj-operator", "chart", "--namespace", NAMESPACE, "--set", "operator.enabled=true"];
        output(helm.args(args), "")
    };
    let (once, again) = (helms(), helms());
    let both = once.into_iter().zip(again);
    both.map(|(mut once, mut again)| {
        let text = render(&mut once);
        assert_eq!(render(&mut again), text, "two renderings of one chart");
        text
    })
    .collect()
}

fn definitions(rendered: &str) -> String {
    let documents = rendered.split("\n---\n").filter(|text| text.contains("\nkind: CustomResourceDefinition\n"));
    let documents: Vec<_> = documents.collect();
    assert_eq!(documents.len(), 8);
    documents.join("\n---\n")
}

fn diff(plane: &ControlPlane, args: &[&str], manifests: &str) -> String {
    let answer = plane.kubectl_stdin(["diff"].iter().chain(args).chain(&["-f", "-"]), manifests);
    assert!(answer.ok || !answer.stdout.is_empty(), "{}", answer.stderr);
    answer.stdout
}

fn examples() -> String {
    let mut files: Vec<_> =
        std::fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let texts: Vec<_> = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    texts.join("\n---\n")
}

#[test]
fn nothing_shows_as_drifted() {
    let renderings = rendered();
    assert_eq!(renderings.len(), 2);
    let chart = &renderings[1];
    let options = ControlPlaneOptions { controller_manager: false, ..ControlPlaneOptions::default() };
    let plane = ControlPlane::start(&options);
    for namespace in [NAMESPACE, "support"] {
        plane.kubectl(["create", "namespace", namespace]).expect_ok();
    }

    let crds = definitions(chart);
    let server_side = ["--server-side", "--field-manager=argocd-controller"];
    plane.kubectl_stdin(["apply"].iter().chain(&server_side).chain(&["-f", "-"]), chart).expect_ok();
    plane.kubectl_stdin(["wait", "--for=condition=Established", "--timeout=60s", "-f", "-"], &crds).expect_ok();
    for rendering in &renderings {
        assert_eq!(diff(&plane, &server_side, rendering), "");
    }
    let examples = examples();
    plane.kubectl_stdin(["apply"].iter().chain(&server_side).chain(&["-f", "-"]), &examples).expect_ok();
    assert_eq!(diff(&plane, &server_side, &examples), "");

    // with the rights that the chart gives, and a store that needs no server
    let folder = tempfile::tempdir().unwrap();
    let operator = Operator::at(env!("CARGO_BIN_EXE_orloj-operator"))
        .kubeconfig(&plane.service_account_kubeconfig(NAMESPACE, "orloj-operator"))
        .env("ORLOJ_OPERATOR_NAMESPACE", NAMESPACE)
        .env("ORLOJ_OPERATOR_STORAGE_BACKEND", "sqlite")
        .env("ORLOJ_OPERATOR_SQLITE_PATH", folder.path().join("orloj.db").display().to_string())
        .args(["run"])
        .start();
    eventually(PATIENCE, "all examples are synced", || {
        let list = plane.kubectl(["get", "orloj", "-n", "support", "-o", "json"]).json();
        let items = list["items"].as_array().unwrap();
        let conditions =
            |item: &serde_json::Value| item["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let synced = |item: &&serde_json::Value| {
            conditions(item).iter().any(|condition| condition["type"] == "Synced" && condition["status"] == "True")
        };
        let count = items.iter().filter(synced).count();
        let held = items.iter().filter(|item| item["metadata"]["finalizers"][0] == "orloj.dev/sync").count();
        if (count, held) == (26, 26) { Ok(()) } else { Err(format!("{count} synced, {held} held; {}", operator.log())) }
    });
    assert_eq!(diff(&plane, &server_side, chart), "");
    assert_eq!(diff(&plane, &server_side, &examples), "");

    // as somebody applies them who knows no better
    plane.kubectl_stdin(["apply", "-f", "-"], &crds).expect_ok();
    assert_eq!(diff(&plane, &[], &crds), "");
    assert_eq!(diff(&plane, &server_side, chart), "");

    // and what has drifted is shown
    plane.kubectl(["label", "crd", "tools.orloj.dev", "app.kubernetes.io/name=other", "--overwrite"]).expect_ok();
    assert!(
        diff(&plane, &[&server_side[..], &["--force-conflicts"]].concat(), chart).contains("app.kubernetes.io/name")
    );
}
