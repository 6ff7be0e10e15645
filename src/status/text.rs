//! The words of a status, and how they follow from what became of a resource.

use super::{Reason, RuntimeReport, Verdict};
use crate::orlojd::{phases, readiness};

/// Texts in a status stay below this many bytes; a status is no place for large data (API conventions).
const MAX_TEXT: usize = 4096;

/// The words of a status: all but times and generation, so that thousands of resources can share one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StatusText {
    pub phase: Box<str>,
    pub sync_error: Box<str>,
    pub synced: StatusCondition,
    pub ready: StatusCondition,
}

impl StatusText {
    pub(super) fn is_stalled(&self) -> bool {
        let waits = [Reason::StoreUnavailable, Reason::KindUnavailable, Reason::Suspended]
            .iter()
            .any(|reason| reason.as_str() == &*self.synced.reason);
        !self.sync_error.is_empty() && &*self.synced.status == "False" && !waits
    }

    /// What the runtime had reported when this was written, as far as that can be told.
    #[must_use]
    pub fn runtime(&self) -> RuntimeReport {
        if [phases::SYNCED, phases::SYNC_ERROR, ""].contains(&&*self.phase) {
            return RuntimeReport::Awaiting;
        }
        let silent = self.ready.message == runtime_condition(&self.phase, "").message;
        let error = if silent { Box::default() } else { self.ready.message.clone() };
        RuntimeReport::Phase { phase: self.phase.clone(), error }
    }
}

/// Status, reason and message of one condition; `status` empty means absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StatusCondition {
    pub status: Box<str>,
    pub reason: Box<str>,
    pub message: Box<str>,
}

impl StatusCondition {
    fn new(status: &str, reason: &str, message: &str) -> Self {
        Self { status: status.into(), reason: reason.into(), message: clip(message).into() }
    }
}

/// The words of a status after `verdict`, given those that stand there.
pub(super) fn next_words(old: &StatusText, verdict: &Verdict) -> StatusText {
    match verdict {
        Verdict::Synced(runtime) => {
            let (phase, ready) = match runtime {
                RuntimeReport::Silent => (
                    phases::SYNCED,
                    StatusCondition::new("True", Reason::Synced.as_str(), "the row equals the resource"),
                ),
                RuntimeReport::Awaiting => (
                    phases::SYNCED,
                    StatusCondition::new(
                        "Unknown",
                        Reason::AwaitingRuntime.as_str(),
                        "orlojd has not reported on the row yet",
                    ),
                ),
                RuntimeReport::Phase { phase, error } => (&**phase, runtime_condition(phase, error)),
            };
            StatusText {
                phase: phase.into(),
                sync_error: Box::default(),
                synced: StatusCondition::new("True", Reason::Synced.as_str(), "the row equals the resource"),
                ready,
            }
        }
        Verdict::Failed { reason, text } => StatusText {
            phase: phases::SYNC_ERROR.into(),
            sync_error: clip(text).into(),
            synced: StatusCondition::new("False", reason.as_str(), text),
            ready: StatusCondition::new("False", reason.as_str(), text),
        },
        Verdict::Contested { text, runtime } => {
            // what the runtime makes of the row counts; without a word of it, readiness stays as it was
            let (phase, ready) = match runtime {
                RuntimeReport::Phase { phase, error } => (phase.clone(), runtime_condition(phase, error)),
                RuntimeReport::Silent | RuntimeReport::Awaiting => (phases::SYNCED.into(), present(&old.ready)),
            };
            StatusText {
                phase,
                ready,
                synced: StatusCondition::new("False", Reason::Contested.as_str(), text),
                sync_error: Box::default(),
            }
        }
        Verdict::Unavailable => {
            waiting(old, Reason::StoreUnavailable, "the store cannot be reached; the operator keeps trying")
        }
        Verdict::Parked { text } => waiting(old, Reason::KindUnavailable, text),
        Verdict::Suspended => {
            let text = "the annotation orloj.dev/suspend is \"true\"; remove it to go on syncing";
            waiting(old, Reason::Suspended, text)
        }
    }
}

/// The words of a resource that was not looked at: all but `Synced` stays.
fn waiting(old: &StatusText, reason: Reason, text: &str) -> StatusText {
    StatusText {
        synced: StatusCondition::new("False", reason.as_str(), text),
        ready: present(&old.ready),
        ..old.clone()
    }
}

/// A condition that was never set reads as Unknown; the API wants a status in every entry.
fn present(condition: &StatusCondition) -> StatusCondition {
    if condition.status.is_empty() {
        StatusCondition::new("Unknown", Reason::NotYetSynced.as_str(), "not synced yet")
    } else {
        condition.clone()
    }
}

/// `Ready` from a runtime phase.
fn runtime_condition(phase: &str, error: &str) -> StatusCondition {
    let message = if error.is_empty() { format!("orlojd reports {phase}") } else { error.to_owned() };
    StatusCondition::new(readiness(phase), &reason_word(phase), &message)
}

/// A phase as a condition reason: the API wants `^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`.
pub(super) fn reason_word(phase: &str) -> String {
    // at most 1,024 characters, prefix included
    let word: String = phase.chars().filter(char::is_ascii_alphanumeric).take(1000).collect();
    match word.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => word,
        _ => format!("Phase{word}"),
    }
}

pub(super) fn clip(text: &str) -> &str {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let mut end = MAX_TEXT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
