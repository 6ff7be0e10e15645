//! Refusals: what a request cannot have, why, and what helps, in one line.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::go_compat::quote::quote;
use crate::store::{StoreError, StoreErrorClass};

/// Header of an answer about a row that the operator owns.
pub const MANAGED: HeaderName = HeaderName::from_static("x-orloj-crd-managed");

const PROBLEM: &str = "application/problem+json";

/// Answer to a request that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub text: String,
    /// The conflict policy had a word to say before.
    pub managed: bool,
}

impl Refusal {
    #[must_use]
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), managed: false }
    }

    #[must_use]
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    #[must_use]
    pub fn conflict(text: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, text)
    }

    #[must_use]
    pub fn not_found(word: &str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{word} {} not found", quote(name)))
    }

    /// As one line of plain text, as orlojd answers, or as problem details (RFC 9457) for who asks for them.
    #[must_use]
    pub fn answer(self, asked: &HeaderMap) -> Response {
        let line: String = self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let accept = asked.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        let (content_type, body) = if accept.is_some_and(|accept| accept.contains(PROBLEM)) {
            let title = self.status.canonical_reason().unwrap_or_default();
            let problem =
                json!({"type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": line});
            (PROBLEM, problem.to_string())
        } else {
            ("text/plain; charset=utf-8", line + "\n")
        };
        let mut response = (self.status, [(header::CONTENT_TYPE, content_type)], body).into_response();
        if self.managed {
            response.headers_mut().insert(MANAGED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// What a database says of itself is for the log.
impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error.class() {
            StoreErrorClass::Rejected => Self::invalid(error.to_string()),
            StoreErrorClass::Unavailable | StoreErrorClass::Deposed | StoreErrorClass::Setup => {
                tracing::warn!(%error, "the store did not answer a request");
                let text = "the store cannot be reached now; try again later (the server's log says why)";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, text)
            }
        }
    }
}
