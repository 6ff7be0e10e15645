//! A cluster as a source: one watch a kind, or one a kind and namespace where the scope is limited.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use kube::Client;
use kube::api::{Api, WatchEvent, WatchParams};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::pages::{ALL_PAGES, Pages};
use super::seen::WatchedObject;
use super::{api, error, label_selector, not_installed};
use crate::backoff::Policy;
use crate::registry::{Kind, Registry};
use crate::resource::KindIndex;
use crate::source::budget::ByteBudget;
use crate::source::channel::EventSender;
use crate::source::{Obstacle, Scope, SourceEvent};

/// Hears how the watches are doing.
pub trait Health: Send + Sync {
    /// The kind's list is complete and its watch runs.
    fn watching(&self, kind: KindIndex, scope: &Scope);
    /// The list or the watch fails; it is tried again.
    fn failing(&self, kind: KindIndex, scope: &Scope, obstacle: Obstacle, why: &str);
}

/// What is watched: every kind, in all namespaces or in those named; a kind that selects namespaces in these alone.
#[must_use]
pub fn scopes(registry: &Registry, namespaces: &[String]) -> Vec<(KindIndex, Scope)> {
    let of_kind = |kind: &Kind| {
        let scopes = match kind.watched_namespaces(namespaces) {
            None => vec![Scope::All],
            Some(namespaces) => namespaces.into_iter().map(|namespace| Scope::Namespace(namespace.into())).collect(),
        };
        scopes.into_iter().map(|scope| (kind.index, scope)).collect::<Vec<_>>()
    };
    registry.kinds().iter().flat_map(of_kind).collect()
}

