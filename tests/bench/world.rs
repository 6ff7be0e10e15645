//! A control plane, a Postgres with fsync, and the release build of the operator between them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use kube::Client;
use orloj_operator::authoring::rbac::{RbacOptions, rbac_yaml};
use orloj_operator::cluster::client::connect;
use orloj_operator::cluster::lease::LEASE_NAME;
use orloj_operator::registry::Registry;
use orloj_operator::registry::crd::crds_yaml;
use sqlx::PgPool;

use crate::bed::{ControlPlane, ControlPlaneOptions, Database, Operator, Postgres, PostgresOptions, metrics_sum};
use crate::objects::{KINDS, NAMESPACE};

const SYSTEM: &str = "orloj-system";
const ACCOUNT: &str = "orloj-operator";

/// Nothing here takes longer on a machine that works at all.
pub const PATIENCE: Duration = Duration::from_mins(20);

pub struct World {
    // before the servers that it talks to
    operator: Option<Operator>,
    pub cluster: ControlPlane,
    pub database: Database,
    pub client: Client,
    pool: PgPool,
    _postgres: Postgres,
}

impl World {
    pub async fn start() -> Self {
        crate::say("starting etcd, kube-apiserver and Postgres");
        // no controllers: their own writes would blur the counts
        // thousands of versions of a megabyte each are more than etcd takes by default
        let etcd_args = vec!["--quota-backend-bytes=8589934592".to_owned()];
        let options = ControlPlaneOptions { controller_manager: false, etcd_args, ..ControlPlaneOptions::default() };
        let cluster = ControlPlane::start(&options);
        let postgres = Postgres::start(&PostgresOptions { fsync: true, ..PostgresOptions::default() });
        let database = postgres.database();
        database.apply_orlojd_schema();
        let registry = Registry::embedded().expect("the kinds load");
        cluster.establish(&crds_yaml(&registry));
        for namespace in [SYSTEM, NAMESPACE, "bare"] {
            cluster.kubectl(["create", "namespace", namespace]).expect_ok();
        }
        let rights = RbacOptions {
            namespace: SYSTEM.to_owned(),
            service_account: ACCOUNT.to_owned(),
            lease: LEASE_NAME.to_owned(),
            namespaces: Vec::new(),
        };
        cluster.kubectl_stdin(["apply", "--server-side", "-f", "-"], &rbac_yaml(&registry, &rights)).expect_ok();
        // the operator's own transport: kube's default stalls each request for up to 40 ms
        let count = std::sync::Arc::new(|_: &str, _: &str| ());
        let client = connect(Some(&cluster.admin_kubeconfig()), count).expect("the API server is there");
        let pool = PgPool::connect(&database.dsn()).await.expect("Postgres takes connections");
        Self { operator: None, cluster, database, client, pool, _postgres: postgres }
    }

    /// Starts an operator with the default settings; gives when.
    pub fn start_operator(&mut self) -> Instant {
        self.operator = None;
        let kubeconfig = self.cluster.service_account_kubeconfig(SYSTEM, ACCOUNT);
        let operator = Operator::at(binary())
            .kubeconfig(&kubeconfig)
            .env("ORLOJ_POSTGRES_DSN", self.database.dsn())
            .env("ORLOJ_SECRET_ENCRYPTION_KEY", "00".repeat(32))
            .env("ORLOJ_OPERATOR_NAMESPACE", SYSTEM)
            .arg("run");
        let started = Instant::now();
        self.operator = Some(operator.start());
        started
    }

    /// Stops it in good order: it gives its lease back.
    pub fn stop_operator(&mut self) {
        if let Some(operator) = self.operator.take() {
            operator.stop();
        }
    }

    pub fn operator(&self) -> &Operator {
        let operator = self.operator.as_ref().expect("an operator was started");
        if let Some(status) = operator.process().exited() {
            panic!("the operator has ended ({status}); its log:\n{}", operator.log());
        }
        operator
    }

    /// Rows of both kinds.
    pub async fn rows(&self) -> usize {
        let rows: i64 = sqlx::query_scalar("select (select count(*) from tools) + (select count(*) from agents)")
            .fetch_one(&self.pool)
            .await
            .expect("the tables can be counted");
        usize::try_from(rows).unwrap_or(0)
    }

    /// Waits until there are so many rows.
    pub async fn wait_rows(&self, wanted: usize) {
        self.wait("all rows are there", Duration::from_millis(10), async || self.rows().await >= wanted).await;
    }

    /// Patches that the operator says it has sent with success.
    pub fn patches(&self, what: &str) -> usize {
        let labels = [("what", what), ("outcome", "ok")];
        let sent = self.operator().metric("orloj_operator_api_writes_total", &labels).unwrap_or(0.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let sent = sent as usize;
        sent
    }

    /// Waits until something holds, and looks again after each pause.
    pub async fn wait(&self, what: &str, pause: Duration, mut holds: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds().await {
            assert!(Instant::now() < deadline, "{what}: not in time; log:\n{}", self.operator().log());
            tokio::time::sleep(pause).await;
            self.operator();
        }
    }

    /// Waits until the operator is ready and hardly uses a processor any more.
    pub async fn wait_quiet(&self) {
        const WINDOW: Duration = Duration::from_millis(500);
        self.wait("the operator is ready", Duration::from_millis(10), async || self.operator().ready()).await;
        let cpu = || self.operator().process().cpu_seconds();
        self.wait("the operator is quiet", Duration::ZERO, async || {
            let before = cpu();
            tokio::time::sleep(WINDOW).await;
            cpu() - before <= 0.011
        })
        .await;
    }

    /// Writes to resources of ours and Events since the API server's start, as it counts them itself.
    pub fn api_writes(&self) -> f64 {
        let text = self.cluster.kubectl(["get", "--raw", "/metrics"]).expect_ok();
        let of = |resource: &str| -> f64 {
            let verbs = ["POST", "PUT", "PATCH", "APPLY", "DELETE"];
            verbs
                .iter()
                .map(|verb| metrics_sum(&text, "apiserver_request_total", &[("resource", resource), ("verb", verb)]))
                .sum()
        };
        KINDS.iter().map(|(plural, _)| of(plural)).sum::<f64>() + of("events")
    }

    /// What stands in each table, by the versions of its rows; but for the leader's own, whose epoch rises with each.
    pub fn row_versions(&self) -> BTreeMap<String, String> {
        let mut versions = self.database.row_versions();
        versions.remove("orloj_operator.leader");
        versions
    }

    /// Versions of the servers.
    pub fn versions(&self) -> String {
        let kube = self.cluster.kubectl(["version"]).expect_ok();
        let kube = kube.lines().find_map(|line| line.strip_prefix("Server Version: ")).unwrap_or("unknown").to_owned();
        format!("kube-apiserver {kube}, Postgres {}", self.database.psql("show server_version"))
    }
}

/// The release build: beside this program's folder.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("ORLOJ_BENCH_BINARY") {
        return path.into();
    }
    let here = std::env::current_exe().expect("this program has a path");
    let binary = here.parent().and_then(|examples| examples.parent()).map(|folder| folder.join("orloj-operator"));
    binary.filter(|binary| binary.exists()).expect("the operator was built beside this program")
}
