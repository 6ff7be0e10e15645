//! helm 3 and helm 4, with nothing of whoever runs the tests.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use super::kubectl::Output;
use super::scratch::Scratch;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chart/helm.sh");

/// One of the two, for one cluster.
#[derive(Clone)]
pub struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: Arc<Scratch>,
}

/// Which helm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelmLine {
    Three,
    Four,
}

impl Helm {
    /// For the cluster of this kubeconfig. Fetches helm first where it is missing.
    ///
    /// # Panics
    /// Where it cannot be fetched.
    pub fn new(line: HelmLine, kubeconfig: &Path) -> Self {
        static PROGRAMS: OnceLock<Vec<PathBuf>> = OnceLock::new();
        let programs = PROGRAMS.get_or_init(|| {
            let output = Command::new(SCRIPT).stderr(Stdio::inherit()).output().expect("helm.sh runs");
            assert!(output.status.success(), "helm.sh failed");
            String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect()
        });
        let program = programs[usize::from(line == HelmLine::Four)].clone();
        Self { program, kubeconfig: kubeconfig.to_owned(), home: Arc::new(Scratch::new("helm")) }
    }

    /// A folder of this helm's own.
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Runs it.
    ///
    /// # Panics
    /// Where it cannot be run.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HELM_")) {
            command.env_remove(name);
        }
        for part in ["CACHE", "CONFIG", "DATA"] {
            command.env(format!("HELM_{part}_HOME"), self.home.path().join(part));
        }
        command.env("KUBECONFIG", &self.kubeconfig).env("NO_PROXY", "*").args(args).stdin(Stdio::null());
        let output = command.output().expect("helm runs");
        Output {
            ok: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
