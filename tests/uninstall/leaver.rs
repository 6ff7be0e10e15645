//! `uninstall` as a child process, with the rights that the chart's hook has.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::bed::{Process, Scratch, Spec};
use crate::world::{PATIENCE, SERVICE_ACCOUNT, World};

pub const FINALIZER: &str = "orloj.dev/sync";

/// A run of `uninstall`, with the operator's own settings.
pub struct Leaver {
    process: Process,
    _folder: Scratch,
}

impl Leaver {
    /// Starts it as the operator's account.
    pub fn start(world: &World, args: &[&str]) -> Self {
        Self::start_by(world, Some(&world.database.dsn()), args)
    }

    /// With this DSN, or with none.
    pub fn start_by(world: &World, dsn: Option<&str>, args: &[&str]) -> Self {
        let folder = Scratch::new("uninstall");
        let kubeconfig = world.cluster.service_account_kubeconfig(&world.namespace, SERVICE_ACCOUNT);
        let mut spec = Spec::new(env!("CARGO_BIN_EXE_orloj-operator"), folder.path().join("log"))
            .env("KUBECONFIG", kubeconfig)
            .env("ORLOJ_OPERATOR_NAMESPACE", &world.namespace)
            .env("ORLOJ_OPERATOR_NAMESPACES", world.namespaces().join(","));
        if let Some(dsn) = dsn {
            spec = spec.env("ORLOJ_POSTGRES_DSN", dsn);
        }
        let spec = spec.args(["uninstall"]).args(args.iter().copied());
        Self { process: Process::start(&spec).expect("it runs"), _folder: folder }
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits for its end: exit code, and all it said.
    pub fn end(&self) -> (i32, String) {
        let status = self.process.wait(PATIENCE).unwrap_or_else(|| panic!("it goes on and on: {}", self.log()));
        (status.code().unwrap_or(-1), self.log())
    }
}

/// Runs it to its end, and expects that all went well.
#[track_caller]
pub fn uninstall(world: &World, args: &[&str]) -> String {
    let (code, said) = Leaver::start(world, args).end();
    assert_eq!(code, 0, "{said}");
    said
}

/// What the hook may do beyond the operator, in its own namespace.
pub fn grant_hook(world: &World) {
    let rules = json!([
        {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["operator"], "verbs": ["get"]},
        {"apiGroups": ["apps"], "resources": ["deployments/scale"], "resourceNames": ["operator"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]},
    ]);
    grant(world, "Role", &json!({"name": "uninstall", "namespace": world.namespace}), &rules);
}

/// And in the cluster: by name alone.
pub fn grant_everywhere(world: &World, group: &str, resource: &str, names: &[String], verb: &str) {
    let name = format!("{}:{resource}", world.namespace);
    let rules = json!([{"apiGroups": [group], "resources": [resource], "resourceNames": names, "verbs": [verb]}]);
    grant(world, "ClusterRole", &json!({"name": name}), &rules);
}

fn grant(world: &World, kind: &str, metadata: &Value, rules: &Value) {
    let group = "rbac.authorization.k8s.io";
    let version = format!("{group}/v1");
    let role = json!({"apiVersion": version, "kind": kind, "metadata": metadata, "rules": rules});
    let binding = json!({
        "apiVersion": version, "kind": format!("{kind}Binding"), "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": kind, "name": metadata["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": world.namespace}],
    });
    world.kubectl_apply(&role.to_string());
    world.kubectl_apply(&binding.to_string());
}

/// All rows, payload and derived columns, without the ledger.
pub fn rows(world: &World) -> BTreeMap<String, String> {
    let mut rows = BTreeMap::new();
    for kind in world.registry.kinds() {
        let table = &kind.store.table.name;
        let text = world.database.psql(&format!("select name, row_to_json(t)::text from {table} t"));
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (key, row) = line.split_once('\t').expect("two columns");
            rows.insert(format!("{table} {key}"), row.to_owned());
        }
    }
    rows
}

/// Versions of the rows alone: the epoch moves with every leader.
pub fn row_versions(world: &World) -> BTreeMap<String, String> {
    let mut versions = world.database.row_versions();
    versions.retain(|table, _| table.starts_with("public."));
    versions
}

pub fn finalizers(object: &Value) -> Vec<&str> {
    object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// How many resources have the operator's finalizer.
pub fn held(world: &World) -> usize {
    world.objects().iter().filter(|object| finalizers(object).contains(&FINALIZER)).count()
}

/// What each resource is, apart from finalizers and versions.
pub fn contents(world: &World) -> BTreeMap<String, Value> {
    let content = |object: &Value| {
        let metadata = &object["metadata"];
        let key = format!("{} {}/{}", object["kind"], metadata["namespace"], metadata["name"]);
        (key, json!([metadata["uid"], object["spec"], object["status"]]))
    };
    world.objects().iter().map(content).collect()
}
