//! Connections: a small pool, the session's limits, and a DSN that may change under us.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Transaction};

use super::super::StoreError;
use super::{classify, dsn};

/// Batches are few and large, so few connections do; a database serves many clients.
const MAX_CONNECTIONS: u32 = 5;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection idle for longer is asked whether it still can write, which costs a round trip.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// The session's limits: a frozen leader may not hold its locks for ever, and nobody waits for ever on a lock. And its
/// plans, made once: every statement but [`super::statements::PgStatements::rows_since`] looks rows up by key, and a
/// plan that was made while a table was empty would go on scanning it when it holds 50,000 rows.
///
/// They are the session's because reads run outside of transactions, one round trip each. Behind a pooler in
/// transaction mode the session is the server's, and whoever gets it next with the same role and database has them too:
/// hence the advice in docs/operations/stores.md to give the operator a role of its own there.
const SESSION: &str = "SELECT set_config(name, value, false) FROM (VALUES ('statement_timeout', '60s'), \
     ('lock_timeout', '10s'), ('idle_in_transaction_session_timeout', '10s'), ('timezone', 'UTC'), \
     ('plan_cache_mode', 'force_generic_plan'), ('enable_seqscan', 'off'), ('enable_hashjoin', 'off'), \
     ('enable_mergejoin', 'off'), ('jit', 'off')) AS setting (name, value)";

/// The same limits once more in the transaction itself: behind a pooler a session's settings may belong to another
/// connection. One round trip, as a plain BEGIN is.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = '10s'; \
     SET LOCAL idle_in_transaction_session_timeout = '10s'";

const READ_ONLY: &str = "SELECT current_setting('transaction_read_only') = 'on'";

/// A transaction of its own for each read, since a session's setting would be the next client's behind a pooler.
const BEGIN_READ_ONLY: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '60s'";

/// What the connections are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Write,
    ReadOnly,
}

/// Where the DSN comes from.
#[derive(Clone)]
pub enum DsnSource {
    Literal(SecretString),
    /// Read at start, and again whenever no new connection can be made: a changed password needs no restart.
    File(PathBuf),
}

impl fmt::Debug for DsnSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("Literal(..)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl DsnSource {
    async fn read(&self) -> Result<SecretString, StoreError> {
        match self {
            Self::Literal(text) => Ok(text.clone()),
            Self::File(path) => match tokio::fs::read_to_string(path).await {
                Ok(text) => Ok(SecretString::from(text)),
                Err(error) => Err(StoreError::Setup {
                    detail: format!("the DSN cannot be read from {}: {}", path.display(), error.kind()),
                }),
            },
        }
    }
}

/// The pool and what it was made from.
///
/// Behind `PgBouncer` in transaction mode prepared statements need its `max_prepared_statements` (1.21 or newer);
/// `statement-cache-capacity=0` in the DSN is for poolers in session mode that take none.
pub(super) struct Connections {
    pool: PgPool,
    source: DsnSource,
    current: Mutex<SecretString>,
    /// The newest connection led to a server that takes no writes.
    read_only: Arc<AtomicBool>,
    access: Access,
}

impl Connections {
    /// Connects to nothing yet; a DSN that cannot be read or understood is an error here already.
    pub(super) async fn new(source: DsnSource, access: Access) -> Result<Self, StoreError> {
        let text = source.read().await?;
        let options = dsn::parse(text.expose_secret())?;
        let read_only = Arc::new(AtomicBool::new(false));
        let pool = pool(options, &read_only, access);
        Ok(Self { pool, source, current: Mutex::new(text), read_only, access })
    }

    pub(super) fn access(&self) -> Access {
        self.access
    }

    /// For diagnostics: no password.
    pub(super) fn endpoint(&self) -> String {
        dsn::redacted(&self.pool.connect_options())
    }

    pub(super) async fn acquire(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        let error = match self.pool.acquire().await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        if self.refresh().await? {
            return self.pool.acquire().await.map_err(|error| self.unconnected(&error));
        }
        Err(self.unconnected(&error))
    }

    fn unconnected(&self, error: &sqlx::Error) -> StoreError {
        if matches!(error, sqlx::Error::PoolTimedOut) && self.read_only.load(Ordering::Relaxed) {
            return StoreError::Unavailable { detail: "the server is read-only: a standby, or out of space".into() };
        }
        classify::store_error(error)
    }

    /// Reads the DSN file again; true when it has changed and the pool now connects by it.
    async fn refresh(&self) -> Result<bool, StoreError> {
        if matches!(self.source, DsnSource::Literal(_)) {
            return Ok(false);
        }
        let text = self.source.read().await?;
        let options = dsn::parse(text.expose_secret())?;
        let mut current = self.current.lock();
        if current.expose_secret() == text.expose_secret() {
            return Ok(false);
        }
        self.pool.set_connect_options(options);
        *current = text;
        Ok(true)
    }
}

fn pool(options: PgConnectOptions, read_only: &Arc<AtomicBool>, access: Access) -> PgPool {
    let read_only = Arc::clone(read_only);
    PgPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let read_only = Arc::clone(&read_only);
            Box::pin(async move {
                sqlx::query(SESSION).execute(&mut *connection).await?;
                if access == Access::ReadOnly {
                    return Ok(());
                }
                let refuses_writes = refuses_writes(connection).await?;
                read_only.store(refuses_writes, Ordering::Relaxed);
                if refuses_writes {
                    // the pool tries again at once; a fail-over takes seconds
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    return Err(sqlx::Error::Protocol("the server is read-only".into()));
                }
                Ok(())
            })
        })
        // else each connection keeps what its largest batch took
        .after_release(|connection, _| {
            connection.shrink_buffers();
            Box::pin(async { Ok(true) })
        })
        // after a fail-over the pool may hold connections to what is a standby now
        .before_acquire(move |connection, meta| {
            Box::pin(async move {
                let trusted = meta.idle_for < TRUSTED_IDLE || access == Access::ReadOnly;
                Ok(trusted || refuses_writes(connection).await.is_ok_and(|refuses| !refuses))
            })
        })
        .connect_lazy_with(options)
}

async fn refuses_writes(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(READ_ONLY).fetch_one(connection).await
}

/// Begins a transaction under the session's limits.
pub(super) async fn begin(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    connection.begin_with(BEGIN).await
}

/// Begins a transaction that cannot write.
pub(super) async fn begin_read_only(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    connection.begin_with(BEGIN_READ_ONLY).await
}

/// Hands a result on; a connection that failed to serve is not used again.
pub(super) fn discard_if_broken<T>(
    mut connection: PoolConnection<Postgres>,
    result: Result<T, StoreError>,
) -> Result<T, StoreError> {
    if matches!(result, Err(StoreError::Unavailable { .. })) {
        connection.close_on_drop();
    }
    result
}
