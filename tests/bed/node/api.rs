//! The few requests that a node makes, as JSON and without `async`: its threads wait anyway.

use std::path::Path;

use http::{Method, Request};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::bed::control_plane;

/// The API server, as the administrator.
pub struct Api {
    runtime: Runtime,
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
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let client = runtime.block_on(control_plane::client(kubeconfig));
        Self { runtime, client }
    }

    pub fn get(&self, path: &str) -> Result<Value, Refused> {
        self.send(Method::GET, path, "", &Value::Null)
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
        self.runtime.block_on(self.client.request(request)).map_err(|error| match error {
            kube::Error::Api(status) => Refused { code: status.code, message: status.message },
            other => Refused { code: 0, message: other.to_string() },
        })
    }
}
