//! The file: one connection that writes, a few that read.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, SqlitePool};

use super::super::StoreError;
use super::classify::store_error;
use super::read_mode::ReadMode;

/// For a lock that another process holds on the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// For the one writer, which batches queue for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
const READERS: u32 = 4;

/// Where the file is and how durable a commit has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    pub path: PathBuf,
    /// `?synchronous=full`: each commit is on the disk before it is acknowledged.
    ///
    /// Without it (NORMAL, in write-ahead mode) a power cut can take back the last commits, but never damages the
    /// file, and a crash of the program alone takes back nothing. Row and ledger entry go back together, so the next
    /// sweep finds and mends what went back; only the time until then is lost.
    pub full: bool,
}

impl SqliteOptions {
    /// Reads what follows `sqlite:`.
    pub fn parse(rest: &str) -> Result<Self, StoreError> {
        let refused = |why: &str| StoreError::Setup { detail: format!("the SQLite URL is not valid: {why}") };
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if path.is_empty() || path == ":memory:" {
            return Err(refused("it names no file"));
        }
        let full = match query {
            "" | "synchronous=normal" => false,
            "synchronous=full" => true,
            _ => return Err(refused("the only parameter is synchronous=normal or synchronous=full")),
        };
        Ok(Self { path: path.into(), full })
    }
}

/// The two pools.
pub(super) struct Pools {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
}

impl Pools {
    /// Connects on first use. The file's journal mode is left as it is.
    pub(super) fn open_read_only(options: &SqliteOptions, mode: ReadMode) -> Self {
        let file = SqliteConnectOptions::new()
            .filename(&options.path)
            .read_only(mode != ReadMode::ReadOnlyCleanup)
            .immutable(mode == ReadMode::Immutable)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("query_only", "on")
            .disable_statement_logging();
        let pool = || SqlitePoolOptions::new().max_connections(READERS).acquire_timeout(ACQUIRE_TIMEOUT);
        let readers = pool().connect_lazy_with(file);
        Self { writer: readers.clone(), readers }
    }

    /// Creates the file where there is none.
    pub(super) async fn open(options: &SqliteOptions) -> Result<Self, StoreError> {
        let synchronous = if options.full { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
        let file = SqliteConnectOptions::new()
            .filename(&options.path)
            .busy_timeout(BUSY_TIMEOUT)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .disable_statement_logging();
        let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);
        let writer = pool()
            .max_connections(1)
            .connect_with(file.clone().create_if_missing(true))
            .await
            .map_err(|error| store_error(&error))?;
        // query_only instead of a read-only file handle, which could not take part in write-ahead mode's recovery
        let readers = pool().max_connections(READERS).connect_lazy_with(file.pragma("query_only", "on"));
        Ok(Self { writer, readers })
    }
}
