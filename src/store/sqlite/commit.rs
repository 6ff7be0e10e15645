//! One batch. The transaction holds the file's only write lock from its first statement on, so that nothing can
//! appear between look and write, and one that writes nothing leaves the file as it was.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use super::super::sql::{json, quoted};
use super::super::{
    ColumnValue, Decide, Fence, LedgerEntry, OutcomeChanges, Request, RowWrite, SealedChanges, Snapshot, StoreError,
    Table, check, micros_now,
};
use super::classify::store_error;
use super::read;
use super::statements::{LEDGER, SqliteStatements, put_text, values};

/// Rows a statement; SQLite takes 32766 values in one.
const CHUNK: usize = 500;

pub(super) async fn commit(
    connection: &mut SqliteConnection,
    statements: &SqliteStatements,
    fence: Option<&Fence>,
    request: &Request<'_>,
    decide: &mut Decide<'_>,
) -> Result<SealedChanges, StoreError> {
    let failed = |error: sqlx::Error| store_error(&error);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    if let Some(fence) = fence {
        hold(&mut transaction, fence).await?;
    }
    let (snapshot, keys) = look(&mut transaction, statements, request).await.map_err(failed)?;
    let changes = decide(&snapshot);
    if changes.is_empty() {
        transaction.rollback().await.map_err(failed)?;
        return Ok(changes);
    }
    check::changes(request.table, &snapshot, |key| keys.contains(key), &changes)?;
    as_strict_as_postgres(&changes)?;
    write(&mut transaction, request, &changes).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(changes)
}

/// Outcomes of a cluster, under its term.
pub(super) async fn record_outcomes(
    connection: &mut SqliteConnection,
    fence: &Fence,
    changes: &OutcomeChanges,
) -> Result<(), StoreError> {
    let failed = |error: sqlx::Error| store_error(&error);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    hold(&mut transaction, fence).await?;
    read::record_outcomes(&mut transaction, &fence.cluster, changes).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

async fn hold(connection: &mut SqliteConnection, fence: &Fence) -> Result<(), StoreError> {
    let leading = "SELECT iif(holder = $2, epoch, -epoch) FROM orloj_operator_leader WHERE cluster = $1";
    let epoch: Option<i64> = sqlx::query_scalar(leading)
        .bind(&fence.term)
        .bind(&fence.holder)
        .fetch_optional(connection)
        .await
        .map_err(|error| store_error(&error))?;
    if epoch == Some(fence.epoch) {
        return Ok(());
    }
    Err(StoreError::Deposed { held: fence.epoch, current: epoch.unwrap_or(0).abs() })
}

async fn look(
    connection: &mut SqliteConnection,
    statements: &SqliteStatements,
    request: &Request<'_>,
) -> Result<(Snapshot, HashSet<String>), sqlx::Error> {
    let objects: Vec<[&str; 2]> = request.objects.iter().map(|o| [&*o.namespace, &*o.name]).collect();
    let held = sqlx::query(LEDGER.held.sql())
        .bind(request.cluster)
        .bind(request.kind)
        .bind(json(&objects))
        .fetch_all(&mut *connection)
        .await?;
    let mut snapshot = Snapshot::default();
    for row in &held {
        let entry = read::entry(row, 0)?;
        snapshot.by_object.insert(entry.object.clone(), entry);
    }
    let keys: HashSet<String> =
        request.keys.iter().cloned().chain(snapshot.by_object.values().map(|entry| entry.key.clone())).collect();
    let wanted = json(&keys.iter().collect::<Vec<_>>());
    // a key has one owner; where two claim it all the same, the first by name is seen
    let mut owners = request.owners();
    owners.sort_unstable();
    for kind in owners {
        let entries = sqlx::query(LEDGER.owners.sql()).bind(kind).bind(&wanted).fetch_all(&mut *connection).await?;
        for row in &entries {
            let entry = read::entry(row, 0)?;
            snapshot.by_key.entry(entry.key.clone()).or_insert(entry);
        }
    }
    let rows = sqlx::query(statements.among.sql()).bind(&wanted).fetch_all(&mut *connection).await?;
    snapshot.rows = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, read::payload(row, 1)?)))
        .collect::<Result<HashMap<_, _>, sqlx::Error>>()?;
    Ok((snapshot, keys))
}

