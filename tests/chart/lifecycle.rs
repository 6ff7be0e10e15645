//! From `helm install` to `helm uninstall`, and nothing is written that says nothing new.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::bed::HelmLine;
use crate::bed::eventually;
use crate::release::{NAME, Release};
use crate::site::{PROGRAM, Site};

/// Where the examples live, as their manifests say.
const DESK: &str = "support";

/// Resources of `examples/`.
const RESOURCES: usize = 26;

/// Long enough for a busy machine.
const WAIT: &[&str] = &["--wait", "--timeout", "90s"];

#[test]
fn helm_3() {
    lifecycle(HelmLine::Three);
}

#[test]
fn helm_4() {
    lifecycle(HelmLine::Four);
}

fn lifecycle(line: HelmLine) {
    let site = Site::start();
    let release = Release::prepare(&site, line, "orloj-system");
    let older = older_chart(&release);
    release.expect(release.helm_chart("install", &older, WAIT));
    fill(&release);
    release.expect(release.helm_plain("test", &["--timeout", "60s"]));
    let writes = release.quiet_writes();
    let quiet = |step: &str| assert_eq!(release.quiet_writes(), writes, "{step}: {}", site.node.logs("orloj-system"));

    let tools = ["get", "crd", "tools.orloj.dev", "-o", "jsonpath={.metadata.annotations}{.spec}"];
    assert!(site.kubectl(tools).expect_ok().contains("of an older version"));
    release.expect(release.helm("upgrade", WAIT));
    assert!(!site.kubectl(tools).expect_ok().contains("of an older version"), "the definitions are upgraded");
    quiet("upgrade from an older chart");

    let changed = ["operator.replicaCount=2", "operator.statusSyncInterval=1s", "operator.logLevel=debug"];
    let set = ["--set", &changed.join(",")];
    release.expect(release.helm("upgrade", &[&set, WAIT].concat()));
    assert_eq!(release.ready_pods().len(), 2);
    quiet("upgrade with other values");

    release.expect(release.helm_plain("rollback", &[&["2"], WAIT].concat()));
    assert_eq!(release.ready_pods().len(), 1);
    quiet("rollback");

    one_more_kind(&release);
    site.kubectl(["delete", "--wait=false", "-n", DESK, "tool", "log-search"]).expect_ok();
    eventually(Duration::from_secs(30), "its row goes", || {
        let left = release.database.psql("select count(*) from tools where name = 'support/log-search'");
        if left == "0" { Ok(()) } else { Err(left) }
    });
    uninstall(&release);
}

/// `examples/`, until all of it stands in the database.
fn fill(release: &Release<'_>) {
    let site = release.site;
    site.kubectl(["create", "namespace", DESK]).expect_ok();
    site.kubectl(["apply", "--server-side", "-f", "examples/"]).expect_ok();
    site.wait_synced(DESK, RESOURCES);
    let rows =
        ["agents", "agent_systems", "tools", "mcp_servers", "model_endpoints", "memories", "agent_policies", "secrets"];
    let count: usize = rows.iter().map(|table| release.count_rows(table).parse::<usize>().unwrap_or(0)).sum();
    assert_eq!(count, RESOURCES);
    let values =
        release.database.psql("select string_agg(value, ' ') from secrets, jsonb_each_text(payload->'spec'->'data')");
    assert!(!values.is_empty() && values.split(' ').all(|value| value.starts_with("enc:")), "{values}");
}

/// A copy of the chart as an older version might be: with other definitions, and without what is new. Packaged.
fn older_chart(release: &Release<'_>) -> String {
    let folder = release.helm.folder();
    let copy = copy_chart(folder, "older");
    edit(&copy.join("Chart.yaml"), |text| {
        text.replace(&format!("\nversion: {}", env!("CARGO_PKG_VERSION")), "\nversion: 0.0.9")
    });
    edit(&copy.join("files/crds/orloj.dev_tools.yaml"), |text| {
        text.replacen("openAPIV3Schema:\n", "openAPIV3Schema:\n        title: of an older version\n", 1)
    });
    std::fs::remove_file(copy.join("templates/finalizer-policy.yaml")).expect("the chart has one");
    let destination = folder.display().to_string();
    let from = copy.display().to_string();
    release.expect(release.helm.run(["package", &from, "--destination", &destination]));
    folder.join(format!("{NAME}-0.0.9.tgz")).display().to_string()
}

