//! A resource turned into the row that should stand for it, and a stored row in comparable form.
//!
//! All of it is pure: no clock, no store, no cluster. Keys, annotations and payload are those of
//! `kinds/ORLOJD.md` 2.1, 3.1 and 2.2.

mod limits;
mod payload;
mod row;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::apimachinery::field_path::FieldPath;
use crate::orlojd::{DELETION_POLICY, MANAGED_BY, MANAGED_BY_VALUE, OWNER_MARKS};
use crate::resource::Resource;
use crate::status::Reason;
pub use limits::{MAX_DEPTH, MAX_PAYLOAD_BYTES};
pub use row::{namespace_or_default, scoped};

/// Whether the row of this resource outlives it.
#[must_use]
pub fn retains(resource: &Resource) -> bool {
    resource.annotations.get(DELETION_POLICY).is_some_and(|policy| policy == "retain")
}

/// Why a resource cannot have a row. The text never holds a value of a kind with secrets.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text}")]
pub struct Invalid {
    pub class: InvalidClass,
    /// The value in question; empty for the resource as a whole.
    pub path: FieldPath,
    pub text: String,
}

/// What sort of fault it is: the condition's reason and the metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidClass {
    /// The spec cannot be read at all.
    Unreadable,
    /// A field has the wrong type.
    Malformed,
    /// The name or a label is not allowed.
    Metadata,
    /// A rule of the kind refuses it.
    Rule,
    /// The scoped key is too long.
    KeyTooLong,
    /// A string holds U+0000.
    NulCharacter,
    /// The payload is too large.
    TooLarge,
}

impl InvalidClass {
    /// Reason of a condition.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::Unreadable => Reason::Invalid,
            Self::Malformed => Reason::Malformed,
            Self::Metadata => Reason::InvalidMetadata,
            Self::Rule => Reason::InvalidSpec,
            Self::KeyTooLong => Reason::KeyTooLong,
            Self::NulCharacter => Reason::NulCharacter,
            Self::TooLarge => Reason::TooLarge,
        }
    }
}

/// What the row of a resource should say. In a kind with secrets, the spec holds them in the clear.
#[derive(Clone, PartialEq)]
pub struct Desired {
    /// Scoped key, `<namespace>/<name>`.
    pub key: String,
    /// The row's namespace: the target namespace, else the resource's.
    pub namespace: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// As the row has them.
    pub annotations: BTreeMap<String, String>,
    pub spec: Value,
    /// What is accepted and yet worth a word.
    pub warnings: Vec<String>,
}

/// Without the spec: it may hold secrets.
impl std::fmt::Debug for Desired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desired").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A row as read back, in comparable form.
#[derive(Clone, PartialEq)]
pub struct Stored {
    /// As this registry's version of the kind reads it; as it is where it cannot be read.
    pub spec: Value,
    /// The spec with what normalisation fills in by itself, where it lacks nothing else: a program that does not know
    /// a field leaves it out of the row, and what the field would have said by default is said without it.
    pub completed: Option<Value>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    /// `""` where there is none.
    pub resource_version: String,
    /// 0 where there is none.
    pub generation: i64,
    pub created_at: String,
    /// As stored; `""` where there is none.
    pub phase: String,
    pub last_error: String,
    /// The whole status as stored.
    pub status: Value,
}

/// Without the spec: it may hold secrets.
impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored").field("resource_version", &self.resource_version).finish_non_exhaustive()
    }
}

/// The counters of a row.
#[derive(Clone, Copy, Debug)]
pub struct Versions<'a> {
    pub resource_version: &'a str,
    pub generation: i64,
    /// RFC 3339, UTC, whole seconds.
    pub created_at: &'a str,
}

impl Desired {
    /// Whether a stored row says the same: nothing needs to be written.
    #[must_use]
    pub fn same_meaning(&self, stored: &Stored) -> bool {
        self.same_spec(stored) && self.labels == stored.labels && self.annotations == stored.annotations
    }

    /// Whether a stored spec says the same, be it without what normalisation fills in.
    #[must_use]
    pub fn same_spec(&self, stored: &Stored) -> bool {
        self.spec == stored.spec || Some(&self.spec) == stored.completed.as_ref()
    }

    /// Canonical bytes of spec, labels and annotations, for a keyed fingerprint.
    #[must_use]
    pub fn meaning(&self) -> Vec<u8> {
        meaning(&self.spec, &self.labels, &self.annotations)
    }
}

impl Stored {
    /// Whether the row says of itself that the operator manages it.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.annotations.get(MANAGED_BY).is_some_and(|value| value == MANAGED_BY_VALUE)
    }

    /// What the row says of its owner, which outlives what others write.
    pub fn owner_marks(&self) -> impl Iterator<Item = (String, String)> {
        let marks = self.annotations.iter().filter(|(key, _)| OWNER_MARKS.contains(&key.as_str()));
        marks.map(|(key, value)| (key.clone(), value.clone()))
    }

    /// As [`Desired::meaning`]. Where [`Desired::same_meaning`] holds, either these bytes are equal or those of
    /// [`Stored::completed_meaning`].
    #[must_use]
    pub fn meaning(&self) -> Vec<u8> {
        meaning(&self.spec, &self.labels, &self.annotations)
    }

    /// As [`Stored::meaning`], of the completed spec.
    #[must_use]
    pub fn completed_meaning(&self) -> Option<Vec<u8>> {
        self.completed.as_ref().map(|spec| meaning(spec, &self.labels, &self.annotations))
    }
}

/// JSON maps are kept sorted, so that plain encoding is canonical.
fn meaning(spec: &Value, labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> Vec<u8> {
    serde_json::to_vec(&(spec, labels, annotations)).unwrap_or_default()
}