/// Postgres refuses U+0000 and broken JSON (`kinds/ORLOJD.md` 5.6); SQLite would take both.
fn as_strict_as_postgres(changes: &SealedChanges) -> Result<(), StoreError> {
    let refused = |what: &str| Err(StoreError::Rejected { detail: what.to_owned() });
    for row in changes.insert.iter().chain(&changes.update) {
        let columns = row.columns.iter().filter_map(|value| match value {
            ColumnValue::Text(text) => Some(text),
            ColumnValue::Boolean(_) | ColumnValue::Integer(_) | ColumnValue::Timestamp(_) => None,
        });
        let mut texts = [&row.key, &row.namespace, &row.status_phase].into_iter().chain(columns);
        if texts.any(|text| text.contains('\0')) {
            return refused("a text holds U+0000");
        }
        let Ok(payload) = serde_json::from_str::<Value>(&row.payload) else {
            return refused("a payload is not valid JSON");
        };
        if row.payload.contains("\\u0000") && holds_nul(&payload) {
            return refused("a payload holds U+0000");
        }
    }
    for entry in &changes.ledger_put {
        let texts = [&*entry.cluster, &*entry.kind, &*entry.object.namespace, &*entry.object.name, &entry.uid];
        if texts.iter().any(|text| text.contains('\0')) {
            return refused("a text holds U+0000");
        }
    }
    Ok(())
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

async fn write(
    connection: &mut SqliteConnection,
    request: &Request<'_>,
    changes: &SealedChanges,
) -> Result<(), sqlx::Error> {
    let table = quoted(&request.table.name);
    if !changes.delete.is_empty() {
        let text = format!("DELETE FROM {table} WHERE name IN (SELECT value FROM json_each($1))");
        sqlx::query(AssertSqlSafe(text)).bind(json(&changes.delete)).execute(&mut *connection).await?;
    }
    for rows in changes.update.chunks(CHUNK) {
        write_rows(connection, update_text(request.table, rows.len()), rows).await?;
    }
    for rows in changes.insert.chunks(CHUNK) {
        write_rows(connection, insert_text(request.table, rows.len()), rows).await?;
    }
    if !changes.ledger_remove.is_empty() {
        let text = "DELETE FROM orloj_operator_ledger WHERE kind IN (SELECT value FROM json_each($1)) \
             AND key IN (SELECT value FROM json_each($2))";
        let (owners, keys) = (json(&request.owners()), json(&changes.ledger_remove));
        sqlx::query(text).bind(owners).bind(keys).execute(&mut *connection).await?;
    }
    for entries in changes.ledger_put.chunks(CHUNK) {
        put_entries(connection, entries).await?;
    }
    Ok(())
}

fn insert_text(table: &Table, rows: usize) -> String {
    let mut columns: Vec<String> =
        ["name", "namespace", "status_phase", "payload", "updated_at"].map(str::to_owned).into();
    columns.extend(table.columns.iter().map(|column| quoted(&column.name)));
    let values = values(rows, columns.len());
    format!("INSERT INTO {} ({}) VALUES {values}", quoted(&table.name), columns.join(", "))
}

fn update_text(table: &Table, rows: usize) -> String {
    let mut columns: Vec<String> = ["namespace", "status_phase", "payload", "updated_at"].map(str::to_owned).into();
    columns.extend(table.columns.iter().map(|column| quoted(&column.name)));
    let aliases: Vec<String> = (0..columns.len()).map(|i| format!("c{i}")).collect();
    let assignments: Vec<String> =
        columns.iter().zip(&aliases).map(|(column, c)| format!("{column} = u.{c}")).collect();
    format!(
        "WITH u (k, {}) AS (VALUES {}) UPDATE {} AS r SET {} FROM u WHERE r.name = u.k",
        aliases.join(", "),
        values(rows, 1 + columns.len()),
        quoted(&table.name),
        assignments.join(", "),
    )
}

async fn write_rows(connection: &mut SqliteConnection, text: String, rows: &[RowWrite]) -> Result<(), sqlx::Error> {
    let now = micros_now();
    // only the text for one row is worth a place in the statement cache
    let mut query = sqlx::query(AssertSqlSafe(text)).persistent(rows.len() == 1);
    for row in rows {
        query = query.bind(&row.key).bind(&row.namespace).bind(&row.status_phase).bind(&row.payload).bind(now);
        for value in &row.columns {
            query = match value {
                ColumnValue::Text(text) => query.bind(text),
                ColumnValue::Boolean(flag) => query.bind(flag),
                ColumnValue::Integer(number) => query.bind(number),
                ColumnValue::Timestamp(micros) => query.bind(micros),
            };
        }
    }
    query.execute(connection).await?;
    Ok(())
}

async fn put_entries(connection: &mut SqliteConnection, entries: &[LedgerEntry]) -> Result<(), sqlx::Error> {
    let mut query = sqlx::query(AssertSqlSafe(put_text(entries.len()))).persistent(entries.len() == 1);
    for entry in entries {
        query = query
            .bind(&entry.cluster)
            .bind(&entry.kind)
            .bind(&*entry.object.namespace)
            .bind(&*entry.object.name)
            .bind(&entry.uid)
            .bind(entry.created)
            .bind(&entry.key)
            .bind(entry.generation)
            .bind(&entry.fingerprint[..])
            .bind(&entry.row_fingerprint[..])
            .bind(entry.synced_at)
            .bind(entry.retain);
    }
    query.execute(connection).await?;
    Ok(())
}
