//! One row: who owns it, whether it is as its owner wants it, its manifest, and the row as it stands.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::page::{Frame, edit_command, managed, page, time};
use super::problems::explanation;
use super::session::Session;
use super::{Answer, HOME, RowPath, list_url, row_url};
use crate::authoring::cases::yaml;
use crate::export::{Values, manifest};
use crate::reconciler::row_fact::fact;
use crate::registry::Kind;
use crate::resource::MASK;
use crate::rest::Server;
use crate::rest::guard::rejection;
use crate::rest::objects::Collection;
use crate::rest::query::Query;
use crate::rest::refusal::Refusal;
use crate::store::{LedgerEntry, Outcome, OutcomeFilter, StoredRow};

/// A row with all that the store knows of it.
pub(super) struct Detail<'r> {
    pub kind: &'r Kind,
    pub path: RowPath,
    /// As it is shown: secrets masked.
    pub payload: Value,
    updated_at: i64,
    pub owner: Option<LedgerEntry>,
    /// Why its owner is not synced.
    outcome: Option<Outcome>,
    /// Whether the row is as it was made; `None` where nobody owns it, or that cannot be told.
    stands: Option<bool>,
    /// What would have to be applied for it, or why nothing would do.
    manifest: Result<String, String>,
}

pub(super) async fn show(
    State(server): State<Arc<Server>>,
    Extension(session): Extension<Session>,
    Path(parts): Path<(String, String, String)>,
    request: Request,
) -> Answer {
    let detail = load(&server, RowPath::find(&server, parts)?).await?;
    let saved = Query::parse(request.uri().query()).get("saved").is_some();
    let may_write = detail.may_write(&server, &session);
    Ok(view(&detail, &session, saved, may_write))
}

/// Reads a row and what is known of it.
pub(super) async fn load(server: &Server, path: RowPath) -> Result<Detail<'_>, Refusal> {
    let kind = server.registry.kind(path.kind);
    let key = path.key();
    let missing = || super::missing("no such row: it may have been deleted meanwhile");
    if key.contains('\0') {
        return Err(missing());
    }
    let row = server.store.row(&kind.store.table, &key).await?.ok_or_else(missing)?;
    let owner = server.store.owners(&kind.names.kind, std::slice::from_ref(&key)).await?.pop();
    let outcome = match &owner {
        Some(owner) => {
            let filter = OutcomeFilter {
                cluster: Some(owner.cluster.clone()),
                kind: Some(owner.kind.clone()),
                object: Some(owner.object.clone()),
                reason: None,
            };
            server.store.outcomes(&filter, None, 1).await?.pop().map(|(outcome, _)| outcome)
        }
        None => None,
    };
    let manifest = match manifest(kind, &key, &row.payload, Values::Masked(MASK)) {
        Ok(manifest) => Ok(yaml(&manifest.value)),
        Err(error) => Err(error.to_string()),
    };
    let stands = owner.as_ref().and_then(|owner| stands(server, kind, row.clone(), owner));
    let mut payload = row.payload;
    match Collection::of(kind) {
        Some(of) => payload = of.show(payload),
        None => kind.mask_secrets(&mut payload, |_| false),
    }
    Ok(Detail { kind, path, payload, updated_at: row.updated_at, owner, outcome, stands, manifest })
}

/// Whether a row means what its owner was last synced to. Values that cannot be opened tell nothing, and neither does
/// the fingerprint of a kind with secrets, which is made with the operator's key.
fn stands(server: &Server, kind: &Kind, row: StoredRow, owner: &LedgerEntry) -> Option<bool> {
    let fact = fact(&server.codec, kind, row);
    let tells = !fact.unreadable && (!kind.sensitive || server.codec.encrypts());
    tells.then(|| fact.means(owner.row_fingerprint))
}

