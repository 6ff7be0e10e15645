//! What a resource's status says, as a pure function of what happened to it.
//!
//! Upstream's four fields stay (`phase`, `observedGeneration`, `lastSyncedAt`, `syncError`); `conditions` follow the
//! Kubernetes API conventions, so that `kubectl wait`, Flux and Argo CD need no plug-in.

mod interner;
mod reason;
mod text;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use interner::StatusInterner;
pub use reason::{Reason, conditions};
pub use text::{StatusCondition, StatusText};
use text::{clip, next_words};

/// What the runtime says of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RuntimeReport {
    /// No runtime reports on this kind: `Ready` follows `Synced`.
    Silent,
    /// Row written, not reported on yet.
    Awaiting,
    /// The phase that orlojd wrote, and its `lastError`.
    Phase { phase: Box<str>, error: Box<str> },
}

/// What became of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    Synced(RuntimeReport),
    /// Will not be synced as it stands.
    Failed {
        reason: Reason,
        text: String,
    },
    /// Another program undoes again and again what the operator writes.
    Contested {
        text: String,
        /// What the row says of the runtime.
        runtime: RuntimeReport,
    },
    /// Waits for the store.
    Unavailable,
    /// Waits for what its kind lacks, such as a table.
    Parked {
        text: String,
    },
    /// `orloj.dev/suspend: "true"`.
    Suspended,
    /// It is being deleted, and the operator is done with it.
    Removed {
        /// Its row was left.
        retained: bool,
    },
}

impl Verdict {
    /// What the condition `Synced` says after it.
    #[must_use]
    pub fn synced_condition(&self) -> StatusCondition {
        next_words(&StatusText::default(), self).synced
    }
}

/// A resource's status. Times are whole seconds since the Unix epoch, 0 = never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    pub words: Arc<StatusText>,
    pub observed_generation: i64,
    pub last_synced_at: i64,
    pub synced_since: i64,
    pub ready_since: i64,
    /// Generation that the conditions were set at; the lower of the two where they differ.
    pub condition_generation: i64,
}

impl Status {
    /// Reads the status block of an object; what is not there or not understood reads as absent.
    #[must_use]
    pub fn from_json(value: &Value) -> Self {
        let text = |field: &str| Box::from(value.get(field).and_then(Value::as_str).unwrap_or_default());
        let (synced, synced_since, synced_generation) = read_condition(value, conditions::SYNCED);
        let (ready, ready_since, ready_generation) = read_condition(value, conditions::READY);
        Self {
            words: Arc::new(StatusText { phase: text("phase"), sync_error: text("syncError"), synced, ready }),
            observed_generation: value.get("observedGeneration").and_then(Value::as_i64).unwrap_or(0),
            last_synced_at: value.get("lastSyncedAt").and_then(Value::as_str).map_or(0, parse_time),
            synced_since,
            ready_since,
            condition_generation: synced_generation.min(ready_generation),
        }
    }

    /// The status that `verdict` calls for, given what stands there. `synced_at` is when a sync last wrote, 0 where
    /// that is not known.
    #[must_use]
    pub fn next(&self, verdict: &Verdict, generation: i64, synced_at: i64, now: i64) -> Self {
        let words = next_words(&self.words, verdict);
        let since = |old: &StatusCondition, new: &StatusCondition, since: i64| {
            if old.status == new.status && since > 0 { since } else { now }
        };
        // what waits for the store has not been looked at: whoever compares generations must not take it for done
        let waits = matches!(verdict, Verdict::Unavailable | Verdict::Parked { .. });
        Self {
            observed_generation: if waits { self.observed_generation } else { generation },
            last_synced_at: if synced_at > 0 { synced_at } else { self.last_synced_at },
            synced_since: since(&self.words.synced, &words.synced, self.synced_since),
            ready_since: since(&self.words.ready, &words.ready, self.ready_since),
            condition_generation: generation,
            words: Arc::new(words),
        }
    }

    /// Whether both say the same: a patch from one to the other would be noise.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.observed_generation == other.observed_generation
            && self.condition_generation == other.condition_generation
            && self.last_synced_at == other.last_synced_at
            && self.words == other.words
    }

    /// Whether it says already that the resource failed in this way.
    #[must_use]
    pub fn tells(&self, verdict: &Verdict) -> bool {
        let Verdict::Failed { reason, text } = verdict else { return false };
        &*self.words.synced.reason == reason.as_str() && *self.words.synced.message == *clip(text)
    }

    /// The status block.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut status = json!({
            "observedGeneration": self.observed_generation,
            "conditions": [
                self.condition(conditions::SYNCED, &self.words.synced, self.synced_since),
                self.condition(conditions::READY, &self.words.ready, self.ready_since),
            ],
        });
        if self.words.is_stalled()
            && let Some(conditions) = status["conditions"].as_array_mut()
        {
            let stalled = StatusCondition { status: "True".into(), ..self.words.synced.clone() };
            conditions.push(self.condition(conditions::STALLED, &stalled, self.synced_since));
        }
        if !self.words.phase.is_empty() {
            status["phase"] = json!(&*self.words.phase);
        }
        if self.last_synced_at > 0 {
            status["lastSyncedAt"] = json!(format_time(self.last_synced_at));
        }
        if !self.words.sync_error.is_empty() {
            status["syncError"] = json!(&*self.words.sync_error);
        }
        status
    }

    fn condition(&self, kind: &str, condition: &StatusCondition, since: i64) -> Value {
        json!({
            "type": kind,
            "status": &*condition.status,
            "reason": &*condition.reason,
            "message": &*condition.message,
            "lastTransitionTime": format_time(since),
            "observedGeneration": self.condition_generation,
        })
    }
}

