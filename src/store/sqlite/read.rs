//! Everything that only reads, and the two small writes that need no batch: salt and epoch.

use std::sync::Arc;

use futures::TryStreamExt as _;
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::super::{Fence, Fingerprint, LedgerEntry, StoredRow, Table, VisitRow};
use super::ledger::STATEMENTS;
use super::schema::quoted;
use crate::resource::ObjectName;
use crate::store::micros_now;

/// A statement text that is cheap to pass to sqlx many times.
#[derive(Clone, Debug)]
pub(super) struct Text(Arc<str>);

impl Text {
    pub(super) fn sql(&self) -> AssertSqlSafe<Arc<str>> {
        AssertSqlSafe(Arc::clone(&self.0))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// The reading statements of one table.
#[derive(Debug)]
pub(super) struct SqliteStatements {
    /// Name and payload of the rows whose names are in a JSON array.
    pub(super) among: Text,
    rows: Text,
    rows_since: Text,
    rows_of: Text,
}

impl SqliteStatements {
    pub(super) fn new(table: &Table) -> Self {
        let name = quoted(&table.name);
        let select = |columns: &str, rest: &str| Text::from(format!("SELECT {columns} FROM {name} WHERE {rest}"));
        let stored = "name, payload, updated_at";
        Self {
            among: select("name, payload", "name IN (SELECT value FROM json_each($1))"),
            rows: select(stored, "name > $1 ORDER BY name LIMIT $2"),
            rows_since: select(stored, "updated_at >= $1"),
            rows_of: select(stored, "name IN (SELECT value FROM json_each($1))"),
        }
    }
}

pub(super) fn payload(row: &SqliteRow, at: usize) -> Result<Value, sqlx::Error> {
    row.try_get::<&str, _>(at).map(|text| super::super::payload(text.as_bytes()))
}

fn stored(row: &SqliteRow) -> Result<StoredRow, sqlx::Error> {
    Ok(StoredRow { key: row.try_get(0)?, payload: payload(row, 1)?, updated_at: row.try_get(2)? })
}

/// A ledger entry from its columns.
pub(super) fn entry(row: &SqliteRow) -> Result<LedgerEntry, sqlx::Error> {
    let fingerprint = |index: usize| -> Result<Fingerprint, sqlx::Error> {
        let bytes: &[u8] = row.try_get(index)?;
        bytes.try_into().map_err(|_| sqlx::Error::Decode("a fingerprint is not 16 bytes long".into()))
    };
    Ok(LedgerEntry {
        cluster: row.try_get(0)?,
        kind: row.try_get(1)?,
        object: ObjectName::new(row.try_get::<String, _>(2)?, row.try_get::<String, _>(3)?),
        uid: row.try_get(4)?,
        created: row.try_get(5)?,
        key: row.try_get(6)?,
        generation: row.try_get(7)?,
        fingerprint: fingerprint(8)?,
        row_fingerprint: fingerprint(9)?,
        synced_at: row.try_get(10)?,
        retain: row.try_get(11)?,
    })
}

pub(super) async fn rows(
    connection: &mut SqliteConnection,
    statements: &SqliteStatements,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<StoredRow>, sqlx::Error> {
    // no key is empty, so the empty text is before all of them
    let query = sqlx::query(statements.rows.sql()).bind(after.unwrap_or_default()).bind(i64::from(limit));
    query.fetch_all(connection).await?.iter().map(stored).collect()
}

pub(super) async fn rows_since(
    connection: &mut SqliteConnection,
    statements: &SqliteStatements,
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
    connection: &mut SqliteConnection,
    statements: &SqliteStatements,
    keys: &[String],
) -> Result<Vec<StoredRow>, sqlx::Error> {
    let query = sqlx::query(statements.rows_of.sql()).bind(texts(keys));
    query.fetch_all(connection).await?.iter().map(stored).collect()
}

/// Texts as a JSON array, which they always serialise to.
fn texts(texts: &[String]) -> String {
    serde_json::to_string(texts).unwrap_or_default()
}

pub(super) async fn ledger(
    connection: &mut SqliteConnection,
    cluster: &str,
    after: Option<(&str, &str)>,
    limit: u32,
) -> Result<Vec<LedgerEntry>, sqlx::Error> {
    let (kind, key) = after.unwrap_or_default();
    let query = sqlx::query(STATEMENTS.page.sql());
    let query = query.bind(cluster).bind(kind).bind(key).bind(i64::from(limit));
    query.fetch_all(connection).await?.iter().map(entry).collect()
}

pub(super) async fn owners(
    connection: &mut SqliteConnection,
    kind: &str,
    keys: &[String],
) -> Result<Vec<LedgerEntry>, sqlx::Error> {
    let query = sqlx::query(STATEMENTS.owners.sql());
    query.bind(kind).bind(texts(keys)).fetch_all(connection).await?.iter().map(entry).collect()
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
    Ok(Fence { cluster: term.to_owned(), term: term.to_owned(), epoch, holder: holder.to_owned() })
}

const SALT: &str = "SELECT value FROM orloj_operator_meta WHERE key = 'salt'";

/// The salt where there is one.
pub(super) async fn known_salt(connection: &mut SqliteConnection) -> Result<Option<[u8; 32]>, sqlx::Error> {
    let found: Option<Vec<u8>> = sqlx::query_scalar(SALT).fetch_optional(connection).await?;
    found.map(checked).transpose()
}

fn checked(salt: Vec<u8>) -> Result<[u8; 32], sqlx::Error> {
    salt.try_into().map_err(|_| sqlx::Error::Decode("the salt is not 32 bytes long".into()))
}

/// Made once; whoever comes second takes the first one's.
pub(super) async fn salt(connection: &mut SqliteConnection) -> Result<[u8; 32], sqlx::Error> {
    let mut found: Option<Vec<u8>> = sqlx::query_scalar(SALT).fetch_optional(&mut *connection).await?;
    if found.is_none() {
        let fresh: [u8; 32] = rand::random();
        sqlx::query("INSERT INTO orloj_operator_meta (key, value) VALUES ('salt', $1) ON CONFLICT (key) DO NOTHING")
            .bind(&fresh[..])
            .execute(&mut *connection)
            .await?;
        found = sqlx::query_scalar(SALT).fetch_optional(&mut *connection).await?;
    }
    checked(found.unwrap_or_default())
}
