//! The overview: all kinds, and how many of their rows and resources are in which state.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use maud::{Markup, html};

use super::page::{Frame, page};
use super::problems::kind_url;
use super::session::Session;
use super::{Answer, PROBLEMS, list_url, with_query};
use crate::registry::Kind;
use crate::rest::Server;
use crate::rest::refusal::Refusal;
use crate::store::{OutcomeCount, StoreErrorClass};

/// A kind with its counts.
struct KindLine<'r> {
    kind: &'r Kind,
    /// `None` where its table cannot be read.
    rows: Option<Rows>,
    /// Resources that are not synced.
    not_synced: i64,
}

struct Rows {
    all: i64,
    synced: i64,
    unowned: i64,
}

pub(super) async fn show(State(server): State<Arc<Server>>, Extension(session): Extension<Session>) -> Answer {
    let lines = load(&server).await?;
    let problems: i64 = lines.iter().map(|line| line.not_synced).sum();
    Ok(page(&Frame { title: "Overview", session: &session, trail: &[], live: true }, &view(&lines, problems)))
}

async fn load(server: &Server) -> Result<Vec<KindLine<'_>>, Refusal> {
    let owned: HashMap<String, i64> = server.store.count_owned().await?.into_iter().collect();
    let outcomes = server.store.count_outcomes().await?;
    let mut lines = Vec::new();
    for kind in server.registry.kinds() {
        let name = &kind.names.kind;
        let of_kind = || outcomes.iter().filter(|count| count.kind == *name);
        let sum = |of: fn(&OutcomeCount) -> i64| of_kind().map(of).sum::<i64>();
        let owned = owned.get(name).copied().unwrap_or_default();
        let rows = match server.store.count_rows(&kind.store.table).await {
            Ok(all) => Some(Rows { all, synced: owned - sum(|count| count.with_row), unowned: (all - owned).max(0) }),
            // the table is not there, or may not be read: others are
            Err(error) if error.class() == StoreErrorClass::Setup => None,
            Err(error) => return Err(error.into()),
        };
        lines.push(KindLine { kind, rows, not_synced: sum(|count| count.resources) });
    }
    Ok(lines)
}

fn view(lines: &[KindLine<'_>], problems: i64) -> Markup {
    html! {
        div data-live {
            @if problems > 0 {
                p.notice.bad { strong { (problems) } " not synced. " a href=(PROBLEMS) { "See why, and what helps" } }
            } @else {
                p.notice.good { "Every resource that is known here is synced." }
            }
            div.scroll tabindex="0" role="region" aria-label="Kinds" {
                table {
                    thead { tr {
                        th scope="col" { "Kind" }
                        @for name in ["Rows", "Synced", "Not synced", "No owner"] { th.number scope="col" { (name) } }
                    } }
                    tbody { @for line in lines { (kind_line(line)) } }
                }
            }
        }
    }
}

fn kind_line(line: &KindLine<'_>) -> Markup {
    let url = list_url(line.kind);
    let cell = |count: i64, state: &str| {
        html! { td.number {
            @if count > 0 { a href=(with_query(&url, &[("state", state)])) { (count) } } @else { "0" }
        } }
    };
    html! {
        tr {
            th scope="row" { a href=(url) { (line.kind.names.kind) } }
            @match &line.rows {
                Some(rows) => {
                    (cell(rows.all, ""))
                    (cell(rows.synced, "synced"))
                    td.number {
                        @if line.not_synced > 0 { a.bad href=(kind_url(line.kind)) { (line.not_synced) } } @else { "0" }
                    }
                    (cell(rows.unowned, "unowned"))
                }
                None => td colspan="4" { "Its table cannot be read: it is not there, or this server may not." }
            }
        }
    }
}
