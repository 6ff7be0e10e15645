//! Metrics of the REST API, with a registry of their own: the operator's are not served where it does not run.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;

use super::build::Build;
use super::exposition::{Exposition, expose};
use super::labels::{Counters, Gauges, Histograms, buckets};

/// Metrics of the REST API; clones share them.
#[derive(Clone, Debug)]
pub struct RequestMetrics {
    registry: Arc<Registry>,
    requests: Counters<3>,
    seconds: Histograms<3>,
    verdicts: Counters<3>,
    streams: Gauges<1>,
}

impl RequestMetrics {
    /// `version` is the program's, `registry` a checksum of the kind files.
    #[must_use]
    pub fn new(version: &str, registry: &str) -> Self {
        let mut r = Registry::default();
        r.register_collector(Box::new(Build::new(version, registry)));
        r.register_collector(Box::new(crate::telemetry::process::Process));
        let route = ["route", "method", "code"];
        let seconds = buckets(&[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0]);
        let requests = Counters::new(&mut r, "orloj_operator_rest_requests", "Requests by route and code", route);
        let verdicts = Counters::new(
            &mut r,
            "orloj_operator_rest_guard",
            "Writes to rows that stood there, by conflict policy and verdict",
            ["policy", "verdict", "kind"],
        );
        let streams = Gauges::new(&mut r, "orloj_operator_rest_streams", "Watches that are open", ["route"]);
        let seconds =
            Histograms::new(&mut r, "orloj_operator_rest_request_seconds", "Time to an answer", route, seconds);
        Self { requests, seconds, verdicts, streams, registry: Arc::new(r) }
    }

    /// A request was answered.
    pub fn answered(&self, route: &str, method: &str, code: u16, took: Duration) {
        let code = code.to_string();
        self.requests.add([route, method, &code], 1);
        self.seconds.observe([route, method, &code], took.as_secs_f64());
    }

    /// The conflict policy judged a write.
    pub fn judged(&self, policy: &str, verdict: &str, kind: &str) {
        self.verdicts.add([policy, verdict, kind], 1);
    }

    /// A watch began, or came to its end.
    pub fn streams(&self, route: &str, change: i64) {
        self.streams.get([route]).inc_by(change);
    }

    /// The text of `/metrics`.
    #[must_use]
    pub fn expose(&self, accept: Option<&str>) -> Exposition {
        expose(&self.registry, accept)
    }
}
