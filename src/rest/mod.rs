//! The REST API that orlojd serves, for the kinds of the registry and the same rows.
//!
//! Routes come from the registry: a kind with `api.collection` has them, and no code knows which kinds there are. A write
//! takes the way of the reconciler (the kind's steps and rules, the planner's payload, the codec's seal, the store's
//! commit under lock), and leaves the ledger alone.

mod auth;
mod body;
mod guard;
mod listen;
mod objects;
mod openapi;
mod query;
mod refusal;
mod route;
mod selector;
mod service;
mod stream;
mod watch;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use parking_lot::RwLock;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use auth::{TokenError, Tokens};
pub use guard::ConflictPolicy;
pub use listen::{ListenError, Listening, listen};
use objects::Objects;
pub use openapi::document;

use crate::registry::Registry;
use crate::store::Store;
use crate::store::sealing::Codec;
use crate::telemetry::metrics::RequestMetrics;
use watch::Changes;

/// How the API is served.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub policy: ConflictPolicy,
    pub require_encryption: bool,
    /// `None` lets everybody do everything.
    pub token_file: Option<PathBuf>,
    pub tls: Option<TlsFiles>,
}

/// Certificate chain and private key, as PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Server of the API: what all requests share.
pub struct Server {
    registry: Arc<Registry>,
    store: Arc<dyn Store>,
    codec: Codec,
    policy: ConflictPolicy,
    require_encryption: bool,
    tokens: RwLock<Arc<Tokens>>,
    metrics: RequestMetrics,
    changes: Changes,
    streams: Arc<Semaphore>,
    /// The OpenAPI document, as text.
    openapi: String,
    stop: CancellationToken,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Server {
    /// A server of a store's rows; it reads the file of tokens.
    pub fn new(
        registry: Arc<Registry>,
        store: Arc<dyn Store>,
        codec: Codec,
        options: &Options,
        stop: CancellationToken,
    ) -> Result<Self, TokenError> {
        let tokens = options.token_file.as_deref().map(Tokens::read).transpose()?.unwrap_or_default();
        Ok(Self {
            metrics: RequestMetrics::new(env!("CARGO_PKG_VERSION"), &registry.checksum()),
            openapi: document(&registry).to_string(),
            registry,
            store,
            codec,
            policy: options.policy,
            require_encryption: options.require_encryption,
            tokens: RwLock::new(Arc::new(tokens)),
            changes: Changes::default(),
            streams: Arc::new(Semaphore::new(stream::MAX_STREAMS)),
            stop,
        })
    }

    /// The routes, with their layers.
    #[must_use]
    pub fn router(self: &Arc<Self>) -> Router {
        service::router(Arc::clone(self))
    }

    fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens.read())
    }

    fn set_tokens(&self, tokens: Tokens) {
        *self.tokens.write() = Arc::new(tokens);
    }

    fn objects(&self) -> Objects<'_> {
        Objects {
            store: self.store.as_ref(),
            codec: &self.codec,
            policy: self.policy,
            require_encryption: self.require_encryption,
            metrics: &self.metrics,
        }
    }
}
