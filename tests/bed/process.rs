//! Child processes that never outlive their guard, nor the test process.
//!
//! Drop kills them. Where no drop happens (a static at the process's end, SIGKILL, abort) the
//! kernel does: `setpriv --pdeathsig`, a safe way to `PR_SET_PDEATHSIG`. What escapes even that
//! (a stopped process that waits for a gentler signal) is swept by the next run: `scratch.rs`.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{binaries, proc_info, scratch};

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
    log: PathBuf,
    stop_signal: Signal,
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

    fn command(&self) -> Command {
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

/// A running (or ended) child and its descendants; killed on drop.
#[derive(Debug)]
pub struct Process {
    child: Mutex<Child>,
    spec: Spec,
    pid: u32,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// Where the program cannot be run.
    pub fn start(spec: &Spec) -> std::io::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(&spec.log)?;
        let mut command = spec.command();
        command.stdout(log.try_clone()?).stderr(log);
        let child = spawn(command)?;
        Ok(Self { pid: child.id(), child: Mutex::new(child), spec: spec.clone() })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// All it has written so far, and what earlier processes with the same log file wrote.
    pub fn log(&self) -> String {
        read_log(&self.spec.log)
    }

    /// The exit status, if it has ended.
    pub fn exited(&self) -> Option<ExitStatus> {
        self.child().try_wait().expect("unable to wait for a child")
    }

    /// Waits for its end, at most so long.
    pub fn wait(&self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(status) = self.exited() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Asks it to end, and kills it if it has not within `timeout`. None: it had to be killed.
    pub fn stop(&self, timeout: Duration) -> Option<ExitStatus> {
        self.signal(self.spec.stop_signal);
        let status = self.wait(timeout);
        self.kill();
        status
    }

    /// Kills it and all its descendants at once (SIGKILL), and waits until it is gone.
    pub fn kill(&self) {
        if self.exited().is_none() {
            self.signal_tree(Signal::SIGKILL);
            let _ = self.child().wait();
        }
    }

    /// Stops it and all its descendants in their tracks (SIGSTOP).
    pub fn pause(&self) {
        self.signal_tree(Signal::SIGSTOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.signal_tree(Signal::SIGCONT);
    }

    /// Sends it any signal.
    pub fn signal(&self, signal: Signal) {
        // Not after it was waited for: the number may be somebody else's by now.
        if self.exited().is_none() {
            proc_info::signal(self.pid, signal);
        }
    }

    /// Its resident memory now, in bytes; 0 once it has ended.
    pub fn rss_bytes(&self) -> u64 {
        proc_info::status_bytes(self.pid, "VmRSS").unwrap_or(0)
    }

    /// The most resident memory it ever had, in bytes; 0 once it has ended.
    pub fn peak_rss_bytes(&self) -> u64 {
        proc_info::status_bytes(self.pid, "VmHWM").unwrap_or(0)
    }

    /// Its processor time so far, in seconds; 0 once it has ended.
    pub fn cpu_seconds(&self) -> f64 {
        proc_info::cpu_seconds(self.pid).unwrap_or(0.0)
    }

    fn signal_tree(&self, signal: Signal) {
        if self.exited().is_some() {
            return;
        }
        // By descent and not by group: the servers of Postgres leave the group. The parent first,
        // so that it starts no more; twice, for those that it started meanwhile.
        proc_info::signal(self.pid, signal);
        for _ in 0..2 {
            for pid in proc_info::descendants(self.pid) {
                proc_info::signal(pid, signal);
            }
        }
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A log file's text, or nothing.
pub fn read_log(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Spawns on a thread that lives as long as the process: the kernel's "parent" that must die for
/// the orphan signal is the spawning **thread**, and a test's own thread ends with the test.
fn spawn(command: Command) -> std::io::Result<Child> {
    type Request = (Command, mpsc::Sender<std::io::Result<Child>>);
    static NURSERY: LazyLock<Mutex<mpsc::Sender<Request>>> = LazyLock::new(|| {
        let (sender, requests) = mpsc::channel::<Request>();
        let work = move || {
            for (mut command, reply) in requests {
                let _ = reply.send(command.spawn());
            }
        };
        thread::Builder::new().name("nursery".into()).spawn(work).expect("unable to start a thread");
        Mutex::new(sender)
    });
    let (reply, answer) = mpsc::channel();
    let nursery = NURSERY.lock().unwrap_or_else(PoisonError::into_inner).clone();
    nursery.send((command, reply)).expect("the nursery lives as long as the process");
    answer.recv().expect("the nursery answers")
}
