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

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

pub use connect::DsnSource;
pub use ddl::{grants, migration_sql};

use super::client::timed;
use super::{Changes, Decide, Described, Fence, LedgerEntry, Request, Store, StoreError, StoredRow, Table, Tell};
use connect::{Connections, settle};
use statements::Statements;

/// Rows and ledger in a Postgres database.
pub struct PostgresStore {
    connections: Connections,
    statements: RwLock<HashMap<Table, Arc<Statements>>>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("endpoint", &self.connections.endpoint()).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Reads the DSN; connects on first use.
    pub async fn open(source: DsnSource) -> Result<Self, StoreError> {
        Ok(Self { connections: Connections::new(source).await?, statements: RwLock::default() })
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

/// Runs a query on a connection of the pool, within the operation's time, its error classified.
macro_rules! query {
    ($store:expr, $connection:ident => $query:expr) => {
        timed(async {
            let mut $connection = $store.connections.acquire().await?;
            let result = $query.await.map_err(|error| classify::store_error(&error));
            settle($connection, result)
        })
        .await
    };
}

#[async_trait]
impl Store for PostgresStore {
    async fn missing(&self, tables: &[Table]) -> Result<Vec<String>, StoreError> {
        query!(self, connection => schema::missing(&mut connection, tables))
    }

    async fn migrate(&self, tables: &[Table], create_orlojd_tables: bool) -> Result<(), StoreError> {
        timed(async {
            let mut connection = self.connections.acquire().await?;
            let result = schema::migrate(&mut connection, tables, create_orlojd_tables).await;
            settle(connection, result)
        })
        .await
    }

    async fn salt(&self) -> Result<[u8; 32], StoreError> {
        query!(self, connection => read::salt(&mut connection))
    }

    async fn take_leadership(&self, term: &str, holder: &str) -> Result<Fence, StoreError> {
        query!(self, connection => read::take_leadership(&mut connection, term, holder))
    }

    async fn commit(
        &self,
        fence: &Fence,
        request: &Request<'_>,
        decide: &mut Decide<'_>,
    ) -> Result<Changes, StoreError> {
        let statements = self.statements(request.table);
        timed(async {
            let mut connection = self.connections.acquire().await?;
            let result = commit::commit(&mut connection, &statements, fence, request, decide).await;
            settle(connection, result)
        })
        .await
    }

    async fn rows(&self, table: &Table, after: Option<&str>, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        let statements = self.statements(table);
        query!(self, connection => read::rows(&mut connection, &statements, after, limit))
    }

    async fn rows_since(&self, table: &Table, since: i64, tell: &mut Tell<'_>) -> Result<(), StoreError> {
        let statements = self.statements(table);
        query!(self, connection => read::rows_since(&mut connection, &statements, since, tell))
    }

    async fn row(&self, table: &Table, key: &str) -> Result<Option<StoredRow>, StoreError> {
        let statements = self.statements(table);
        query!(self, connection => read::row(&mut connection, &statements, key))
    }

    async fn now(&self) -> Result<i64, StoreError> {
        query!(self, connection => read::now(&mut connection))
    }

    async fn ledger(
        &self,
        cluster: &str,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        query!(self, connection => read::ledger(&mut connection, cluster, after, limit))
    }

    async fn owners(&self, kind: &str, keys: &[String]) -> Result<Vec<LedgerEntry>, StoreError> {
        query!(self, connection => read::owners(&mut connection, kind, keys))
    }

    async fn describe(&self, table: &str, limit: u32) -> Result<Option<Described>, StoreError> {
        query!(self, connection => describe::describe(&mut connection, table, limit))
    }
}
