//! One release of the chart, with a namespace and a database of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bed::{self, Database, Output, Scratch, eventually};
use crate::bed::{Helm, HelmLine};
use crate::site::{PATIENCE, Site};

/// 64 hex digits.
pub const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Its name, and that of all that it makes.
pub const NAME: &str = "orloj-operator";

const CHART: &str = "chart";

pub struct Release<'a> {
    pub site: &'a Site,
    pub helm: Helm,
    pub namespace: String,
    pub database: Database,
    folder: Scratch,
}

/// What changes whenever a row or a resource is written.
#[derive(Debug, PartialEq, Eq)]
pub struct Writes {
    rows: BTreeMap<String, String>,
    resources: String,
}

impl<'a> Release<'a> {
    /// Everything that `helm install` wants to find: a namespace, orlojd's tables, and the Secret of the chart's
    /// README.
    pub fn prepare(site: &'a Site, line: HelmLine, namespace: &str) -> Self {
        let database = bed::postgres().database();
        database.apply_orlojd_schema();
        site.namespace(namespace);
        let helm = Helm::new(line, &site.plane.admin_kubeconfig());
        let release = Self { site, helm, namespace: namespace.to_owned(), database, folder: Scratch::new("release") };
        release.make_secret();
        release
    }

    fn make_secret(&self) {
        let dsn = self.folder.write("postgres-dsn", &self.database.dsn());
        let key = self.folder.write("secret-encryption-key", KEY);
        let files = [dsn, key].map(|file| format!("--from-file={}", file.display()));
        let create = ["-n", &self.namespace, "create", "secret", "generic", NAME, &files[0], &files[1]];
        self.site.kubectl(create).expect_ok();
    }

    /// A helm command about this release and the chart in this repository, switched on.
    pub fn helm(&self, command: &str, args: &[&str]) -> Output {
        self.helm_chart(command, CHART, args)
    }

    /// The same with another chart.
    pub fn helm_chart(&self, command: &str, chart: &str, args: &[&str]) -> Output {
        let common = [command, NAME, chart, "--namespace", &self.namespace, "--set", "operator.enabled=true"];
        self.helm.run(common.iter().chain(args))
    }

    /// Installs the chart beside others: without the definitions, and for these namespaces only.
    pub fn install_within(&self, namespaces: &[&str], args: &[&str]) -> Output {
        self.within("install", namespaces, args)
    }

    /// Upgrades such a release.
    pub fn upgrade_within(&self, namespaces: &[&str], args: &[&str]) -> Output {
        self.within("upgrade", namespaces, args)
    }

    fn within(&self, command: &str, namespaces: &[&str], args: &[&str]) -> Output {
        let watched = format!("operator.watchNamespaces={{{}}}", namespaces.join(","));
        let more = ["--set", &watched, "--set", "operator.installCRDs=false,operator.statusSyncInterval=1s"];
        self.helm(command, &[&more, args, &["--wait", "--timeout", "90s"]].concat())
    }

    /// A helm command about this release alone.
    pub fn helm_plain(&self, command: &str, args: &[&str]) -> Output {
        self.helm.run([command, NAME].iter().chain(args).chain(&["--namespace", &self.namespace]))
    }

    /// The output of a success, or all that the pods wrote.
    #[track_caller]
    pub fn expect(&self, output: Output) -> String {
        if output.ok {
            return output.stdout;
        }
        let pods = self.site.kubectl(["-n", &self.namespace, "get", "pods", "-o", "yaml"]).stdout;
        panic!("helm failed: {}\n{}\n{pods}\n{}", output.stdout, output.stderr, self.site.node.logs(&self.namespace));
    }

    /// Names of the operator's pods that are ready and stay.
    pub fn ready_pods(&self) -> Vec<String> {
        let selector = "app.kubernetes.io/component=operator";
        let items = self.site.items(&["pods", "-n", &self.namespace, "-l", selector]).unwrap_or_default();
        let ready = items.iter().filter(|pod| {
            let conditions = pod["status"]["conditions"].as_array();
            conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
                && pod["metadata"]["deletionTimestamp"].is_null()
        });
        ready.filter_map(|pod| pod["metadata"]["name"].as_str()).map(str::to_owned).collect()
    }

    /// The pod that leads.
    pub fn leader(&self) -> Option<String> {
        self.ready_pods().into_iter().find(|pod| self.metric(pod, "leader_election_master_status") > 0.5)
    }

    /// The sum of a metric's series at a pod; 0 where it does not answer.
    pub fn metric(&self, pod: &str, name: &str) -> f64 {
        let answer = self.site.node.get(&self.namespace, pod, 8080, "/metrics");
        answer.map_or(0.0, |answer| bed::metrics_sum(&answer.body, name, &[]))
    }

    /// What was written so far, once a leader is there and nothing has been written for a while.
    pub fn quiet_writes(&self) -> Writes {
        eventually(PATIENCE, "nothing is written any more", || {
            let leader = self.leader().ok_or("nobody leads")?;
            let before = self.writes();
            // Longer than rows are read back, and long enough for a leader that has just begun.
            std::thread::sleep(Duration::from_secs(3));
            let after = self.writes();
            if before == after { Ok(after) } else { Err(format!("{leader} writes: {before:?} {after:?}")) }
        })
    }

    fn writes(&self) -> Writes {
        let mut rows = self.database.row_versions();
        // A term is written once, which is what a term is.
        rows.retain(|table, _| !table.contains("leader"));
        let columns = "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}";
        let resources = self.site.kubectl(["get", "orloj", "-A", "-o", columns]).expect_ok();
        Writes { rows, resources }
    }

    pub fn count_rows(&self, table: &str) -> String {
        self.database.psql(&format!("select count(*) from {table}"))
    }
}
