//! The least privilege that the operator needs, as RBAC objects.
//!
//! Each rule names the call that needs it. What is not here is not called: no `update` or `delete` on resources, no
//! `finalizers` subresource (that is for owner references that block deletion), and of the native Secrets nothing unless
//! a kind file asks for them: then to read them, in the namespaces that it selects.

use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::registry::crd::to_yaml;
use crate::registry::foreign::Foreign;
use crate::registry::{Kind, Registry};

/// Who the operator is and how far it looks.
#[derive(Clone, Debug)]
pub struct RbacOptions {
    /// Namespace of the operator, its `ServiceAccount` and its Lease.
    pub namespace: String,
    pub service_account: String,
    /// Name of the Lease that leaders hold.
    pub lease: String,
    /// Namespaces that are watched; all, where there are none.
    pub namespaces: Vec<String>,
}

/// The objects, in the order in which they should be applied.
///
/// All carry the operator's namespace in their names, so that a second operator elsewhere in the cluster, with
/// namespaces of its own, does not take the first one's rights away.
#[must_use]
pub fn rbac(registry: &Registry, options: &RbacOptions) -> Vec<Value> {
    let name = format!("{}:{}", options.namespace, options.service_account);
    let leader = format!("{name}:leader");
    let scope = Binder { options };
    let mut objects = vec![json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": options.service_account, "namespace": options.namespace},
    })];

    let mut rules = kind_rules(registry);
    rules.push(event_rule());
    // by namespace; `None` is the whole cluster
    let mut places = IndexMap::from([(None, vec![identity_rule()])]);
    if options.namespaces.is_empty() {
        places.entry(None).or_default().extend(rules);
    } else {
        places.extend(options.namespaces.iter().map(|namespace| (Some(namespace.as_str()), rules.clone())));
    }
    for (kind, foreign) in registry.kinds().iter().filter_map(|kind| Some((kind, kind.foreign.as_ref()?))) {
        let watched = kind.watched_namespaces(&options.namespaces);
        let watched = watched.map_or_else(|| vec![None], |all| all.into_iter().map(Some).collect());
        for namespace in watched {
            places.entry(namespace).or_default().push(foreign_rule(kind, foreign));
        }
    }
    for (namespace, rules) in places {
        objects.extend(scope.bind(&name, namespace, &rules));
    }
    objects.extend(scope.bind(&leader, Some(&options.namespace), &lease_rules(&options.lease)));
    objects
}

/// The same as a stream of YAML documents, ready for `kubectl apply -f -`.
#[must_use]
pub fn rbac_yaml(registry: &Registry, options: &RbacOptions) -> String {
    let documents: Vec<String> = rbac(registry, options).iter().map(to_yaml).collect();
    format!("---\n{}", documents.join("---\n"))
}

/// Watches list and watch, a retry reads afresh, finalizers are patched on; status is a patch of its own resource.
/// One pair of rules an API group.
fn kind_rules(registry: &Registry) -> Vec<Value> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for kind in registry.own_kinds() {
        let (group, plural) = (kind.names.group.as_str(), kind.names.plural.as_str());
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, plurals)) => plurals.push(plural),
            None => groups.push((group, vec![plural])),
        }
    }
    let rules = groups.iter().flat_map(|(group, plurals)| {
        let status: Vec<String> = plurals.iter().map(|plural| format!("{plural}/status")).collect();
        [
            json!({"apiGroups": [group], "resources": plurals, "verbs": ["get", "list", "watch", "patch"]}),
            json!({"apiGroups": [group], "resources": status, "verbs": ["patch"]}),
        ]
    });
    rules.collect()
}

/// What is another's is read, and at most annotated.
fn foreign_rule(kind: &Kind, foreign: &Foreign) -> Value {
    let mut verbs = vec!["get", "list", "watch"];
    verbs.extend(foreign.annotates.then_some("patch"));
    json!({"apiGroups": [kind.names.group], "resources": [kind.names.plural], "verbs": verbs})
}

/// Events stand in the namespace of their resource; `patch` counts a repeated one up.
fn event_rule() -> Value {
    json!({"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]})
}

/// The uid of `kube-system` tells the cluster from others that write to the same store.
fn identity_rule() -> Value {
    json!({"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]})
}

/// `create` cannot be limited by name: a name that is not there yet is not known to the authorizer.
fn lease_rules(lease: &str) -> Vec<Value> {
    let group = "coordination.k8s.io";
    vec![
        json!({"apiGroups": [group], "resources": ["leases"], "verbs": ["create"]}),
        json!({"apiGroups": [group], "resources": ["leases"], "resourceNames": [lease], "verbs": ["get", "update"]}),
    ]
}

struct Binder<'o> {
    options: &'o RbacOptions,
}

impl Binder<'_> {
    /// A role and its binding to the operator's account: of a namespace, or of the cluster.
    fn bind(&self, name: &str, namespace: Option<&str>, rules: &[Value]) -> [Value; 2] {
        let (role, binding) = match namespace {
            Some(_) => ("Role", "RoleBinding"),
            None => ("ClusterRole", "ClusterRoleBinding"),
        };
        let mut metadata = json!({"name": name});
        if let Some(namespace) = namespace {
            metadata["namespace"] = namespace.into();
        }
        let api = "rbac.authorization.k8s.io";
        let version = format!("{api}/v1");
        let account = &self.options.service_account;
        [
            json!({"apiVersion": version, "kind": role, "metadata": metadata, "rules": rules}),
            json!({
                "apiVersion": version,
                "kind": binding,
                "metadata": metadata,
                "roleRef": {"apiGroup": api, "kind": role, "name": name},
                "subjects": [
                    {"kind": "ServiceAccount", "name": account, "namespace": self.options.namespace},
                ],
            }),
        ]
    }
}
