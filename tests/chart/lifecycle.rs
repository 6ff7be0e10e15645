//! From `helm install` to `helm uninstall`, and nothing is written that says nothing new.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::bed::HelmLine;
use crate::bed::eventually;
use crate::release::{NAME, Release};
use crate::site::Site;

/// Where the examples live, as their manifests say.
const DESK: &str = "support";

/// Resources of `examples/`.
const RESOURCES: usize = 26;

/// After one was deleted and two of other kinds were added.
const LEFT: usize = RESOURCES - 1 + 2;

/// Long enough for a busy machine.
const WAIT: &[&str] = &["--wait", "--timeout", "90s"];

/// One more kind.
const KINDS: &[&str] = &["--set-file", "operator.kinds.widget\\.yaml=tests/kinds/widget.yaml"];

/// Where the chart's own kinds are stored.
const TABLES: [&str; 8] =
    ["agents", "agent_systems", "tools", "mcp_servers", "model_endpoints", "memories", "agent_policies", "secrets"];

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
    uninstall_and_come_back(&release);
    uninstall_with_the_rows(&release);
}

/// `examples/`, until all of it stands in the database.
fn fill(release: &Release<'_>) {
    let site = release.site;
    site.kubectl(["create", "namespace", DESK]).expect_ok();
    site.kubectl(["apply", "--server-side", "-f", "examples/"]).expect_ok();
    site.wait_synced(DESK, RESOURCES);
    let count: usize = TABLES.iter().map(|table| release.count_rows(table).parse::<usize>().unwrap_or(0)).sum();
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
    for newer in ["finalizer-policy", "uninstall", "kinds-crds"] {
        std::fs::remove_file(copy.join(format!("templates/{newer}.yaml"))).expect("the chart has one");
    }
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
    assert!(text != changed, "nothing was changed in {}", path.display());
    std::fs::write(path, changed).expect("a copy can be written");
}

/// Its definition and its rights come with it.
fn one_more_kind(release: &Release<'_>) {
    release.expect(release.helm("upgrade", &[KINDS, WAIT].concat()));
    sync_one_more(release, "Widget", "widget", "widgets");

    // The next one comes to the pods that run.
    let pods = release.ready_pods();
    let text = std::fs::read_to_string("tests/kinds/widget.yaml").expect("the kind file is there");
    let text = text.replace("Widget", "Gadget").replace("widget", "gadget").replace("[wd]", "[gd]");
    let file = release.helm.folder().join("gadget.yaml");
    std::fs::write(&file, text).expect("the folder can be written");
    let more = format!("operator.kinds.gadget\\.yaml={}", file.display());
    release.expect(release.helm("upgrade", &[KINDS, &["--set-file", &more], WAIT].concat()));
    sync_one_more(release, "Gadget", "gadget", "gadgets");
    assert_eq!(release.ready_pods(), pods, "no pod was restarted");
}

fn sync_one_more(release: &Release<'_>, kind: &str, singular: &str, table: &str) {
    let site = release.site;
    site.apply(&format!(
        "apiVersion: {singular}s.example.com/v1alpha1\nkind: {kind}\nmetadata: {{name: shelf, namespace: {DESK}}}\n\
         spec: {{size: small}}\n"
    ));
    let wait = ["wait", "-n", DESK, "--for=condition=Synced", &format!("{singular}/shelf"), "--timeout=60s"];
    release.expect(site.kubectl(wait));
    assert_eq!(release.database.psql(&format!("select size from {table}")), "small");
}

/// By default nothing is lost: rows stay as they are, resources lose the finalizer. An operator that comes back finds
/// all as it was.
fn uninstall_and_come_back(release: &Release<'_>) {
    let rows = row_versions(release);
    release.expect(release.helm_plain("uninstall", WAIT));
    nothing_is_left(release);
    assert_eq!(row_versions(release), rows, "a row was written");
    let finalizers = ["get", "orloj", "-A", "-o", "jsonpath={.items[*].metadata.finalizers}"];
    assert_eq!(release.site.kubectl(finalizers).expect_ok(), "");
    // nobody is there to sync it: its row goes when somebody is
    release.site.kubectl(["delete", "-n", DESK, "tool", "log-search", "--timeout=30s"]).expect_ok();

    release.expect(release.helm("install", &[KINDS, WAIT].concat()));
    release.site.wait_synced(DESK, LEFT);
    eventually(Duration::from_secs(30), "the row of what was deleted goes", || {
        let left = release.database.psql("select count(*) from tools where name = 'support/log-search'");
        if left == "0" { Ok(()) } else { Err(left) }
    });
    release.quiet_writes();
    let mut left = rows;
    left.remove("tools support/log-search");
    assert_eq!(row_versions(release), left, "a row was written");
}

/// Each row by table and name, with the transaction that wrote it.
fn row_versions(release: &Release<'_>) -> BTreeMap<String, String> {
    let selects = TABLES.map(|table| format!("select '{table} ' || name, xmin::text from {table}"));
    let text = release.database.psql(&selects.join(" union all "));
    let row = |line: &str| line.split_once('\t').map(|(name, version)| (name.to_owned(), version.to_owned()));
    text.lines().filter_map(row).collect()
}

/// With `delete` the rows go, and the resources stay.
fn uninstall_with_the_rows(release: &Release<'_>) {
    release.expect(release.helm("upgrade", &[KINDS, &["--set", "operator.uninstall.policy=delete"], WAIT].concat()));
    release.expect(release.helm_plain("uninstall", WAIT));
    nothing_is_left(release);
    assert_eq!(row_versions(release), BTreeMap::new());
    assert_eq!(release.site.items(&["orloj", "-n", DESK]).map(|items| items.len()), Ok(LEFT));
    everything_can_go(release.site, Duration::from_mins(1));
}

/// Of the release, hooks included.
fn nothing_is_left(release: &Release<'_>) {
    let site = release.site;
    let kinds = "deployment,pod,job,service,serviceaccount,configmap,role,rolebinding,pdb,networkpolicy";
    let left = site.kubectl(["get", kinds, "-n", &release.namespace, "-o", "name"]).expect_ok();
    assert_eq!(left.lines().collect::<Vec<_>>(), ["serviceaccount/default", "configmap/kube-root-ca.crt"]);
    let global = "clusterrole,clusterrolebinding,mutatingadmissionpolicy,mutatingadmissionpolicybinding";
    let left = site.kubectl(["get", global, "-o", "name"]).expect_ok();
    assert!(!left.contains("orloj"), "{left}");
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
