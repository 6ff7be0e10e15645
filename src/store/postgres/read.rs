//! Everything that only reads, and the two small writes that need no batch: salt and epoch.

use futures::TryStreamExt as _;
use serde_json::Value;
use sqlx::postgres::{PgRow, PgValueFormat};
use sqlx::{PgConnection, Row as _, ValueRef as _};

use super::super::{Fence, Fingerprint, LedgerEntry, StoredRow, VisitRow};
use super::statements::{LEDGER, NOW, PgStatements, SALT, SALT_PUT, TAKE_LEADERSHIP};
use crate::resource::ObjectName;

/// A ledger entry from its columns, the first of them at `at`.
pub(super) fn entry(row: &PgRow, at: usize) -> Result<LedgerEntry, sqlx::Error> {
    let fingerprint = |index: usize| -> Result<Fingerprint, sqlx::Error> {
        let bytes: &[u8] = row.try_get(index)?;
        bytes.try_into().map_err(|_| sqlx::Error::Decode("a fingerprint is not 16 bytes long".into()))
    };
    Ok(LedgerEntry {
        cluster: row.try_get(at)?,
        kind: row.try_get(at + 1)?,
        object: ObjectName::new(row.try_get::<String, _>(at + 2)?, row.try_get::<String, _>(at + 3)?),
        uid: row.try_get(at + 4)?,
        created: row.try_get(at + 5)?,
        key: row.try_get(at + 6)?,
        generation: row.try_get(at + 7)?,
        fingerprint: fingerprint(at + 8)?,
        row_fingerprint: fingerprint(at + 9)?,
        synced_at: row.try_get(at + 10)?,
        retain: row.try_get(at + 11)?,
    })
}

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

pub(super) async fn rows(
    connection: &mut PgConnection,
    statements: &PgStatements,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<StoredRow>, sqlx::Error> {
    // no key is empty, so the empty text is before all of them
    let query = sqlx::query(statements.rows.sql()).bind(after.unwrap_or_default()).bind(i64::from(limit));
    query.fetch_all(connection).await?.iter().map(stored).collect()
}

pub(super) async fn rows_since(
    connection: &mut PgConnection,
    statements: &PgStatements,
    since: i64,
    visit: &mut VisitRow<'_>,
) -> Result<(), sqlx::Error> {
    let mut rows = sqlx::query(statements.rows_since.sql()).bind(since).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        visit(stored(&row)?);
    }
    Ok(())
}

pub(super) async fn rows_of(
    connection: &mut PgConnection,
    statements: &PgStatements,
    keys: &[String],
) -> Result<Vec<StoredRow>, sqlx::Error> {
    sqlx::query(statements.rows_of.sql()).bind(keys).fetch_all(connection).await?.iter().map(stored).collect()
}

pub(super) async fn now(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(NOW).fetch_one(connection).await
}

pub(super) async fn ledger(
    connection: &mut PgConnection,
    cluster: &str,
    after: Option<(&str, &str)>,
    limit: u32,
) -> Result<Vec<LedgerEntry>, sqlx::Error> {
    let (kind, key) = after.unwrap_or_default();
    let query = sqlx::query(LEDGER.page.sql()).bind(cluster).bind(kind).bind(key).bind(i64::from(limit));
    query.fetch_all(connection).await?.iter().map(|row| entry(row, 0)).collect()
}

pub(super) async fn owners(
    connection: &mut PgConnection,
    kind: &str,
    keys: &[String],
) -> Result<Vec<LedgerEntry>, sqlx::Error> {
    let query = sqlx::query(LEDGER.owners.sql()).bind(kind).bind(keys);
    query.fetch_all(connection).await?.iter().map(|row| entry(row, 0)).collect()
}

pub(super) async fn take_leadership(
    connection: &mut PgConnection,
    term: &str,
    holder: &str,
) -> Result<Fence, sqlx::Error> {
    let epoch = sqlx::query_scalar(TAKE_LEADERSHIP).bind(term).bind(holder).fetch_one(connection).await?;
    Ok(Fence { cluster: term.to_owned(), term: term.to_owned(), epoch, holder: holder.to_owned() })
}

/// The salt where there is one.
pub(super) async fn known_salt(connection: &mut PgConnection) -> Result<Option<[u8; 32]>, sqlx::Error> {
    let found: Option<Vec<u8>> = sqlx::query_scalar(SALT).fetch_optional(connection).await?;
    found.map(checked).transpose()
}

fn checked(salt: Vec<u8>) -> Result<[u8; 32], sqlx::Error> {
    salt.try_into().map_err(|_| sqlx::Error::Decode("the salt is not 32 bytes long".into()))
}

/// Made once; whoever comes second takes the first one's.
pub(super) async fn salt(connection: &mut PgConnection) -> Result<[u8; 32], sqlx::Error> {
    let mut found: Option<Vec<u8>> = sqlx::query_scalar(SALT).fetch_optional(&mut *connection).await?;
    if found.is_none() {
        let fresh: [u8; 32] = rand::random();
        sqlx::query(SALT_PUT).bind(&fresh[..]).execute(&mut *connection).await?;
        found = sqlx::query_scalar(SALT).fetch_optional(&mut *connection).await?;
    }
    checked(found.unwrap_or_default())
}
