//! One test's world: a namespace, a database of orlojd and an operator as its own `ServiceAccount`.
#![allow(dead_code, reason = "each test target uses its own part of the world")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use orloj_operator::authoring::rbac::{RbacOptions, rbac_yaml};
use orloj_operator::registry::crd::crds_yaml;
use orloj_operator::registry::{Kind, Registry};
use serde_json::{Value, json};

use crate::bed::{self, ControlPlane, Database, Operator, Output, Postgres, eventually};
use crate::cluster::Cluster;

/// Long enough for a busy machine; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_mins(3);

pub const SERVICE_ACCOUNT: &str = "orloj-operator";

/// 64 hex digits.
pub const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

pub struct World {
    pub namespace: String,
    pub database: Database,
    pub cluster: Cluster,
    pub registry: Registry,
    /// Kinds whose CRD is not installed, by name.
    pub absent: BTreeSet<String>,
    builder: Builder,
    operators: Vec<Operator>,
}

/// How the operators of a world are started.
#[derive(Clone)]
pub struct Builder {
    name: &'static str,
    namespaces: Vec<String>,
    env: BTreeMap<String, String>,
    args: Vec<String>,
    kinds: Option<std::path::PathBuf>,
    cluster: Option<Cluster>,
    database: Option<Database>,
    crds: Crds,
    everywhere: bool,
}

/// Which CRDs are installed.
type Crds = fn(&Registry) -> String;

impl Builder {
    /// A control plane of the test's own, for what breaks it.
    pub fn cluster(mut self, cluster: &Arc<ControlPlane>) -> Self {
        self.cluster = Some(Cluster::Own(Arc::clone(cluster)));
        self
    }

    /// A Postgres of the test's own, for what breaks it.
    pub fn postgres(mut self, postgres: &Postgres) -> Self {
        self.database = Some(postgres.database());
        self
    }

    /// In all namespaces of the cluster, with rights to match. The world still only looks at its own.
    pub fn everywhere(mut self) -> Self {
        self.everywhere = true;
        self
    }

    /// Other CRDs than the registry's, in a control plane of the test's own.
    pub fn crds(mut self, crds: Crds) -> Self {
        self.crds = crds;
        self
    }

    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// A change of leader within seconds; only where that is the subject, since a busy machine can be slower.
    pub fn short_lease(self) -> Self {
        self.env("ORLOJ_OPERATOR_LEASE_DURATION", "5s")
            .env("ORLOJ_OPERATOR_RENEW_DEADLINE", "4s")
            .env("ORLOJ_OPERATOR_RETRY_PERIOD", "500ms")
    }

    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Another namespace that the operator watches, named by its suffix.
    pub fn also_namespace(mut self, suffix: &str) -> Self {
        self.namespaces.push(suffix.to_owned());
        self
    }

    pub fn kinds(mut self, folder: impl Into<std::path::PathBuf>) -> Self {
        self.kinds = Some(folder.into());
        self
    }

    /// Everything but the operator.
    pub fn prepare(self) -> World {
        let registry = Registry::load(self.kinds.as_deref()).expect("the registry loads");
        let cluster = self.cluster.clone().unwrap_or_else(Cluster::shared);
        let namespace = unique(self.name);
        let database = self.database.clone().unwrap_or_else(|| bed::postgres().database());
        database.apply_orlojd_schema();
        let operators = Vec::new();
        let world = World { namespace, database, cluster, registry, absent: BTreeSet::new(), builder: self, operators };
        if world.builder.kinds.is_some() || world.builder.cluster.is_some() {
            world.cluster.establish(&(world.builder.crds)(&world.registry));
        }
        for namespace in world.namespaces() {
            world.cluster.kubectl(["create", "namespace", &namespace]).expect_ok();
        }
        world.grant(&world.namespace, world.watched());
        world
    }

    pub fn start(self) -> World {
        let mut world = self.prepare();
        world.start_operator();
        world.operator().wait_ready(PATIENCE);
        world
    }
}

impl World {
    pub fn named(name: &'static str) -> Builder {
        Builder {
            name,
            namespaces: Vec::new(),
            env: BTreeMap::new(),
            args: Vec::new(),
            kinds: None,
            cluster: None,
            database: None,
            crds: crds_yaml,
            everywhere: false,
        }
    }

    pub fn start(name: &'static str) -> Self {
        Self::named(name).start()
    }

    /// The world's namespaces, its own first.
    pub fn namespaces(&self) -> Vec<String> {
        let others = self.builder.namespaces.iter().map(|suffix| format!("{}-{suffix}", self.namespace));
        std::iter::once(self.namespace.clone()).chain(others).collect()
    }

