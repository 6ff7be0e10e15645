//! Requests answered: the order of the checks, and the handlers.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use super::Server;
use super::auth::Caller;
use super::body::{self, check_media_type};
use super::objects::{Collection, Written, status_of};
use super::query::Query;
use super::refusal::{MANAGED, Refusal};
use super::route::Route;
use super::stream::{self, Watched};
use crate::desired::namespace_or_default;
use crate::resource::KindIndex;
use crate::status::format_time;
use crate::store::LedgerEntry;

/// How long a request may take, its body included; a watch is answered by then, and goes on.
const READING: Duration = Duration::from_secs(30);
const WRITING: Duration = Duration::from_secs(60);

/// Who owns the row: cluster, namespace and name of the resource.
const OWNER: [HeaderName; 3] = [
    HeaderName::from_static("x-orloj-owner-cluster"),
    HeaderName::from_static("x-orloj-owner-namespace"),
    HeaderName::from_static("x-orloj-owner-name"),
];

type Answer = Result<Response, Refusal>;

pub(super) fn router(server: Arc<Server>) -> Router {
    let harden = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
    };
    Router::new()
        .fallback(handle)
        .with_state(server)
        .layer(CatchPanicLayer::custom(broken))
        .layer(harden(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(harden(header::REFERRER_POLICY, "no-referrer"))
        .layer(harden(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
}

/// A mistake of the program's; its text may hold anything.
fn broken(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request broke off by a mistake of this program");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the server made a mistake; please report it")
        .answer(&HeaderMap::new())
}

/// One request of a caller.
struct Asked {
    server: Arc<Server>,
    method: Method,
    headers: HeaderMap,
    query: Query,
    caller: Caller,
    /// Of the route, in metrics.
    label: String,
}

async fn handle(State(server): State<Arc<Server>>, request: Request) -> Response {
    let began = Instant::now();
    let (method, headers) = (request.method().clone(), request.headers().clone());
    let limit = if method == Method::GET { READING } else { WRITING };
    let route = Route::of(&server.registry, request.uri().path());
    let label = route.as_ref().map_or_else(|_| "other".to_owned(), |route| route.label(&server.registry));
    let answered = tokio::time::timeout(limit, answer(Arc::clone(&server), route, label.clone(), request)).await;
    let late = || {
        let text = format!("the request took longer than {} s; try again", limit.as_secs());
        Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text))
    };
    let response = answered.unwrap_or_else(|_| late()).unwrap_or_else(|refusal| refusal.answer(&headers));
    let (code, took) = (response.status().as_u16(), began.elapsed());
    let known = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
    let name = if known.contains(&method) { method.as_str() } else { "other" };
    server.metrics.answered(&label, name, code, took);
    // neither path nor query: whoever mistakes one for the place of a token has it in no log
    tracing::debug!(route = label, method = name, code, seconds = took.as_secs_f64(), "answered");
    response
}

async fn answer(server: Arc<Server>, route: Result<Route, Refusal>, label: String, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let writes = parts.method == Method::POST || parts.method == Method::PUT;
    if writes {
        check_media_type(&parts.headers)?;
    }
    let route = route?;
    let tokens = server.tokens();
    let caller = match route.role(&parts.method, &server.registry) {
        Some(role) => tokens.authorize(&parts.headers, role)?,
        None => Caller::nobody(),
    };
    route.check_method(&parts.method)?;
    let query = Query::parse(parts.uri.query());
    let asked = Asked { server, method: parts.method, headers: parts.headers, query, caller, label };
    asked.answer(route, body).await
}

impl Asked {
    async fn answer(&self, route: Route, body: Body) -> Answer {
        let server = &self.server;
        match route {
            Route::Health => Ok(json(StatusCode::OK, &json!({"status": "ok"}))),
            Route::Metrics => Ok(self.metrics()),
            Route::OpenApi => Ok(json_text(StatusCode::OK, server.openapi.clone())),
            Route::Capabilities => Ok(json(StatusCode::OK, &capabilities())),
            Route::Namespaces => {
                let kinds = server.registry.kinds().iter().filter(|kind| kind.api.is_some());
                Ok(json(StatusCode::OK, &json!({"namespaces": server.objects().namespaces(kinds).await?})))
            }
            Route::Workers => Ok(json(StatusCode::OK, &json!({"items": []}))),
            Route::AuthConfig => {
                Ok(json(StatusCode::OK, &json!({"mode": "off", "setup_required": false, "login_methods": []})))
            }
            Route::AuthMe => Ok(json(StatusCode::OK, &self.me())),
            Route::Events => stream::open(server, Watched::Events, &self.label, self.query.clone()),
            Route::Watch(index) => stream::open(server, Watched::Collection(index), &self.label, self.query.clone()),
            Route::Collection(index) => self.collection(self.of(index)?, body).await,
            Route::Item(index, name) => {
                let of = self.of(index)?;
                if name.is_empty() {
                    return Err(Refusal::invalid(format!("{} name is required", of.word())));
                }
                self.item(of, &name, body).await
            }
            Route::Status(index, name) => self.status(self.of(index)?, &name, body).await,
            Route::Unknown => {
                let text = "not found: no kind has this collection; /openapi.json lists what there is";
                Err(Refusal::new(StatusCode::NOT_FOUND, text))
            }
        }
    }

