//! Child processes that never outlive their guard, nor the test process.
//!
//! Drop kills them. Where no drop happens (a static at the process's end, SIGKILL, abort) the
//! kernel does: `setpriv --pdeathsig` (`spec.rs`), a safe way to `PR_SET_PDEATHSIG`. What escapes even that
//! (a stopped process that waits for a gentler signal) is swept by the next run: `scratch.rs`.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use parking_lot::{Mutex, MutexGuard};

use super::proc_info;
use super::spec::Spec;

/// Every child and what descends from it carries the child's own number in this variable.
const MARK: &str = "ORLOJ_BED_PROCESS";

/// A running (or ended) child and its descendants; killed on drop.
#[derive(Debug)]
pub struct Process {
    child: Mutex<Child>,
    spec: Spec,
    pid: u32,
    mark: String,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// Where the program cannot be run.
    pub fn start(spec: &Spec) -> std::io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let log = OpenOptions::new().create(true).append(true).open(&spec.log)?;
        let mark = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut command = spec.command();
        command.env(MARK, &mark).stdout(log.try_clone()?).stderr(log);
        let child = spawn(command)?;
        Ok(Self { pid: child.id(), child: Mutex::new(child), spec: spec.clone(), mark })
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

    /// Kills it and all its descendants at once (SIGKILL), and waits until it is gone. Descendants
    /// are found even where it has ended before them.
    pub fn kill(&self) {
        if self.exited().is_none() {
            // Stopped, they start no more and none is orphaned before all are known.
            for pid in self.signal_tree(Signal::SIGSTOP) {
                proc_info::signal(pid, Signal::SIGKILL);
            }
            let _ = self.child().wait();
        }
        proc_info::kill_marked(MARK, self.mark.as_ref());
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

    /// Returns the processes that were signalled, this one first.
    fn signal_tree(&self, signal: Signal) -> Vec<u32> {
        if self.exited().is_some() {
            return Vec::new();
        }
        // By descent and not by group: the sessions of Postgres leave the group. Again and again,
        // for those that were started meanwhile.
        let mut signalled = vec![self.pid];
        proc_info::signal(self.pid, signal);
        loop {
            let mut tree = proc_info::descendants(self.pid);
            tree.retain(|pid| !signalled.contains(pid));
            if tree.is_empty() {
                return signalled;
            }
            for &pid in &tree {
                proc_info::signal(pid, signal);
            }
            signalled.extend(tree);
        }
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock()
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
    let nursery = NURSERY.lock().clone();
    nursery.send((command, reply)).expect("the nursery lives as long as the process");
    answer.recv().expect("the nursery answers")
}
