//! How each kind fares: what `/readyz`, the log and the metrics say of kinds that are parked.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::cluster::watch::Health;
use crate::registry::Registry;
use crate::resource::KindIndex;
use crate::source::{Obstacle, Scope};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::{Readiness, ReadyHandle};

/// One part of `/readyz` for all kinds: ready once every first list has ended or does not come, and as long as one kind
/// at least can be synced. A kind that cannot is told there and keeps no other from being synced.
pub struct KindHealth {
    registry: Arc<Registry>,
    ready: ReadyHandle,
    metrics: Metrics,
    kinds: Mutex<Vec<KindState>>,
}

#[derive(Debug, Default)]
struct KindState {
    lists: Vec<(Scope, ListState)>,
    /// What the kind lacks in the store.
    lacks: Option<String>,
    /// What was logged last.
    told: String,
}

#[derive(Debug)]
enum ListState {
    /// The first list has not ended.
    Outstanding,
    Watching,
    Failing(Obstacle, String),
}

impl KindState {
    /// What keeps the kind from being synced, with the place where that is not everywhere.
    fn obstacles(&self) -> Vec<(Obstacle, String)> {
        let lacks = self.lacks.iter().map(|why| (Obstacle::Table, why.clone()));
        let failing = self.lists.iter().filter_map(|(scope, state)| match (state, scope) {
            (ListState::Failing(obstacle, why), Scope::All) => Some((*obstacle, why.clone())),
            (ListState::Failing(obstacle, why), Scope::Namespace(namespace)) => {
                Some((*obstacle, format!("in {namespace}: {why}")))
            }
            _ => None,
        });
        lacks.chain(failing).collect()
    }

    /// Whether resources of the kind can be synced somewhere.
    fn works(&self) -> bool {
        self.lacks.is_none() && self.lists.iter().any(|(_, state)| !matches!(state, ListState::Failing(..)))
    }
}

impl KindHealth {
    pub fn new(
        registry: &Arc<Registry>,
        scopes: &[(KindIndex, Scope)],
        readiness: &Readiness,
        metrics: &Metrics,
    ) -> Self {
        let of_kind = |kind: KindIndex| {
            let lists = scopes.iter().filter(|(of, _)| *of == kind);
            let lists = lists.map(|(_, scope)| (scope.clone(), ListState::Outstanding)).collect();
            KindState { lists, ..KindState::default() }
        };
        let health = Self {
            registry: Arc::clone(registry),
            ready: readiness.register("watches", "the first lists"),
            metrics: metrics.clone(),
            kinds: Mutex::new(registry.kinds().iter().map(|kind| of_kind(kind.index)).collect()),
        };
        for kind in registry.kinds() {
            health.change(kind.index, |_| {});
        }
        health
    }

    /// Tells what the kind lacks in the store, or that it lacks nothing any more.
    pub fn lacks(&self, kind: KindIndex, why: Option<&str>) {
        self.change(kind, |state| state.lacks = why.map(str::to_owned));
    }

    fn change(&self, kind: KindIndex, change: impl FnOnce(&mut KindState)) {
        let mut kinds = self.kinds.lock();
        let Some(state) = kinds.get_mut(usize::from(kind.0)) else { return };
        change(state);
        self.tell_of(kind, state);
        self.tell_ready(&kinds);
    }

    fn change_list(&self, kind: KindIndex, scope: &Scope, list: ListState) {
        self.change(kind, |state| {
            if let Some((_, known)) = state.lists.iter_mut().find(|(known, _)| known == scope) {
                *known = list;
            }
        });
    }

    /// Metric and log, of one kind.
    fn tell_of(&self, kind: KindIndex, state: &mut KindState) {
        let names = &self.registry.kind(kind).names;
        let obstacles = state.obstacles();
        for obstacle in Obstacle::ALL {
            let stands = obstacles.iter().any(|(one, _)| *one == obstacle);
            self.metrics.parked(&names.label, obstacle.label(), stands);
        }
        let text = texts(&obstacles);
        if text == state.told {
            return;
        }
        if text.is_empty() {
            tracing::info!(kind = names.label, "{} are synced again", names.called());
        } else {
            tracing::warn!(kind = names.label, "{} are parked: {text}", names.called());
        }
        state.told = text;
    }

    fn tell_ready(&self, kinds: &[KindState]) {
        let outstanding =
            |state: &KindState| state.lists.iter().any(|(_, list)| matches!(list, ListState::Outstanding));
        let each = || self.registry.kinds().iter().zip(kinds).map(|(kind, state)| (kind.names.called(), state));
        let parked: Vec<_> = each()
            .map(|(plural, state)| (plural, texts(&state.obstacles())))
            .filter(|(_, text)| !text.is_empty())
            .map(|(plural, text)| format!("{plural}: {text}"))
            .collect();
        let waiting: Vec<_> = each().filter(|(_, state)| outstanding(state)).map(|(plural, _)| plural).collect();
        if !kinds.iter().any(KindState::works) && !parked.is_empty() {
            self.ready.waiting(format!("a kind that can be synced; {}", parked.join("; ")));
        } else if !waiting.is_empty() {
            let lists = format!("the first list of {}", waiting.join(", "));
            let parked = parked.iter().map(|text| format!("parked: {text}"));
            self.ready.waiting(std::iter::once(lists).chain(parked).collect::<Vec<_>>().join("; "));
        } else if parked.is_empty() {
            self.ready.ready();
        } else {
            self.ready.ready_with(format!("parked: {}", parked.join("; ")));
        }
    }
}

fn texts(obstacles: &[(Obstacle, String)]) -> String {
    obstacles.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("; ")
}

impl Health for KindHealth {
    fn watching(&self, kind: KindIndex, scope: &Scope) {
        self.change_list(kind, scope, ListState::Watching);
    }

    fn failing(&self, kind: KindIndex, scope: &Scope, obstacle: Obstacle, why: &str) {
        self.change_list(kind, scope, ListState::Failing(obstacle, why.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::TEXT;

    #[test]
    fn one_kind_is_parked_and_the_pod_is_ready_until_all_are() {
        let registry = Arc::new(Registry::load(None).unwrap());
        let scopes: Vec<_> = registry.kinds().iter().map(|kind| (kind.index, Scope::All)).collect();
        let (readiness, metrics) = (Readiness::default(), Metrics::new("1", "x"));
        let health = KindHealth::new(&registry, &scopes, &readiness, &metrics);
        let first = registry.kinds()[0].index;
        let plural = &registry.kinds()[0].names.plural;
        assert!(readiness.answer(false).text.contains("the first list of"));
        health.failing(first, &Scope::All, Obstacle::Definition, "no CRD");
        assert!(!readiness.answer(false).healthy, "the lists of the others are outstanding");
        for (kind, scope) in scopes.iter().skip(1) {
            health.watching(*kind, scope);
        }
        let answer = readiness.answer(true);
        assert!(answer.healthy && answer.text.contains(&format!("parked: {plural}: no CRD")), "{}", answer.text);
        let kind = &registry.kinds()[0].names.label;
        let line = format!("orloj_operator_kind_parked{{kind=\"{kind}\",reason=\"definition\"}}");
        assert!(metrics.expose(Some(TEXT)).body.contains(&format!("{line} 1")));
        for (kind, _) in scopes.iter().skip(1) {
            health.lacks(*kind, Some("no table"));
        }
        assert!(!readiness.answer(false).healthy, "nothing can be synced");
        health.watching(first, &Scope::All);
        assert!(readiness.answer(false).healthy);
        assert!(metrics.expose(Some(TEXT)).body.contains(&format!("{line} 0")));
    }
}
