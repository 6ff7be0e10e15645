//! The store in one SQLite file: for a directory of manifests, a laptop, a test. Same tables, same promises.

pub mod classify;
mod commit;
mod connect;
mod describe;
mod ledger;
mod read;
mod read_mode;
mod schema;
mod statements;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use connect::SqliteOptions;

use super::client::timed;
use super::sql::StatementCache;
use super::{
    Decide, Described, Fence, Leadership, LedgerEntry, LedgerStore, ListedRow, MigrationPreview, Missing, Outcome,
    OutcomeChanges, OutcomeCount, OutcomeFilter, Request, RowCatalog, RowEditor, RowFilter, RowStore, SealedChanges,
    StoreAdmin, StoreError, StoredRow, Table, VisitRow, micros_now,
};
use classify::store_error;
use connect::Pools;
use read_mode::{FoundFile, ImmutableFile, ReadMode, inspect_file};
use statements::SqliteStatements;

/// Rows and ledger in a SQLite file.
pub struct SqliteStore {
    pools: Pools,
    options: SqliteOptions,
    statements: StatementCache<SqliteStatements>,
    /// Opened to be read, and not there.
    absent: bool,
    /// Opened as a file that nobody changes.
    immutable: Option<ImmutableFile>,
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
        let (mode, absent, immutable) = match inspect_file(&options.path)? {
            FoundFile::Absent => (ReadMode::ReadOnly, true, None),
            FoundFile::Store(mode, immutable) => (mode, false, immutable),
        };
        Ok(Self { absent, immutable, ..Self::with(Pools::open_read_only(options, mode), options) })
    }

    fn with(pools: Pools, options: &SqliteOptions) -> Self {
        Self { pools, options: options.clone(), statements: StatementCache::default(), absent: false, immutable: None }
    }

    /// What was read, unless the file has changed meanwhile.
    fn checked<T>(&self, read: T) -> Result<T, StoreError> {
        match &self.immutable {
            Some(immutable) => immutable.check().map(|()| read),
            None => Ok(read),
        }
    }

    fn statements(&self, table: &Table) -> Arc<SqliteStatements> {
        self.statements.get(table, SqliteStatements::new)
    }

    async fn write(
        &self,
        fence: Option<&Fence>,
        request: &Request<'_>,
        decide: &mut Decide<'_>,
    ) -> Result<SealedChanges, StoreError> {
        let statements = self.statements(request.table);
        timed(async {
            let mut connection = self.pools.writer.acquire().await.map_err(|error| store_error(&error))?;
            commit::commit(&mut connection, &statements, fence, request, decide).await
        })
        .await
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
impl RowStore for SqliteStore {
    async fn commit(
        &self,
        fence: &Fence,
        request: &Request<'_>,
        decide: &mut Decide<'_>,
    ) -> Result<SealedChanges, StoreError> {
        self.write(Some(fence), request, decide).await
    }

    async fn visit_rows(
        &self,
        table: &Table,
        after: Option<&str>,
        limit: u32,
        visit: &mut VisitRow<'_>,
    ) -> Result<(), StoreError> {
        let statements = self.statements(table);
        self.checked(
            query!(self.pools.readers, connection => read::visit_rows(&mut connection, &statements, after, limit, visit))?,
        )
    }

    async fn rows_since(&self, table: &Table, since: i64, visit: &mut VisitRow<'_>) -> Result<(), StoreError> {
        let statements = self.statements(table);
        self.checked(
            query!(self.pools.readers, connection => read::rows_since(&mut connection, &statements, since, visit))?,
        )
    }

    async fn rows_of(&self, table: &Table, keys: &[String]) -> Result<Vec<StoredRow>, StoreError> {
        let statements = self.statements(table);
        self.checked(query!(self.pools.readers, connection => read::rows_of(&mut connection, &statements, keys))?)
    }

    async fn now(&self) -> Result<i64, StoreError> {
        // SQLite's own clock counts milliseconds
        Ok(micros_now())
    }
}

#[async_trait]
impl RowEditor for SqliteStore {
    async fn edit(&self, request: &Request<'_>, decide: &mut Decide<'_>) -> Result<SealedChanges, StoreError> {
        self.write(None, request, decide).await
    }

    async fn row_times(
        &self,
        table: &Table,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, i64)>, StoreError> {
        let statements = self.statements(table);
        query!(self.pools.readers, connection => read::row_times(&mut connection, &statements, after, limit))
    }
}

#[async_trait]
impl LedgerStore for SqliteStore {
    async fn salt(&self) -> Result<[u8; 32], StoreError> {
        self.checked(query!(self.pools.writer, connection => read::salt(&mut connection))?)
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

    async fn outcomes(
        &self,
        filter: &OutcomeFilter,
        after: Option<&Outcome>,
        limit: u32,
    ) -> Result<Vec<(Outcome, Option<String>)>, StoreError> {
        query!(self.pools.readers, connection => read::outcomes(&mut connection, filter, after, limit))
    }

    async fn record_outcomes(&self, fence: &Fence, changes: &OutcomeChanges) -> Result<(), StoreError> {
        timed(async {
            let mut connection = self.pools.writer.acquire().await.map_err(|error| store_error(&error))?;
            commit::record_outcomes(&mut connection, fence, changes).await
        })
        .await
    }
}

#[async_trait]
impl RowCatalog for SqliteStore {
    async fn listed(
        &self,
        kind: &str,
        table: &Table,
        filter: &RowFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ListedRow>, StoreError> {
        query!(self.pools.readers, connection => read::listed(&mut connection, (kind, table), filter, after, limit))
    }

    async fn count_rows(&self, table: &Table) -> Result<i64, StoreError> {
        query!(self.pools.readers, connection => read::count_rows(&mut connection, table))
    }

    async fn count_owned(&self) -> Result<Vec<(String, i64)>, StoreError> {
        query!(self.pools.readers, connection => read::count_owned(&mut connection))
    }

    async fn count_outcomes(&self) -> Result<Vec<OutcomeCount>, StoreError> {
        query!(self.pools.readers, connection => read::count_outcomes(&mut connection))
    }

    async fn clusters(&self) -> Result<Vec<String>, StoreError> {
        query!(self.pools.readers, connection => read::clusters(&mut connection))
    }
}

#[async_trait]
impl Leadership for SqliteStore {
    async fn take_leadership(&self, term: &str, holder: &str) -> Result<Fence, StoreError> {
        query!(self.pools.writer, connection => read::take_leadership(&mut connection, term, holder))
    }
}

#[async_trait]
impl StoreAdmin for SqliteStore {
    async fn missing(&self, tables: &[Table]) -> Result<Vec<Missing>, StoreError> {
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

    async fn preview_migrations(
        &self,
        tables: &[Table],
        _create_orlojd_tables: bool,
    ) -> Result<MigrationPreview, StoreError> {
        if self.absent {
            let absent = tables.iter().map(|table| table.name.clone()).collect();
            return Ok(MigrationPreview { absent, ..MigrationPreview::default() });
        }
        let preview = timed(async {
            let mut connection = self.pools.readers.acquire().await.map_err(|error| store_error(&error))?;
            schema::preview_migrations(&mut connection, tables).await
        });
        self.checked(preview.await?)
    }

    async fn describe(&self, table: &str, limit: u32) -> Result<Option<Described>, StoreError> {
        self.checked(query!(self.pools.readers, connection => describe::describe(&mut connection, table, limit))?)
    }

    async fn close(&self) {
        self.pools.readers.close().await;
        self.pools.writer.close().await;
    }
}
