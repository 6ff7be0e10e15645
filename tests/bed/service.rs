//! A server that can be stopped and started again: the same command, the same port, the same data.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::process::Process;
use super::spec::Spec;

type Check = dyn Fn() -> Result<(), String> + Send + Sync;

/// A server and how to tell that it is ready.
pub struct Service {
    name: String,
    spec: Spec,
    ready: Box<Check>,
    process: Mutex<Option<Arc<Process>>>,
}

/// Far more than a start takes, even beside a full build on two cores.
const START: Duration = Duration::from_mins(3);
const STOP: Duration = Duration::from_secs(20);

impl Service {
    /// Starts it without waiting.
    ///
    /// # Panics
    /// Where the program cannot be run.
    pub fn new(name: &str, spec: Spec, ready: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        let service = Self { name: name.to_owned(), spec, ready: Box::new(ready), process: Mutex::new(None) };
        service.launch();
        service
    }

    /// Starts it and waits until `ready` is content.
    ///
    /// # Panics
    /// Where it ends or is not ready in time: with the end of its log.
    pub fn start_new(name: &str, spec: Spec, ready: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        let service = Self::new(name, spec, ready);
        service.wait_ready();
        service
    }

    /// Starts it, if it does not run, and waits until it is ready.
    ///
    /// # Panics
    /// Where it ends or is not ready in time: with the end of its log.
    pub fn start(&self) {
        self.launch();
        self.wait_ready();
    }

    /// Starts it, if it does not run, without waiting.
    ///
    /// # Panics
    /// Where the program cannot be run.
    pub fn launch(&self) {
        let mut slot = self.slot();
        if slot.as_ref().is_none_or(|process| process.exited().is_some()) {
            let started = Process::start(&self.spec);
            *slot = Some(Arc::new(started.unwrap_or_else(|error| panic!("unable to run {}: {error}", self.name))));
        }
    }

    /// Waits until it is ready.
    ///
    /// # Panics
    /// Where it has ended or is not ready in time: with the end of its log.
    pub fn wait_ready(&self) {
        let deadline = Instant::now() + START;
        let mut pause = Duration::from_millis(20);
        while let Err(error) = (self.ready)() {
            let process = self.process();
            let ended = process.exited();
            if ended.is_some() || Instant::now() >= deadline {
                let log = process.log();
                let lines: Vec<_> = log.lines().collect();
                let tail = lines[lines.len().saturating_sub(30)..].join("\n");
                let how = ended.map_or_else(|| format!("not ready in {START:?}"), |status| status.to_string());
                panic!("{} did not start ({how}; {error}); its log ends:\n{tail}", self.name);
            }
            thread::sleep(pause);
            pause = (pause * 3 / 2).min(Duration::from_millis(250));
        }
    }

    /// Asks it to end and waits; kills it if it does not.
    pub fn stop(&self) {
        self.process().stop(STOP);
    }

    /// Kills it at once.
    pub fn kill(&self) {
        self.process().kill();
    }

    /// Its process, running or ended: for pause, resume, log, memory.
    ///
    /// # Panics
    /// Never: it was launched when it was made.
    pub fn process(&self) -> Arc<Process> {
        Arc::clone(self.slot().as_ref().expect("a service was launched"))
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Process>>> {
        self.process.lock()
    }
}
