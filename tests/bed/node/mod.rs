//! A stand-in for a node: scheduler and kubelet in one, which runs pods as local processes.
//!
//! Everything before a pod and after it is real: the API server's admission, the controllers that make pods of
//! Deployments and Jobs and count them. The node binds pods to itself, and runs each container in namespaces of its
//! own (`sandbox.py`) with the image replaced by the program under test: command, arguments, environment, user, volumes
//! with their modes, probes, restarts and the graceful end are those that the pod declares.
//!
//! It does not do what no test here needs: several containers in a pod, init containers, hooks, `exec` probes, resource
//! limits, logs and `exec` by kubectl, network policies. What it meets and does not know, the pod's status says.

mod api;
mod container;
mod fields;
mod image;
mod pod;
mod probes;
mod relay;
mod status;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};

use super::control_plane::ControlPlane;
use super::eventually::eventually;
use super::http::Response;
use super::process::{Process, read_log};
use super::scratch::Scratch;
use api::Api;
pub use image::Image;

/// The node's name.
const NAME: &str = "bed";

/// Its address: one for documentation, as nobody goes there.
const HOST: &str = "192.0.2.1";

/// A running node. Its pods die with it.
pub struct Node {
    shared: Arc<Shared>,
    runner: Option<JoinHandle<()>>,
    folder: Scratch,
}

/// What the threads of a node share.
struct Shared {
    api: Api,
    image: Image,
    folder: PathBuf,
    /// The Service `kubernetes`.
    kubernetes: Value,
    /// What containers reach: address and port on their side, the Unix socket that leads there.
    relays: Vec<Value>,
    stopping: AtomicBool,
    /// The pods bound to the node, by uid.
    pods: Mutex<BTreeMap<String, Pod>>,
    /// What runs, by namespace and name.
    handles: Mutex<BTreeMap<(String, String), Handle>>,
}

/// A container that was started.
#[derive(Clone)]
struct Handle {
    door: PathBuf,
    log: PathBuf,
    process: Arc<Process>,
}

impl Shared {
    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<String, Pod>> {
        self.pods.lock()
    }

    fn handles(&self) -> MutexGuard<'_, BTreeMap<(String, String), Handle>> {
        self.handles.lock()
    }
}

impl Node {
    /// Starts a node of this cluster. Its containers reach the API server at the address of the Service `kubernetes`,
    /// and these ports of 127.0.0.1, such as that of Postgres, under the same address.
    ///
    /// # Panics
    /// Where the API server refuses.
    pub fn start(plane: &ControlPlane, image: Image, ports: &[u16]) -> Self {
        let folder = Scratch::new("node");
        let api = Api::new(&plane.admin_kubeconfig());
        let kubernetes = eventually(Duration::from_mins(1), "the Service kubernetes is there", || {
            api.get("/api/v1/namespaces/default/services/kubernetes").map_err(|refused| refused.message)
        });
        let service = (kubernetes["spec"]["clusterIP"].clone(), kubernetes["spec"]["ports"][0]["port"].clone());
        let mut relays = vec![(json!(service.0), json!(service.1), plane.port())];
        relays.extend(ports.iter().map(|port| (json!("127.0.0.1"), json!(port), *port)));
        let relays = relays.into_iter().map(|(address, port, target)| {
            let socket = folder.path().join(format!("{target}.sock"));
            relay::start(&socket, target);
            json!({"address": address, "port": port, "socket": socket})
        });
        let relays = relays.collect();
        announce(&api);
        let shared = Arc::new(Shared {
            api,
            image,
            folder: folder.path().to_owned(),
            kubernetes,
            relays,
            stopping: AtomicBool::new(false),
            pods: Mutex::default(),
            handles: Mutex::default(),
        });
        let of_runner = Arc::clone(&shared);
        let runner = thread::spawn(move || run(&of_runner));
        Self { shared, runner: Some(runner), folder }
    }

    /// Names of the pods of a namespace whose container was started.
    pub fn pods(&self, namespace: &str) -> Vec<String> {
        let handles = self.shared.handles();
        handles.keys().filter(|(of, _)| of == namespace).map(|(_, name)| name.clone()).collect()
    }

