//! What stands before every page: who asks, where a form comes from, and how long it may take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::session::{Session, token_of};
use super::{ConsoleError, LOGIN, with_query};
use crate::rest::Server;
use crate::rest::refusal::Refusal;

/// How long a page may take.
const TIME: Duration = Duration::from_mins(1);

/// In metrics: pages are not told apart, since their addresses hold names.
const LABEL: &str = "/console";

pub(super) async fn guard(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let answered = tokio::time::timeout(TIME, answer(&server, request, next)).await;
    let late = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the page took too long; try again");
    let response = answered.unwrap_or_else(|_| ConsoleError(late()).into_response());
    let (code, took) = (response.status().as_u16(), began.elapsed());
    let name = if method == Method::POST { "POST" } else { "GET" };
    server.metrics.answered(LABEL, name, code, took);
    tracing::debug!(route = LABEL, method = name, code, seconds = took.as_secs_f64(), "answered");
    response
}

async fn answer(server: &Server, mut request: Request, next: Next) -> Response {
    if request.method() == Method::POST
        && let Err(refusal) = same_origin(request.headers())
    {
        return ConsoleError(refusal).into_response();
    }
    let path = request.uri().path();
    let tokens = server.tokens();
    let caller = token_of(request.headers()).and_then(|token| tokens.known(&token));
    let session = if tokens.is_empty() { Session::open() } else { Session { caller, by_token: true } };
    let for_all = path == LOGIN || path.starts_with("/console/assets/") || !path.starts_with("/console/");
    if session.caller.is_none() && !for_all {
        if *request.method() != Method::GET || path == super::EVENTS {
            let text = "unauthorized: log in first; the session has ended";
            return ConsoleError(Refusal::new(StatusCode::UNAUTHORIZED, text)).into_response();
        }
        let wanted = request.uri().path_and_query().map_or("", axum::http::uri::PathAndQuery::as_str);
        return Redirect::to(&with_query(LOGIN, &[("next", wanted)])).into_response();
    }
    request.extensions_mut().insert(session);
    next.run(request).await
}

/// Refuses forms of other sites. A browser says where a form comes from, and no page can make it say otherwise.
fn same_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST.as_str());
    let same = match text(header::ORIGIN.as_str()) {
        Some(origin) => {
            let from = origin.split_once("://").map(|(_, host)| host);
            from.zip(host).is_some_and(|(from, host)| from.eq_ignore_ascii_case(host))
        }
        None => text("sec-fetch-site") == Some("same-origin"),
    };
    if same {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden: this form was not sent by a page of this console"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forms_of_this_server_pass() {
        let passes = |headers: &[(&'static str, &'static str)]| {
            let map = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            same_origin(&map.collect()).is_ok()
        };
        assert!(passes(&[("host", "a:8080"), ("origin", "http://a:8080")]));
        assert!(passes(&[("host", "A.example"), ("origin", "https://a.example")]));
        assert!(passes(&[("host", "a"), ("sec-fetch-site", "same-origin")]));
        for headers in [
            &[("host", "a:8080"), ("origin", "http://b:8080")][..],
            &[("host", "a:8080"), ("origin", "http://a:8081")],
            &[("host", "a:8080"), ("origin", "null")],
            &[("host", "a:8080"), ("origin", "http://b"), ("sec-fetch-site", "same-origin")],
            &[("host", "a:8080"), ("sec-fetch-site", "cross-site")],
            &[("host", "a:8080")],
            &[("origin", "http://a:8080")],
        ] {
            assert!(!passes(headers), "{headers:?}");
        }
    }
}
