//! Everything that only reads, and the two small writes that need no batch: salt and epoch.

use std::collections::HashMap;

use futures::TryStreamExt as _;
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::super::reads::shared_reads;
use super::super::sql::{json, listed_text, outcomes_text, quoted};
use super::super::{
    Fence, Fingerprint, LedgerEntry, ListedRow, Outcome, OutcomeChanges, OutcomeCount, OutcomeFilter, RowFilter,
    RowOwner, StoredRow, Table, VisitRow, micros_now,
};
use super::statements::{DIALECT, LEDGER, OUTCOMES, SALT, SALT_PUT, SqliteStatements};
use crate::resource::ObjectName;

shared_reads!(SqliteConnection, SqliteRow, SqliteStatements, keys => json(&keys));

pub(super) fn payload(row: &SqliteRow, at: usize) -> Result<Value, sqlx::Error> {
    row.try_get::<&str, _>(at).map(|text| super::super::payload(text.as_bytes()))
}

fn stored(row: &SqliteRow) -> Result<StoredRow, sqlx::Error> {
    Ok(StoredRow { key: row.try_get(0)?, payload: payload(row, 1)?, updated_at: row.try_get(2)? })
}

pub(super) async fn take_leadership(
    connection: &mut SqliteConnection,
    term: &str,
    holder: &str,
) -> Result<Fence, sqlx::Error> {
    let epoch = sqlx::query_scalar(
        "INSERT INTO orloj_operator_leader (cluster, epoch, holder, since) VALUES ($1, 1, $2, $3) \
         ON CONFLICT (cluster) DO UPDATE SET epoch = epoch + 1, holder = excluded.holder, since = excluded.since \
         RETURNING epoch",
    )
    .bind(term)
    .bind(holder)
    .bind(micros_now())
    .fetch_one(connection)
    .await?;
    Ok(Fence::of(term, epoch, holder))
}

/// The columns of a table, name to type; none where there is no table.
pub(super) async fn present(
    connection: &mut SqliteConnection,
    table: &str,
) -> Result<HashMap<String, String>, sqlx::Error> {
    let columns = sqlx::query_as("SELECT name, upper(type) FROM pragma_table_info($1)");
    Ok(columns.bind(table).fetch_all(connection).await?.into_iter().collect())
}
