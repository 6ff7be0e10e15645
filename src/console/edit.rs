//! Rows that nobody owns, edited and deleted as through the REST API.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde_json::{Value, json};

use super::detail::{Detail, load};
use super::page::{Frame, answered, field_error};
use super::session::Session;
use super::{Answer, RowPath, list_url, with_query};
use crate::authoring::cases::yaml;
use crate::rest::Server;
use crate::rest::body;
use crate::rest::guard::rejection;
use crate::rest::objects::Collection;
use crate::rest::query::Query;
use crate::rest::refusal::Refusal;

type RowParts = Path<(String, String, String)>;

pub(super) async fn form(
    State(server): State<Arc<Server>>,
    Extension(session): Extension<Session>,
    Path(parts): RowParts,
) -> Answer {
    let detail = writable(&server, &session, parts).await?;
    let text = yaml(&editable(&detail));
    let version = detail.payload["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    Ok(editor(&detail, &session, &text, version, None))
}

pub(super) async fn save(
    State(server): State<Arc<Server>>,
    Extension(session): Extension<Session>,
    Path(parts): RowParts,
    request: Request,
) -> Answer {
    let detail = writable(&server, &session, parts).await?;
    let bytes = body::read(request.into_body()).await?;
    let fields = Query::parse(std::str::from_utf8(&bytes).ok());
    let (text, version) = (fields.get("manifest").unwrap_or_default(), fields.get("version").unwrap_or_default());
    let text = text.replace("\r\n", "\n");
    match put(&server, &session, &detail, &text, version).await {
        Ok(()) => {
            server.changes.wake();
            Ok(Redirect::to(&with_query(&detail.url(), &[("saved", "1")])).into_response())
        }
        Err(refusal) => Ok(editor(&detail, &session, &text, version, Some(&refusal))),
    }
}

async fn put(
    server: &Server,
    session: &Session,
    detail: &Detail<'_>,
    text: &str,
    version: &str,
) -> Result<(), Refusal> {
    let submitted = body::object(&server.registry, detail.kind, text.as_bytes())?;
    let version = HeaderValue::from_str(version).map_err(|_| Refusal::invalid("the version is not valid"))?;
    let headers = HeaderMap::from_iter([(header::IF_MATCH, version)]);
    let RowPath { namespace, name, .. } = &detail.path;
    let (objects, caller) = (server.guarded_objects(), session.caller());
    objects.replace(collection(detail)?, name, Some(namespace), submitted, &headers, &caller).await?;
    Ok(())
}

pub(super) async fn question(
    State(server): State<Arc<Server>>,
    Extension(session): Extension<Session>,
    Path(parts): RowParts,
) -> Answer {
    let detail = writable(&server, &session, parts).await?;
    let content = html! {
        form.card.narrow method="post" {
            p { "Delete " strong { (detail.kind.names.kind) " " (detail.path.key()) } " from the store? This cannot be undone." }
            p.actions {
                button.danger type="submit" { "Delete" }
                a.button href=(detail.url()) { "Keep it" }
            }
        }
    };
    Ok(framed(&detail, &session, StatusCode::OK, "Delete", &content))
}

pub(super) async fn delete(
    State(server): State<Arc<Server>>,
    Extension(session): Extension<Session>,
    Path(parts): RowParts,
) -> Answer {
    let detail = writable(&server, &session, parts).await?;
    let RowPath { namespace, name, .. } = &detail.path;
    server.guarded_objects().delete(collection(&detail)?, namespace, name).await?;
    server.changes.wake();
    let url = with_query(&list_url(detail.kind), &[("deleted", &detail.path.key())]);
    Ok(Redirect::to(&url).into_response())
}

/// The row, where the caller may write it.
async fn writable<'s>(
    server: &'s Server,
    session: &Session,
    parts: (String, String, String),
) -> Result<Detail<'s>, Refusal> {
    let detail = load(server, RowPath::find(server, parts)?).await?;
    if detail.owner.is_some() {
        return Err(Refusal::conflict(rejection(&detail.kind.names.kind, &detail.path.name)));
    }
    collection(&detail)?;
    if !detail.may_write(server, session) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden: your role may not write this kind"));
    }
    Ok(detail)
}

fn collection<'d>(detail: &Detail<'d>) -> Result<Collection<'d>, Refusal> {
    Collection::of(detail.kind)
        .ok_or_else(|| super::missing("the kind has no REST API: its rows cannot be changed here"))
}

/// What a person may change of a row; the rest is counted and reported by others.
fn editable(detail: &Detail<'_>) -> Value {
    let mut metadata = detail.payload["metadata"].clone();
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.retain(|field, _| ["name", "namespace", "labels", "annotations"].contains(&field.as_str()));
    }
    let names = &detail.kind.names;
    json!({"apiVersion": names.api_version(), "kind": names.kind, "metadata": metadata, "spec": detail.payload["spec"]})
}

fn editor(detail: &Detail<'_>, session: &Session, text: &str, version: &str, refused: Option<&Refusal>) -> Response {
    let content = html! {
        form method="post" {
            @if let Some(refused) = refused { (field_error("manifest-error", &refused.text)) }
            label for="manifest" { "Manifest (YAML or JSON; *** keeps a secret's value)" }
            textarea #manifest name="manifest" rows="24" spellcheck="false" required
                aria-invalid=[refused.map(|_| "true")] aria-describedby=[refused.map(|_| "manifest-error")] { "\n" (text) }
            input type="hidden" name="version" value=(version);
            p.actions {
                button.primary type="submit" { "Save" }
                a.button href=(detail.url()) { "Cancel" }
            }
        }
    };
    framed(detail, session, refused.map_or(StatusCode::OK, |refused| refused.status), "Edit", &content)
}

fn framed(detail: &Detail<'_>, session: &Session, status: StatusCode, verb: &str, content: &maud::Markup) -> Response {
    let title = format!("{verb} {} {}", detail.kind.names.kind, detail.path.key());
    answered(status, &Frame { title: &title, session, trail: &detail.trail(), live: false }, content)
}
