//! What another program may undo, and how a status says so.

use crate::orlojd::FINALIZER;
use crate::plan::Drift;

/// A part of a resource, or of what the operator keeps for it, that another program may undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContestedPart {
    Row,
    Finalizer,
    Status,
}

impl ContestedPart {
    pub const ALL: [Self; 3] = [Self::Row, Self::Finalizer, Self::Status];

    /// Metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Finalizer => "finalizer",
            Self::Status => "status",
        }
    }

    /// The part that a text of [`Self::explanation`] is about.
    pub(super) fn of_text(text: &str) -> Self {
        let named = [Self::Finalizer, Self::Status].into_iter().find(|part| text == part.explanation(None));
        named.unwrap_or(Self::Row)
    }

    /// What happens to the part, and what helps: for a status. `drift` is what was put right in vain.
    pub(super) fn explanation(self, drift: Option<&Drift>) -> String {
        match (self, drift) {
            (Self::Row, Some(drift)) => drift.explanation(),
            (Self::Row, None) => "another program changes the row again and again: find it and stop it".to_owned(),
            (Self::Finalizer, _) => format!(
                "another program takes the finalizer {FINALIZER} off again and again: find it and stop it; without the \
                 finalizer the row of a deleted resource stands until the next sweep"
            ),
            (Self::Status, _) => "another program overwrites the status again and again: find it and stop it; it may \
                                  be another operator of these resources"
                .to_owned(),
        }
    }
}
