//! The status of a pod.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::pod::State;

/// Now, as the API writes it.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What a status is made of.
pub struct Facts<'a> {
    pub uid: &'a str,
    pub container: &'a str,
    pub image: &'a str,
    pub address: &'a str,
    pub started: &'a str,
    pub restarts: i32,
    pub state: &'a State,
}

/// What was told last, so that nothing is told twice.
#[derive(Default)]
pub struct Report {
    told: Value,
    conditions: BTreeMap<&'static str, (bool, String)>,
    last_end: Value,
}

impl Report {
    /// Sends what differs from what was sent last.
    pub fn send(&mut self, facts: &Facts<'_>, send: impl FnOnce(&Value) -> bool) {
        let patch = self.patch(facts);
        if patch != self.told && send(&patch) {
            self.told = patch;
        }
    }

    fn patch(&mut self, facts: &Facts<'_>) -> Value {
        let (phase, ready, has_started, state) = match facts.state {
            State::Waiting { reason, message, .. } => {
                ("Pending", false, false, json!({"waiting": {"reason": reason, "message": message}}))
            }
            State::Running(running) => {
                let state = json!({"running": {"startedAt": running.started}});
                ("Running", running.is_ready(), running.has_started(), state)
            }
            State::CommandStatus { code, finished, again } => {
                let reason = if *code == 0 { "Completed" } else { "Error" };
                let ended = json!({"terminated": {"exitCode": code, "finishedAt": finished, "reason": reason}});
                self.last_end = ended.clone();
                match again {
                    Some(_) => ("Running", false, false, ended),
                    None if *code == 0 => ("Succeeded", false, false, ended),
                    None => ("Failed", false, false, ended),
                }
            }
        };
        let ended = matches!(facts.state, State::CommandStatus { .. });
        let last = if ended || facts.restarts == 0 { json!({}) } else { self.last_end.clone() };
        let complaint = match facts.state {
            State::Running(running) => running.complaint(),
            State::Waiting { message, .. } => Some(message.as_str()),
            State::CommandStatus { .. } => None,
        };
        json!({
            "metadata": {"uid": facts.uid},
            "status": {
                "phase": phase,
                "podIP": facts.address,
                "podIPs": [{"ip": facts.address}],
                "hostIP": super::HOST,
                "startTime": facts.started,
                "conditions": [
                    self.condition("Initialized", true, None),
                    self.condition("ContainersReady", ready, complaint),
                    self.condition("Ready", ready, complaint),
                ],
                "containerStatuses": [{
                    "name": facts.container, "image": facts.image, "imageID": "", "ready": ready,
                    "started": has_started, "restartCount": facts.restarts, "state": state, "lastState": last,
                }],
            },
        })
    }

    fn condition(&mut self, kind: &'static str, holds: bool, message: Option<&str>) -> Value {
        let known = self.conditions.get(kind).filter(|(before, _)| *before == holds).cloned();
        let (_, since) = known.unwrap_or_else(|| (holds, now()));
        self.conditions.insert(kind, (holds, since.clone()));
        let status = if holds { "True" } else { "False" };
        let message = message.filter(|_| !holds).unwrap_or_default();
        json!({"type": kind, "status": status, "lastTransitionTime": since, "message": message})
    }
}
