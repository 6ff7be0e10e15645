//! Problems: all that is not synced, by reason, with what helps.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use maud::{Markup, html};

use super::page::{Frame, edit_command, page, time};
use super::session::Session;
use super::{Answer, HOME, PROBLEMS, row_url, with_query};
use crate::registry::{Kind, Registry};
use crate::resource::ObjectName;
use crate::rest::Server;
use crate::rest::query::Query;
use crate::rest::refusal::Refusal;
use crate::status::Reason;
use crate::store::{Outcome, OutcomeFilter};

/// Resources of one reason, beside others and alone.
const FEW: usize = 10;
const PAGE: usize = 50;

/// Resources that are not synced for one reason.
struct Group {
    reason: String,
    /// How many there are.
    all: i64,
    /// Those that are shown, each with the key of its row.
    shown: Vec<(Outcome, Option<String>)>,
    /// Address of those that are not.
    more: Option<String>,
}

/// Address of the problems of a kind.
pub(super) fn kind_url(kind: &Kind) -> String {
    with_query(PROBLEMS, &[("kind", &kind.names.kind)])
}

pub(super) async fn show(
    State(server): State<Arc<Server>>,
    Extension(session): Extension<Session>,
    request: Request,
) -> Answer {
    let query = Query::parse(request.uri().query());
    let groups = load(&server, &query).await?;
    Ok(view(&server.registry, &query, &groups, &session))
}

async fn load(server: &Server, query: &Query) -> Result<Vec<Group>, Refusal> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for count in server.store.count_outcomes().await? {
        if query.get("kind").is_none_or(|kind| kind == count.kind) {
            *counts.entry(count.reason).or_default() += count.resources;
        }
    }
    let one = query.get("reason");
    let mut groups = Vec::new();
    for (reason, all) in counts.into_iter().filter(|(reason, _)| one.is_none_or(|one| one == reason)) {
        groups.push(group(server, query, reason, all, if one.is_some() { PAGE } else { FEW }).await?);
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.all));
    Ok(groups)
}

async fn group(server: &Server, query: &Query, reason: String, all: i64, size: usize) -> Result<Group, Refusal> {
    let kind = query.get("kind").map(|kind| kind.replace('\0', ""));
    let filter = OutcomeFilter { reason: Some(reason.clone()), kind: kind.clone(), ..OutcomeFilter::default() };
    let after = query.get("after").and_then(position);
    let limit = u32::try_from(size + 1).unwrap_or(u32::MAX);
    let mut shown = server.store.outcomes(&filter, after.as_ref(), limit).await?;
    let whole = shown.len() > size;
    shown.truncate(size);
    let more = shown.last().filter(|_| whole).map(|(last, _)| {
        let after = if size == FEW { String::new() } else { address(last) };
        let kind = kind.as_deref().unwrap_or_default();
        with_query(PROBLEMS, &[("kind", kind), ("reason", &reason), ("after", &after)])
    });
    Ok(Group { reason, all, shown, more })
}

/// Where a page ends, for the address of the next; no name holds a line's end.
fn address(outcome: &Outcome) -> String {
    [&*outcome.cluster, &outcome.kind, &outcome.namespace, &outcome.name].join("\n")
}

fn position(address: &str) -> Option<Outcome> {
    let mut parts = address.split('\n').map(|part| part.replace('\0', ""));
    let (cluster, kind, namespace, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some(Outcome { cluster, kind, namespace, name, ..Outcome::default() })
}

fn view(registry: &Registry, query: &Query, groups: &[Group], session: &Session) -> Response {
    let trail = [(HOME.to_owned(), "Overview".to_owned())];
    let narrowed = query.get("kind").or(query.get("reason"));
    let content = html! {
        @if let Some(narrowed) = narrowed {
            p { "Only " strong { (narrowed) } ". " a href=(PROBLEMS) { "Show all" } }
        }
        div data-live {
            @if groups.is_empty() { p.notice.good { "Every resource that is known here is synced." } }
            @for group in groups { (section(registry, group)) }
        }
    };
    page(&Frame { title: "Problems", session, trail: &trail, live: true }, &content)
}

fn section(registry: &Registry, group: &Group) -> Markup {
    html! {
        section aria-labelledby=(group.reason) {
            h2 id=(group.reason) { (group.reason) " " span.badge.bad { (group.all) } }
            (explanation(&group.reason))
            ul.problems { @for (outcome, key) in &group.shown { li.card { (problem(registry, outcome, key.as_deref())) } } }
            @if let Some(more) = &group.more { nav.pages { a href=(more) { "Show more of " (group.reason) } } }
        }
    }
}

/// What a reason means and what helps.
pub(super) fn explanation(reason: &str) -> Markup {
    let (meaning, help) = Reason::parse(reason).map(Reason::explanation).unwrap_or_default();
    html! { p { (meaning) @if !help.is_empty() { " " strong { "What helps:" } " " (help) } } }
}

fn problem(registry: &Registry, outcome: &Outcome, key: Option<&str>) -> Markup {
    let object = ObjectName::new(&*outcome.namespace, &*outcome.name);
    // one that another server's registry has may be none of this one's
    let kind = registry.kinds().iter().find(|kind| kind.names.kind == outcome.kind);
    html! {
        h3 {
            (outcome.kind) " "
            @match kind.zip(key) {
                Some((kind, key)) => a href=(row_url(kind, key)) { (object) },
                None => (object),
            }
        }
        p.message { (outcome.message) }
        p.quiet { "Generation " (outcome.generation) ", since " (time(outcome.since))
            @if key.is_none() { ". It has no row." } }
        @if let Some(kind) = kind { (edit_command(kind, &outcome.cluster, &object)) }
    }
}
