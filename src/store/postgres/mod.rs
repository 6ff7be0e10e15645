//! The store in Postgres: orlojd's tables, and the ledger in a schema of our own.

pub mod classify;
mod commit;
mod connect;
mod ddl;
mod describe;
pub mod dsn;
mod read;
mod schema;
mod statements;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use connect::DsnSource;
pub use ddl::{grants, migration_sql};

use super::client::timed;
use super::sql::StatementCache;
use super::{
    Decide, Described, Fence, Leadership, LedgerEntry, LedgerStore, ListedRow, MigrationPreview, Missing, Outcome,
    OutcomeChanges, OutcomeCount, OutcomeFilter, Request, RowCatalog, RowEditor, RowFilter, RowStore, SealedChanges,
    StoreAdmin, StoreError, StoredRow, Table, VisitRow,
};
use connect::{Access, Connections, discard_if_broken};
use statements::PgStatements;

/// Rows and ledger in a Postgres database.
pub struct PostgresStore {
    connections: Connections,
    statements: StatementCache<PgStatements>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("endpoint", &self.connections.endpoint()).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Reads the DSN; connects on first use.
    pub async fn open(source: DsnSource) -> Result<Self, StoreError> {
        Self::open_for(source, Access::Write).await
    }

    /// As [`Self::open`], to read alone: every query is a read-only transaction, and a standby will do.
    pub async fn open_read_only(source: DsnSource) -> Result<Self, StoreError> {
        Self::open_for(source, Access::ReadOnly).await
    }

    async fn open_for(source: DsnSource, access: Access) -> Result<Self, StoreError> {
        Ok(Self { connections: Connections::new(source, access).await?, statements: StatementCache::default() })
    }

    fn statements(&self, table: &Table) -> Arc<PgStatements> {
        self.statements.get(table, PgStatements::new)
    }

    async fn write(
        &self,
        fence: Option<&Fence>,
        request: &Request<'_>,
        decide: &mut Decide<'_>,
    ) -> Result<SealedChanges, StoreError> {
        let statements = self.statements(request.table);
        timed(async {
            let mut connection = self.connections.acquire().await?;
            let result = commit::commit(&mut connection, &statements, fence, request, decide).await;
            discard_if_broken(connection, result)
        })
        .await
    }
}

/// Runs a query on a connection of the pool, within the operation's time, its error classified; in a transaction that
/// cannot write where the store was opened to be read alone.
macro_rules! query {
    ($store:expr, $connection:ident => $query:expr) => {
        timed(async {
            let mut acquired = $store.connections.acquire().await?;
            let result = match $store.connections.access() {
                Access::Write => {
                    let $connection = &mut *acquired;
                    $query.await
                }
                Access::ReadOnly => {
                    async {
                        let mut transaction = connect::begin_read_only(&mut acquired).await?;
                        let $connection = &mut *transaction;
                        let found = $query.await?;
                        transaction.rollback().await?;
                        Ok(found)
                    }
                    .await
                }
            };
            discard_if_broken(acquired, result.map_err(|error: sqlx::Error| classify::store_error(&error)))
        })
        .await
    };
}

#[async_trait]
impl RowStore for PostgresStore {
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
        query!(self, connection => read::visit_rows(connection, &statements, after, limit, visit))
    }

    async fn rows_since(&self, table: &Table, since: i64, visit: &mut VisitRow<'_>) -> Result<(), StoreError> {
        let statements = self.statements(table);
        query!(self, connection => read::rows_since(connection, &statements, since, visit))
    }

    async fn rows_of(&self, table: &Table, keys: &[String]) -> Result<Vec<StoredRow>, StoreError> {
        let statements = self.statements(table);
        query!(self, connection => read::rows_of(connection, &statements, keys))
    }

    async fn now(&self) -> Result<i64, StoreError> {
        query!(self, connection => read::now(connection))
    }

    async fn newest_migration(&self) -> Result<Option<String>, StoreError> {
        query!(self, connection => read::newest_migration(connection))
    }
}

#[async_trait]
impl RowEditor for PostgresStore {
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
        query!(self, connection => read::row_times(connection, &statements, after, limit))
    }
}

#[async_trait]
impl LedgerStore for PostgresStore {
    async fn salt(&self) -> Result<[u8; 32], StoreError> {
        query!(self, connection => read::salt(connection))
    }

    async fn ledger(
        &self,
        cluster: &str,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        query!(self, connection => read::ledger(connection, cluster, after, limit))
    }

    async fn owners(&self, kind: &str, keys: &[String]) -> Result<Vec<LedgerEntry>, StoreError> {
        query!(self, connection => read::owners(connection, kind, keys))
    }

    async fn outcomes(
        &self,
        filter: &OutcomeFilter,
        after: Option<&Outcome>,
        limit: u32,
    ) -> Result<Vec<(Outcome, Option<String>)>, StoreError> {
        query!(self, connection => read::outcomes(connection, filter, after, limit))
    }

    async fn record_outcomes(&self, fence: &Fence, changes: &OutcomeChanges) -> Result<(), StoreError> {
        timed(async {
            let mut connection = self.connections.acquire().await?;
            let result = commit::record_outcomes(&mut connection, fence, changes).await;
            discard_if_broken(connection, result)
        })
        .await
    }
}

#[async_trait]
impl RowCatalog for PostgresStore {
    async fn listed(
        &self,
        kind: &str,
        table: &Table,
        filter: &RowFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ListedRow>, StoreError> {
        query!(self, connection => read::listed(connection, (kind, table), filter, after, limit))
    }

    async fn count_rows(&self, table: &Table) -> Result<i64, StoreError> {
        query!(self, connection => read::count_rows(connection, table))
    }

    async fn count_owned(&self) -> Result<Vec<(String, i64)>, StoreError> {
        query!(self, connection => read::count_owned(connection))
    }

    async fn count_outcomes(&self) -> Result<Vec<OutcomeCount>, StoreError> {
        query!(self, connection => read::count_outcomes(connection))
    }

    async fn clusters(&self) -> Result<Vec<String>, StoreError> {
        query!(self, connection => read::clusters(connection))
    }
}

#[async_trait]
impl Leadership for PostgresStore {
    async fn take_leadership(&self, term: &str, holder: &str) -> Result<Fence, StoreError> {
        query!(self, connection => read::take_leadership(connection, term, holder))
    }
}

#[async_trait]
impl StoreAdmin for PostgresStore {
    async fn missing(&self, tables: &[Table]) -> Result<Vec<Missing>, StoreError> {
        query!(self, connection => schema::missing(connection, tables))
    }

    async fn migrate(&self, tables: &[Table], create_orlojd_tables: bool) -> Result<(), StoreError> {
        timed(async {
            let mut connection = self.connections.acquire().await?;
            let result = schema::migrate(&mut connection, tables, create_orlojd_tables).await;
            discard_if_broken(connection, result)
        })
        .await
    }

    async fn preview_migrations(
        &self,
        tables: &[Table],
        create_orlojd_tables: bool,
    ) -> Result<MigrationPreview, StoreError> {
        let (found, foreign) =
            query!(self, connection => schema::preview_migrations(connection, tables, create_orlojd_tables))?;
        foreign.map_or(Ok(found), Err)
    }

    async fn describe(&self, table: &str, limit: u32) -> Result<Option<Described>, StoreError> {
        query!(self, connection => describe::describe(connection, table, limit))
    }
}