    /// The process of a pod's container.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn pid(&self, namespace: &str, pod: &str) -> u32 {
        let handle = self.handle(namespace, pod).unwrap_or_else(|| panic!("no container runs in {namespace}/{pod}"));
        container::inner(&handle.process).unwrap_or_else(|| panic!("{namespace}/{pod} has ended"))
    }

    /// A GET of a port of a pod.
    ///
    /// # Errors
    /// Where nobody answers.
    pub fn get(&self, namespace: &str, pod: &str, port: u16, path: &str) -> Result<Response, String> {
        let handle = self.handle(namespace, pod).ok_or_else(|| format!("no container runs in {namespace}/{pod}"))?;
        probes::knock(&handle.door, port, path, Duration::from_secs(10))
    }

    /// All that the containers of a pod wrote, also after the pod has gone.
    pub fn log(&self, namespace: &str, pod: &str) -> String {
        read_log(&self.shared.folder.join(format!("{namespace}_{pod}.log")))
    }

    /// What all pods of a namespace wrote, of whatever age.
    pub fn logs(&self, namespace: &str) -> String {
        let files = std::fs::read_dir(&self.shared.folder).into_iter().flatten().flatten();
        let of_namespace = |name: &str| name.starts_with(&format!("{namespace}_"));
        let texts = files
            .filter(|file| of_namespace(&file.file_name().to_string_lossy()))
            .map(|file| format!("== {}\n{}", file.file_name().display(), read_log(&file.path())));
        texts.collect()
    }

    fn handle(&self, namespace: &str, pod: &str) -> Option<Handle> {
        self.shared.handles().get(&(namespace.to_owned(), pod.to_owned())).cloned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for handle in self.shared.handles().values() {
            handle.process.kill();
        }
        if let Some(runner) = self.runner.take() {
            let _ = runner.join();
        }
    }
}

/// Makes the Node object: controllers leave pods alone whose node they do not know.
fn announce(api: &Api) {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}});
    match api.create("/api/v1/nodes", &node) {
        Err(refused) if refused.code != 409 => panic!("the node is refused: {}", refused.message),
        _ => {}
    }
    let ready = json!({"status": {"conditions": [
        {"type": "Ready", "status": "True", "reason": "StandIn", "lastTransitionTime": status::now()},
    ]}});
    api.patch_status(&format!("/api/v1/nodes/{NAME}"), &ready).expect("the node is ready");
}

/// Binds pods to the node and starts a thread for each.
fn run(shared: &Arc<Shared>) {
    static ADDRESSES: AtomicU32 = AtomicU32::new(0);
    let mut workers: Vec<JoinHandle<()>> = Vec::new();
    let mut known = BTreeSet::new();
    while !shared.stopping() {
        // While the API server is away everything stays as it is.
        if let Some(pods) = shared.api.pods() {
            let (bound, free): (Vec<Pod>, Vec<Pod>) = pods.into_iter().partition(is_bound);
            for pod in &free {
                bind(shared, pod);
            }
            let ours = bound.into_iter().filter(is_ours).map(|pod| (fields::uid(&pod).to_owned(), pod));
            *shared.pods() = ours.collect();
        }
        let fresh: Vec<Pod> = {
            let pods = shared.pods();
            known.retain(|uid| pods.contains_key(uid));
            pods.values().filter(|pod| !known.contains(fields::uid(pod))).cloned().collect()
        };
        for pod in fresh {
            known.insert(fields::uid(&pod).to_owned());
            let number = ADDRESSES.fetch_add(1, Ordering::Relaxed);
            let address = format!("10.244.{}.{}", number / 250, number % 250 + 1);
            let worker = pod::Worker::new(Arc::clone(shared), pod, address);
            workers.push(thread::spawn(move || worker.run()));
        }
        workers.retain(|worker| !worker.is_finished());
        thread::sleep(Duration::from_millis(150));
    }
    for worker in workers {
        let _ = worker.join();
    }
}

fn is_bound(pod: &Pod) -> bool {
    pod.spec.as_ref().is_some_and(|spec| spec.node_name.as_deref().is_some_and(|name| !name.is_empty()))
}

fn is_ours(pod: &Pod) -> bool {
    pod.spec.as_ref().is_some_and(|spec| spec.node_name.as_deref() == Some(NAME))
}

fn bind(shared: &Shared, pod: &Pod) {
    if pod.metadata.deletion_timestamp.is_some() {
        return;
    }
    let (namespace, name) = (fields::namespace(pod), fields::name(pod));
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, "namespace": namespace, "uid": fields::uid(pod)},
        "target": {"apiVersion": "v1", "kind": "Node", "name": NAME},
    });
    // Another look follows in any case.
    let _ = shared.api.create(&format!("/api/v1/namespaces/{namespace}/pods/{name}/binding"), &binding);
}
