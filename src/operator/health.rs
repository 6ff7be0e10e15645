//! What `/readyz` says of the watches.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::cluster::watch::Health;
use crate::registry::Registry;
use crate::resource::KindIndex;
use crate::source::Scope;
use crate::telemetry::readiness::{Readiness, ReadyHandle};

/// One part for all watches: ready once every one has been through its first list. A watch that fails later is
/// told in the log, and does not take readiness back: nothing would get better by sending nobody here.
pub struct WatchHealth {
    registry: Arc<Registry>,
    ready: ReadyHandle,
    waiting: Mutex<HashMap<(KindIndex, Scope), String>>,
}

impl WatchHealth {
    pub fn new(registry: &Arc<Registry>, scopes: &[(KindIndex, Scope)], readiness: &Readiness) -> Self {
        let waiting = scopes.iter().map(|watch| (watch.clone(), "its first list".to_owned())).collect();
        let health = Self {
            registry: Arc::clone(registry),
            ready: readiness.register("watches", "the first lists"),
            waiting: Mutex::new(waiting),
        };
        health.tell(&health.waiting.lock());
        health
    }

    fn tell(&self, waiting: &HashMap<(KindIndex, Scope), String>) {
        if waiting.is_empty() {
            self.ready.ready();
            return;
        }
        let mut parts: Vec<_> =
            waiting.iter().map(|((kind, scope), why)| format!("{}: {why}", self.name(*kind, scope))).collect();
        parts.sort();
        self.ready.waiting(parts.join("; "));
    }

    fn name(&self, kind: KindIndex, scope: &Scope) -> String {
        let plural = &self.registry.kind(kind).names.plural;
        match scope {
            Scope::All => plural.clone(),
            Scope::Namespace(namespace) => format!("{plural} in {namespace}"),
        }
    }
}

impl Health for WatchHealth {
    fn watching(&self, kind: KindIndex, scope: &Scope) {
        tracing::debug!(watch = self.name(kind, scope), "listed, and watching");
        let mut waiting = self.waiting.lock();
        if waiting.remove(&(kind, scope.clone())).is_some() {
            self.tell(&waiting);
        }
    }

    fn failing(&self, kind: KindIndex, scope: &Scope, why: &str) {
        tracing::warn!(watch = self.name(kind, scope), "unable to watch: {why}");
        let mut waiting = self.waiting.lock();
        if let Some(reason) = waiting.get_mut(&(kind, scope.clone())) {
            why.clone_into(reason);
            self.tell(&waiting);
        }
    }
}
