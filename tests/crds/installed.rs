//! What a person sees of the CRDs once they are installed.

use orloj_operator::registry::Registry;
use orloj_operator::status::{Reason, RuntimeReport, Status, Verdict};
use serde_json::{Value, json};

use crate::bed::ControlPlane;
use crate::files::registry;
use crate::server::{installed, manifest};

/// Upstream's names, and its columns of `kubectl get` (`kinds/ORLOJD.md` 3.2).
const UPSTREAM: [(&str, &str, &str, &str, &[&str]); 8] = [
    ("Agent", "agents", "agent", "oagent", &["PHASE", "AGE"]),
    ("AgentSystem", "agentsystems", "agentsystem", "oasys", &["PHASE", "AGE"]),
    ("Tool", "tools", "tool", "otool", &["TYPE", "PHASE", "AGE"]),
    ("McpServer", "mcpservers", "mcpserver", "omcp", &["TRANSPORT", "PHASE", "AGE"]),
    ("ModelEndpoint", "modelendpoints", "modelendpoint", "omep", &["PROVIDER", "MODEL", "PHASE", "AGE"]),
    ("Memory", "memories", "memory", "omem", &["TYPE", "PHASE", "AGE"]),
    ("AgentPolicy", "agentpolicies", "agentpolicy", "opol", &["PHASE", "AGE"]),
    ("Secret", "secrets", "secret", "osec", &["PHASE", "AGE"]),
];

fn create(plane: &ControlPlane, registry: &Registry, kind: &str, name: &str, spec: &Value) {
    let kind = registry.kind(registry.resolve(kind).expect("a kind"));
    plane.kubectl_stdin(["apply", "-f", "-"], &manifest(kind, name, spec).to_string()).expect_ok();
}

#[test]
fn every_crd_is_structural_established_and_kept_as_it_was_sent() {
    let plane = installed();
    for kind in registry().kinds() {
        let found = plane.kubectl(["get", "crd", &kind.names.crd(), "-o", "json"]).json();
        let conditions = found["status"]["conditions"].as_array().unwrap();
        let state = |wanted: &str| conditions.iter().find(|c| c["type"] == wanted).map(|c| c["status"].clone());
        assert_eq!(state("Established"), Some(json!("True")));
        assert_eq!(state("NamesAccepted"), Some(json!("True")));
        assert_eq!(state("NonStructuralSchema"), None, "{conditions:?}");
        let mut spec = found["spec"].clone();
        // the one thing that the server adds
        assert_eq!(spec.as_object_mut().unwrap().remove("conversion"), Some(json!({"strategy": "None"})));
        assert_eq!(spec, kind.crd()["spec"], "{} would show up as drift", kind.names.crd());
    }
}