fn read_condition(status: &Value, kind: &str) -> (StatusCondition, i64, i64) {
    let found = status
        .get("conditions")
        .and_then(Value::as_array)
        .and_then(|list| list.iter().find(|c| c.get("type").and_then(Value::as_str) == Some(kind)));
    let Some(found) = found else { return (StatusCondition::default(), 0, 0) };
    let text = |field: &str| found.get(field).and_then(Value::as_str).unwrap_or_default();
    (
        StatusCondition {
            status: text("status").into(),
            reason: text("reason").into(),
            message: text("message").into(),
        },
        parse_time(text("lastTransitionTime")),
        found.get("observedGeneration").and_then(Value::as_i64).unwrap_or(0),
    )
}

/// RFC 3339 in UTC with whole seconds, as orlojd and Kubernetes write it.
#[must_use]
pub fn format_time(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

/// Seconds since the Unix epoch; 0 where the text is no time.
#[must_use]
pub fn parse_time(text: &str) -> i64 {
    text.parse::<Timestamp>().map_or(0, Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(phase: &str) -> Verdict {
        Verdict::Synced(RuntimeReport::Phase { phase: phase.into(), error: Box::default() })
    }

    #[test]
    fn a_status_survives_the_round_trip_through_json() {
        let status = Status::default().next(&ready("Ready"), 3, 1_700_000_000, 1_700_000_000);
        let read = Status::from_json(&status.to_json());
        assert_eq!(read, status);
        assert!(read.says_the_same(&status));
    }

    #[test]
    fn transition_times_move_only_when_the_condition_changes() {
        let first = Status::default().next(&Verdict::Synced(RuntimeReport::Awaiting), 1, 100, 100);
        let second = first.next(&ready("Ready"), 2, 200, 200);
        assert_eq!((second.synced_since, second.ready_since), (100, 200));
        let third = second.next(&ready("Ready"), 3, 200, 300);
        assert_eq!((third.synced_since, third.ready_since, third.last_synced_at), (100, 200, 200));
    }

    #[test]
    fn an_unreachable_store_keeps_phase_and_ready() {
        let synced = Status::default().next(&ready("Ready"), 1, 100, 100);
        let down = synced.next(&Verdict::Unavailable, 1, 100, 200);
        assert_eq!(&*down.words.phase, "Ready");
        assert_eq!(&*down.words.ready.status, "True");
        assert_eq!((&*down.words.synced.status, &*down.words.synced.reason), ("False", "StoreUnavailable"));
        let edited = down.next(&Verdict::Unavailable, 2, 100, 300);
        assert_eq!((edited.observed_generation, edited.condition_generation), (1, 2));
        assert_eq!(edited.next(&ready("Ready"), 2, 400, 400).observed_generation, 2);
    }

    #[test]
    fn a_failure_is_told_in_all_three_places() {
        let verdict = Verdict::Failed { reason: Reason::Invalid, text: "spec.size is required".to_owned() };
        let status = Status::default().next(&verdict, 1, 0, 100).to_json();
        assert_eq!(status["phase"], "SyncError");
        assert_eq!(status["syncError"], "spec.size is required");
        assert_eq!(status["conditions"][0]["reason"], "Invalid");
        assert_eq!(status["conditions"][1]["status"], "False");
        assert_eq!(status["lastSyncedAt"], Value::Null);
        let stalled = &status["conditions"][2];
        assert_eq!(
            (&stalled["type"], &stalled["status"], &stalled["reason"]),
            (&json!("Stalled"), &json!("True"), &json!("Invalid"))
        );
    }

    #[test]
    fn only_what_is_refused_is_stalled() {
        let verdict = Verdict::Failed { reason: Reason::Invalid, text: "spec.size is required".to_owned() };
        let failed = Status::default().next(&verdict, 1, 0, 100);
        let count = |status: &Status| status.to_json()["conditions"].as_array().map_or(0, Vec::len);
        assert_eq!(count(&failed), 3);
        assert_eq!(Status::from_json(&failed.to_json()), failed);
        for other in [ready("Ready"), ready("Error"), Verdict::Unavailable, Verdict::Suspended] {
            assert_eq!(count(&failed.next(&other, 1, 0, 200)), 2, "{other:?}");
        }
    }

    #[test]
    fn odd_phases_make_valid_reasons() {
        assert_eq!(text::reason_word("In Progress"), "InProgress");
        assert_eq!(text::reason_word("2nd"), "Phase2nd");
    }

    #[test]
    fn equal_words_are_kept_once() {
        let mut pool = StatusInterner::default();
        let a = pool.share(Status::default().next(&ready("Ready"), 1, 1, 1));
        let b = pool.share(Status::default().next(&ready("Ready"), 9, 5, 5));
        assert!(Arc::ptr_eq(&a.words, &b.words));
    }
}
