//! The ledger's schema: its numbered migrations.

use sqlx::SqliteConnection;

use super::super::micros_now;
use super::read::present;
use super::statements::LEDGER_TABLE;

/// One step of the ledger's schema.
struct SqliteMigration {
    version: i64,
    name: &'static str,
    sql: &'static str,
    /// The column of the ledger that it adds: SQLite's ADD COLUMN cannot be told to do nothing where there is one.
    column: Option<&'static str>,
}

/// In order; the rules for adding one are in the first file.
const MIGRATIONS: &[SqliteMigration] = &[
    SqliteMigration { version: 1, name: "0001_ledger", sql: include_str!("migrations/0001_ledger.sql"), column: None },
    SqliteMigration {
        version: 2,
        name: "0002_retain",
        sql: include_str!("migrations/0002_retain.sql"),
        column: Some("retain"),
    },
    SqliteMigration {
        version: 3,
        name: "0003_outcome",
        sql: include_str!("migrations/0003_outcome.sql"),
        column: None,
    },
];

const TABLES: [&str; 3] = [LEDGER_TABLE, "orloj_operator_leader", "orloj_operator_meta"];

const APPLIED: &str = "orloj_operator_migrations";

const CREATE_APPLIED: &str = "CREATE TABLE IF NOT EXISTS orloj_operator_migrations \
     (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT";

/// Zero where there is no ledger. The file's own `user_version` is left alone: the file may serve others too.
async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    for table in TABLES.into_iter().chain([APPLIED]) {
        if present(connection, table).await?.is_empty() {
            return Ok(0);
        }
    }
    let text = "SELECT coalesce(max(version), 0) FROM orloj_operator_migrations";
    sqlx::query_scalar(text).fetch_one(connection).await
}

/// Whether there is a ledger at all.
pub(super) async fn is_there(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(version(connection).await? > 0)
}

/// A sentence where the ledger is not as new as this program needs it.
pub(super) async fn missing(connection: &mut SqliteConnection) -> Result<Option<String>, sqlx::Error> {
    let version = version(connection).await?;
    let needed = MIGRATIONS.last().map_or(0, |migration| migration.version);
    Ok((version < needed).then(|| {
        format!(
            "the ledger is at version {version} and has to be at {needed}: the operator's migration brings it there"
        )
    }))
}

/// Applies what is not in yet. To be called in a transaction.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let version = version(connection).await?;
    sqlx::raw_sql(CREATE_APPLIED).execute(&mut *connection).await?;
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > version) {
        let columns = present(connection, LEDGER_TABLE).await?;
        if !migration.column.is_some_and(|column| columns.contains_key(column)) {
            sqlx::raw_sql(migration.sql).execute(&mut *connection).await?;
        }
        sqlx::query("INSERT INTO orloj_operator_migrations VALUES ($1, $2, $3) ON CONFLICT (version) DO NOTHING")
            .bind(migration.version)
            .bind(migration.name)
            .bind(micros_now())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
