//! One pod of the node, from its volumes to its end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use nix::sys::signal::Signal;

use super::container::{self, Setup, pod_spec};
use super::probes::{Verdict, Watcher};
use super::status::{self, Report};
use super::volumes::Volumes;
use super::{Handle, Shared, fields};
use crate::bed::process::Process;

/// How often Secrets and `ConfigMaps` that are mounted are looked at.
const REFRESH: Duration = Duration::from_secs(1);

/// A pod and what runs of it.
pub struct Worker {
    shared: Arc<Shared>,
    pod: Pod,
    folder: PathBuf,
    log: PathBuf,
    address: String,
    volumes: Volumes,
    refreshed: Instant,
    state: State,
    restarts: i32,
    started: String,
    report: Report,
}

pub enum State {
    /// Something is missing, or nothing has happened yet.
    Waiting {
        reason: String,
        message: String,
        retry: Instant,
    },
    Running(Box<Running>),
    /// `again`: when it is started again, if it is.
    CommandStatus {
        code: i32,
        finished: String,
        again: Option<Instant>,
    },
}

pub struct Running {
    process: Arc<Process>,
    pub started: String,
    startup: Option<Watcher>,
    readiness: Option<Watcher>,
    liveness: Option<Watcher>,
    passed: bool,
}

impl Running {
    pub fn has_started(&self) -> bool {
        self.startup.is_none()
    }

    pub fn is_ready(&self) -> bool {
        self.has_started() && (self.readiness.is_none() || self.passed)
    }

    /// What the probes found last, where that is bad.
    pub fn complaint(&self) -> Option<&str> {
        let probes = [&self.startup, &self.readiness, &self.liveness];
        probes.into_iter().flatten().find_map(|probe| probe.last.as_ref()?.as_ref().err().map(String::as_str))
    }
}

impl Worker {
    pub fn new(shared: Arc<Shared>, pod: Pod, address: String) -> Self {
        let name = format!("{}_{}", fields::namespace(&pod), fields::name(&pod));
        // Short: a Unix socket's path has at most 107 bytes.
        let folder = shared.folder.join(address.replace('.', "-"));
        std::fs::create_dir_all(&folder).expect("unable to create a pod's folder");
        let log = shared.folder.join(format!("{name}.log"));
        let volumes = Volumes::new(folder.join("volumes"), container::owners(&pod));
        let state =
            State::Waiting { reason: "ContainerCreating".into(), message: String::new(), retry: Instant::now() };
        let started = status::now();
        let report = Report::default();
        let refreshed = Instant::now();
        Self { shared, pod, folder, log, address, volumes, refreshed, state, restarts: 0, started, report }
    }

