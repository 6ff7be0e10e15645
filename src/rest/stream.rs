//! Streams of server-sent events: one collection with its objects, or the events of all.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc};

use super::Server;
use super::objects::Collection;
use super::query::Query;
use super::refusal::Refusal;
use super::watch::{Change, ChangeType};
use crate::registry::Kind;
use crate::resource::KindIndex;

/// Watches at once, at most.
pub const MAX_STREAMS: usize = 1_000;

/// How long one lasts, at most.
const LIFETIME: Duration = Duration::from_mins(30);

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Objects of the first look read at a time; no more wait for a client.
const PAGE: u32 = 50;

/// Between two events that tell that anything has changed.
const ANYTHING: Duration = Duration::from_secs(1);

/// Why a stream ends.
enum End {
    /// Nobody listens any more.
    Gone,
    Told(&'static str),
}

type Ended = Result<(), End>;

/// What a client watches.
#[derive(Clone, Copy, Debug)]
pub enum Watched {
    /// A collection: all that is there, then what changes.
    Collection(KindIndex),
    /// What changes in any collection.
    Events,
    /// That something changes, or is not synced any more, and no more of it.
    Anything,
}

/// One client's stream.
struct Stream {
    server: Arc<Server>,
    query: Query,
    to: mpsc::Sender<Event>,
}

/// Counts a stream while it lasts.
struct Open {
    server: Arc<Server>,
    route: String,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.server.metrics.streams(&self.route, -1);
    }
}

/// Begins a stream.
pub fn open(server: &Arc<Server>, watched: Watched, route: &str, query: Query) -> Result<Response, Refusal> {
    let permit = Arc::clone(&server.streams).try_acquire_owned().map_err(|_| {
        let text = format!("too many watches: {MAX_STREAMS} are open; end one, or try again later");
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text)
    })?;
    server.metrics.streams(route, 1);
    let open = Open { server: Arc::clone(server), route: route.to_owned(), _permit: permit };
    let (to, from) = mpsc::channel(1);
    let stream = Stream { server: Arc::clone(server), query, to };
    tokio::spawn(async move {
        let _open = open;
        let ended = tokio::select! {
            ended = stream.run(watched) => ended,
            () = stream.to.closed() => Err(End::Gone),
            () = stream.server.stop.cancelled() => Err(End::Told("the server stops")),
            () = tokio::time::sleep(LIFETIME) => Err(End::Told("a watch lasts 30 minutes")),
        };
        if let Err(End::Told(reason)) = ended {
            let data = json!({ "reason": reason }).to_string();
            // who does not read has nothing to be told
            let _ = tokio::time::timeout(KEEP_ALIVE, stream.to.send(Event::default().event("close").data(data))).await;
        }
    });
    let events = stream::unfold(from, async |mut from: mpsc::Receiver<Event>| {
        let event = from.recv().await?;
        Some((Ok::<_, Infallible>(event), from))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive")).into_response())
}

impl Stream {
    async fn run(&self, watched: Watched) -> Ended {
        let (mut changes, history) = self.server.changes.listen().await;
        match watched {
            Watched::Anything => self.anything(changes).await,
            Watched::Collection(kind) => self.collection(kind, &mut changes).await,
            Watched::Events => {
                for change in history.iter().filter(|change| change.id > self.query.since()) {
                    self.event(change).await?;
                }
                loop {
                    let change = next(&mut changes).await?;
                    self.event(&change).await?;
                }
            }
        }
    }

    /// One event for all that changes within a second.
    async fn anything(&self, mut changes: broadcast::Receiver<Arc<Change>>) -> Ended {
        let mut outcomes = self.server.changes.outcomes.subscribe();
        loop {
            tokio::select! {
                change = changes.recv() => match change {
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Err(End::Told("the server stops")),
                },
                _ = outcomes.changed() => {}
            }
            // what comes after this is worth another event
            while matches!(changes.try_recv(), Ok(_) | Err(TryRecvError::Lagged(_))) {}
            outcomes.mark_unchanged();
            self.send("change", &json!({})).await?;
            tokio::time::sleep(ANYTHING).await;
        }
    }

    async fn collection(&self, index: KindIndex, changes: &mut broadcast::Receiver<Arc<Change>>) -> Ended {
        let kind = self.server.registry.kind(index);
        let Some(of) = Collection::of(kind) else { return Ok(()) };
        let mut after: Option<String> = None;
        loop {
            let page = self.server.store.rows(&kind.store.table, after.as_deref(), PAGE).await.map_err(|_| DOWN)?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for row in page {
                self.resource(ChangeType::Added, of.show(row.payload)).await?;
            }
        }
        loop {
            let change = next(changes).await?;
            if change.kind != index {
                continue;
            }
            if change.what == ChangeType::Deleted {
                let (namespace, name) = parted(&change.key);
                let metadata = json!({"metadata": {"name": name, "namespace": namespace}});
                self.resource(change.what, metadata).await?;
                continue;
            }
            let row = self.server.store.row(&kind.store.table, &change.key).await.map_err(|_| DOWN)?;
            // one that is gone by now is told as deleted next
            if let Some(row) = row {
                self.resource(change.what, of.show(row.payload)).await?;
            }
        }
    }

    async fn resource(&self, change: ChangeType, resource: Value) -> Ended {
        let text = |field: &str| resource["metadata"][field].as_str().unwrap_or_default();
        let version = text("resourceVersion").parse::<u64>().ok();
        let is_known = version.zip(self.query.resource_version()).is_some_and(|(version, known)| version <= known);
        if is_known || !self.query.wants("namespace", text("namespace")) || !self.query.wants("name", text("name")) {
            return Ok(());
        }
        self.send("resource", &json!({"type": change.label(), "resource": resource})).await
    }

    async fn event(&self, change: &Change) -> Ended {
        let kind: &Kind = self.server.registry.kind(change.kind);
        let (namespace, name) = parted(&change.key);
        let action = change.what.action();
        let event = json!({
            "id": change.id, "timestamp": change.timestamp, "source": "apiserver", "type": format!("resource.{action}"),
            "kind": kind.names.kind, "name": name, "namespace": namespace, "action": action,
        });
        let wanted = ["source", "type", "kind", "name", "namespace"];
        if wanted.iter().all(|field| self.query.wants(field, event[field].as_str().unwrap_or_default())) {
            return self.send("event", &event).await;
        }
        Ok(())
    }

    async fn send(&self, name: &str, data: &Value) -> Ended {
        self.to.send(Event::default().event(name).data(data.to_string())).await.map_err(|_| End::Gone)
    }
}

const DOWN: End = End::Told("the store cannot be reached now");

async fn next(changes: &mut broadcast::Receiver<Arc<Change>>) -> Result<Arc<Change>, End> {
    changes.recv().await.map_err(|error| match error {
        RecvError::Lagged(_) => End::Told("the client reads too slowly; watch anew"),
        RecvError::Closed => End::Told("the server stops"),
    })
}

/// Namespace and name of a key.
fn parted(key: &str) -> (&str, &str) {
    key.rsplit_once('/').unwrap_or(("", key))
}
