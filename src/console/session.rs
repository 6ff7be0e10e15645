//! Sessions: a token in a cookie that no script and no other site can use, judged anew with each request.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use percent_encoding::percent_decode_str;

use super::page::{Frame, answered, field_error};
use super::{Answer, HOME, LOGIN, encoded};
use crate::registry::Registry;
use crate::resource::KindIndex;
use crate::rest::Server;
use crate::rest::auth::Caller;
use crate::rest::body;
use crate::rest::query::Query;
use crate::rest::route::Route;

const COOKIE: &str = "orloj-console";

/// Who looks at a page.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// `None` for one who has not logged in yet.
    pub caller: Option<Caller>,
    /// There are tokens, so that one can log out.
    pub by_token: bool,
}

impl Session {
    /// That of everybody, where there are no tokens.
    pub fn open() -> Self {
        Self { caller: Some(Caller::anybody()), by_token: false }
    }

    pub fn caller(&self) -> Caller {
        self.caller.clone().unwrap_or_else(Caller::nobody)
    }

    /// Whether the role is enough to write an object of a kind.
    pub fn may_write(&self, registry: &Registry, kind: KindIndex) -> bool {
        let needed = Route::Item(kind, String::new()).role(&Method::PUT, registry);
        needed.zip(self.caller.as_ref()).is_some_and(|(needed, caller)| caller.role.allows(needed))
    }
}

/// The token in the cookie of a request.
pub(super) fn token_of(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, value)| *name == COOKIE && !value.is_empty())?;
    percent_decode_str(value).decode_utf8().ok().map(Into::into)
}

pub(super) async fn form(Extension(session): Extension<Session>, request: Request) -> Response {
    let query = Query::parse(request.uri().query());
    ask(&session, query.get("next").unwrap_or_default(), None)
}

pub(super) async fn login(
    State(server): State<Arc<Server>>,
    Extension(session): Extension<Session>,
    request: Request,
) -> Answer {
    let (parts, body) = request.into_parts();
    let bytes = body::read(body).await?;
    let fields = Query::parse(std::str::from_utf8(&bytes).ok());
    let (token, next) = (fields.get("token").unwrap_or_default(), fields.get("next").unwrap_or_default());
    if server.tokens().known(token).is_none() {
        return Ok(ask(&session, next, Some("This token is not known. Ask who runs this server for one.")));
    }
    // nothing but pages of the console: no other host, and no `//host`
    let next = if next.starts_with(HOME) { next } else { HOME };
    let origin = parts.headers.get(header::ORIGIN).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok((set_cookie(&encoded(token), origin), Redirect::to(next)).into_response())
}

pub(super) async fn logout(request: Request) -> Response {
    let origin = request.headers().get(header::ORIGIN).and_then(|value| value.to_str().ok()).unwrap_or_default();
    (set_cookie("", origin), Redirect::to(LOGIN)).into_response()
}

/// The browser itself says whether it speaks TLS, whoever ends it.
fn set_cookie(value: &str, origin: &str) -> [(header::HeaderName, HeaderValue); 1] {
    let secure = if origin.starts_with("https://") { "; Secure" } else { "" };
    let age = if value.is_empty() { "; Max-Age=0" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/console; HttpOnly; SameSite=Strict{secure}{age}");
    // the value is percent-encoded
    [(header::SET_COOKIE, HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("")))]
}

fn ask(session: &Session, next: &str, problem: Option<&str>) -> Response {
    let status = if problem.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    let body = html! {
        form.card.narrow method="post" action=(LOGIN) {
            @if let Some(problem) = problem { (field_error("token-error", problem)) }
            label for="token" { "Token" }
            input #token type="password" name="token" autocomplete="current-password" required autofocus
                aria-invalid=[problem.map(|_| "true")] aria-describedby=[problem.map(|_| "token-error")];
            input type="hidden" name="next" value=(next);
            button.primary type="submit" { "Log in" }
        }
    };
    answered(status, &Frame { title: "Log in", session, trail: &[], live: false }, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_reads_back_and_is_for_the_console_alone() {
        let [(_, cookie)] = set_cookie(&encoded("a;b =c"), "https://x");
        let text = cookie.to_str().unwrap();
        for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/console", "; Secure"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!set_cookie("t", "http://x")[0].1.to_str().unwrap().contains("Secure"));
        let sent = format!("other=1; {}", text.split(';').next().unwrap());
        let headers = HeaderMap::from_iter([(header::COOKIE, sent.parse().unwrap())]);
        assert_eq!(token_of(&headers).as_deref(), Some("a;b =c"));
        assert_eq!(token_of(&HeaderMap::new()), None);
    }
}