impl Detail<'_> {
    /// Whether it may be edited here at all.
    pub fn may_write(&self, server: &Server, session: &Session) -> bool {
        self.owner.is_none() && self.kind.api.is_some() && session.may_write(&server.registry, self.kind.index)
    }

    pub fn url(&self) -> String {
        row_url(self.kind, &self.path.key())
    }

    /// The pages above it.
    pub fn trail(&self) -> [(String, String); 2] {
        [(HOME.to_owned(), "Overview".to_owned()), (list_url(self.kind), self.kind.names.kind.clone())]
    }

    fn text(&self, pointer: &str) -> &str {
        self.payload.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

fn view(detail: &Detail<'_>, session: &Session, saved: bool, may_write: bool) -> Response {
    let content = html! {
        @if saved { p.notice.good role="status" { "Saved." } }
        div data-live {
            @match &detail.owner {
                Some(owner) => (owned(detail, owner)),
                None => section.card aria-label="Owner" {
                    p { span.badge { "No owner" } " No resource owns this row, so it can be changed here." }
                    @if may_write {
                        p.actions {
                            a.button.primary href={ (detail.url()) "/edit" } { "Edit" }
                            a.button.danger href={ (detail.url()) "/delete" } { "Delete" }
                        }
                    } @else { p.quiet { "Your role may not write it, or its kind has no REST API." } }
                },
            }
            (facts(detail))
            h2 { "Manifest" }
            @match &detail.manifest {
                Ok(manifest) => pre tabindex="0" { code { (manifest) } },
                Err(why) => p { (why) },
            }
            h2 { "Row" }
            p.quiet { "As it stands in the store, normalised; values of secrets are masked." }
            pre tabindex="0" { code { (format!("{:#}", detail.payload)) } }
        }
    };
    let title = format!("{} {}", detail.kind.names.kind, detail.path.key());
    page(&Frame { title: &title, session, trail: &detail.trail(), live: true }, &content)
}

fn owned(detail: &Detail<'_>, owner: &LedgerEntry) -> Markup {
    html! {
        section.card aria-label="Owner" {
            p { (managed()) " by " (owner.kind) " " strong { (owner.object) } " of " strong { (owner.cluster) } "." }
            p { (rejection(&detail.kind.names.kind, &detail.path.name)) }
            (edit_command(detail.kind, &owner.cluster, &owner.object))
        }
        section.card aria-label="Sync" {
            @match &detail.outcome {
                None => p { span.badge.good { "Synced" } " Generation " (owner.generation) ", last written "
                    (time(owner.synced_at)) "." },
                Some(outcome) => {
                    p { span.badge.bad { "Not synced" } " " strong { (outcome.reason) } " since " (time(outcome.since))
                        ", generation " (outcome.generation) "." }
                    p.message { (outcome.message) }
                    (explanation(&outcome.reason))
                    p.quiet { "Last synced at generation " (owner.generation) ", " (time(owner.synced_at)) "." }
                }
            }
            p { (drift(detail.stands)) }
        }
    }
}

fn drift(stands: Option<bool>) -> &'static str {
    match stands {
        Some(true) => "The row is as the operator last wrote it.",
        Some(false) => {
            "The row is not as the operator last wrote it: somebody has changed it since. The operator puts it right at \
             its next sweep; if it is undone again and again, the reason Contested names the fields."
        }
        None => {
            "Whether the row is as the operator wrote it cannot be told here without the operator's encryption key."
        }
    }
}

fn facts(detail: &Detail<'_>) -> Markup {
    let generation = detail.payload["metadata"]["generation"].as_i64().unwrap_or_default();
    html! {
        dl.facts {
            dt { "Phase" } dd { (detail.text("/status/phase")) }
            @if !detail.text("/status/lastError").is_empty() { dt { "Last error" } dd { (detail.text("/status/lastError")) } }
            dt { "Version" } dd { (detail.text("/metadata/resourceVersion")) }
            dt { "Generation" } dd { (generation) }
            dt { "Updated" } dd { (time(detail.updated_at)) }
        }
    }
}
