//! Where resources come from and what is told to them: the events and the target that a cluster and a directory have in
//! common, and manifests as files hold them.

pub mod budget;
pub mod channel;
pub mod manifest;
pub mod target;

use crate::resource::{KindIndex, Resource};

/// What a source tells the reconciler, in order per kind and scope.
#[derive(Clone, Debug)]
pub enum SourceEvent {
    /// A complete list begins; what it does not name is gone once it ends.
    ListStarted {
        kind: KindIndex,
        scope: Scope,
    },
    /// An entry of that list.
    Listed(Box<Resource>),
    ListEnded {
        kind: KindIndex,
        scope: Scope,
    },
    /// Created or changed while watching.
    Changed(Box<Resource>),
    /// Deleted while watching, as last seen.
    Deleted(Box<Resource>),
    /// A list does not come for now (its CRD is not installed, say); it is tried again.
    Failing {
        kind: KindIndex,
        scope: Scope,
    },
    /// Something of this source could not be read, so what is missing from its lists is not gone for certain.
    Incomplete {
        kind: KindIndex,
    },
}

impl SourceEvent {
    /// What it takes in memory, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        let body = match self {
            Self::Listed(resource) | Self::Changed(resource) | Self::Deleted(resource) => resource.weight(),
            Self::ListStarted { .. } | Self::ListEnded { .. } | Self::Failing { .. } | Self::Incomplete { .. } => 0,
        };
        size_of::<Self>() + body
    }
}

/// Which part of a kind a list covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    All,
    Namespace(Box<str>),
}

impl Scope {
    #[must_use]
    pub fn contains(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Namespace(own) => **own == *namespace,
        }
    }
}

/// Obstacle that keeps one kind from being synced, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Its table is not there, or not as the kind needs it, or this role may not use it.
    Table,
    /// Its custom resource definition is not installed.
    Definition,
    /// The operator may not list or watch it.
    Rights,
    /// Its list or its watch fails for another reason.
    Watch,
}

impl Obstacle {
    pub const ALL: [Self; 4] = [Self::Table, Self::Definition, Self::Rights, Self::Watch];

    /// Metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Definition => "definition",
            Self::Rights => "rights",
            Self::Watch => "watch",
        }
    }
}