    /// What the operators are told to watch; nothing is everything.
    fn watched(&self) -> Vec<String> {
        if self.builder.everywhere { Vec::new() } else { self.namespaces() }
    }

    /// The rights of an operator that lives in one namespace and watches others.
    pub fn grant(&self, namespace: &str, namespaces: Vec<String>) {
        self.kubectl_apply(&rbac_yaml(&self.registry, &rbac_options(namespace, namespaces)));
    }

    /// What the operators are granted.
    pub fn rbac_options(&self) -> RbacOptions {
        rbac_options(&self.namespace, self.watched())
    }

    pub fn operator(&self) -> &Operator {
        self.operators.last().expect("an operator runs")
    }

    pub fn operators(&self) -> &[Operator] {
        &self.operators
    }

    pub fn start_operator(&mut self) -> &Operator {
        self.start_operator_by(&self.database.dsn(), None)
    }

    /// Starts an operator that reaches the store by this DSN and, where given, the API server by this URL.
    pub fn start_operator_by(&mut self, dsn: &str, url: Option<&str>) -> &Operator {
        let kubeconfig = match url {
            Some(url) => self.cluster.service_account_kubeconfig_at(&self.namespace, SERVICE_ACCOUNT, url),
            None => self.cluster.service_account_kubeconfig(&self.namespace, SERVICE_ACCOUNT),
        };
        let mut operator = Operator::at(env!("CARGO_BIN_EXE_orloj-operator"))
            .kubeconfig(&kubeconfig)
            .env("ORLOJ_OPERATOR_NAMESPACE", &self.namespace)
            .env("ORLOJ_OPERATOR_NAMESPACES", self.watched().join(","))
            .env("ORLOJ_OPERATOR_LOG_LEVEL", "debug")
            .env("ORLOJ_OPERATOR_STATUS_SYNC_INTERVAL", "300ms")
            .env("ORLOJ_OPERATOR_SWEEP_INTERVAL", "2s");
        if !self.builder.env.contains_key("ORLOJ_POSTGRES_DSN_FILE") {
            operator = operator.env("ORLOJ_POSTGRES_DSN", dsn);
        }
        for (name, value) in &self.builder.env {
            operator = operator.env(name, value);
        }
        if let Some(kinds) = &self.builder.kinds {
            operator = operator.args(["--kinds".into(), kinds.clone()]);
        }
        let operator = operator.args(["run".to_owned()]).args(self.builder.args.clone()).start();
        self.operators.push(operator);
        self.operator()
    }

    /// Waits until the newest operator leads and has listed everything: a standby is ready too.
    pub fn wait_leading(&self) {
        eventually(PATIENCE, "the operator leads", || {
            let answer = self.operator().health("/readyz?verbose")?;
            let leads = answer.status == 200 && answer.body.contains("leading");
            if leads { Ok(()) } else { Err(format!("{}; log:\n{}", answer.body, self.log_tail())) }
        });
    }

