//! `kinds crds`: which definitions, and those that it applies itself.

use std::process::{Command, Output};

use serde_json::json;

use crate::bed::{ControlPlane, Scratch};
use crate::server::installed;

const BINARY: &str = env!("CARGO_BIN_EXE_orloj-operator");

/// A folder with the kind of the tests, in a group of its own.
fn kinds(group: &str) -> Scratch {
    let folder = Scratch::new("kinds");
    let widget = include_str!("../kinds/widget.yaml").replace("widgets.example.com", group);
    folder.write("widget.yaml", &widget);
    folder
}

fn run(args: &[&str], kinds: &Scratch, kubeconfig: Option<&std::path::Path>) -> Output {
    let mut command = Command::new(BINARY);
    command.env_clear().args(["kinds", "crds"]).args(args).arg("--kinds").arg(kinds.path());
    if let Some(kubeconfig) = kubeconfig {
        command.arg("--kubeconfig").arg(kubeconfig);
    }
    command.output().expect("it runs")
}

/// Exit code, and all that was said.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    (output.status.code(), text.concat())
}

/// The account of the chart's hook: rights on the definitions that are named, and no others.
fn account(plane: &ControlPlane, name: &str, definitions: &[&str]) -> std::path::PathBuf {
    let kubeconfig = plane.service_account_kubeconfig("default", name);
    let rbac = "rbac.authorization.k8s.io";
    let role = json!({
        "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRole", "metadata": {"name": name},
        "rules": [{
            "apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"],
            "resourceNames": definitions, "verbs": ["create", "get", "patch"],
        }],
    });
    let binding = json!({
        "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    });
    for object in [role, binding] {
        plane.kubectl_stdin(["apply", "-f", "-"], &object.to_string()).expect_ok();
    }
    kubeconfig
}

#[test]
fn kinds_are_chosen_by_name_and_by_origin() {
    let folder = kinds("a.example.com");
    let names = |args: &[&str]| {
        let (code, text) = said(&run(args, &folder, None));
        assert_eq!(code, Some(0), "{text}");
        let name = |line: &str| line.strip_prefix("  name: ").map(str::to_owned);
        text.lines().filter_map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]).len(), 9);
    assert_eq!(names(&["--only-extra"]), ["widgets.a.example.com"]);
    assert_eq!(
        names(&["memories.orloj.dev", "WD", "otool"]),
        ["memories.orloj.dev", "tools.orloj.dev", "widgets.a.example.com"]
    );
    assert_eq!(names(&["tool", "--only-extra"]), Vec::<String>::new());
    // a copy of a built-in one adds nothing, one that differs replaces it
    let tool = include_str!("../../kinds/tool.yaml");
    folder.write("tool.yaml", tool);
    assert_eq!(names(&["--only-extra"]), ["widgets.a.example.com"]);
    folder.write("tool.yaml", &format!("{tool}\n# ours\n"));
    assert_eq!(names(&["--only-extra"]), ["tools.orloj.dev", "widgets.a.example.com"]);
    let (code, text) = said(&run(&["gadget"], &folder, None));
    assert!(code == Some(2) && text.contains("\"gadget\"") && text.contains("kinds list"), "{text}");
}

/// With the rights of the chart's hook, on the real API server; again changes nothing.
#[test]
fn definitions_are_applied_and_served() {
    let plane = installed();
    let folder = kinds("b.example.com");
    let kubeconfig = account(plane, "applies", &["widgets.b.example.com"]);
    let apply = || said(&run(&["--only-extra", "--apply"], &folder, Some(&kubeconfig)));
    let version = || {
        let found =
            plane.kubectl(["get", "crd", "widgets.b.example.com", "--show-managed-fields", "-o", "json"]).json();
        let managers = found["metadata"]["managedFields"].as_array().unwrap();
        assert!(managers.iter().any(|entry| entry["manager"] == "orloj-operator" && entry["operation"] == "Apply"));
        found["metadata"]["resourceVersion"].clone()
    };
    let served = (Some(0), "widgets.b.example.com is served\n".to_owned());
    assert_eq!(apply(), served);
    // at once, with no waiting in between
    let widget = json!({
        "apiVersion": "b.example.com/v1alpha1", "kind": "Widget", "metadata": {"name": "x", "namespace": "default"},
        "spec": {"size": "small"},
    });
    plane.kubectl_stdin(["create", "-f", "-"], &widget.to_string()).expect_ok();
    let before = version();
    assert_eq!(apply(), served);
    assert_eq!(version(), before);
}

#[test]
fn others_fields_are_taken_by_force_alone() {
    let plane = installed();
    let folder = kinds("c.example.com");
    let admin = plane.admin_kubeconfig();
    let run = |args: &[&str]| said(&run(args, &folder, Some(&admin)));
    assert_eq!(run(&["--only-extra", "--apply"]).0, Some(0));
    let mut other = plane.kubectl(["get", "crd", "widgets.c.example.com", "-o", "json"]).json();
    let spec = json!({"group": "c.example.com", "scope": "Namespaced", "versions": other["spec"]["versions"].take(), "names": {
        "kind": "Widget", "plural": "widgets", "shortNames": ["other"],
    }});
    let other = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.c.example.com"}, "spec": spec,
    });
    let args = ["apply", "--server-side", "--force-conflicts", "--field-manager=somebody", "-f", "-"];
    plane.kubectl_stdin(args, &other.to_string()).expect_ok();
    let (code, text) = run(&["--only-extra", "--apply"]);
    assert_eq!(code, Some(2), "{text}");
    for part in ["unable to apply widgets.c.example.com", "\"somebody\"", ".spec.names.shortNames", "--force-conflicts"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (code, text) = run(&["--only-extra", "--apply", "--force-conflicts"]);
    assert_eq!((code, &*text), (Some(0), "widgets.c.example.com is served\n"));
    let found = plane.kubectl(["get", "crd", "widgets.c.example.com", "-o", "json"]).json();
    assert_eq!(found["spec"]["names"]["shortNames"], json!(["wd"]));
}

/// One that cannot be applied keeps no other out.
#[test]
fn what_is_wrong_is_named() {
    let plane = installed();
    let folder = kinds("d.example.com");
    let gadget = include_str!("../kinds/widget.yaml").replace("widgets.example.com", "d.example.com");
    let gadget = gadget.replace("kind: Widget", "kind: Gadget").replace("plural: widgets", "plural: gadgets");
    let gadget = gadget.replace("[wd]", "[gd]").replace("table: widgets", "table: gadgets");
    folder.write("gadget.yaml", &gadget.replace("collection: widgets", "collection: gadgets"));
    // rights on one of the two
    let kubeconfig = account(plane, "half", &["widgets.d.example.com"]);
    let (code, text) = said(&run(&["--only-extra", "--apply"], &folder, Some(&kubeconfig)));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("widgets.d.example.com is served"), "{text}");
    assert!(text.contains("unable to apply gadgets.d.example.com") && text.contains("create, get and patch"), "{text}");
    // names that another definition has
    let squatter = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "squatters.d.example.com"},
        "spec": {
            "group": "d.example.com", "scope": "Namespaced", "names": {"kind": "Gadget", "plural": "squatters"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    });
    plane.establish(&squatter.to_string());
    let admin = plane.admin_kubeconfig();
    let (code, text) = said(&run(&["gadget", "--apply"], &folder, Some(&admin)));
    assert!(code == Some(2) && text.contains("unable to establish gadgets.d.example.com"), "{text}");
    assert!(text.contains("already in use") && text.contains("another definition"), "{text}");
}
