//! Where resources come from and what is told to them: the events and the target that a cluster and a directory have in
//! common, and manifests as files hold them.

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
