//! Requests to the API server as JSON and without `async`: nodes and tests wait for the answer anyway. A process of kubectl
//! costs fifty times as much, and most that tests ask is asked again and again.

use std::path::Path;
use std::sync::{LazyLock, mpsc};

use http::{Method, Request};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use super::control_plane;

/// Of its own, so that threads with and without a runtime can wait for an answer.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime starts"));

/// Of a question: kept connections may lead to a server that has been started anew since.
const ATTEMPTS: u32 = 4;

/// The API server, as the administrator.
pub struct Api {
    client: kube::Client,
}

/// Why a request failed: the HTTP status, 0 where there was none, and the message.
#[derive(Debug)]
pub struct Refused {
    pub code: u16,
    pub message: String,
}

impl Api {
    /// # Panics
    /// Where the kubeconfig is not one.
    pub fn new(kubeconfig: &Path) -> Self {
        let kubeconfig = kubeconfig.to_owned();
        Self { client: wait_for(async move { control_plane::client(&kubeconfig).await }) }
    }

    pub fn get(&self, path: &str) -> Result<Value, Refused> {
        let answer = || self.send(Method::GET, path, "", &Value::Null);
        let unanswered = |answer: &Result<Value, Refused>| answer.as_ref().is_err_and(|refused| refused.code == 0);
        (1..ATTEMPTS).map(|_| answer()).find(|answer| !unanswered(answer)).unwrap_or_else(answer)
    }

    /// All pods, or none while the API server does not answer.
    pub fn pods(&self) -> Option<Vec<Pod>> {
        let mut list = self.get("/api/v1/pods").ok()?;
        serde_json::from_value(list["items"].take()).ok()
    }

    pub fn create(&self, path: &str, object: &Value) -> Result<Value, Refused> {
        self.send(Method::POST, path, "application/json", object)
    }

    pub fn patch_status(&self, path: &str, status: &Value) -> Result<Value, Refused> {
        self.send(Method::PATCH, &format!("{path}/status"), "application/strategic-merge-patch+json", status)
    }

    /// Removes a pod that has ended, and no other of its name.
    pub fn remove(&self, path: &str, uid: &str) -> Result<Value, Refused> {
        let options = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": uid}});
        self.send(Method::DELETE, path, "application/json", &options)
    }

    fn send(&self, method: Method, path: &str, kind: &str, body: &Value) -> Result<Value, Refused> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder().method(method).uri(path).header("Content-Type", kind).body(body);
        let request = request.expect("paths are made of names");
        let client = self.client.clone();
        wait_for(async move { client.request(request).await }).map_err(|error| match error {
            kube::Error::Api(status) => Refused { code: status.code, message: status.message },
            other => Refused { code: 0, message: other.to_string() },
        })
    }
}

fn wait_for<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    RUNTIME.spawn(async move {
        let _ = tell.send(work.await);
    });
    told.recv().expect("the runtime lives as long as the process")
}