#[test]
fn names_and_columns_are_upstream_s() {
    let plane = installed();
    let registry = registry();
    assert_eq!(registry.kinds().len(), UPSTREAM.len());
    for (kind, plural, singular, short, columns) in UPSTREAM {
        let index = registry.find("orloj.dev/v1", kind).expect("a kind");
        let crd = registry.kind(index).crd();
        assert_eq!(crd["metadata"]["name"], format!("{plural}.orloj.dev"));
        let names = &crd["spec"]["names"];
        assert_eq!((&names["singular"], &names["shortNames"]), (&json!(singular), &json!([short])));
        assert_eq!(names["listKind"], format!("{kind}List"));

        // a table without rows has columns, too
        let header = |wide: bool| {
            let output = if wide { "wide" } else { "" };
            let text = plane.kubectl(["get", short, "-n", "default", "-o", output]).expect_ok();
            text.lines().next().unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let name = format!("columns-{plural}");
        create(plane, &registry, kind, &name, &smallest(kind));
        let expected: Vec<&str> = ["NAME"].iter().chain(columns).copied().collect();
        assert_eq!(header(false), expected, "{kind}");
        let wide: Vec<&str> = expected.iter().chain(&["SYNCED", "READY", "REASON"]).copied().collect();
        assert_eq!(header(true), wide, "{kind}");
    }
    let listed = plane.kubectl(["get", "orloj", "-n", "default", "-o", "name"]).expect_ok();
    for (_, plural, singular, ..) in UPSTREAM {
        assert!(listed.contains(&format!("{singular}.orloj.dev/columns-{plural}")), "{listed}");
    }
}

/// A spec that the kind accepts.
fn smallest(kind: &str) -> Value {
    match kind {
        "Agent" => json!({"prompt": "", "model_ref": "m"}),
        "Tool" => json!({"type": " HTTP "}),
        "McpServer" => json!({"transport": "http", "endpoint": "https://mcp.example.com"}),
        "ModelEndpoint" => json!({"default_model": "gpt", "provider": "OpenAI"}),
        _ => json!({}),
    }
}

#[test]
fn kubectl_explains_every_field() {
    fn bare(schema: &Value, path: &str, found: &mut Vec<String>) {
        if schema["description"].as_str().is_none_or(str::is_empty) {
            found.push(path.to_owned());
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            bare(field, &format!("{path}.{name}"), found);
        }
        for inner in ["items", "additionalProperties"] {
            // a list of strings is explained by its own description
            for (name, field) in schema[inner]["properties"].as_object().into_iter().flatten() {
                bare(field, &format!("{path}[].{name}"), found);
            }
        }
    }
    let plane = installed();
    let explained = plane.kubectl(["explain", "tool.spec.cli"]).expect_ok();
    for line in ["GROUP:      orloj.dev", "FIELD: cli <Object>", "A program, for type cli.", "Program to run. Required"]
    {
        assert!(explained.contains(line), "no `{line}` in {explained}");
    }
    let explained = plane.kubectl(["explain", "tool.status.conditions.reason"]).expect_ok();
    assert!(explained.contains("One word for programs."), "{explained}");

    let mut found = Vec::new();
    for kind in registry().kinds() {
        let crd = kind.crd();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        assert!(schema["description"].is_string(), "{}", kind.names.kind);
        bare(&schema["properties"]["spec"], &format!("{}.spec", kind.names.singular), &mut found);
        bare(&schema["properties"]["status"], &format!("{}.status", kind.names.singular), &mut found);
    }
    assert!(found.is_empty(), "without a description: {found:?}");
}

#[test]
fn every_status_is_taken_and_shown() {
    let plane = installed();
    let registry = registry();
    create(plane, &registry, "Memory", "shown", &json!({"type": "vector"}));
    let patch = |status: &Value| {
        let patch = json!([{"op": "add", "path": "/status", "value": status}]).to_string();
        let args = ["patch", "omem", "shown", "-n", "default", "--subresource=status", "--type=json", "-p", &patch];
        plane.kubectl(args).expect_ok();
    };
    let row = || {
        let text = plane.kubectl(["get", "omem", "shown", "-n", "default", "-o", "wide", "--no-headers"]).expect_ok();
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    // the original's; its empty strings included
    patch(&json!({"phase": "Pending", "observedGeneration": 1, "lastSyncedAt": "", "syncError": ""}));
    assert_eq!(row()[2], "Pending");

    let phase =
        |phase: &str, error: &str| Verdict::Synced(RuntimeReport::Phase { phase: phase.into(), error: error.into() });
    let verdicts = [
        Verdict::Unavailable,
        Verdict::Suspended,
        Verdict::Removed { retained: false },
        Verdict::Synced(RuntimeReport::Silent),
        Verdict::Synced(RuntimeReport::Awaiting),
        phase("Ready", ""),
        phase("2nd try, \u{1f642} é", "line\nbreak"),
        phase("", ""),
        phase("Error", &"x".repeat(100_000)),
        Verdict::Failed { reason: Reason::Invalid, text: "spec.size\0 is required: ".repeat(1000) },
    ];
    let mut status = Status::default();
    for (generation, verdict) in (1..).zip(&verdicts) {
        status = status.next(verdict, generation, 1_700_000_000, 1_700_000_000);
        patch(&status.to_json());
        let fresh = Status::default().next(verdict, generation, 0, 1_700_000_000);
        patch(&fresh.to_json());
    }
    let shown = row();
    assert_eq!(shown[..3], ["shown", "vector", "SyncError"]);
    assert_eq!(shown[4..], ["False", "False", "Invalid"], "{shown:?}");

    // and nothing that is not a status
    let bad = json!([{"op": "add", "path": "/status", "value": {"conditions": [{"type": "Synced"}]}}]).to_string();
    let args = ["patch", "omem", "shown", "-n", "default", "--subresource=status", "--type=json", "-p", &bad];
    assert!(!plane.kubectl(args).ok);
}

#[test]
fn reserved_names_and_missing_specs_are_refused_at_the_door() {
    let plane = installed();
    let registry = registry();
    let refused = |kind: &str, name: &str, spec: &Value| {
        let kind = registry.kind(registry.resolve(kind).expect("a kind"));
        let text = manifest(kind, name, spec).to_string();
        let output = plane.kubectl_stdin(["create", "--dry-run=server", "-f", "-"], &text);
        let operator = kind.desired(&crate::server::resource(kind, name, spec.clone()));
        assert_eq!(output.ok, operator.is_ok(), "{name}: {} {operator:?}", output.stderr);
        output.stderr
    };
    for name in ["status", "logs", "exec", "scale", "proxy", "binding"] {
        assert!(refused("Memory", name, &json!({})).contains("metadata.name must be none of"), "{name}");
    }
    assert_eq!(refused("Memory", "statuses", &json!({})), "");
    assert_eq!(refused("Memory", "bare", &Value::Null), "");
    assert!(refused("Agent", "bare", &Value::Null).contains("spec.model_ref is required"));
}
