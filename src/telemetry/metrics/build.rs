//! What runs: the program's version, and the kinds that it works by now.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::info::Info;

/// Clones share their state.
#[derive(Clone, Debug)]
pub(super) struct Build {
    version: String,
    registry: Arc<Mutex<String>>,
}

impl Build {
    pub(super) fn new(version: &str, registry: &str) -> Self {
        Self { version: version.to_owned(), registry: Arc::new(Mutex::new(registry.to_owned())) }
    }

    pub(super) fn registry(&self, checksum: &str) {
        checksum.clone_into(&mut self.registry.lock());
    }
}

impl Collector for Build {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let registry = self.registry.lock().clone();
        let info = Info::new([("version", self.version.clone()), ("registry", registry)]);
        let help = "Version of the program and checksum of its kinds";
        info.encode(encoder.encode_descriptor("orloj_operator_build", help, None, MetricType::Info)?)
    }
}
