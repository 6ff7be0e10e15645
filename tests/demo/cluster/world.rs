//! The cluster, the database and the operator of the demo.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use orloj_operator::registry::Registry;
use serde_json::Value;

use crate::bed::{
    ControlPlane, ControlPlaneOptions, Database, Helm, HelmLine, Image, Node, Output, Postgres, PostgresOptions,
    Response, Scratch,
};
use crate::show::{Show, Stop, table, typed};

const SYSTEM: &str = "orloj-system";
const README: &str = include_str!("../../../README.md");
const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

pub struct World {
    // Each before the servers that it talks to.
    node: Node,
    cluster: ControlPlane,
    helm: Helm,
    pub database: Database,
    registry: Registry,
    _postgres: Postgres,
    _folder: Scratch,
}

impl World {
    pub fn start(show: &mut Show) -> Result<Self, Stop> {
        let cluster = ControlPlane::start(&ControlPlaneOptions { workloads: true, ..ControlPlaneOptions::default() });
        show.go_on()?;
        let postgres = Postgres::start(&PostgresOptions::default());
        show.go_on()?;
        let database = postgres.database();
        database.apply_orlojd_schema();
        let registry = Registry::embedded().map_err(|error| Stop::Claim(error.to_string()))?;
        let image = concat!("ghcr.io/orlojhq/orloj-operator:", env!("CARGO_PKG_VERSION"));
        let node = Node::start(&cluster, Image { name: image.to_owned(), program: binary() }, &[postgres.port()]);
        let helm = Helm::new(HelmLine::Four, &cluster.admin_kubeconfig());
        let folder = work_folder(&database);
        let world = Self { node, cluster, helm, database, registry, _postgres: postgres, _folder: folder };
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

    /// Runs one of README's commands, which has to succeed.
    pub fn quick_start(&self, show: &Show, why: &str, begins: &str) -> Result<String, Stop> {
        show.go_on()?;
        let commands = quick_start();
        let command = commands.iter().find(|command| command.starts_with(begins));
        let command = command.ok_or_else(|| Stop::Claim(format!("README's quick start has \"{begins}\"")))?;
        show.typed(why, command);
        let mut words = command.split_whitespace();
        let output = match words.next() {
            Some("helm") => self.helm.run(words),
            _ => self.cluster.kubectl(words),
        };
        self.shown(show, output)
    }

    /// What the one pod of the operator answers on a port.
    pub fn ask(&self, port: u16, path: &str) -> Result<Response, Stop> {
        let [pod] = &self.node.pods(SYSTEM)[..] else { return Err(Stop::Claim("one pod runs".to_owned())) };
        self.node.get(SYSTEM, pod, port, path).map_err(Stop::Claim)
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
        let log = self.node.logs(SYSTEM);
        Err(Stop::Claim(format!("the command failed: {}\n{log}", output.stderr)))
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
        std::thread::sleep(Duration::from_secs(6));
        before == now()
    }
}

/// The commands of README's quick start, as they stand there.
fn quick_start() -> Vec<String> {
    let start = README.find("## Quick start in a cluster").unwrap_or_default();
    let section = README[start..].split("\n## ").next().unwrap_or_default();
    let blocks = section.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let text: String = blocks.collect::<String>().replace("\\\n", " ");
    let plain =
        |line: &str| line.split('#').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(plain).collect()
}

/// Where the reader stands: the repository's folders that are named, and the two files. Becomes the current folder.
fn work_folder(database: &Database) -> Scratch {
    let folder = Scratch::new("work");
    for part in ["chart", "examples"] {
        let source = PathBuf::from(REPOSITORY).join(part);
        std::os::unix::fs::symlink(source, folder.path().join(part)).expect("a link can be made");
    }
    folder.write("postgres-dsn", &database.dsn());
    let key = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
    folder.write("secret-encryption-key", &key);
    std::env::set_current_dir(folder.path()).expect("the folder is there");
    folder
}

/// Beside this program's folder.
fn binary() -> PathBuf {
    let here = std::env::current_exe().expect("this program has a path");
    let binary = here.parent().and_then(|examples| examples.parent()).map(|folder| folder.join("orloj-operator"));
    binary.filter(|binary| binary.exists()).expect("the operator was built beside this program")
}
