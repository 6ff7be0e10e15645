//! A cluster with a node on which the program under test can run.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::bed::{self, ControlPlane, ControlPlaneOptions, Image, Node, Output, eventually};

/// Long enough for a busy machine; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_mins(2);

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_orloj-operator");

/// The image that the chart's defaults name.
pub const IMAGE: &str = concat!("ghcr.io/orlojhq/orloj-operator:", env!("CARGO_PKG_VERSION"));

pub struct Site {
    // Before the servers that it talks to.
    pub node: Node,
    pub plane: ControlPlane,
}

/// The one that tests share, with the chart's definitions, which belong to no release.
pub fn shared() -> &'static Site {
    static SHARED: OnceLock<Site> = OnceLock::new();
    SHARED.get_or_init(|| {
        let site = Site::start();
        let files = std::fs::read_dir("chart/files/crds").expect("the chart has definitions");
        let texts = files.map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a text"));
        site.plane.establish(&texts.collect::<Vec<_>>().join("\n---\n"));
        site
    })
}

impl Site {
    pub fn start() -> Self {
        let plane = ControlPlane::start(&ControlPlaneOptions { workloads: true, ..ControlPlaneOptions::default() });
        let image = Image { name: IMAGE.to_owned(), program: PROGRAM.into() };
        let node = Node::start(&plane, image, &[bed::postgres().port()]);
        Self { node, plane }
    }

    pub fn kubectl<A: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        self.plane.kubectl(args)
    }

    /// Applies a text.
    pub fn apply(&self, text: &str) {
        self.plane.kubectl_stdin(["apply", "--server-side", "-f", "-"], text).expect_ok();
    }

    /// A namespace whose pods must keep to the restricted standard.
    pub fn namespace(&self, name: &str) {
        self.kubectl(["create", "namespace", name]).expect_ok();
        self.kubectl(["label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"]).expect_ok();
    }

    /// The items of a list.
    pub fn items(&self, args: &[&str]) -> Result<Vec<Value>, String> {
        let output = self.kubectl(["get"].into_iter().chain(args.iter().copied()).chain(["-o", "json"]));
        if !output.ok {
            return Err(output.stderr);
        }
        let mut list: Value = serde_json::from_str(&output.stdout).map_err(|error| error.to_string())?;
        Ok(serde_json::from_value(list["items"].take()).unwrap_or_default())
    }

    /// Waits until so many Orloj resources of a namespace are synced, and no other is there.
    pub fn wait_synced(&self, namespace: &str, count: usize) {
        eventually(PATIENCE, "all resources are synced", || {
            let items = self.items(&["orloj", "-n", namespace])?;
            let left: Vec<String> = items.iter().filter(|item| !synced(item)).map(describe).collect();
            if items.len() == count && left.is_empty() {
                return Ok(());
            }
            Err(format!(
                "{} of {count} are there, not synced: {left:?}\n{}",
                items.len(),
                self.node.logs("orloj-system")
            ))
        });
    }
}

/// Whether the status says so, and of the present generation.
pub fn synced(item: &Value) -> bool {
    let conditions = item["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Synced" && one["status"] == "True"))
        && item["status"]["observedGeneration"] == item["metadata"]["generation"]
}

fn describe(item: &Value) -> String {
    format!("{} {}: {}", item["kind"], item["metadata"]["name"], item["status"])
}
