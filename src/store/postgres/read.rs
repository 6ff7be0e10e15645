//! Everything that only reads, and the two small writes that need no batch: salt and epoch.

use futures::TryStreamExt as _;
use serde_json::Value;
use sqlx::postgres::{PgRow, PgValueFormat};
use sqlx::{PgConnection, Row as _, ValueRef as _};

use super::super::reads::shared_reads;
use super::super::sql::{json, listed_text, outcomes_text, quoted};
use super::super::{
    Fence, Fingerprint, LedgerEntry, ListedRow, Outcome, OutcomeChanges, OutcomeCount, OutcomeFilter, RowFilter,
    RowOwner, StoredRow, Table, VisitRow,
};
use super::statements::{DIALECT, LEDGER, NOW, OUTCOMES, PgStatements, SALT, SALT_PUT, TAKE_LEADERSHIP};
use crate::resource::ObjectName;

shared_reads!(PgConnection, PgRow, PgStatements, keys => keys);

fn stored(row: &PgRow) -> Result<StoredRow, sqlx::Error> {
    let payload = payload(row, 1)?.unwrap_or_default();
    Ok(StoredRow { key: row.try_get(0)?, payload, updated_at: row.try_get(2)? })
}

/// The payload in a column; `None` where there is no row.
pub(super) fn payload(row: &PgRow, at: usize) -> Result<Option<Value>, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(None);
    }
    let format = raw.format();
    let bytes = raw.as_bytes().map_err(sqlx::Error::Decode)?;
    // jsonb's binary form is a version, always 1, and the text
    let text = if format == PgValueFormat::Binary { bytes.get(1..).unwrap_or_default() } else { bytes };
    Ok(Some(super::super::payload(text)))
}

pub(super) async fn now(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(NOW).fetch_one(connection).await
}

pub(super) async fn newest_migration(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    const READABLE: &str = "SELECT coalesce(has_table_privilege(to_regclass('schema_migrations'), 'SELECT'), false)";
    if !sqlx::query_scalar::<_, bool>(READABLE).fetch_one(&mut *connection).await? {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM schema_migrations").fetch_one(connection).await
}

pub(super) async fn take_leadership(
    connection: &mut PgConnection,
    term: &str,
    holder: &str,
) -> Result<Fence, sqlx::Error> {
    let epoch = sqlx::query_scalar(TAKE_LEADERSHIP).bind(term).bind(holder).fetch_one(connection).await?;
    Ok(Fence::of(term, epoch, holder))
}
