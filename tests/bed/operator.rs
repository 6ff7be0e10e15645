//! The operator's binary as a child process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::process::Process;
use super::scratch::Scratch;
use super::service::Service;
use super::spec::Spec;
use super::{eventually, http, metrics, ports};

/// How to start an operator.
#[derive(Debug)]
pub struct OperatorBuilder {
    spec: Spec,
    folder: Scratch,
    metrics_port: u16,
    health_port: u16,
}

/// A running operator; killed on drop.
pub struct Operator {
    service: Service,
    metrics_port: u16,
    health_port: u16,
    folder: Scratch,
}

impl Operator {
    /// An operator from this binary: `env!("CARGO_BIN_EXE_orloj-operator")` in a test.
    pub fn at(binary: impl Into<PathBuf>) -> OperatorBuilder {
        let folder = Scratch::new("operator");
        let spec = Spec::new(binary, folder.path().join("operator.log"));
        OperatorBuilder { spec, folder, metrics_port: ports::free_port(), health_port: ports::free_port() }
    }

    /// Starts it again after its end, with the same arguments and ports, without waiting.
    pub fn start_again(&self) {
        self.service.launch();
    }

    /// Asks it to end (SIGTERM) and waits; kills it if it does not.
    pub fn stop(&self) {
        self.service.stop();
    }

    /// Kills it at once.
    pub fn kill(&self) {
        self.service.kill();
    }

    /// Stops it in its tracks.
    pub fn pause(&self) {
        self.process().pause();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.process().resume();
    }

    /// Its process: exit status, memory, processor time.
    pub fn process(&self) -> Arc<Process> {
        self.service.process()
    }

    /// All it has logged, of all its starts.
    pub fn log(&self) -> String {
        self.process().log()
    }

    /// Its metrics as text.
    ///
    /// # Errors
    /// Where it does not answer with 200.
    pub fn metrics(&self) -> Result<String, String> {
        let answer = http::get(self.metrics_port, "/metrics")?;
        if answer.status == 200 { Ok(answer.body) } else { Err(answer.body) }
    }

    /// The sum of the series of that name whose labels hold all these pairs.
    ///
    /// # Errors
    /// Where it does not answer with 200.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Result<f64, String> {
        Ok(metrics::sum(&self.metrics()?, name, labels))
    }

    /// A GET on the health port.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn health(&self, path: &str) -> Result<http::Response, String> {
        http::get(self.health_port, path)
    }

    /// Whether `/readyz` answers with 200.
    pub fn ready(&self) -> bool {
        self.health("/readyz").is_ok_and(|answer| answer.status == 200)
    }

    /// Waits until `/readyz` answers with 200.
    ///
    /// # Panics
    /// Where it ends or is not ready in time: with its log.
    pub fn wait_ready(&self, timeout: Duration) {
        eventually::eventually(timeout, "the operator is ready", || {
            if let Some(status) = self.process().exited() {
                panic!("the operator has ended ({status}); its log:\n{}", self.log());
            }
            match self.health("/readyz") {
                Ok(answer) if answer.status == 200 => Ok(()),
                Ok(answer) => Err(format!("{} {}; log:\n{}", answer.status, answer.body, self.log())),
                Err(error) => Err(format!("{error}; log:\n{}", self.log())),
            }
        });
    }

    /// The port of its metrics.
    pub fn metrics_port(&self) -> u16 {
        self.metrics_port
    }

    /// The port of its health endpoints.
    pub fn health_port(&self) -> u16 {
        self.health_port
    }
}

impl OperatorBuilder {
    /// Appends an argument.
    #[must_use]
    pub fn arg(self, arg: impl Into<OsString>) -> Self {
        self.args([arg])
    }

    /// Appends arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.spec = self.spec.args(args);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.spec = self.spec.env(name, value);
        self
    }

    /// The cluster it works on, and as whom.
    #[must_use]
    pub fn kubeconfig(self, path: &Path) -> Self {
        self.env("KUBECONFIG", path)
    }

    /// Starts it without waiting; appends `--metrics-addr` and `--healthz-addr` with free ports.
    ///
    /// # Panics
    /// Where the binary cannot be run.
    pub fn start(self) -> Operator {
        let Self { spec, folder, metrics_port, health_port } = self;
        let spec = spec.args([
            format!("--metrics-addr=127.0.0.1:{metrics_port}"),
            format!("--healthz-addr=127.0.0.1:{health_port}"),
        ]);
        let ready = move || match http::get(health_port, "/readyz")? {
            answer if answer.status == 200 => Ok(()),
            answer => Err(answer.body),
        };
        Operator { service: Service::new("orloj-operator", spec, ready), metrics_port, health_port, folder }
    }
}