/// Starts the watches; they end with `stop`, or when nobody listens any more. One that ends otherwise leaves its kind
/// unwatched: whoever started them has to look.
#[must_use]
pub fn watch(
    client: &Client,
    registry: &Arc<Registry>,
    scopes: &[(KindIndex, Scope)],
    tell: &EventSender,
    health: &Arc<dyn Health>,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut watches = JoinSet::new();
    let pages = ByteBudget::new(ALL_PAGES);
    for (kind, scope) in scopes {
        let watch = Watch {
            client: client.clone(),
            registry: Arc::clone(registry),
            kind: *kind,
            scope: scope.clone(),
            tell: tell.clone(),
            health: Arc::clone(health),
            pages: pages.clone(),
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
    tell: EventSender,
    health: Arc<dyn Health>,
    /// Of the lists of all kinds.
    pages: ByteBudget,
}

/// Why a list or a watch did not go on.
enum Broken {
    /// Nobody listens any more.
    Unheard,
    /// It began, and was cut off: the next try tells whether that is a fault.
    Cut(kube::Error),
    /// It did not begin.
    Refused(kube::Error),
    /// The version to go on from is too old: only a list helps.
    TooOld,
}

impl Broken {
    fn of(error: kube::Error, begun: bool) -> Self {
        match code(&error) {
            410 => Self::TooOld,
            _ if begun => Self::Cut(error),
            _ => Self::Refused(error),
        }
    }
}

impl Watch {
    /// Lists, then watches from the list's version, for ever; lists again where only that helps.
    async fn run(self) {
        let namespace = match &self.scope {
            Scope::All => None,
            Scope::Namespace(namespace) => Some(&**namespace),
        };
        let api = api(&self.client, self.registry.kind(self.kind), namespace);
        let mut restart = Restart::default();
        let mut version: Option<String> = None;
        loop {
            let result = match &mut version {
                None => self.list().await.map(|listed| version = Some(listed)),
                Some(version) => self.follow(&api, version, &mut restart).await,
            };
            match result {
                Ok(()) => continue,
                Err(Broken::Unheard) => return,
                Err(Broken::TooOld) => {
                    tracing::info!(
                        kind = self.registry.kind(self.kind).names.label,
                        "the watch is too old; listing again"
                    );
                    version = None;
                }
                Err(Broken::Cut(error)) => {
                    tracing::debug!(kind = self.registry.kind(self.kind).names.label, "a watch was cut off: {error}");
                }
                Err(Broken::Refused(error)) => {
                    let (obstacle, why) = describe(self.registry.kind(self.kind), &error);
                    self.health.failing(self.kind, &self.scope, obstacle, &why);
                    // what cannot be seen may have changed in any way
                    if matches!(obstacle, Obstacle::Definition | Obstacle::Rights) {
                        version = None;
                    }
                    let failing = SourceEvent::Failing { kind: self.kind, scope: self.scope.clone() };
                    if version.is_none() && self.tell.send(failing).await.is_err() {
                        return;
                    }
                }
            }
            tokio::time::sleep(restart.delay()).await;
        }
    }

    /// Tells a complete list, and answers its version.
    async fn list(&self) -> Result<String, Broken> {
        let (kind, scope) = (self.kind, self.scope.clone());
        let of = self.registry.kind(kind);
        let mut pages = Pages::new(&self.client, of, &scope, &self.pages);
        let mut version = None;
        while let Some(page) = pages.next().await.map_err(|error| Broken::of(error, false))? {
            if version.replace(page.version).is_none() {
                self.tell(SourceEvent::ListStarted { kind, scope: scope.clone() }).await?;
            }
            for seen in page.objects {
                self.tell(SourceEvent::Listed(Box::new(seen.into_resource(of)))).await?;
            }
            drop(page.held);
        }
        self.tell(SourceEvent::ListEnded { kind, scope }).await?;
        Ok(version.unwrap_or_default())
    }

    /// Tells what changes after a version, which moves on with it. A watch that the server ends in its time is begun
    /// again at once.
    async fn follow(
        &self,
        api: &Api<WatchedObject>,
        version: &mut String,
        restart: &mut Restart,
    ) -> Result<(), Broken> {
        let kind = self.registry.kind(self.kind);
        let params = WatchParams { bookmarks: true, label_selector: label_selector(kind), ..WatchParams::default() };
        let began = Instant::now();
        let events = api.watch(&params, version).await.map_err(|error| Broken::of(error, false))?;
        self.health.watching(self.kind, &self.scope);
        let mut events = std::pin::pin!(events);
        let mut heard = false;
        while let Some(event) = events.try_next().await.map_err(|error| Broken::of(error, true))? {
            let (news, next) = match event {
                WatchEvent::Added(seen) | WatchEvent::Modified(seen) => {
                    let next = seen.version();
                    (Some(SourceEvent::Changed(Box::new(seen.into_resource(kind)))), next.to_string())
                }
                WatchEvent::Deleted(seen) => {
                    let next = seen.version();
                    let gone = seen.without_bodies().into_resource(kind);
                    (Some(SourceEvent::Deleted(Box::new(gone))), next.to_string())
                }
                WatchEvent::Bookmark(bookmark) => (None, bookmark.metadata.resource_version),
                WatchEvent::Error(status) => return Err(Broken::of(kube::Error::Api(status), true)),
            };
            if let Some(news) = news {
                self.tell(news).await?;
            }
            *version = next;
            heard = true;
            restart.reset();
        }
        if heard || began.elapsed() >= SHORT {
            restart.reset();
            return Ok(());
        }
        let ended = "the server ended the watch at once".into();
        Err(Broken::Cut(kube::Error::Service(ended)))
    }

    async fn tell(&self, event: SourceEvent) -> Result<(), Broken> {
        self.tell.send(event).await.map_err(|_| Broken::Unheard)
    }
}

/// A watch that ends sooner, and with nothing to tell, is not begun again at once.
const SHORT: Duration = Duration::from_secs(5);

/// How fast a failing watch is tried again: 0.5 s doubling to 15 s, jittered, so that a CRD that is installed late
/// or an API server that comes back is noticed soon.
#[derive(Debug, Default)]
struct Restart {
    failures: u32,
}

impl Restart {
    fn delay(&mut self) -> Duration {
        let policy = Policy { first: Duration::from_millis(500), longest: Duration::from_secs(15) };
        let delay = policy.delay(self.failures, rand::random());
        self.failures = self.failures.saturating_add(1);
        delay
    }

    fn reset(&mut self) {
        self.failures = 0;
    }
}

fn code(error: &kube::Error) -> u16 {
    if let kube::Error::Api(status) = error { status.code } else { 0 }
}

fn describe(kind: &Kind, error: &kube::Error) -> (Obstacle, String) {
    match code(error) {
        404 => (Obstacle::Definition, not_installed(kind).to_owned()),
        403 => (
            Obstacle::Rights,
            format!(
                "not allowed to list or watch it; `orloj-operator kinds rbac` prints what is needed ({})",
                error::describe(error)
            ),
        ),
        _ => (Obstacle::Watch, error::describe(error)),
    }
}
