//! kubectl with one kubeconfig.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::binaries;

/// What a command gave back.
#[derive(Debug, Clone)]
pub struct Output {
    /// Whether it ended with 0.
    pub ok: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// The standard output of a success.
    ///
    /// # Panics
    /// Where the command failed.
    #[track_caller]
    pub fn expect_ok(self) -> String {
        assert!(self.ok, "the command failed: {}", self.stderr);
        self.stdout
    }

    /// The standard output of a success, read as JSON.
    ///
    /// # Panics
    /// Where the command failed, or printed something else.
    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.expect_ok()).expect("the command prints JSON")
    }
}

/// A kubeconfig and the means to use it.
#[derive(Debug, Clone)]
pub struct Kubectl {
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// For this kubeconfig.
    pub fn new(kubeconfig: impl Into<PathBuf>) -> Self {
        Self { kubeconfig: kubeconfig.into() }
    }

    /// The kubeconfig's file.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs kubectl.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        self.run_with_input(args, "")
    }

    /// Runs kubectl with a text as its standard input.
    ///
    /// # Panics
    /// Where it cannot be run.
    pub fn run_with_input<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, input: &str) -> Output {
        let mut command = Command::new(&binaries::control_plane().kubectl);
        // Another API server may have had this port yesterday: no cache but beside the kubeconfig.
        let cache = self.kubeconfig.with_file_name("kubectl-cache");
        command.env("KUBECONFIG", &self.kubeconfig).env("NO_PROXY", "*").arg("--cache-dir").arg(cache).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("unable to run kubectl");
        // kubectl reads all its input before it prints; one that does not read at all closes the pipe.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("unable to wait for kubectl");
        Output {
            ok: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Writes a kubeconfig (JSON is YAML) for one server and one user.
pub fn write_kubeconfig(file: &Path, server: &str, authority: &Path, user: &Value) {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "bed", "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": "user"}}],
        "current-context": "bed",
    });
    fs::write(file, format!("{config:#}")).expect("unable to write a kubeconfig");
}
