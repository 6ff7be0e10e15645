//! The least privilege that the operator needs, as RBAC objects.
//!
//! Each rule names the call that needs it. What is not here is not called: no `update` or `delete` on resources, no
//! `finalizers` subresource (that is for owner references that block deletion), nothing of the native Secrets.

use serde_json::{Value, json};

use crate::registry::Registry;
use crate::registry::crd::to_yaml;

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
    let mut cluster_rules = vec![identity_rule()];
    if options.namespaces.is_empty() {
        cluster_rules.extend(rules);
        objects.extend(scope.bind(&name, None, &cluster_rules));
    } else {
        objects.extend(scope.bind(&name, None, &cluster_rules));
        for namespace in &options.namespaces {
            objects.extend(scope.bind(&name, Some(namespace), &rules));
        }
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
    for kind in registry.kinds() {
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
