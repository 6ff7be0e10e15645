//! Types and reasons of the conditions in a status.

/// Types of conditions.
pub mod conditions {
    /// The row equals the resource.
    pub const SYNCED: &str = "Synced";
    /// orlojd has taken the resource up.
    pub const READY: &str = "Ready";
    /// The resource is refused as it stands: there only while that is so. What kstatus, by which Flux waits, takes for
    /// a failure; without it a refused resource looks as if it were on its way.
    pub const STALLED: &str = "Stalled";
}

/// A condition's reason: one word, stable, told in `docs/reference/status.md`. `Ready` may have others: phases of
/// orlojd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    Synced,
    AwaitingRuntime,
    NotYetSynced,
    /// The object cannot be read at all.
    Invalid,
    /// A field has the wrong type.
    Malformed,
    InvalidMetadata,
    /// A rule of the kind refuses the spec.
    InvalidSpec,
    KeyTooLong,
    NulCharacter,
    TooLarge,
    KeyConflict,
    RefusedByStore,
    SecretUnreadable,
    EncryptionRequired,
    StoreUnavailable,
    KindUnavailable,
    Contested,
    Suspended,
    /// The resource is being deleted, and nothing of it is left but what others hold.
    Removed,
}

impl Reason {
    /// All there are.
    pub const ALL: [Self; 19] = [
        Self::Synced,
        Self::AwaitingRuntime,
        Self::NotYetSynced,
        Self::Invalid,
        Self::Malformed,
        Self::InvalidMetadata,
        Self::InvalidSpec,
        Self::KeyTooLong,
        Self::NulCharacter,
        Self::TooLarge,
        Self::KeyConflict,
        Self::RefusedByStore,
        Self::SecretUnreadable,
        Self::EncryptionRequired,
        Self::StoreUnavailable,
        Self::KindUnavailable,
        Self::Contested,
        Self::Suspended,
        Self::Removed,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "Synced",
            Self::AwaitingRuntime => "AwaitingRuntime",
            Self::NotYetSynced => "NotYetSynced",
            Self::Invalid => "Invalid",
            Self::Malformed => "Malformed",
            Self::InvalidMetadata => "InvalidMetadata",
            Self::InvalidSpec => "InvalidSpec",
            Self::KeyTooLong => "KeyTooLong",
            Self::NulCharacter => "NulCharacter",
            Self::TooLarge => "TooLarge",
            Self::KeyConflict => "KeyConflict",
            Self::RefusedByStore => "RefusedByStore",
            Self::SecretUnreadable => "SecretUnreadable",
            Self::EncryptionRequired => "EncryptionRequired",
            Self::StoreUnavailable => "StoreUnavailable",
            Self::KindUnavailable => "KindUnavailable",
            Self::Contested => "Contested",
            Self::Suspended => "Suspended",
            Self::Removed => "Removed",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// What it means and what helps, as `docs/reference/status.md` has it; the second is empty where nothing has to be done.
    #[must_use]
    pub fn explanation(self) -> (&'static str, &'static str) {
        match self {
            Self::Synced => ("The row equals the resource.", ""),
            Self::AwaitingRuntime => {
                ("The row is written; orlojd has not reported on it.", "Wait: orlojd finds it at its next poll.")
            }
            Self::NotYetSynced => (
                "The reason of Ready while the first sync has not happened, because of an outage or suspend.",
                "See Synced.",
            ),
            Self::Malformed => ("A field has the wrong type.", "Correct the spec."),
            Self::InvalidMetadata => ("The name or a label is not allowed.", "Rename the resource, or drop the label."),
            Self::InvalidSpec => ("A rule of the kind refuses the spec; the text is orlojd's.", "Correct the spec."),
            Self::Invalid => (
                "The object cannot be read, for example because its spec is nested deeper than 128 levels.",
                "Correct the object.",
            ),
            Self::KeyTooLong => {
                ("Namespace, / and name have more than 253 characters together.", "Shorten one of them.")
            }
            Self::NulCharacter => ("A string holds U+0000, which Postgres cannot store.", "Remove the character."),
            Self::TooLarge => (
                "Spec, labels and annotations have more than 4 MiB as JSON, or the spec is nested deeper than 100 levels.",
                "Split the resource.",
            ),
            Self::KeyConflict => (
                "An older resource, another cluster or a SealedSecret owns the row.",
                "Rename one of the two, or change its target namespace.",
            ),
            Self::RefusedByStore => {
                ("The store refused this row. The operator retries it, ever more slowly.", "Read the text.")
            }
            Self::SecretUnreadable => (
                "The stored row is encrypted under another key, or the operator has no key. The row is neither read nor overwritten.",
                "Give the operator orlojd's key.",
            ),
            Self::EncryptionRequired => ("--require-encryption is on and there is no key.", "Give the operator a key."),
            Self::StoreUnavailable => {
                ("The store cannot be reached; the operator keeps trying.", "See the log and /readyz.")
            }
            Self::KindUnavailable => (
                "The kind is parked: its table is not there, lacks a column, or may not be used. Nothing of the kind is written or removed.",
                "Read the text; the operator goes on by itself once what is missing is there. See Parked kinds.",
            ),
            Self::Contested => (
                "Another program undoes again and again what the operator writes; the message names the fields. The operator repairs them ever more slowly.",
                "See Other writers.",
            ),
            Self::Suspended => ("orloj.dev/suspend is \"true\".", "Remove the annotation."),
            Self::Removed => (
                "The resource is being deleted, and its row has been removed (or left, by orloj.dev/deletion-policy: retain).",
                "See whose finalizers hold the resource.",
            ),
        }
    }
}
