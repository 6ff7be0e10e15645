//! Readiness by named parts that say what they wait for, and liveness by heartbeats.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What a probe is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub healthy: bool,
    /// Lines, each with a newline at its end.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ReadyState {
    Waiting(String),
    Ready(Option<String>),
}

/// Ready when every part is. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    parts: Arc<Mutex<BTreeMap<&'static str, ReadyState>>>,
}

impl Readiness {
    /// Adds a part that is not ready yet; `reason` completes "waiting for …".
    #[must_use]
    pub fn register(&self, name: &'static str, reason: impl Into<String>) -> ReadyHandle {
        let handle = ReadyHandle { name, parts: Arc::clone(&self.parts) };
        handle.waiting(reason);
        handle
    }

    /// `ok`, or a line for each part that waits; all parts where `verbose`.
    #[must_use]
    pub fn answer(&self, verbose: bool) -> Answer {
        let parts = self.parts.lock();
        let healthy = parts.values().all(|state| matches!(state, ReadyState::Ready(_)));
        let mut text = String::new();
        for (name, state) in parts.iter() {
            // writing into a String cannot fail
            let _ = match state {
                ReadyState::Waiting(reason) if verbose => writeln!(text, "[-]{name} waiting for {reason}"),
                ReadyState::Waiting(reason) => writeln!(text, "{name}: waiting for {reason}"),
                ReadyState::Ready(Some(note)) if verbose => writeln!(text, "[+]{name} ok: {note}"),
                ReadyState::Ready(None) if verbose => writeln!(text, "[+]{name} ok"),
                ReadyState::Ready(_) => Ok(()),
            };
        }
        if healthy {
            text.push_str(if verbose { "readyz check passed\n" } else { "ok\n" });
        } else if verbose {
            text.push_str("readyz check failed\n");
        }
        Answer { healthy, text }
    }
}

/// One part's side of [`Readiness`]. Dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct ReadyHandle {
    name: &'static str,
    parts: Arc<Mutex<BTreeMap<&'static str, ReadyState>>>,
}

impl ReadyHandle {
    /// Not ready (any more); `reason` completes "waiting for …" and must hold no secret: anyone can read it.
    pub fn waiting(&self, reason: impl Into<String>) {
        self.set(ReadyState::Waiting(reason.into()));
    }

    pub fn ready(&self) {
        self.set(ReadyState::Ready(None));
    }

    /// Ready, with something to say in the verbose answer. A standby says so here: were it unready, a rolling update
    /// would wait for the new pod to lead while the old one still does.
    pub fn ready_with(&self, note: impl Into<String>) {
        self.set(ReadyState::Ready(Some(note.into())));
    }

    fn set(&self, state: ReadyState) {
        self.parts.lock().insert(self.name, state);
    }
}

/// Alive while every heartbeat is younger than its limit. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Liveness {
    beats: Arc<Mutex<BTreeMap<&'static str, Beat>>>,
}

#[derive(Clone, Copy, Debug)]
struct Beat {
    last: Instant,
    limit: Duration,
}

impl Liveness {
    /// Adds a loop that beats at least every `limit`; the first beat is now.
    #[must_use]
    pub fn register(&self, name: &'static str, limit: Duration) -> Heartbeat {
        self.beats.lock().insert(name, Beat { last: Instant::now(), limit });
        Heartbeat { name, beats: Arc::clone(&self.beats) }
    }

    #[must_use]
    pub fn answer(&self, verbose: bool) -> Answer {
        self.answer_at(Instant::now(), verbose)
    }

    fn answer_at(&self, now: Instant, verbose: bool) -> Answer {
        let mut text = String::new();
        let mut healthy = true;
        for (name, beat) in self.beats.lock().iter() {
            let age = now.saturating_duration_since(beat.last);
            let late = age > beat.limit;
            healthy &= !late;
            let (age, limit) = (age.as_secs(), beat.limit.as_secs());
            let _ = match (late, verbose) {
                (true, false) => writeln!(text, "{name}: no heartbeat for {age} s, the limit is {limit} s"),
                (true, true) => writeln!(text, "[-]{name} no heartbeat for {age} s, the limit is {limit} s"),
                (false, true) => writeln!(text, "[+]{name} ok: last heartbeat {age} s ago"),
                (false, false) => Ok(()),
            };
        }
        if healthy {
            text.push_str(if verbose { "healthz check passed\n" } else { "ok\n" });
        } else if verbose {
            text.push_str("healthz check failed\n");
        }
        Answer { healthy, text }
    }
}

/// One loop's side of [`Liveness`]; the loop is watched until this is dropped.
#[derive(Debug)]
pub struct Heartbeat {
    name: &'static str,
    beats: Arc<Mutex<BTreeMap<&'static str, Beat>>>,
}

impl Heartbeat {
    pub fn beat(&self) {
        if let Some(beat) = self.beats.lock().get_mut(self.name) {
            beat.last = Instant::now();
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.beats.lock().remove(self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_it_waits_for_until_all_are_ready() {
        let readiness = Readiness::default();
        let store = readiness.register("store", "the database at db:5432");
        let sources = readiness.register("sources", "the first list of widgets");
        let answer = readiness.answer(false);
        assert!(!answer.healthy);
        assert_eq!(
            answer.text,
            "sources: waiting for the first list of widgets\nstore: waiting for the database at db:5432\n"
        );
        sources.ready();
        assert_eq!(readiness.answer(false).text, "store: waiting for the database at db:5432\n");
        store.ready();
        assert_eq!(readiness.answer(false), Answer { healthy: true, text: "ok\n".to_owned() });
        store.waiting("a writable server");
        assert!(!readiness.answer(false).healthy);
    }

    #[test]
    fn verbose_lists_all_and_a_standby_is_ready() {
        let readiness = Readiness::default();
        readiness.register("leader", "the Lease").ready_with("standing by for pod-a");
        let store = readiness.register("store", "tables");
        let expected = "[+]leader ok: standing by for pod-a\n[-]store waiting for tables\nreadyz check failed\n";
        assert_eq!(readiness.answer(true).text, expected);
        store.ready();
        assert_eq!(
            readiness.answer(true).text,
            "[+]leader ok: standing by for pod-a\n[+]store ok\nreadyz check passed\n"
        );
    }

    #[test]
    fn a_late_heartbeat_is_not_alive() {
        let liveness = Liveness::default();
        assert!(liveness.answer(false).healthy);
        let reconciler = liveness.register("reconciler", Duration::from_secs(30));
        let now = Instant::now();
        assert!(liveness.answer_at(now + Duration::from_secs(29), false).healthy);
        let late = liveness.answer_at(now + Duration::from_secs(61), false);
        assert!(!late.healthy);
        assert_eq!(late.text, "reconciler: no heartbeat for 61 s, the limit is 30 s\n");
        reconciler.beat();
        assert!(liveness.answer(true).text.starts_with("[+]reconciler ok"));
        drop(reconciler);
        assert!(liveness.answer_at(now + Duration::from_hours(1), false).healthy);
    }
}
