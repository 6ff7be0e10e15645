//! The store in one SQLite file: for a directory of manifests, a laptop, a test. Same tables, same promises.

pub mod classify;
mod commit;
mod connect;
mod describe;
mod ledger;
mod look;
mod read;
mod schema;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

pub use connect::SqliteOptions;

use super::client::timed;
use super::{
    Changes, Decide, Described, Fence, LedgerEntry, Prospect, Request, Store, StoreError, StoredRow, Table, Tell,
};
use classify::store_error;
use connect::Pools;
use look::{Found, Still, Way, look};
use read::Statements;

/// Rows and ledger in a SQLite file.
pub struct SqliteStore {
    pools: Pools,
    options: SqliteOptions,
    statements: RwLock<HashMap<Table, Arc<Statements>>>,
    /// Opened to be read, and not there.
    absent: bool,
    /// Opened as a file that nobody changes.
    still: Option<Still>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("options", &self.options).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the file, or creates it.
    pub async fn open(options: &SqliteOptions) -> Result<Self, StoreError> {
        Ok(Self::with(Pools::open(options).await?, options))
    }

    /// Opens the file to read it; it need not be there, but its folder has to. Whatever would write fails.
    pub fn open_read_only(options: &SqliteOptions) -> Result<Self, StoreError> {
        let (way, absent, still) = match look(&options.path)? {
            Found::Nothing => (Way::Plain, true, None),
            Found::Store(way, still) => (way, false, still),
        };
        Ok(Self { absent, still, ..Self::with(Pools::open_read_only(options, way), options) })
    }

    fn with(pools: Pools, options: &SqliteOptions) -> Self {
        Self { pools, options: options.clone(), statements: RwLock::default(), absent: false, still: None }
    }

    /// What was read, unless the file has changed meanwhile.
    fn checked<T>(&self, read: T) -> Result<T, StoreError> {
        match &self.still {
            Some(still) => still.check().map(|()| read),
            None => Ok(read),
        }
    }

    fn statements(&self, table: &Table) -> Arc<Statements> {
        if let Some(known) = self.statements.read().unwrap_or_else(PoisonError::into_inner).get(table) {
            return Arc::clone(known);
        }
        let built = Arc::new(Statements::new(table));
        let mut all = self.statements.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(table.clone()).or_insert(built))
    }
}

/// Runs a query on a connection of one of the pools, within the operation's time, its error classified.
macro_rules! query {
    ($pool:expr, $connection:ident => $query:expr) => {
        timed(async {
            let result = async {
                let mut $connection = $pool.acquire().await?;
                $query.await
            };
            result.await.map_err(|error: sqlx::Error| store_error(&error))
        })
        .await
    };
}

#[async_trait]
impl Store for SqliteStore {
    async fn missing(&self, tables: &[Table]) -> Result<Vec<String>, StoreError> {
        query!(self.pools.readers, connection => schema::missing(&mut connection, tables))
    }

    /// All tables are ours here, whoever their owner is in Postgres.
    async fn migrate(&self, tables: &[Table], _create_orlojd_tables: bool) -> Result<(), StoreError> {
        timed(async {
            let mut connection = self.pools.writer.acquire().await.map_err(|error| store_error(&error))?;
            schema::migrate(&mut connection, tables).await
        })
        .await
    }

    async fn prospect(&self, tables: &[Table], _create_orlojd_tables: bool) -> Result<Prospect, StoreError> {
        if self.absent {
            let absent = tables.iter().map(|table| table.name.clone()).collect();
            return Ok(Prospect { absent, ..Prospect::default() });
        }
        let prospect = timed(async {
            let mut connection = self.pools.readers.acquire().await.map_err(|error| store_error(&error))?;
            schema::prospect(&mut connection, tables).await
        });
        self.checked(prospect.await?)
    }

    async fn salt(&self) -> Result<[u8; 32], StoreError> {
        self.checked(query!(self.pools.writer, connection => read::salt(&mut connection))?)
    }

    async fn take_leadership(&self, term: &str, holder: &str) -> Result<Fence, StoreError> {
        query!(self.pools.writer, connection => read::take_leadership(&mut connection, term, holder))
    }

    async fn commit(
        &self,
        fence: &Fence,
        request: &Request<'_>,
        decide: &mut Decide<'_>,
    ) -> Result<Changes, StoreError> {
        let statements = self.statements(request.table);
        timed(async {
            let mut connection = self.pools.writer.acquire().await.map_err(|error| store_error(&error))?;
            commit::commit(&mut connection, &statements, fence, request, decide).await
        })
        .await
    }

    async fn rows(&self, table: &Table, after: Option<&str>, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        let statements = self.statements(table);
        self.checked(query!(self.pools.readers, connection => read::rows(&mut connection, &statements, after, limit))?)
    }

    async fn rows_since(&self, table: &Table, since: i64, tell: &mut Tell<'_>) -> Result<(), StoreError> {
        let statements = self.statements(table);
        self.checked(
            query!(self.pools.readers, connection => read::rows_since(&mut connection, &statements, since, tell))?,
        )
    }

    async fn rows_of(&self, table: &Table, keys: &[String]) -> Result<Vec<StoredRow>, StoreError> {
        let statements = self.statements(table);
        self.checked(query!(self.pools.readers, connection => read::rows_of(&mut connection, &statements, keys))?)
    }

    async fn now(&self) -> Result<i64, StoreError> {
        Ok(read::clock())
    }

    async fn ledger(
        &self,
        cluster: &str,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        self.checked(query!(self.pools.readers, connection => read::ledger(&mut connection, cluster, after, limit))?)
    }

    async fn owners(&self, kind: &str, keys: &[String]) -> Result<Vec<LedgerEntry>, StoreError> {
        self.checked(query!(self.pools.readers, connection => read::owners(&mut connection, kind, keys))?)
    }

    async fn describe(&self, table: &str, limit: u32) -> Result<Option<Described>, StoreError> {
        self.checked(query!(self.pools.readers, connection => describe::describe(&mut connection, table, limit))?)
    }

    async fn close(&self) {
        self.pools.readers.close().await;
        self.pools.writer.close().await;
    }
}
