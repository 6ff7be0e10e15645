//! The cluster, the database and the operator of the demo.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use orloj_operator::cluster::lease::LEASE_NAME;
use orloj_operator::registry::Registry;
use orloj_operator::registry::crd::crds_yaml;
use orloj_operator::registry::rbac::{RbacOptions, rbac_yaml};
use serde_json::Value;

use crate::bed::{ControlPlane, ControlPlaneOptions, Database, Operator, Output, Postgres, PostgresOptions};
use crate::show::{Show, Stop, table, typed};

/// Whether the program prints CRDs and rights itself; else the library functions behind its commands do.
const PROGRAM_PRINTS: bool = false;

const SYSTEM: &str = "orloj-system";
const ACCOUNT: &str = "orloj-operator";

pub struct World {
    // before the servers that it talks to
    operator: Option<Operator>,
    cluster: ControlPlane,
    pub database: Database,
    registry: Registry,
    _postgres: Postgres,
}

impl World {
    pub fn start(show: &mut Show) -> Result<Self, Stop> {
        let cluster = ControlPlane::start(&ControlPlaneOptions::default());
        show.go_on()?;
        let postgres = Postgres::start(&PostgresOptions::default());
        show.go_on()?;
        let database = postgres.database();
        database.apply_orlojd_schema();
        let registry = Registry::embedded().map_err(|error| Stop::Claim(error.to_string()))?;
        let world = Self { operator: None, cluster, database, registry, _postgres: postgres };
        let kubeconfig = world.cluster.admin_kubeconfig();
        show.command(
            "to look around from another terminal",
            &format!("export KUBECONFIG={}", kubeconfig.display()),
            "",
        );
        show.command("and into the database", &format!("psql '{}'", world.database.dsn()), "");
        world.kubectl(show, "the API server is there", &["version"])?;
        world.psql(
            show,
            "and so are orlojd's tables",
            "select count(*) as migrations from schema_migrations",
            &["migrations"],
        )?;
        Ok(world)
    }

    pub fn apply_crds(&self, show: &Show) -> Result<(), Stop> {
        show.typed("the CRDs", "orloj-operator kinds crds | kubectl apply --server-side -f -");
        let text = if PROGRAM_PRINTS { printed(&["kinds", "crds"])? } else { crds_yaml(&self.registry) };
        self.applied(show, &text)?;
        let crds: Vec<String> = self.registry.kinds().iter().map(|kind| format!("crd/{}", kind.names.crd())).collect();
        let mut wait = vec!["wait", "--for=condition=Established", "--timeout=60s"];
        wait.extend(crds.iter().map(String::as_str));
        self.kubectl_quietly(&wait)?;
        show.claim(&format!("{} kinds, served", crds.len()), crds.len() == 8)
    }

    pub fn apply_rights(&self, show: &Show) -> Result<(), Stop> {
        self.kubectl(show, "the operator's namespace", &["create", "namespace", SYSTEM])?;
        show.typed(
            "its rights",
            "orloj-operator kinds rbac --namespace orloj-system | kubectl apply --server-side -f -",
        );
        let text = if PROGRAM_PRINTS {
            printed(&["kinds", "rbac", "--namespace", SYSTEM])?
        } else {
            let options = RbacOptions {
                namespace: SYSTEM.to_owned(),
                service_account: ACCOUNT.to_owned(),
                lease: LEASE_NAME.to_owned(),
                namespaces: Vec::new(),
            };
            rbac_yaml(&self.registry, &options)
        };
        self.applied(show, &text)
    }

    fn applied(&self, show: &Show, text: &str) -> Result<(), Stop> {
        let output = self.cluster.kubectl_stdin(["apply", "--server-side", "-f", "-"], text);
        self.shown(show, output).map(drop)
    }

    pub fn start_operator(&mut self, show: &Show) -> Result<(), Stop> {
        let kubeconfig = self.cluster.service_account_kubeconfig(SYSTEM, ACCOUNT);
        let key = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        show.typed("the database's address and the key come from the environment", "orloj-operator run");
        let operator = Operator::at(binary())
            .kubeconfig(&kubeconfig)
            .env("ORLOJ_POSTGRES_DSN", self.database.dsn())
            .env("ORLOJ_SECRET_ENCRYPTION_KEY", key)
            .env("ORLOJ_OPERATOR_NAMESPACE", SYSTEM)
            .env("ORLOJ_OPERATOR_STATUS_SYNC_INTERVAL", "1s")
            .env("ORLOJ_OPERATOR_LOG_FORMAT", "human")
            .arg("run")
            .start();
        self.operator = Some(operator);
        show.wait("the operator is ready", || {
            let operator = self.operator();
            assert!(operator.process().exited().is_none(), "the operator has ended:\n{}", operator.log());
            operator.ready()
        })?;
        Show::output(&self.operator().log());
        Ok(())
    }

