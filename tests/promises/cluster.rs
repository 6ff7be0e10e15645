//! The control plane that a world stands in, and the CRDs that are installed there.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use orloj_operator::registry::Registry;
use orloj_operator::registry::crd::crds_yaml;

use crate::bed::{self, ControlPlane};

/// The control plane that all tests share, or one that a test breaks.
#[derive(Clone)]
pub enum Cluster {
    Shared(&'static ControlPlane),
    Own(Arc<ControlPlane>),
}

impl Cluster {
    /// The one that all tests share, with the CRDs of the eight kinds.
    pub fn shared() -> Self {
        static READY: OnceLock<()> = OnceLock::new();
        let cluster = bed::control_plane();
        READY.get_or_init(|| {
            let registry = Registry::embedded().expect("the eight kinds load");
            cluster.establish(&crds_yaml(&registry));
        });
        Self::Shared(cluster)
    }
}

impl Deref for Cluster {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        match self {
            Self::Shared(cluster) => cluster,
            Self::Own(cluster) => cluster,
        }
    }
}