    /// For the operators started from now on.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.builder.env.insert(name.to_owned(), value.to_owned());
    }

    /// For the operators started from now on.
    pub fn set_kinds(&mut self, folder: &std::path::Path) {
        self.builder.kinds = Some(folder.to_owned());
    }

    pub fn kubectl_apply(&self, yaml: &str) {
        self.cluster.kubectl_stdin(["apply", "--server-side", "-f", "-"], yaml).expect_ok();
    }

    /// kubectl in the world's namespace.
    pub fn kubectl(&self, args: &[&str]) -> Output {
        self.cluster.kubectl(["-n", &self.namespace].iter().chain(args))
    }

    /// Creates or changes a resource of this kind in the world's namespace.
    pub fn apply(&self, kind: &str, name: &str, spec: &Value) {
        self.apply_with(kind, &json!({"name": name, "namespace": self.namespace}), spec);
    }

    pub fn apply_with(&self, kind: &str, metadata: &Value, spec: &Value) {
        self.try_apply(kind, metadata, spec).expect_ok();
    }

    pub fn try_apply(&self, kind: &str, metadata: &Value, spec: &Value) -> Output {
        let manifest = manifest(kind, metadata, spec);
        self.cluster.kubectl_stdin(["apply", "-f", "-"], &manifest.to_string())
    }

    pub fn delete(&self, kind: &str, name: &str) {
        self.kubectl(&["delete", &self.kind(kind).names.crd(), name, "--timeout=60s"]).expect_ok();
    }

    /// Asks for a deletion without waiting for it.
    pub fn delete_later(&self, kind: &str, name: &str) {
        self.kubectl(&["delete", &self.kind(kind).names.crd(), name, "--wait=false"]).expect_ok();
    }

    pub fn annotate(&self, kind: &str, name: &str, annotation: &str) {
        self.kubectl(&["annotate", "--overwrite", &self.kind(kind).names.crd(), name, annotation]).expect_ok();
    }

    pub fn kind(&self, kind: &str) -> &Kind {
        self.registry.kind(self.registry.resolve(kind).expect("a known kind"))
    }

    /// The payload of a row, by the row's namespace and name.
    pub fn row_at(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let table = &self.kind(kind).store.table.name;
        let text = self.database.psql(&format!("select payload from {table} where name = '{namespace}/{name}'"));
        (!text.trim().is_empty()).then(|| serde_json::from_str(text.trim()).expect("a payload is JSON"))
    }

    pub fn row(&self, kind: &str, name: &str) -> Option<Value> {
        self.row_at(kind, &self.namespace, name)
    }

    pub fn object(&self, kind: &str, name: &str) -> Value {
        self.cluster.get(&format!("{}/{name}", path(self.kind(kind), &self.namespace)))
    }

    /// Waits until the row of a resource is there and satisfies the check.
    pub fn wait_row(&self, kind: &str, name: &str, check: impl Fn(&Value) -> bool) -> Value {
        self.wait_row_at(kind, &self.namespace, name, check)
    }

    pub fn wait_row_at(&self, kind: &str, namespace: &str, name: &str, check: impl Fn(&Value) -> bool) -> Value {
        eventually(PATIENCE, &format!("the row of {kind} {name}"), || match self.row_at(kind, namespace, name) {
            Some(row) if check(&row) => Ok(row),
            other => Err(format!("{other:?}; log:\n{}", self.log_tail())),
        })
    }

    pub fn wait_no_row(&self, kind: &str, name: &str) {
        eventually(PATIENCE, &format!("no row of {kind} {name}"), || match self.row(kind, name) {
            None => Ok(()),
            Some(row) => Err(format!("{row}; log:\n{}", self.log_tail())),
        });
    }

    /// Waits until the status of a resource satisfies the check.
    pub fn wait_status(&self, kind: &str, name: &str, check: impl Fn(&Value) -> bool) -> Value {
        eventually(PATIENCE, &format!("the status of {kind} {name}"), || {
            let object = self.object(kind, name);
            if check(&object["status"]) { Ok(object) } else { Err(format!("{object}; log:\n{}", self.log_tail())) }
        })
    }

    /// Waits until `Synced` is True for the newest generation.
    pub fn wait_synced(&self, kind: &str, name: &str) -> Value {
        eventually(PATIENCE, &format!("{kind} {name} is synced"), || {
            let object = self.object(kind, name);
            let synced = condition(&object["status"], "Synced");
            let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            if synced["status"] == "True" && current {
                Ok(object)
            } else {
                Err(format!("{object}; log:\n{}", self.log_tail()))
            }
        })
    }

    /// Waits until the status says that the sync failed for this reason.
    pub fn wait_failed(&self, kind: &str, name: &str, reason: &str) -> Value {
        self.wait_status(kind, name, |status| condition(status, "Synced")["reason"] == reason)
    }

    pub fn log_tail(&self) -> String {
        let Some(operator) = self.operators.last() else { return String::new() };
        let log = operator.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

fn rbac_options(namespace: &str, namespaces: Vec<String>) -> RbacOptions {
    RbacOptions {
        namespace: namespace.to_owned(),
        service_account: SERVICE_ACCOUNT.to_owned(),
        lease: orloj_operator::cluster::lease::LEASE_NAME.to_owned(),
        namespaces,
    }
}

/// Where the API server has a namespace's resources of a kind.
pub fn path(kind: &Kind, namespace: &str) -> String {
    let root = if kind.names.group.is_empty() { "api" } else { "apis" };
    format!("/{root}/{}/namespaces/{namespace}/{}", kind.names.api_version(), kind.names.plural)
}

pub fn manifest(kind: &str, metadata: &Value, spec: &Value) -> Value {
    let version = if kind == "Widget" { "widgets.example.com/v1alpha1" } else { "orloj.dev/v1" };
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
}

pub fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    status["conditions"].as_array().and_then(|all| all.iter().find(|one| one["type"] == kind)).unwrap_or(&Value::Null)
}

fn unique(name: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
