//! The frame of every page, and the parts that several pages have.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::session::Session;
use super::{EVENTS, HOME, LOGIN, PROBLEMS};
use crate::directory::OWNER;
use crate::registry::Kind;
use crate::resource::ObjectName;
use crate::rest::refusal::Refusal;
use crate::status::format_time;
use crate::store::{ListedRow, RowState};

/// What surrounds a page's content.
pub(super) struct Frame<'a> {
    pub title: &'a str,
    pub session: &'a Session,
    /// The pages above it: address and name.
    pub trail: &'a [(String, String)],
    /// The content is looked at again when something has changed.
    pub live: bool,
}

/// A whole page.
pub(super) fn page(frame: &Frame<'_>, content: &Markup) -> Response {
    answered(StatusCode::OK, frame, content)
}

pub(super) fn answered(status: StatusCode, frame: &Frame<'_>, content: &Markup) -> Response {
    let caller = frame.session.caller.as_ref().filter(|_| frame.session.by_token);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (frame.title) " · Orloj" }
                link rel="icon" href="/console/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/console/assets/console.css";
                script src="/console/assets/console.js" defer {}
            }
            body data-events=[frame.live.then_some(EVENTS)] {
                a.skip href="#content" { "Skip to the content" }
                header {
                    a.brand href=(HOME) { "Orloj console" }
                    @if frame.session.caller.is_some() {
                        nav aria-label="Console" {
                            a href=(HOME) { "Overview" }
                            a href=(PROBLEMS) { "Problems" }
                        }
                    }
                    @if frame.live { span.live { "Live" } }
                    @if let Some(caller) = caller {
                        form.who method="post" action="/console/logout" {
                            span { (caller.name) " (" (caller.role.label()) ")" }
                            button type="submit" { "Log out" }
                        }
                    }
                }
                main #content tabindex="-1" {
                    @if !frame.trail.is_empty() {
                        nav.trail aria-label="Pages above this one" {
                            @for (url, name) in frame.trail { a href=(url) { (name) } span aria-hidden="true" { "/" } }
                        }
                    }
                    h1 { (frame.title) }
                    (content)
                }
            }
        }
    };
    (status, Html(markup.into_string())).into_response()
}

/// A page that says why there is none.
pub(super) fn failure(refusal: &Refusal) -> Response {
    let title = refusal.status.canonical_reason().unwrap_or("Error");
    let session = Session::open();
    let content = html! {
        p role="alert" { (refusal.text) }
        p { a href=(HOME) { "Go to the overview" } " · " a href=(LOGIN) { "Log in" } }
    };
    answered(refusal.status, &Frame { title, session: &session, trail: &[], live: false }, &content)
}

/// What is wrong with a form.
pub(super) fn field_error(id: &str, text: &str) -> Markup {
    html! { p.error id=(id) role="alert" { (text) } }
}

/// A time, from microseconds since the Unix epoch.
pub(super) fn time(micros: i64) -> Markup {
    let text = format_time(micros.div_euclid(1_000_000));
    html! { time datetime=(text) { (text.replace('T', " ").replace('Z', " UTC")) } }
}

/// The badge of a row that a resource owns.
pub(super) fn managed() -> Markup {
    html! { span.badge.managed { "CRD Managed" } }
}

/// The state of a listed row.
pub(super) fn state(row: &ListedRow) -> Markup {
    match row.state() {
        RowState::Synced => html! { span.badge.good { "Synced" } },
        RowState::NotSynced => {
            html! { span.badge.bad { "Not synced" } " " (row.reason.as_deref().unwrap_or_default()) }
        }
        RowState::Unowned => html! { span.badge { "No owner" } },
    }
}

/// How a resource is changed where it is managed.
pub(super) fn edit_command(kind: &Kind, cluster: &str, object: &ObjectName) -> Markup {
    let command = format!("kubectl edit {} {} --namespace {}", kind.names.crd(), object.name, object.namespace);
    html! {
        @if cluster == OWNER {
            p { "It comes from files that " code { "orloj-operator sync" } " reads: edit the manifest of "
                (kind.names.kind) " " code { (object) } " there." }
        } @else {
            p { "In the cluster " strong { (cluster) } ", edit it with" }
            pre.command { code { (command) } }
        }
    }
}
