//! A cluster as a source: one watch a kind, or one a kind and namespace where the scope is limited.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::Client;
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{WatchStreamExt, utils::Backoff};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::seen::WatchedObject;
use super::{api, error};
use crate::backoff::Policy;
use crate::registry::Registry;
use crate::resource::KindIndex;
use crate::source::{Scope, SourceEvent};

/// Objects in one page of a list: the whole page is in memory while it is decoded, for every kind at once.
const PAGE: u32 = 100;

/// Hears how the watches are doing.
pub trait Health: Send + Sync {
    /// The kind's list is complete and its watch runs.
    fn watching(&self, kind: KindIndex, scope: &Scope);
    /// The watch fails; it is tried again.
    fn failing(&self, kind: KindIndex, scope: &Scope, why: &str);
}

/// What is watched: every kind, in all namespaces or in those named.
#[must_use]
pub fn scopes(registry: &Registry, namespaces: &[String]) -> Vec<(KindIndex, Scope)> {
    let kinds = registry.kinds().iter().map(|kind| kind.index);
    if namespaces.is_empty() {
        return kinds.map(|kind| (kind, Scope::All)).collect();
    }
    kinds
        .flat_map(|kind| namespaces.iter().map(move |namespace| (kind, Scope::Namespace(namespace.as_str().into()))))
        .collect()
}

/// Starts the watches; they end with `stop`, or when nobody listens any more. One that ends otherwise leaves its kind
/// unwatched: whoever started them has to look.
#[must_use]
pub fn watch(
    client: &Client,
    registry: &Arc<Registry>,
    scopes: &[(KindIndex, Scope)],
    tell: &mpsc::Sender<SourceEvent>,
    health: &Arc<dyn Health>,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut watches = JoinSet::new();
    for (kind, scope) in scopes {
        let watch = Watch {
            client: client.clone(),
            registry: Arc::clone(registry),
            kind: *kind,
            scope: scope.clone(),
            tell: tell.clone(),
            health: Arc::clone(health),
        };
        let stop = stop.clone();
        watches.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = watch.run() => {}
            }
        });
    }
    watches
}

struct Watch {
    client: Client,
    registry: Arc<Registry>,
    kind: KindIndex,
    scope: Scope,
    tell: mpsc::Sender<SourceEvent>,
    health: Arc<dyn Health>,
}

impl Watch {
    async fn run(self) {
        let namespace = match &self.scope {
            Scope::All => None,
            Scope::Namespace(namespace) => Some(&**namespace),
        };
        let api = api(&self.client, self.registry.kind(self.kind), namespace);
        let config = watcher::Config::default().page_size(PAGE);
        let stream = watcher(api, config).backoff(Restart::default());
        let mut stream = std::pin::pin!(stream);
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => {
                    if matches!(event, Event::InitDone) {
                        self.health.watching(self.kind, &self.scope);
                    }
                    if self.tell.send(self.translate(event)).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    self.health.failing(self.kind, &self.scope, &describe(&error));
                    let failing = SourceEvent::Failing { kind: self.kind, scope: self.scope.clone() };
                    if matches!(error, watcher::Error::InitialListFailed(_)) && self.tell.send(failing).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn translate(&self, event: Event<WatchedObject>) -> SourceEvent {
        let (kind, scope) = (self.kind, self.scope.clone());
        let read = |seen: WatchedObject| Box::new(seen.into_resource(kind));
        match event {
            Event::Init => SourceEvent::ListStarted { kind, scope },
            Event::InitApply(seen) => SourceEvent::Listed(read(seen)),
            Event::InitDone => SourceEvent::ListEnded { kind, scope },
            Event::Apply(seen) => SourceEvent::Changed(read(seen)),
            Event::Delete(seen) => SourceEvent::Deleted(read(seen.without_bodies())),
        }
    }
}

/// How fast a failing watch is tried again: 0.5 s doubling to 15 s, jittered, so that a CRD that is installed late
/// or an API server that comes back is noticed soon.
#[derive(Debug, Default)]
struct Restart {
    failures: u32,
}

impl Iterator for Restart {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let policy = Policy { first: Duration::from_millis(500), longest: Duration::from_secs(15) };
        let delay = policy.delay(self.failures, rand::random());
        self.failures = self.failures.saturating_add(1);
        Some(delay)
    }
}

impl Backoff for Restart {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

fn describe(error: &watcher::Error) -> String {
    let code = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code,
        _ => 0,
    };
    match code {
        404 => "its CRD is not installed; `orloj-operator kinds crds | kubectl apply -f -` does it".to_owned(),
        403 => format!(
            "not allowed to list or watch it; `orloj-operator kinds rbac` prints what is needed ({})",
            error::describe(error)
        ),
        410 => "the watch is too old; listing again".to_owned(),
        _ => error::describe(error),
    }
}
