//! One batch: look, decide, lock, write.
//!
//! The look takes no lock, because a lock is a write (it marks the row and takes a transaction id): a batch that has
//! nothing to write leaves no trace (`Quiet`), and its answer came in one round trip. Only a batch that writes opens
//! a transaction. It locks the fence, the ledger's entries and the rows in key order, and compares their versions
//! with those it looked at; if any differ, it looks and decides again, now under its locks, so that a busy row can
//! delay a batch but not starve it. What could not be locked because it was not there is inserted with "do nothing
//! on conflict"; a count that falls short starts the batch over (`kinds/ORLOJD.md` 5.2).

use std::collections::{HashMap, HashSet};

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::super::{
    ColumnType, ColumnValue, Decide, Fence, LedgerEntry, OutcomeChanges, Request, RowWrite, SealedChanges, Snapshot,
    StoreError, check,
};
use super::statements::{HOLD, LEDGER, LEDGER_REMOVE, PgStatements};
use super::{classify, connect, read};
use crate::resource::ObjectName;

/// How often a batch starts over, or looks again, before its caller has to.
const TRIES: u32 = 5;

/// `xmin` of the row and of the ledger entry.
type RowVersions = HashMap<String, (Option<String>, Option<String>)>;

struct VersionedSnapshot {
    epoch: Option<i64>,
    snapshot: Snapshot,
    versions: RowVersions,
}

pub(super) async fn commit(
    connection: &mut PgConnection,
    statements: &PgStatements,
    fence: Option<&Fence>,
    request: &Request<'_>,
    decide: &mut Decide<'_>,
) -> Result<SealedChanges, StoreError> {
    for _ in 0..TRIES {
        let seen = look(connection, statements, fence, request).await?;
        hold(fence, seen.epoch)?;
        let changes = decide(&seen.snapshot);
        if changes.is_empty() {
            return Ok(changes);
        }
        seen.check(request, &changes)?;
        if let Some(changes) = attempt(connection, statements, fence, request, seen, changes, decide).await? {
            return Ok(changes);
        }
    }
    Err(StoreError::Unavailable { detail: format!("rows kept appearing in between, {TRIES} times") })
}

/// One transaction; `None` when something appeared that no lock could hold off, and nothing was written.
async fn attempt(
    connection: &mut PgConnection,
    statements: &PgStatements,
    fence: Option<&Fence>,
    request: &Request<'_>,
    mut seen: VersionedSnapshot,
    mut changes: SealedChanges,
    decide: &mut Decide<'_>,
) -> Result<Option<SealedChanges>, StoreError> {
    let mut transaction = connect::begin(connection).await.map_err(|e| classify::store_error(&e))?;
    for _ in 0..TRIES {
        let locked = lock(&mut transaction, statements, fence, request, &seen).await?;
        if locked == seen.versions {
            let done = write(&mut transaction, statements, request, &seen.snapshot, &changes).await;
            let done = done.map_err(|e| classify::store_error(&e))?;
            let end = if done { transaction.commit().await } else { transaction.rollback().await };
            end.map_err(|e| classify::store_error(&e))?;
            return Ok(done.then_some(changes));
        }
        seen = look(&mut transaction, statements, fence, request).await?;
        hold(fence, seen.epoch)?;
        changes = decide(&seen.snapshot);
        if changes.is_empty() {
            transaction.rollback().await.map_err(|e| classify::store_error(&e))?;
            return Ok(Some(changes));
        }
        seen.check(request, &changes)?;
    }
    transaction.rollback().await.map_err(|e| classify::store_error(&e))?;
    Ok(None)
}

