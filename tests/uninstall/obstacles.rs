//! What the API server refuses.

use serde_json::json;

use crate::leaver::{FINALIZER, Leaver, finalizers, grant_everywhere, held, uninstall};
use crate::world::World;

/// `Isolation`: one that cannot be let go is named, and holds no other up.
#[test]
fn one_that_is_refused_holds_nobody_up() {
    let world = World::start("refused");
    for n in 0..30 {
        world.apply("Memory", &format!("m{n}"), &json!({"type": "kv"}));
    }
    world.apply("Tool", "t", &json!({"type": "http", "endpoint": "http://x"}));
    world.wait_settled();
    world.operator().stop();
    let name = &world.namespace;
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": ["orloj.dev"], "apiVersions": ["*"], "operations": ["UPDATE"], "resources": ["*"],
            }]},
            "validations": [{"expression": "!object.metadata.name.startsWith('m1')", "message": "no change before Monday"}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {
            "policyName": name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}},
        },
    });
    world.kubectl_apply(&policy.to_string());
    world.kubectl_apply(&binding.to_string());
    crate::bed::eventually(crate::world::PATIENCE, "the policy works", || {
        let try_it = world.kubectl(&["annotate", "--overwrite", "omem", "m1", "a=b", "--dry-run=server"]);
        if try_it.ok { Err("not yet") } else { Ok(()) }
    });
    let (code, said) = Leaver::start(&world, &[]).end();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("took the finalizer off 20 resources; 31 rows stay"), "{said}");
    // m1 and m10 to m19
    assert!(said.contains("error: unable to take the finalizer off 11 resources:"), "{said}");
    assert!(said.contains("no change before Monday") && said.contains("and 1 more"), "{said}");
    assert_eq!(held(&world), 11);

    world.cluster.kubectl(["delete", "validatingadmissionpolicybinding", name]).expect_ok();
    crate::bed::eventually(crate::world::PATIENCE, "the policy ends", || {
        let try_it = world.kubectl(&["annotate", "--overwrite", "omem", "m1", "a=b", "--dry-run=server"]);
        if try_it.ok { Ok(()) } else { Err("not yet") }
    });
    let said = uninstall(&world, &[]);
    assert!(said.contains("took the finalizer off 11 resources"), "{said}");
    assert_eq!(held(&world), 0);
    world.cluster.kubectl(["delete", "validatingadmissionpolicy", name]).expect_ok();
}

/// Rights that are missing for one kind: it is named, the others are let go.
#[test]
fn a_kind_that_may_not_be_listed_is_named() {
    let world = World::start("forbidden");
    world.apply("Memory", "m", &json!({"type": "kv"}));
    world.apply("Tool", "t", &json!({"type": "http", "endpoint": "http://x"}));
    world.wait_settled();
    world.operator().stop();
    let role = format!("{}:orloj-operator", world.namespace);
    let replace = |mut object: serde_json::Value| {
        object["metadata"] = json!({"name": role, "namespace": world.namespace});
        world.cluster.kubectl_stdin(["replace", "-f", "-"], &object.to_string()).expect_ok();
    };
    let mut found = world.kubectl(&["get", "role", &role, "-o", "json"]).json();
    let whole = found.clone();
    for rule in found["rules"].as_array_mut().unwrap() {
        if let Some(resources) = rule["resources"].as_array_mut() {
            resources.retain(|resource| resource != "tools");
        }
    }
    replace(found);
    let (code, said) = Leaver::start(&world, &[]).end();
    assert!(code == 1 && said.contains(&format!("all tools in namespace {}", world.namespace)), "{code} {said}");
    assert_eq!(finalizers(&world.object("Tool", "t")), [FINALIZER]);
    assert!(finalizers(&world.object("Memory", "m")).is_empty());
    replace(whole);
    uninstall(&world, &[]);
    assert_eq!(held(&world), 0);
}

#[test]
fn times_that_leave_nothing_are_refused() {
    let world = World::named("notime").prepare();
    let (code, said) = Leaver::start(&world, &["--timeout", "1m", "--store-timeout", "50s"]).end();
    assert!(code == 2 && said.contains("--timeout must be longer") && said.contains("1m50s"), "{said}");
}

/// A policy that adds the finalizer at creation goes first: what is created afterwards has none.
#[test]
fn the_policy_that_adds_finalizers_goes_first() {
    let world = World::start("policy");
    world.operator().stop();
    let name = &world.namespace;
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Ignore", "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": ["orloj.dev"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["memories"],
            }]},
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression":
                "[JSONPatch{op: \"add\", path: \"/metadata/finalizers\", value: [\"orloj.dev/sync\"]}]"}}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}},
        },
    });
    for object in [policy, binding] {
        world.kubectl_apply(&object.to_string());
    }
    let mut created = 0;
    crate::bed::eventually(crate::world::PATIENCE, "the policy works", || {
        created += 1;
        world.apply("Memory", &format!("m{created}"), &json!({"type": "kv"}));
        if held(&world) > 0 { Ok(()) } else { Err("not yet") }
    });
    // without the right it is told, and all else goes on
    let args = ["--finalizer-policy", name];
    let said = uninstall(&world, &args);
    assert!(said.contains("warning: unable to delete MutatingAdmissionPolicyBinding"), "{said}");
    assert_eq!(held(&world), 0);

    world.apply("Memory", "again", &json!({"type": "kv"}));
    assert_eq!(held(&world), 1);
    let group = "admissionregistration.k8s.io";
    grant_everywhere(&world, group, "mutatingadmissionpolicybindings", std::slice::from_ref(name), "delete");
    let said = uninstall(&world, &args);
    assert!(said.contains(&format!("deleted MutatingAdmissionPolicyBinding {name}")), "{said}");
    world.apply("Memory", "later", &json!({"type": "kv"}));
    assert_eq!(held(&world), 0);
    // nothing there to delete
    uninstall(&world, &args);
    world.cluster.kubectl(["delete", "mutatingadmissionpolicy", name]).expect_ok();
}
