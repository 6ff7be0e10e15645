//! What kstatus, by which Flux waits, and Argo CD with our health check say of each state of a resource. The resources
//! come from a real API server, their statuses from the operator's own code, and what is expected from the table in
//! `examples/gitops/README.md`.

use std::collections::BTreeMap;

use orloj_operator::registry::Registry;
use orloj_operator::registry::crd::crds_yaml;
use orloj_operator::status::{Reason, RuntimeReport, Status, Verdict};
use serde_json::{Value, json};

use crate::bed::{self, ControlPlane};
use crate::tools::{gitops, output, read};

const README: &str = "examples/gitops/README.md";
const CONFIG_MAP: &str = "examples/gitops/argocd/argocd-cm.yaml";

/// A time; which one does not matter.
const NOW: i64 = 1_700_000_000;

fn runtime(phase: &str) -> Verdict {
    Verdict::Synced(RuntimeReport::Phase { phase: phase.into(), error: "".into() })
}

/// The states of the table: what the operator found, one after the other.
fn states() -> Vec<(&'static str, Vec<Verdict>)> {
    let awaiting = || Verdict::Synced(RuntimeReport::Awaiting);
    let refused = || Verdict::Failed { reason: Reason::Invalid, text: "spec.size is required".to_owned() };
    vec![
        ("created, not looked at yet", vec![]),
        ("row written, orlojd has not reported", vec![awaiting()]),
        ("row written, of a kind that orlojd never reports on", vec![Verdict::Synced(RuntimeReport::Silent)]),
        ("orlojd works on it: `Pending`, `Connecting`", vec![awaiting(), runtime("Connecting")]),
        ("orlojd reports `Ready`", vec![awaiting(), runtime("Ready")]),
        ("orlojd reports `Error`", vec![awaiting(), runtime("Error")]),
        ("refused, `SyncError`", vec![refused()]),
        ("refused after an edit", vec![runtime("Ready"), refused()]),
        ("store unreachable, never synced", vec![Verdict::Unavailable]),
        ("store unreachable, ready before", vec![runtime("Ready"), Verdict::Unavailable]),
        ("suspended, never synced", vec![Verdict::Suspended]),
        ("suspended, ready before", vec![runtime("Ready"), Verdict::Suspended]),
    ]
}

/// What Flux says by kstatus, what by the expressions, and what Argo CD says.
type Verdicts = [String; 3];

/// The rows of the table, by state.
fn table() -> BTreeMap<String, Verdicts> {
    let readme = read(README);
    let (_, below) =
        readme.split_once("| state | Flux (kstatus) | with the expressions below | Argo CD |\n").expect("the table");
    let rows = below.lines().skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        // what follows the verdict explains it
        let verdict = |at: usize| cells[at].split([',', ' ']).next().unwrap_or_default().to_owned();
        (cells[0].to_owned(), [verdict(1), verdict(2), verdict(3)])
    })
    .collect()
}

struct Memories {
    plane: &'static ControlPlane,
}

impl Memories {
    fn create(&self, name: &str) {
        let manifest = json!({
            "apiVersion": "orloj.dev/v1", "kind": "Memory", "spec": {"type": "kv"},
            "metadata": {"name": name, "namespace": "default"},
        });
        self.plane.kubectl_stdin(["apply", "--server-side", "-f", "-"], &manifest.to_string()).expect_ok();
    }

    fn tell(&self, name: &str, verdicts: &[Verdict]) {
        for verdict in verdicts {
            let object = self.get(name);
            let generation = object["metadata"]["generation"].as_i64().unwrap();
            let status = Status::from_json(&object["status"]).next(verdict, generation, NOW, NOW);
            let patch = json!([{"op": "add", "path": "/status", "value": status.to_json()}]).to_string();
            let args = ["patch", "omem", name, "--subresource=status", "--type=json", "-p", &patch];
            self.plane.kubectl(args).expect_ok();
        }
    }

    fn get(&self, name: &str) -> Value {
        self.plane.kubectl(["get", "omem", name, "-o", "json"]).json()
    }

    fn patch(&self, name: &str, patch: &str) {
        self.plane.kubectl(["patch", "omem", name, "--type=merge", "-p", patch]).expect_ok();
    }
}