/// Outcomes of a cluster, under its term.
pub(super) async fn record_outcomes(
    connection: &mut PgConnection,
    fence: &Fence,
    changes: &OutcomeChanges,
) -> Result<(), StoreError> {
    let failed = |error: sqlx::Error| classify::store_error(&error);
    let mut transaction = connect::begin(connection).await.map_err(failed)?;
    let locked = sqlx::query_scalar(HOLD).bind(&fence.term).bind(&fence.holder).fetch_optional(&mut *transaction);
    hold(Some(fence), locked.await.map_err(failed)?)?;
    read::record_outcomes(&mut transaction, &fence.cluster, changes).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

fn hold(fence: Option<&Fence>, epoch: Option<i64>) -> Result<(), StoreError> {
    let Some(fence) = fence else { return Ok(()) };
    match epoch {
        Some(epoch) if epoch == fence.epoch => Ok(()),
        other => Err(StoreError::Deposed { held: fence.epoch, current: other.unwrap_or(0).abs() }),
    }
}

async fn look(
    connection: &mut PgConnection,
    statements: &PgStatements,
    fence: Option<&Fence>,
    request: &Request<'_>,
) -> Result<VersionedSnapshot, StoreError> {
    let (namespaces, names): (Vec<&str>, Vec<&str>) = request.objects.iter().map(|o| (&*o.namespace, &*o.name)).unzip();
    let found = sqlx::query(statements.look.sql())
        .bind(fence.map(|fence| &fence.term))
        .bind(request.cluster)
        .bind(request.kind)
        .bind(request.keys)
        .bind(namespaces)
        .bind(names)
        .bind(fence.map(|fence| &fence.holder))
        .fetch_all(connection)
        .await
        .map_err(|e| classify::store_error(&e))?;

    let wanted: HashSet<_> = request.objects.iter().collect();
    let mut look = VersionedSnapshot { epoch: None, snapshot: Snapshot::default(), versions: RowVersions::new() };
    for row in &found {
        look.add(row, request, &wanted).map_err(|e| classify::store_error(&e))?;
    }
    Ok(look)
}

impl VersionedSnapshot {
    fn check(&self, request: &Request<'_>, changes: &SealedChanges) -> Result<(), StoreError> {
        check::changes(request.table, &self.snapshot, |key| self.versions.contains_key(key), changes)
    }

    fn add(&mut self, row: &PgRow, request: &Request<'_>, wanted: &HashSet<&ObjectName>) -> Result<(), sqlx::Error> {
        self.epoch = row.try_get(0)?;
        let Some(key) = row.try_get::<Option<String>, _>(1)? else { return Ok(()) };
        if let Some(payload) = read::payload(row, 2)? {
            self.snapshot.rows.insert(key.clone(), payload);
        }
        let versions: (Option<String>, Option<String>) = (row.try_get(3)?, row.try_get(4)?);
        if versions.1.is_some() {
            let entry = read::entry(row, 5)?;
            if entry.cluster == request.cluster && entry.kind == request.kind && wanted.contains(&entry.object) {
                self.snapshot.by_object.insert(entry.object.clone(), entry.clone());
            }
            self.snapshot.by_key.insert(key.clone(), entry);
        }
        self.versions.insert(key, versions);
        Ok(())
    }
}

async fn lock(
    connection: &mut PgConnection,
    statements: &PgStatements,
    fence: Option<&Fence>,
    request: &Request<'_>,
    seen: &VersionedSnapshot,
) -> Result<RowVersions, StoreError> {
    // sorted: everybody who locks several does it in one order
    let mut keys: Vec<&str> = seen.versions.keys().map(String::as_str).collect();
    keys.sort_unstable();
    let locked = async {
        let found = sqlx::query(statements.lock.sql())
            .bind(fence.map(|fence| &fence.term))
            .bind(request.kind)
            .bind(keys)
            .bind(fence.map(|fence| &fence.holder))
            .fetch_all(connection)
            .await?;
        let mut epoch = None;
        let mut versions = RowVersions::with_capacity(found.len());
        for row in &found {
            epoch = row.try_get(0)?;
            if let Some(key) = row.try_get(1)? {
                versions.insert(key, (row.try_get(2)?, row.try_get(3)?));
            }
        }
        Ok((epoch, versions))
    };
    let (epoch, versions) = locked.await.map_err(|e: sqlx::Error| classify::store_error(&e))?;
    hold(fence, epoch)?;
    Ok(versions)
}

/// False when a row or an entry appeared that was not there when we looked.
async fn write(
    connection: &mut PgConnection,
    statements: &PgStatements,
    request: &Request<'_>,
    snapshot: &Snapshot,
    changes: &SealedChanges,
) -> Result<bool, sqlx::Error> {
    if !changes.delete.is_empty() {
        sqlx::query(statements.delete.sql()).bind(&changes.delete).execute(&mut *connection).await?;
    }
    for (text, rows) in [(&statements.update, &changes.update), (&statements.insert, &changes.insert)] {
        if rows.is_empty() {
            continue;
        }
        let mut query = sqlx::query(text.sql());
        let sorted = sorted(rows, |row| &row.key);
        let texts: [fn(&RowWrite) -> &str; 4] =
            [|row| &row.key, |row| &row.namespace, |row| &row.status_phase, |row| &row.payload];
        for text in texts {
            query = query.bind(sorted.iter().map(|row| text(row)).collect::<Vec<&str>>());
        }
        for (at, column) in request.table.columns.iter().enumerate() {
            let values = sorted.iter().map(|row| row.columns.get(at).unwrap_or(&column.default));
            query = match column.default.column_type() {
                ColumnType::Text => query.bind(values.map(as_text).collect::<Vec<_>>()),
                ColumnType::Boolean => query.bind(values.map(as_flag).collect::<Vec<_>>()),
                ColumnType::Integer | ColumnType::Timestamp => query.bind(values.map(as_number).collect::<Vec<_>>()),
            };
        }
        let written = query.execute(&mut *connection).await?.rows_affected();
        if written != rows.len() as u64 {
            return Ok(false);
        }
    }
    if !changes.ledger_remove.is_empty() {
        let remove = sqlx::query(LEDGER_REMOVE).bind(request.owners()).bind(&changes.ledger_remove);
        remove.execute(&mut *connection).await?;
    }
    if changes.ledger_put.is_empty() {
        return Ok(true);
    }
    let removed: HashSet<_> = changes.ledger_remove.iter().collect();
    let is_fresh = |e: &&LedgerEntry| removed.contains(&e.key) || !snapshot.by_key.contains_key(&e.key);
    let expected = changes.ledger_put.iter().filter(is_fresh).count();
    Ok(put_entries(connection, &changes.ledger_put).await? == i64::try_from(expected).unwrap_or(i64::MAX))
}

// Of the values of one column, which are all of its type.

fn as_text(value: &ColumnValue) -> &str {
    if let ColumnValue::Text(text) = value { text } else { "" }
}

fn as_flag(value: &ColumnValue) -> bool {
    matches!(value, ColumnValue::Boolean(true))
}

fn as_number(value: &ColumnValue) -> Option<i64> {
    match value {
        ColumnValue::Integer(number) => Some(*number),
        ColumnValue::Timestamp(micros) => *micros,
        ColumnValue::Text(_) | ColumnValue::Boolean(_) => None,
    }
}

/// By key, bytewise: everybody who writes several rows does it in one order.
fn sorted<T>(items: &[T], key: impl Fn(&T) -> &str) -> Vec<&T> {
    let mut items: Vec<&T> = items.iter().collect();
    items.sort_by(|a, b| key(a).cmp(key(b)));
    items
}

async fn put_entries(connection: &mut PgConnection, entries: &[LedgerEntry]) -> Result<i64, sqlx::Error> {
    let entries = sorted(entries, |entry| &entry.key);
    let texts = |of: fn(&LedgerEntry) -> &str| entries.iter().map(|e| of(e)).collect::<Vec<&str>>();
    let numbers = |of: fn(&LedgerEntry) -> i64| entries.iter().map(|e| of(e)).collect::<Vec<i64>>();
    let hashes = |of: fn(&LedgerEntry) -> &[u8]| entries.iter().map(|e| of(e)).collect::<Vec<&[u8]>>();
    sqlx::query_scalar(LEDGER.put.sql())
        .bind(texts(|e| &e.cluster))
        .bind(texts(|e| &e.kind))
        .bind(texts(|e| &e.object.namespace))
        .bind(texts(|e| &e.object.name))
        .bind(texts(|e| &e.uid))
        .bind(numbers(|e| e.created))
        .bind(texts(|e| &e.key))
        .bind(numbers(|e| e.generation))
        .bind(hashes(|e| &e.fingerprint))
        .bind(hashes(|e| &e.row_fingerprint))
        .bind(numbers(|e| e.synced_at))
        .bind(entries.iter().map(|e| e.retain).collect::<Vec<bool>>())
        .fetch_one(connection)
        .await
}
