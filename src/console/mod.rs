//! The console: pages for people, of the rows, who owns them, whether they are in sync, and why not.
//!
//! It knows what the store knows (rows, ledger, outcomes), so that it needs no cluster. Pages are made here, whole; the
//! one script looks again when something has changed. Writes take the way of the REST API, and a row that a resource
//! owns is never written.

mod detail;
mod edit;
mod guard;
mod list;
mod overview;
mod page;
mod problems;
mod session;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::registry::Kind;
use crate::resource::KindIndex;
use crate::rest::Server;
use crate::rest::query::Query;
use crate::rest::refusal::Refusal;

/// Where the console begins.
const HOME: &str = "/console/";
const LOGIN: &str = "/console/login";
const PROBLEMS: &str = "/console/problems";
const EVENTS: &str = "/console/events";

const STYLE: &str = include_str!("assets/console.css");
const SCRIPT: &str = include_str!("assets/console.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Nothing but what this server has, and no script or style within a page.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

type Answer = Result<Response, ConsoleError>;

/// The console's routes, before those of the REST API.
pub fn router(server: &Arc<Server>) -> Router {
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    Router::new()
        .route("/", get(async || Redirect::to(HOME)))
        .route("/console", get(async || Redirect::to(HOME)))
        .route(HOME, get(overview::show))
        .route(PROBLEMS, get(problems::show))
        .route(EVENTS, get(events))
        .route("/console/kinds/{kind}", get(list::show))
        .route("/console/kinds/{kind}/{namespace}/{name}", get(detail::show))
        .route("/console/kinds/{kind}/{namespace}/{name}/edit", get(edit::form).post(edit::save))
        .route("/console/kinds/{kind}/{namespace}/{name}/delete", get(edit::question).post(edit::delete))
        .route(LOGIN, get(session::form).post(session::login))
        .route("/console/logout", post(session::logout))
        .route("/console/assets/{name}", get(asset))
        .with_state(Arc::clone(server))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(server), guard::guard))
        .layer(fixed(header::CONTENT_SECURITY_POLICY, POLICY))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "same-origin"))
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
        .fallback_service(server.router())
}

/// What kept a page from being made, shown as one.
struct ConsoleError(Refusal);

impl<E: Into<Refusal>> From<E> for ConsoleError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ConsoleError {
    fn into_response(self) -> Response {
        page::failure(&self.0)
    }
}

async fn events(State(server): State<Arc<Server>>) -> Answer {
    Ok(crate::rest::stream::open(&server, crate::rest::stream::Watched::Anything, EVENTS, Query::default())?)
}

async fn asset(Path(name): Path<String>) -> Answer {
    let (content_type, text) = match name.as_str() {
        "console.css" => ("text/css; charset=utf-8", STYLE),
        "console.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Err(missing("there is no such file").into()),
    };
    Ok(([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-cache")], text).into_response())
}

fn missing(text: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, text)
}

/// A row in the address of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RowPath {
    kind: KindIndex,
    namespace: String,
    name: String,
}

impl RowPath {
    fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// From the parts of an address.
    fn find(server: &Server, (kind, namespace, name): (String, String, String)) -> Result<Self, Refusal> {
        Ok(Self { kind: find_kind(server, &kind)?.index, namespace, name })
    }
}

/// The kind whose CRD has a name.
fn find_kind<'s>(server: &'s Server, crd: &str) -> Result<&'s Kind, Refusal> {
    let found = server.registry.kinds().iter().find(|kind| kind.names.crd() == crd);
    found.ok_or_else(|| missing("no such kind: the overview lists those that there are"))
}

/// Address of the list of a kind.
fn list_url(kind: &Kind) -> String {
    format!("/console/kinds/{}", encoded(&kind.names.crd()))
}

/// Address of a row, by its key.
fn row_url(kind: &Kind, key: &str) -> String {
    let (namespace, name) = key.split_once('/').unwrap_or(("", key));
    format!("{}/{}/{}", list_url(kind), encoded(namespace), encoded(name))
}

/// An address with parameters; those without a value are left out.
fn with_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters.iter().filter(|(_, value)| !value.is_empty()));
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

fn encoded(text: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, KEPT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_any_name() {
        assert_eq!(encoded("a/b?c#d e.f-g"), "a%2Fb%3Fc%23d%20e.f-g");
        assert_eq!(with_query("/x", &[("a", "1 &"), ("b", "")]), "/x?a=1+%26");
        assert_eq!(with_query("/x", &[("b", "")]), "/x");
    }
}