    pub fn operator(&self) -> &Operator {
        self.operator.as_ref().expect("the operator was started")
    }

    /// Shows a kubectl command that has to succeed.
    pub fn kubectl(&self, show: &Show, why: &str, args: &[&str]) -> Result<String, Stop> {
        show.go_on()?;
        show.typed(why, &typed("kubectl", args));
        self.shown(show, self.cluster.kubectl(args))
    }

    /// Shows one whose exit code does not matter.
    pub fn kubectl_any(&self, show: &Show, why: &str, args: &[&str]) -> Result<String, Stop> {
        show.go_on()?;
        let output = self.cluster.kubectl(args);
        show.command(why, &typed("kubectl", args), &output.stdout);
        Ok(output.stdout)
    }

    fn shown(&self, show: &Show, output: Output) -> Result<String, Stop> {
        show.go_on()?;
        Show::output(&output.stdout);
        if output.ok {
            return Ok(output.stdout);
        }
        let log = self.operator.as_ref().map(Operator::log).unwrap_or_default();
        Err(Stop::Claim(format!("kubectl failed: {}\n{log}", output.stderr)))
    }

    fn kubectl_quietly(&self, args: &[&str]) -> Result<String, Stop> {
        let output = self.cluster.kubectl(args);
        if output.ok { Ok(output.stdout) } else { Err(Stop::Claim(format!("kubectl failed: {}", output.stderr))) }
    }

    /// Shows a query and its rows under these column names.
    pub fn psql(&self, show: &Show, why: &str, query: &str, columns: &[&str]) -> Result<String, Stop> {
        show.go_on()?;
        show.typed(why, &format!("psql -c \"{query}\""));
        let rows = self.database.try_psql(query).map_err(Stop::Claim)?;
        if !columns.is_empty() {
            Show::output(&table(columns, &rows));
        }
        Ok(rows)
    }

    /// All kinds, as kubectl takes them.
    pub fn plurals(&self) -> String {
        let crds: Vec<String> = self.registry.kinds().iter().map(|kind| kind.names.crd()).collect();
        crds.join(",")
    }

    fn items(&self, namespace: &str) -> Vec<Value> {
        let output = self.cluster.kubectl(["get", "-n", namespace, &self.plurals(), "-o", "json"]);
        let mut list: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
        serde_json::from_value(list["items"].take()).unwrap_or_default()
    }

    /// Resources whose status says Synced, for their newest generation.
    pub fn synced(&self, namespace: &str) -> usize {
        let is_synced = |item: &Value| {
            let status = &item["status"];
            let conditions = status["conditions"].as_array();
            conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Synced" && one["status"] == "True"))
                && status["observedGeneration"] == item["metadata"]["generation"]
        };
        self.items(namespace).iter().filter(|item| is_synced(item)).count()
    }

    /// How many kinds there are resources of.
    pub fn kinds_of(&self, namespace: &str) -> usize {
        let kinds: std::collections::BTreeSet<_> =
            self.items(namespace).iter().map(|item| item["kind"].to_string()).collect();
        kinds.len()
    }

    /// Rows of all kinds, with what changes whenever one is written.
    pub fn row_versions(&self) -> BTreeMap<String, String> {
        let of = |table: &str| format!("select '{table} ' || name, ctid || ':' || xmin from {table}");
        let selects: Vec<String> = self.registry.kinds().iter().map(|kind| of(&kind.store.table.name)).collect();
        let rows = self.database.psql(&selects.join(" union all "));
        rows.lines().filter_map(|line| line.split_once('\t')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    }

    pub fn row_count(&self) -> usize {
        self.row_versions().len()
    }

    /// Whether neither rows nor resources change for a while.
    pub fn stays_quiet(&self, plurals: &str) -> bool {
        let columns = "-o=jsonpath={range .items[*]}{.metadata.resourceVersion}{\"\\n\"}{end}";
        let now = || (self.row_versions(), self.cluster.kubectl(["get", "-A", plurals, columns]).stdout);
        let before = now();
        // longer than the interval at which rows are read back
        std::thread::sleep(Duration::from_secs(2));
        before == now()
    }
}

/// What the program prints.
fn printed(args: &[&str]) -> Result<String, Stop> {
    let output = Command::new(binary()).args(args).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Stop::Claim(format!("unable to run the program: {error}")))?;
    if !output.status.success() {
        return Err(Stop::Claim(format!("orloj-operator {} failed", args.join(" "))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Beside this program's folder.
fn binary() -> PathBuf {
    let here = std::env::current_exe().expect("this program has a path");
    let binary = here.parent().and_then(|examples| examples.parent()).map(|folder| folder.join("orloj-operator"));
    binary.filter(|binary| binary.exists()).expect("the operator was built beside this program")
}
