//! etcd.

use std::path::Path;

use serde_json::{Value, json};

use super::spec::Spec;
use super::{binaries, http, ports, service::Service};

/// A one-member etcd on loopback.
pub struct Etcd {
    /// Its process.
    pub service: Service,
    port: u16,
}

impl Etcd {
    /// Starts it with its data in `folder`.
    pub fn start(folder: &Path, extra: &[String]) -> Self {
        let port = ports::free_port();
        let client = format!("http://127.0.0.1:{port}");
        let peer = format!("http://127.0.0.1:{}", ports::free_port());
        let spec = Spec::new(&binaries::control_plane().etcd, folder.join("etcd.log"))
            .args([
                "--name=bed".to_owned(),
                format!("--data-dir={}", folder.join("etcd").display()),
                format!("--listen-client-urls={client}"),
                format!("--advertise-client-urls={client}"),
                format!("--listen-peer-urls={peer}"),
                format!("--initial-advertise-peer-urls={peer}"),
                format!("--initial-cluster=bed={peer}"),
                "--unsafe-no-fsync".to_owned(),
                "--log-level=warn".to_owned(),
            ])
            .args(extra);
        let ready = move || match http::get(port, "/health")? {
            answer if answer.status == 200 => Ok(()),
            answer => Err(answer.body),
        };
        Self { service: Service::start_new("etcd", spec, ready), port }
    }

    /// Its client URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The current revision of the key space.
    ///
    /// # Panics
    /// Where etcd does not answer.
    pub fn revision(&self) -> i64 {
        // "AA==" is a zero byte: any key does, the header is what counts.
        let answer = self.call("/v3/kv/range", &json!({"key": "AA==", "count_only": true}));
        let revision = answer["header"]["revision"].as_str().and_then(|text| text.parse().ok());
        revision.unwrap_or_else(|| panic!("etcd named no revision: {answer}"))
    }

    /// Forgets all revisions before the current one, which it returns.
    ///
    /// # Panics
    /// Where etcd refuses.
    pub fn compact(&self) -> i64 {
        let revision = self.revision();
        self.call("/v3/kv/compaction", &json!({"revision": revision.to_string(), "physical": true}));
        revision
    }

    fn call(&self, path: &str, body: &Value) -> Value {
        let answer = http::post(self.port, path, &body.to_string()).expect("etcd answers");
        assert_eq!(answer.status, 200, "etcd refused {path}: {}", answer.body);
        serde_json::from_str(&answer.body).expect("etcd answers in JSON")
    }
}