/// A copy of the chart in a folder, under a name.
pub fn copy_chart(folder: &Path, name: &str) -> PathBuf {
    let copy = folder.join(name);
    let done = Command::new("cp").arg("-r").arg("chart").arg(&copy).status();
    assert!(done.is_ok_and(|status| status.success()), "unable to copy the chart");
    copy
}

/// Changes a file.
#[track_caller]
pub fn edit(path: &Path, change: impl FnOnce(&str) -> String) {
    let text = std::fs::read_to_string(path).expect("the file is there");
    let changed = change(&text);
    assert_ne!(text, changed, "nothing was changed in {}", path.display());
    std::fs::write(path, changed).expect("a copy can be written");
}

fn one_more_kind(release: &Release<'_>) {
    let site = release.site;
    // The definition of the new kind is nobody's but the user's.
    apply_definitions(site, "tests/kinds");
    let kind = ["--set-file", "operator.kinds.widget\\.yaml=tests/kinds/widget.yaml"];
    release.expect(release.helm("upgrade", &[&kind, WAIT].concat()));
    let widget = "apiVersion: widgets.example.com/v1alpha1\nkind: Widget\nmetadata: {name: shelf, namespace: support}\n\
                  spec: {size: small}\n";
    site.apply(widget);
    site.kubectl(["wait", "-n", DESK, "--for=condition=Synced", "widget/shelf", "--timeout=60s"]).expect_ok();
    assert_eq!(release.database.psql("select size from widgets"), "small");
}

fn apply_definitions(site: &Site, kinds: &str) {
    let output = Command::new(PROGRAM).args(["kinds", "crds", "--kinds", kinds]).output().expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let extra = text.split("---\n").filter(|document| document.contains("widgets.example.com"));
    site.apply(&extra.collect::<Vec<_>>().join("---\n"));
}

/// What is left is what shall be left, and it can be removed.
fn uninstall(release: &Release<'_>) {
    let site = release.site;
    // While the operator is there, it takes its finalizer off what goes.
    site.kubectl(["delete", "namespace", DESK, "--timeout=60s"]).expect_ok();
    assert_eq!(release.count_rows("tools"), "0");
    release.expect(release.helm_plain("uninstall", WAIT));
    let left = [
        "get",
        "deployment,service,configmap,role,rolebinding,pdb,networkpolicy",
        "-n",
        &release.namespace,
        "-o",
        "name",
    ];
    let left = site.kubectl(left).expect_ok();
    assert_eq!(left.trim(), "configmap/kube-root-ca.crt");
    let global = site.kubectl(["get", "clusterrole,clusterrolebinding", "-o", "name"]).expect_ok();
    assert!(!global.contains("orloj"), "{global}");
    everything_can_go(site, Duration::from_mins(1));
}

/// Nothing hangs in Terminating: all resources, then all definitions, can be deleted in time.
pub fn everything_can_go(site: &Site, within: Duration) {
    let timeout = format!("--timeout={}s", within.as_secs());
    let definitions = site.kubectl(["get", "crd", "-o", "name"]).expect_ok();
    let definitions: Vec<&str> = definitions.lines().filter(|name| name.ends_with(".orloj.dev")).collect();
    assert_eq!(definitions.len(), 8, "the definitions stay");
    for namespace in site.items(&["namespaces"]).expect("namespaces can be listed") {
        let name = namespace["metadata"]["name"].as_str().unwrap_or_default();
        site.kubectl(["delete", "orloj", "--all", "-n", name, &timeout]).expect_ok();
    }
    site.kubectl(["delete", &timeout].into_iter().chain(definitions)).expect_ok();
}
