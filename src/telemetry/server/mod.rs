//! The servers of `/metrics` and of the probes.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::{TcpListener, lookup_host};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::metrics::Metrics;
use super::readiness::{Answer, Liveness, Readiness};
use crate::config::BindAddr;

/// How long connections may take to end after the cancellation.
const GRACE: Duration = Duration::from_secs(1);

/// Why a server can't start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("unable to listen on {address} for --{flag}: {source}; free the address, or choose another by --{flag}")]
    Bind { address: String, flag: &'static str, source: io::Error },
}

/// What the servers tell about.
#[derive(Clone, Debug)]
pub struct Admin {
    pub metrics: Metrics,
    pub readiness: Readiness,
    pub liveness: Liveness,
}

/// Running servers.
#[derive(Debug)]
pub struct Servers {
    /// Where `/metrics` is served, with the port that the system chose; None where it is off.
    pub metrics: Option<SocketAddr>,
    /// Where the probes are served.
    pub healthz: Option<SocketAddr>,
    tasks: Vec<JoinHandle<()>>,
}

impl Servers {
    /// Waits until all have ended; call it after the cancellation.
    pub async fn finished(self) {
        for mut task in self.tasks {
            if tokio::time::timeout(GRACE, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

/// Starts the servers: two, or one where both addresses are equal. They end when `stop` is cancelled.
pub async fn serve(
    metrics_addr: &BindAddr,
    healthz_addr: &BindAddr,
    admin: Admin,
    stop: &CancellationToken,
) -> Result<Servers, ServerError> {
    let metrics_routes = Router::new().route("/metrics", get(metrics));
    let health_routes =
        Router::new().route("/healthz", get(healthz)).route("/livez", get(healthz)).route("/readyz", get(readyz));
    let shared = metrics_addr == healthz_addr;
    let metrics_routes = if shared { metrics_routes.merge(health_routes.clone()) } else { metrics_routes };
    let mut servers = Servers { metrics: None, healthz: None, tasks: Vec::new() };

    // bind both before either serves, so that a failure leaves nothing running
    let metrics_listener = bind(metrics_addr, "metrics-addr").await?;
    let healthz_listener = if shared { None } else { bind(healthz_addr, "healthz-addr").await? };
    if let Some((listener, address)) = metrics_listener {
        servers.metrics = Some(address);
        servers.healthz = shared.then_some(address);
        servers.tasks.push(spawn(listener, metrics_routes.with_state(admin.clone()), stop.clone()));
        info!(%address, "serving metrics");
    }
    if let Some((listener, address)) = healthz_listener {
        servers.healthz = Some(address);
        servers.tasks.push(spawn(listener, health_routes.with_state(admin), stop.clone()));
        info!(%address, "serving health probes");
    }
    Ok(servers)
}

async fn bind(address: &BindAddr, flag: &'static str) -> Result<Option<(TcpListener, SocketAddr)>, ServerError> {
    let BindAddr::On { host, port } = address else { return Ok(None) };
    let failed = |source| ServerError::Bind { address: address.to_string(), flag, source };
    let candidates = match host.as_str() {
        // as Go does: all of IPv6 and IPv4 by one socket, all of IPv4 where there is no IPv6
        "" | "::" => vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port)), (Ipv4Addr::UNSPECIFIED, *port).into()],
        host => lookup_host((host, *port)).await.map_err(failed)?.collect(),
    };
    let mut first_error = None;
    for candidate in candidates {
        match TcpListener::bind(candidate).await.and_then(|listener| Ok((listener.local_addr()?, listener))) {
            Ok((address, listener)) => return Ok(Some((listener, address))),
            // else a taken port would be taken over for IPv4 alone
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(failed(error)),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    let nothing = || io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
    Err(failed(first_error.unwrap_or_else(nothing)))
}

fn spawn(listener: TcpListener, routes: Router, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        let serving = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = serving.await {
            warn!(%error, "a server ended early");
        }
    })
}

async fn metrics(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let exposition = admin.metrics.expose(accept);
    ([(header::CONTENT_TYPE, exposition.content_type)], exposition.body).into_response()
}

async fn healthz(State(admin): State<Admin>, RawQuery(query): RawQuery) -> Response {
    respond(admin.liveness.answer(is_verbose(query.as_deref())))
}

async fn readyz(State(admin): State<Admin>, RawQuery(query): RawQuery) -> Response {
    respond(admin.readiness.answer(is_verbose(query.as_deref())))
}

/// `?verbose`, with or without a value, as the API server's own probes take it.
fn is_verbose(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|part| part.split('=').next() == Some("verbose")))
}

fn respond(answer: Answer) -> Response {
    let status = if answer.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, answer.text).into_response()
}

#[cfg(test)]
mod tests;
