//! The REST API that orlojd serves, for the kinds of the registry and the same rows.
//!
//! Routes come from the registry: a kind with `api.collection` has them, and no code knows which kinds there are. A write
//! takes the way of the reconciler (the kind's steps and rules, the planner's payload, the codec's seal, the store's
//! commit under lock), and leaves the ledger alone.

pub(crate) mod auth;
pub(crate) mod body;
pub(crate) mod guard;
mod listen;
pub(crate) mod objects;
mod openapi;
pub(crate) mod query;
pub(crate) mod refusal;
pub(crate) mod route;
mod selector;
mod service;
pub(crate) mod stream;
pub(crate) mod watch;

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
    pub(crate) registry: Arc<Registry>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) codec: Codec,
    policy: ConflictPolicy,
    require_encryption: bool,
    tokens: RwLock<Arc<Tokens>>,
    pub(crate) metrics: RequestMetrics,
    pub(crate) changes: Changes,
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
    pub fn router(self: &Arc<Self>) -> Router {
        service::router(Arc::clone(self))
    }

    pub(crate) fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens.read())
    }

    fn set_tokens(&self, tokens: Tokens) {
        *self.tokens.write() = Arc::new(tokens);
    }

    /// Objects of callers who may not write what a resource owns, whatever the policy is.
    pub(crate) fn guarded_objects(&self) -> Objects<'_> {
        Objects { policy: ConflictPolicy::Reject, ..self.objects() }
    }

    pub(crate) fn objects(&self) -> Objects<'_> {
        Objects {
            store: self.store.as_ref(),
            codec: &self.codec,
            policy: self.policy,
            require_encryption: self.require_encryption,
            metrics: &self.metrics,
        }
    }
}