    /// Lives as long as the pod.
    pub fn run(mut self) {
        while self.tick() {
            std::thread::sleep(Duration::from_millis(100));
        }
        self.shared.handles().remove(&self.key());
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    fn key(&self) -> (String, String) {
        (fields::namespace(&self.pod).to_owned(), fields::name(&self.pod).to_owned())
    }

    /// One step; false when all is over.
    fn tick(&mut self) -> bool {
        let newest = self.shared.pods().get(fields::uid(&self.pod)).cloned();
        let Some(pod) = newest.filter(|_| !self.shared.stopping()) else {
            self.kill();
            return false;
        };
        self.pod = pod;
        if self.pod.metadata.deletion_timestamp.is_some() {
            return !self.terminate();
        }
        let now = Instant::now();
        match &self.state {
            State::Waiting { retry, .. } if now >= *retry => self.start(),
            State::CommandStatus { again: Some(again), .. } if now >= *again => {
                self.restarts += 1;
                self.start();
            }
            State::Running(_) => self.watch(),
            _ => {}
        }
        self.tell();
        true
    }

    fn start(&mut self) {
        let result = self.try_start();
        self.state = result.unwrap_or_else(|(reason, message)| {
            let retry = Instant::now() + Duration::from_millis(500);
            State::Waiting { reason, message, retry }
        });
    }

    fn try_start(&mut self) -> Result<State, (String, String)> {
        let refreshed = self.volumes.refresh(&self.shared.api, &self.pod, &self.address);
        refreshed.map_err(|error| ("ContainerCreating".to_owned(), error))?;
        let folder = self.folder.clone();
        let log = self.log.clone();
        let (pod, volumes, address) = (&self.pod, &self.volumes, self.address.as_str());
        let process = Setup { shared: &self.shared, pod, volumes, folder, address, log: log.clone() }.start()?;
        let handle = Handle { door: container::door(&self.folder), log, process: Arc::clone(&process) };
        self.shared.handles().insert(self.key(), handle);
        let container = container::only(&self.pod).map_err(|error| ("CreateContainerError".to_owned(), error))?;
        Ok(State::Running(Box::new(Running {
            process,
            started: status::now(),
            startup: container.startup_probe.as_ref().map(Watcher::new),
            readiness: container.readiness_probe.as_ref().map(Watcher::new),
            liveness: container.liveness_probe.as_ref().map(Watcher::new),
            passed: false,
        })))
    }

    /// A running container: has it ended, what do the probes say, are its volumes fresh?
    fn watch(&mut self) {
        if self.refreshed.elapsed() >= REFRESH {
            // What has gone meanwhile stays as it was, as with a kubelet.
            let _ = self.volumes.refresh(&self.shared.api, &self.pod, &self.address);
            self.refreshed = Instant::now();
        }
        let door = container::door(&self.folder);
        let State::Running(running) = &mut self.state else { return };
        let Ok(container) = container::only(&self.pod) else { return };
        if let Some(code) = running.process.exited().map(|status| status.code().unwrap_or(137)) {
            return self.ended(code);
        }
        let mut sick = false;
        if let Some(startup) = &mut running.startup {
            match startup.tick(container, &door) {
                Verdict::Passed => running.startup = None,
                Verdict::Failed => sick = true,
                Verdict::Unchanged => {}
            }
        } else {
            match running.readiness.as_mut().map(|probe| probe.tick(container, &door)) {
                Some(Verdict::Passed) => running.passed = true,
                Some(Verdict::Failed) => running.passed = false,
                _ => {}
            }
            sick = running.liveness.as_mut().is_some_and(|probe| probe.tick(container, &door) == Verdict::Failed);
        }
        if sick {
            let process = Arc::clone(&running.process);
            let status = process.stop(self.grace());
            self.ended(status.and_then(|status| status.code()).unwrap_or(137));
        }
    }

    fn ended(&mut self, code: i32) {
        let policy = pod_spec(&self.pod).restart_policy.as_deref().unwrap_or("Always");
        let again = match policy {
            "Always" => true,
            "OnFailure" => code != 0,
            _ => false,
        };
        // At once, then ever later: a kubelet begins with 10 s, which is long for a test.
        let pause = if self.restarts == 0 { 0 } else { 1 << self.restarts.min(4) };
        let again = again.then(|| Instant::now() + Duration::from_secs(pause));
        self.state = State::CommandStatus { code, finished: status::now(), again };
    }

    fn grace(&self) -> Duration {
        let seconds = self.pod.metadata.deletion_grace_period_seconds;
        let seconds = seconds.or(pod_spec(&self.pod).termination_grace_period_seconds).unwrap_or(30);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }

    /// The end that somebody asked for. True when the pod is gone.
    fn terminate(&mut self) -> bool {
        if let State::Running(running) = &self.state {
            let process = Arc::clone(&running.process);
            process.signal(Signal::SIGTERM);
            let status = process.wait(self.grace());
            process.kill();
            let code = status.and_then(|status| status.code()).unwrap_or(137);
            self.state = State::CommandStatus { code, finished: status::now(), again: None };
        }
        self.tell();
        let removed = self.shared.api.remove(&self.path(), fields::uid(&self.pod));
        // Where it cannot be reached: again with the next tick.
        removed.is_ok() || removed.is_err_and(|refused| matches!(refused.code, 404 | 409))
    }

    fn kill(&self) {
        if let State::Running(running) = &self.state {
            running.process.kill();
        }
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods/{}", fields::namespace(&self.pod), fields::name(&self.pod))
    }

    fn tell(&mut self) {
        let Ok(container) = container::only(&self.pod) else { return };
        let facts = status::Facts {
            uid: fields::uid(&self.pod),
            container: &container.name,
            image: container.image.as_deref().unwrap_or_default(),
            address: &self.address,
            started: &self.started,
            restarts: self.restarts,
            state: &self.state,
        };
        let path = self.path();
        self.report.send(&facts, |patch| self.shared.api.patch_status(&path, patch).is_ok());
    }
}
