//! Tables in the file. All of them are ours to make.
//!
//! The same names and columns as in Postgres, with two types of SQLite's own: `payload` is JSON as text, and times
//! are integers, microseconds since the Unix epoch, which order and compare as they are.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use super::super::sql::quoted;
use super::super::{MigrationPreview, Missing, StoreError, Table, check};
use super::classify::store_error;
use super::ledger;
use super::read::{self, present};

const CLOCK: &str = "(CAST(unixepoch('subsec') * 1000000 AS INTEGER))";

fn common() -> [(&'static str, String); 7] {
    [
        ("name", "TEXT NOT NULL PRIMARY KEY".into()),
        ("namespace", "TEXT NOT NULL DEFAULT 'default'".into()),
        ("status_phase", "TEXT NOT NULL DEFAULT ''".into()),
        ("payload", "TEXT NOT NULL".into()),
        ("updated_at", format!("INTEGER NOT NULL DEFAULT {CLOCK}")),
        ("created_at", format!("INTEGER NOT NULL DEFAULT {CLOCK}")),
        ("spec_hash", "TEXT NOT NULL DEFAULT ''".into()),
    ]
}

/// Every column with its definition; a derived `spec_hash` is the common one.
fn columns(table: &Table) -> Vec<(String, String)> {
    let common = common().map(|(name, definition)| (name.to_owned(), definition));
    let derived = table.columns.iter().filter(|column| !common.iter().any(|(name, _)| *name == column.name));
    let derived: Vec<_> = derived
        .map(|c| (c.name.clone(), format!("TEXT NOT NULL DEFAULT '{}'", c.default.replace('\'', "''"))))
        .collect();
    common.into_iter().chain(derived).collect()
}

/// One sentence for each table or column that is not there.
pub(super) async fn missing(connection: &mut SqliteConnection, tables: &[Table]) -> Result<Vec<Missing>, sqlx::Error> {
    let mut missing = Vec::new();
    for table in tables {
        let present = present(connection, &table.name).await?;
        if present.is_empty() {
            let text = format!("table {} is not there: the operator's migration makes it", table.name);
            missing.push(Missing::of_table(table, text));
            continue;
        }
        for (column, _) in columns(table).iter().filter(|(column, _)| !present.contains(column)) {
            let text = format!("table {} has no column {column}: the operator's migration adds it", table.name);
            missing.push(Missing::of_table(table, text));
        }
    }
    missing.extend(ledger::missing(connection).await?.map(Missing::of_store));
    Ok(missing)
}

/// What a migration would make. A ledger of an older version cannot be read yet.
pub(super) async fn preview_migrations(
    connection: &mut SqliteConnection,
    tables: &[Table],
) -> Result<MigrationPreview, StoreError> {
    let failed = |error: sqlx::Error| store_error(&error);
    let mut preview = MigrationPreview::default();
    for table in tables {
        let present = present(connection, &table.name).await.map_err(failed)?;
        if present.is_empty() {
            preview.absent.push(table.name.clone());
        } else {
            check::is_ours(table, |column| present.iter().any(|name| name == column))?;
        }
    }
    if ledger::is_there(connection).await.map_err(failed)? {
        match ledger::missing(connection).await.map_err(failed)? {
            Some(outdated) => preview.missing.push(Missing::of_store(outdated)),
            None => preview.salt = read::known_salt(connection).await.map_err(failed)?,
        }
    }
    Ok(preview)
}

/// Makes what is missing, in one transaction; writes nothing where nothing is.
pub(super) async fn migrate(connection: &mut SqliteConnection, tables: &[Table]) -> Result<(), StoreError> {
    let failed = |error: sqlx::Error| store_error(&error);
    if missing(connection, tables).await.map_err(failed)?.is_empty() {
        return Ok(());
    }
    for table in tables {
        let present = present(connection, &table.name).await.map_err(failed)?;
        if !present.is_empty() {
            check::is_ours(table, |column| present.iter().any(|name| name == column))?;
        }
    }
    make(connection, tables).await.map_err(failed)
}

async fn make(connection: &mut SqliteConnection, tables: &[Table]) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    ledger::migrate(&mut transaction).await?;
    for table in tables {
        let present = present(&mut transaction, &table.name).await?;
        sqlx::raw_sql(AssertSqlSafe(create_table(table, &present))).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

fn create_table(table: &Table, present: &[String]) -> String {
    let name = quoted(&table.name);
    let columns = columns(table);
    let mut sql = String::new();
    // writing to a String cannot fail
    if present.is_empty() {
        let definitions: Vec<_> = columns.iter().map(|(column, how)| format!("{} {how}", quoted(column))).collect();
        let _ = writeln!(sql, "CREATE TABLE {name} ({}) STRICT;", definitions.join(", "));
    } else {
        for (column, definition) in columns.iter().filter(|(column, _)| !present.contains(column)) {
            let _ = writeln!(sql, "ALTER TABLE {name} ADD COLUMN {} {definition};", quoted(column));
        }
    }
    for column in std::iter::once("namespace").chain(table.indexed.iter().map(String::as_str)) {
        let index = quoted(&format!("idx_{}_{column}", table.name));
        let _ = writeln!(sql, "CREATE INDEX IF NOT EXISTS {index} ON {name} ({});", quoted(column));
    }
    sql
}
