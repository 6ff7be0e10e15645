//! The list of a kind: rows page by page, searched and filtered in the store.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use maud::{Markup, html};

use super::page::{Frame, managed, page, state, time};
use super::problems::kind_url;
use super::session::Session;
use super::{Answer, HOME, find_kind, list_url, row_url, with_query};
use crate::registry::Kind;
use crate::rest::Server;
use crate::rest::query::Query;
use crate::rest::refusal::Refusal;
use crate::store::{ListedRow, RowFilter, RowState};

/// Rows of a page.
const PAGE: usize = 50;

/// Values of the filter by state, and their names.
const STATES: [(&str, &str, Option<RowState>); 4] = [
    ("", "Any", None),
    ("synced", "Synced", Some(RowState::Synced)),
    ("not-synced", "Not synced", Some(RowState::NotSynced)),
    ("unowned", "No owner", Some(RowState::Unowned)),
];

/// What is asked for, as it stands in the address.
struct Asked {
    namespace: String,
    search: String,
    state: String,
    owner: String,
    after: String,
}

/// What is shown.
struct Listed<'r> {
    kind: &'r Kind,
    asked: Asked,
    rows: Vec<ListedRow>,
    /// Address of the next page.
    next: Option<String>,
    clusters: Vec<String>,
    /// Resources that are not synced and have no row.
    rowless: i64,
    deleted: Option<String>,
}

pub(super) async fn show(
    State(server): State<Arc<Server>>,
    Extension(session): Extension<Session>,
    Path(kind): Path<String>,
    request: Request,
) -> Answer {
    let listed = load(&server, find_kind(&server, &kind)?, &Query::parse(request.uri().query())).await?;
    Ok(view(&listed, &session))
}

async fn load<'r>(server: &Server, kind: &'r Kind, query: &Query) -> Result<Listed<'r>, Refusal> {
    // no database takes U+0000, and no row has it
    let text = |name: &str| query.get(name).unwrap_or_default().replace('\0', "");
    let asked = Asked {
        namespace: text("namespace"),
        search: text("search"),
        state: text("state"),
        owner: text("owner"),
        after: text("after"),
    };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let filter = RowFilter {
        namespace: given(&asked.namespace),
        search: given(&asked.search),
        cluster: given(&asked.owner),
        state: STATES.iter().find(|(value, ..)| *value == asked.state).and_then(|(.., state)| *state),
    };
    let (name, table) = (&kind.names.kind, &kind.store.table);
    let limit = u32::try_from(PAGE + 1).unwrap_or(u32::MAX);
    let mut rows = server.store.listed(name, table, &filter, given(&asked.after).as_deref(), limit).await?;
    let whole = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| whole).map(|last| asked.url(kind, &last.key));
    let outcomes = server.store.count_outcomes().await?;
    let of_kind = outcomes.iter().filter(|count| count.kind == *name);
    let rowless = of_kind.map(|count| count.resources - count.with_row).sum();
    let clusters = server.store.clusters().await?;
    let deleted = query.get("deleted").map(str::to_owned);
    Ok(Listed { kind, asked, rows, next, clusters, rowless, deleted })
}

impl Asked {
    fn url(&self, kind: &Kind, after: &str) -> String {
        let parameters = [
            ("namespace", &*self.namespace),
            ("search", &self.search),
            ("state", &self.state),
            ("owner", &self.owner),
            ("after", after),
        ];
        with_query(&list_url(kind), &parameters)
    }
}

fn view(listed: &Listed<'_>, session: &Session) -> Response {
    let Listed { kind, asked, rows, next, rowless, deleted, .. } = listed;
    let trail = [(HOME.to_owned(), "Overview".to_owned())];
    let content = html! {
        @if let Some(deleted) = deleted { p.notice.good role="status" { "Deleted " strong { (deleted) } "." } }
        (filters(listed))
        div data-live {
            @if *rowless > 0 {
                p.notice.bad {
                    strong { (rowless) } " more of this kind are not synced and have no row. "
                    a href=(kind_url(kind)) { "See them under Problems" }
                }
            }
            @if rows.is_empty() {
                p { "No row matches." }
            } @else {
                (table(kind, rows))
                nav.pages aria-label="Pages of the list" {
                    @if !asked.after.is_empty() { a href=(asked.url(kind, "")) { "First page" } }
                    @if let Some(next) = next { a rel="next" href=(next) { "Next page" } }
                }
            }
        }
    };
    page(&Frame { title: &kind.names.kind, session, trail: &trail, live: true }, &content)
}

fn table(kind: &Kind, rows: &[ListedRow]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "Rows of " (kind.names.kind) } {
            table {
                thead { tr { @for name in ["Name", "State", "Owner", "Phase", "Updated"] { th scope="col" { (name) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { a href=(row_url(kind, &row.key)) { (row.key) } }
                            td { (state(row)) }
                            td { @if let Some(owner) = &row.owner { (managed()) " " (owner.cluster) ": " (owner.object) } }
                            td { (row.phase) }
                            td { (time(row.updated_at)) }
                        }
                    }
                }
            }
        }
    }
}

fn filters(listed: &Listed<'_>) -> Markup {
    let Listed { kind, asked, clusters, .. } = listed;
    html! {
        form.filters method="get" action=(list_url(kind)) role="search" {
            div {
                label for="search" { "Name contains" }
                input #search type="search" name="search" value=(asked.search);
            }
            div {
                label for="namespace" { "Namespace" }
                input #namespace name="namespace" value=(asked.namespace);
            }
            div {
                label for="state" { "State" }
                select #state name="state" {
                    @for (value, name, _) in STATES { option value=(value) selected[value == asked.state] { (name) } }
                }
            }
            div {
                label for="owner" { "Owner" }
                select #owner name="owner" {
                    option value="" { "Any" }
                    @for cluster in clusters { option value=(cluster) selected[*cluster == asked.owner] { (cluster) } }
                }
            }
            button.primary type="submit" { "Apply" }
            a.button href=(list_url(kind)) { "Clear" }
        }
    }
}
