//! Probes, as a kubelet makes them: from outside, to the pod's own address.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::bed::http::{self, Response};

/// One probe of a running container, and what it has found so far.
pub struct Watcher {
    probe: Probe,
    next: Instant,
    failures: i32,
    successes: i32,
    /// What the last probe found; none before the first.
    pub last: Option<Result<(), String>>,
}

/// What the count of failures or successes says.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Unchanged,
    Passed,
    Failed,
}

fn seconds(value: Option<i32>, default: u64) -> Duration {
    Duration::from_secs(value.and_then(|value| u64::try_from(value).ok()).unwrap_or(default))
}

impl Watcher {
    pub fn new(probe: &Probe) -> Self {
        let next = Instant::now() + seconds(probe.initial_delay_seconds, 0);
        Self { probe: probe.clone(), next, failures: 0, successes: 0, last: None }
    }

    /// Probes, where it is time to.
    pub fn tick(&mut self, container: &Container, door: &Path) -> Verdict {
        if Instant::now() < self.next {
            return Verdict::Unchanged;
        }
        self.next = Instant::now() + seconds(self.probe.period_seconds, 10).max(Duration::from_secs(1));
        let found = self.ask(container, door);
        let verdict = if found.is_ok() {
            (self.successes, self.failures) = (self.successes + 1, 0);
            if self.successes >= self.probe.success_threshold.unwrap_or(1) {
                Verdict::Passed
            } else {
                Verdict::Unchanged
            }
        } else {
            (self.successes, self.failures) = (0, self.failures + 1);
            if self.failures >= self.probe.failure_threshold.unwrap_or(3) {
                Verdict::Failed
            } else {
                Verdict::Unchanged
            }
        };
        self.last = Some(found);
        verdict
    }

    fn ask(&self, container: &Container, door: &Path) -> Result<(), String> {
        let Some(get) = &self.probe.http_get else { return Err("the node knows httpGet only".to_owned()) };
        if get.scheme.as_deref().is_some_and(|scheme| scheme != "HTTP") {
            return Err("the node knows HTTP only".to_owned());
        }
        let port = match &get.port {
            IntOrString::Int(port) => u16::try_from(*port).map_err(|error| error.to_string())?,
            IntOrString::String(name) => {
                port_named(container, name).ok_or_else(|| format!("no port is called {name}"))?
            }
        };
        let timeout = seconds(self.probe.timeout_seconds, 1);
        let answer = knock(door, port, get.path.as_deref().unwrap_or("/"), timeout)?;
        let code = answer.status;
        if (200..400).contains(&code) { Ok(()) } else { Err(format!("HTTP probe failed with statuscode: {code}")) }
    }
}

fn port_named(container: &Container, name: &str) -> Option<u16> {
    let mut ports = container.ports.iter().flatten();
    let port = ports.find(|port| port.name.as_deref() == Some(name))?.container_port;
    u16::try_from(port).ok()
}

/// A GET of a port of a pod.
///
/// # Errors
/// Where nobody answers in time, or not in HTTP.
pub fn knock(door: &Path, port: u16, path: &str, timeout: Duration) -> Result<Response, String> {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(door)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.write_all(format!("{port}\nGET {path} HTTP/1.0\r\nHost: pod:{port}\r\n\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| format!("port {port}: {error}"))?;
    http::parse(&answer).map_err(|error| format!("port {port}: {error}"))
}
