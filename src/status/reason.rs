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
}

impl Reason {
    /// All there are.
    pub const ALL: [Self; 18] = [
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
        }
    }
}
