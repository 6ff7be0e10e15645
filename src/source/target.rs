//! The way back to the source: finalizer, status, Events, and a fresh look at one resource.

use async_trait::async_trait;

use crate::orlojd::FINALIZER;
use crate::resource::{Resource, ResourceId};
use crate::status::Status;

/// The finalizers of a resource, as far as a patch must know them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finalizers {
    pub count: u16,
    /// Where ours stands.
    pub ours: Option<u16>,
}

impl Finalizers {
    /// Of these, in their order.
    #[must_use]
    pub fn of(names: &[String]) -> Self {
        let position = names.iter().position(|name| name == FINALIZER);
        Self {
            count: u16::try_from(names.len()).unwrap_or(u16::MAX),
            ours: position.and_then(|position| u16::try_from(position).ok()),
        }
    }
}

/// What to do about our finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalizerChange {
    Keep,
    /// Put it on; holds the finalizers that are believed to be there.
    Add(Finalizers),
    /// Take it off; holds the finalizers that are believed to be there.
    Remove(Finalizers),
}

/// What is to be made true of one object at the source.
#[derive(Clone, Debug, PartialEq)]
pub struct Ack {
    /// A patch must never reach a namesake that was created later.
    pub uid: Box<str>,
    pub finalizer: FinalizerChange,
    pub status: Option<Status>,
}

/// Something worth an Event on the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub uid: Box<str>,
    pub warning: bool,
    /// One CamelCase word.
    pub reason: &'static str,
    /// What was done.
    pub action: &'static str,
    pub note: String,
}

/// What became of an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notified {
    Sent,
    /// Left out: too many at once.
    Dropped,
    Failed,
}

impl Notified {
    /// Metric label.
    #[must_use]
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
        }
    }
}

/// Why the source did not take it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResourceClientError {
    #[error("the resource is gone")]
    Gone,
    /// What we believed of it is out of date; look again.
    #[error("the resource has changed: {0}")]
    Stale(String),
    /// No answer, or one from something in between.
    #[error("unable to reach the source: {0}")]
    Unreachable(String),
    /// It answered that it cannot now.
    #[error("unable to write to the source: {0}")]
    Transient(String),
    #[error("refused by the source: {0}")]
    Refused(String),
}

impl ResourceClientError {
    /// Metric label.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Stale(_) => "stale",
            Self::Unreachable(_) => "unreachable",
            Self::Transient(_) => "transient",
            Self::Refused(_) => "refused",
        }
    }
}

#[async_trait]
pub trait ResourceClient: Send + Sync {
    /// Makes an acknowledgement true; safe to repeat. Returns the version of the object that this made, 0 where the
    /// source has none.
    async fn acknowledge(&self, id: &ResourceId, ack: &Ack) -> Result<u64, ResourceClientError>;

    /// The resource as it stands now; `None` where it is gone.
    async fn fetch(&self, id: &ResourceId) -> Result<Option<Resource>, ResourceClientError>;

    /// Publishes an Event; losing one is no fault.
    async fn notify(&self, id: &ResourceId, notice: &Notice) -> Notified;
}
