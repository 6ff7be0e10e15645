//! How a child process is started.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::{binaries, scratch};

/// Variables that would lead a child (or its client library) away from this bed.
const FOREIGN: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "KUBECONFIG",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGDATABASE",
    "PGPASSWORD",
];

/// How to start a process.
#[derive(Debug, Clone)]
pub struct Spec {
    program: PathBuf,
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    user: Option<String>,
    pub(super) log: PathBuf,
    pub(super) stop_signal: Signal,
    orphan_signal: &'static str,
}

impl Spec {
    /// A program whose output goes to the end of the file `log`.
    pub fn new(program: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            envs: Vec::new(),
            user: None,
            log: log.into(),
            stop_signal: Signal::SIGTERM,
            orphan_signal: "KILL",
        }
    }

    /// Appends arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.envs.push((name.into(), value.into()));
        self
    }

    /// Runs it as another user (only root can).
    #[must_use]
    pub fn user(mut self, user: Option<&str>) -> Self {
        self.user = user.map(str::to_owned);
        self
    }

    /// What [`Process::stop`] sends; SIGTERM if not said.
    #[must_use]
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// What the kernel sends when this process dies, without `SIG`; KILL if not said.
    #[must_use]
    pub fn orphan_signal(mut self, signal: &'static str) -> Self {
        self.orphan_signal = signal;
        self
    }

    /// The command itself, but for its output.
    pub(super) fn command(&self) -> Command {
        let mut command = match (binaries::on_path("setpriv"), &self.user) {
            (Some(setpriv), user) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", self.orphan_signal]);
                // setpriv sets the signal after the user: the kernel forgets it when the user changes.
                if let Some(user) = user {
                    command.args(["--reuid", user, "--regid", user, "--init-groups"]);
                }
                command.arg("--").arg(&self.program);
                command
            }
            (None, Some(user)) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--"]).arg(&self.program);
                command
            }
            (None, None) => Command::new(&self.program),
        };
        for name in FOREIGN {
            command.env_remove(name);
        }
        command.args(&self.args).envs(self.envs.iter().cloned()).env(scratch::MARK, scratch::root());
        command.stdin(Stdio::null()).process_group(0);
        if self.user.is_some() {
            // Another user may not be able to enter this one.
            command.current_dir("/");
        }
        command
    }
}