fn verdicts(objects: &[Value]) -> Vec<Verdicts> {
    let readme = read(README);
    let (_, expressions) = readme.split_once("\n```yaml\n  healthCheckExprs:").expect("the expressions");
    let (expressions, _) = expressions.split_once("\n```\n").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("  healthCheckExprs:{expressions}\n")).unwrap();
    let lines: Vec<_> = objects.iter().map(Value::to_string).collect();
    let input = lines.join("\n");
    let said = output(gitops().args(["health", CONFIG_MAP]).arg(file.path()), &input);
    let of = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        ["flux", "expressions", "argo"].map(|tool| line[tool]["status"].as_str().unwrap().to_owned())
    };
    said.lines().map(of).collect()
}

#[test]
fn flux_and_argo_cd_say_what_the_table_says() {
    let memories = Memories { plane: bed::control_plane() };
    let crds = crds_yaml(&Registry::embedded().unwrap());
    memories.plane.establish(&crds);

    let mut names = Vec::new();
    let mut objects = Vec::new();
    for (number, (state, found)) in states().into_iter().enumerate() {
        let name = format!("state-{number}");
        memories.create(&name);
        memories.tell(&name, &found);
        names.push(state.to_owned());
        objects.push(memories.get(&name));
    }
    memories.create("edited");
    memories.tell("edited", &[runtime("Ready")]);
    memories.patch("edited", r#"{"spec": {"type": "vector"}}"#);
    names.push("edited, not looked at yet".to_owned());
    objects.push(memories.get("edited"));

    memories.create("edited-outage");
    memories.tell("edited-outage", &[runtime("Ready")]);
    memories.patch("edited-outage", r#"{"spec": {"type": "vector"}}"#);
    memories.tell("edited-outage", &[Verdict::Unavailable]);
    names.push("store unreachable, ready before, then edited".to_owned());
    objects.push(memories.get("edited-outage"));

    memories.create("deleted");
    memories.tell("deleted", &[runtime("Ready")]);
    memories.patch("deleted", r#"{"metadata": {"finalizers": ["orloj.dev/sync"]}}"#);
    memories.plane.kubectl(["delete", "omem", "deleted", "--wait=false"]).expect_ok();
    names.push("being deleted".to_owned());
    objects.push(memories.get("deleted"));
    memories.patch("deleted", r#"{"metadata": {"finalizers": null}}"#);

    let said: BTreeMap<_, _> = names.into_iter().zip(verdicts(&objects)).collect();
    assert_eq!(said, table(), "what they say, and examples/gitops/README.md");
}

/// The original's status has no conditions. Flux takes it at its word, Argo CD waits for ours.
#[test]
fn a_status_of_the_original_is_understood() {
    let object = json!({
        "apiVersion": "orloj.dev/v1", "kind": "Tool", "metadata": {"name": "a", "namespace": "b", "generation": 2},
        "status": {"phase": "Synced", "observedGeneration": 2, "lastSyncedAt": "2026-01-01T00:00:00Z"},
    });
    assert_eq!(verdicts(&[object]), [["Current", "InProgress", "Progressing"].map(str::to_owned)]);
}

/// The health check is for the whole group, so for kinds that are added to it, and for no other.
#[test]
fn the_health_check_is_the_group_s() {
    let object = |version: &str, kind: &str| {
        let status = Status::default().next(&runtime("Ready"), 1, NOW, NOW).to_json();
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a", "generation": 1}, "status": status})
    };
    let registry = Registry::embedded().unwrap();
    let ours: Vec<_> =
        registry.kinds().iter().map(|kind| object(&kind.names.api_version(), &kind.names.kind)).collect();
    assert_eq!(ours.len(), 8);
    for said in verdicts(&ours) {
        assert_eq!(said, ["Current", "Current", "Healthy"]);
    }
    let application = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "a"},
        "status": {"health": {"status": "Degraded"}},
    });
    let fresh = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "a"}});
    let foreign = object("widgets.example.com/v1", "Widget");
    let said: Vec<_> = verdicts(&[application, fresh, foreign]).into_iter().map(|[_, _, argo]| argo).collect();
    assert_eq!(said, ["Degraded", "Progressing", "none"]);
}