    fn of(&self, index: KindIndex) -> Result<Collection<'_>, Refusal> {
        Collection::of(self.server.registry.kind(index))
            .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "not found: the kind has no collection"))
    }

    fn namespace(&self) -> String {
        namespace_or_default(self.query.namespace().unwrap_or_default())
    }

    async fn collection(&self, of: Collection<'_>, body: Body) -> Answer {
        let objects = self.server.objects();
        if self.method == Method::GET {
            let (items, next) = objects.list(of, &self.query.page()?).await?;
            let mut list = json!({ "items": items });
            if let Some(next) = next {
                list["continue"] = next.into();
            }
            return Ok(json(StatusCode::OK, &list));
        }
        let submitted = body::object(&self.server.registry, of.kind, &body::read(body).await?)?;
        self.written(StatusCode::CREATED, objects.put(of, self.query.namespace(), &submitted, &self.caller).await)
    }

    async fn item(&self, of: Collection<'_>, name: &str, body: Body) -> Answer {
        let objects = self.server.objects();
        if self.method == Method::GET {
            let (object, owner) = objects.get(of, &self.namespace(), name).await?;
            return Ok(owned(json(StatusCode::OK, &object), owner.as_ref()));
        }
        if self.method == Method::DELETE {
            let deleted = objects.delete(of, &self.namespace(), name).await;
            let tells = of.api.tells_deletion;
            let answer = self.written(if tells { StatusCode::OK } else { StatusCode::NO_CONTENT }, deleted)?;
            if !tells {
                return Ok(answer);
            }
            let mut told = json(StatusCode::OK, &json!({ "deleted": name }));
            told.headers_mut().extend(answer.headers().clone());
            return Ok(told);
        }
        let submitted = body::object(&self.server.registry, of.kind, &body::read(body).await?)?;
        let asked = self.query.namespace();
        let replaced = objects.replace(of, name, asked, submitted, &self.headers, &self.caller).await;
        self.written(StatusCode::OK, replaced)
    }

    async fn status(&self, of: Collection<'_>, name: &str, body: Body) -> Answer {
        let objects = self.server.objects();
        let namespace = self.namespace();
        let object = if self.method == Method::GET {
            objects.get(of, &namespace, name).await?.0
        } else {
            let update = body::status_update(&body::read(body).await?)?;
            let written = objects.put_status(of, (&namespace, name), update, &self.headers).await?;
            self.server.changes.wake();
            written.object.unwrap_or_default()
        };
        Ok(json(StatusCode::OK, &status_of(object)))
    }

    /// The answer to a write, with what the conflict policy said.
    fn written(&self, code: StatusCode, written: Result<Written, Refusal>) -> Answer {
        let written = written?;
        self.server.changes.wake();
        let mut response = match written.object {
            Some(object) => owned(json(code, &object), written.owner.as_ref()),
            None => code.into_response(),
        };
        if written.managed {
            response.headers_mut().insert(MANAGED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    fn metrics(&self) -> Response {
        let accept = self.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        let exposition = self.server.metrics.expose(accept);
        ([(header::CONTENT_TYPE, exposition.content_type)], exposition.body).into_response()
    }

    fn me(&self) -> Value {
        let tokens = self.server.tokens();
        let method = if tokens.is_empty() { "none" } else { "token" };
        json!({"authenticated": tokens.caller(&self.headers).is_some(), "method": method})
    }
}

fn json(code: StatusCode, value: &Value) -> Response {
    json_text(code, value.to_string() + "\n")
}

fn json_text(code: StatusCode, text: String) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Only what is there: who plans by it must not be misled.
fn capabilities() -> Value {
    json!({
        "generated_at": format_time(jiff::Timestamp::now().as_second()),
        "capabilities": [
            {"id": "core.api.crud", "enabled": true, "description": "Objects, their status and watches", "source": "orloj-operator"},
        ],
    })
}

/// Adds who owns the row. Names in other letters than ASCII are percent-encoded.
fn owned(mut response: Response, owner: Option<&LedgerEntry>) -> Response {
    let Some(owner) = owner else { return response };
    let values = [&*owner.cluster, &*owner.object.namespace, &*owner.object.name];
    for (name, value) in OWNER.iter().zip(values) {
        let encoded = percent_encoding::utf8_percent_encode(value, percent_encoding::CONTROLS).to_string();
        if let Ok(value) = HeaderValue::from_str(&encoded) {
            response.headers_mut().insert(name.clone(), value);
        }
    }
    response
}
