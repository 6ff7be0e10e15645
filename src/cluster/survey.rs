//! A cluster as a source that is read once: for whoever looks and does not stay.

use std::sync::Arc;

use kube::Client;

use super::client::PAGE_TIMEOUT;
use super::pages::{ALL_PAGES, Pages};
use super::{error, not_installed};
use crate::registry::Registry;
use crate::resource::{KindIndex, Resource, ResourceId};
use crate::source::budget::ByteBudget;
use crate::source::channel::EventSender;
use crate::source::{Scope, SourceEvent};

/// A resource of a source that nobody watches: there is no order of versions, since no later ones come.
#[must_use]
pub fn unversioned(resource: Resource) -> Resource {
    Resource { version: 0, ..resource }
}

/// What was listed.
#[derive(Debug, Default)]
pub struct Listing {
    pub resources: Vec<ResourceId>,
    /// What could not be listed, and why.
    pub problems: Vec<String>,
}

/// Tells all lists, one after another. Nothing counts as gone of what could not be listed.
pub async fn list(
    client: Client,
    registry: Arc<Registry>,
    scopes: Vec<(KindIndex, Scope)>,
    tell: EventSender,
) -> Listing {
    let (mut listing, mut incomplete) = (Listing::default(), Vec::new());
    for (kind, scope) in &scopes {
        if tell.send(SourceEvent::ListStarted { kind: *kind, scope: scope.clone() }).await.is_err() {
            return listing;
        }
        if let Err(why) = pages(&client, &registry, *kind, scope, &tell, &mut listing.resources).await {
            listing.problems.push(describe(&registry, *kind, scope, &why));
            incomplete.push(*kind);
        }
    }
    // the first list to end may be the last word to an reconciler that has nothing left to do
    for kind in incomplete {
        let _ = tell.send(SourceEvent::Incomplete { kind }).await;
    }
    for (kind, scope) in scopes {
        let _ = tell.send(SourceEvent::ListEnded { kind, scope }).await;
    }
    listing
}

async fn pages(
    client: &Client,
    registry: &Registry,
    kind: KindIndex,
    scope: &Scope,
    tell: &EventSender,
    resources: &mut Vec<ResourceId>,
) -> Result<(), kube::Error> {
    let kind = registry.kind(kind);
    let mut pages = Pages::new(client, kind, scope, &ByteBudget::new(ALL_PAGES));
    loop {
        let page = tokio::time::timeout(PAGE_TIMEOUT, pages.next()).await;
        let page = page.map_err(|_| kube::Error::Service("no answer within 30 s".into()))??;
        let Some(page) = page else { return Ok(()) };
        for seen in page.objects {
            let resource = Box::new(unversioned(seen.into_resource(kind)));
            resources.push(resource.id.clone());
            if tell.send(SourceEvent::Listed(resource)).await.is_err() {
                return Ok(());
            }
        }
        drop(page.held);
    }
}

fn describe(registry: &Registry, kind: KindIndex, scope: &Scope, error: &kube::Error) -> String {
    let code = if let kube::Error::Api(status) = error { status.code } else { 0 };
    let why = match code {
        404 => not_installed(registry.kind(kind)).to_owned(),
        403 => format!(
            "not allowed to list it; `orloj-operator kinds rbac` prints what is needed ({})",
            error::describe(error)
        ),
        _ => error::describe(error),
    };
    let place = match scope {
        Scope::All => String::new(),
        Scope::Namespace(namespace) => format!(" in namespace {namespace}"),
    };
    format!("unable to list {}{place}: {why}", registry.kind(kind).names.crd())
}
