//! What a store refuses before it sends anything: mistakes of the caller that a database would answer by halves.

use std::collections::HashSet;

use super::{Column, ColumnValue, SealedChanges, Snapshot, StoreError, Table};

fn rejected(detail: &str) -> StoreError {
    StoreError::Rejected { detail: detail.to_owned() }
}

/// The least that a table of rows has.
const ROW: [&str; 4] = ["name", "namespace", "status_phase", "payload"];

/// A table that is there and is none of rows is somebody else's: it gets no column of ours.
pub(super) fn is_ours(table: &Table, has: impl Fn(&str) -> bool) -> Result<(), StoreError> {
    let Some(lacks) = ROW.iter().find(|column| !has(column)) else { return Ok(()) };
    let name = &table.name;
    let detail = format!(
        "the table {name} is there, and is none of rows: it has no column {lacks}; choose another `store.table` for its kind"
    );
    Err(StoreError::Setup { detail })
}

/// A column that holds values of another type than a kind's.
pub(super) fn misfit(table: &Table, column: &Column, stored: &str) -> String {
    format!(
        "column {} of table {} is of type {stored}, and its kind writes values of type {}: change `type` in the kind's \
         file, or name another column there",
        column.name,
        table.name,
        column.default.column_type().told()
    )
}

/// A key is written once, only after it was read (`NoStolenRows`), and a row has a value for each derived column.
pub(super) fn changes(
    table: &Table,
    snapshot: &Snapshot,
    was_read: impl Fn(&str) -> bool,
    changes: &SealedChanges,
) -> Result<(), StoreError> {
    let mut keys = HashSet::new();
    for (row, exists) in
        changes.insert.iter().map(|row| (row, false)).chain(changes.update.iter().map(|row| (row, true)))
    {
        let types = row.columns.iter().map(ColumnValue::column_type);
        if !types.eq(table.columns.iter().map(|column| column.default.column_type())) {
            return Err(rejected("a row's derived values are not those of the table's columns"));
        }
        if !was_read(&row.key) || snapshot.rows.contains_key(&row.key) != exists {
            return Err(rejected("a batch inserts a row that is there, or updates one that is not"));
        }
        if !keys.insert(row.key.as_str()) {
            return Err(rejected("a batch holds a key twice"));
        }
    }
    if !changes.delete.iter().all(|key| was_read(key) && keys.insert(key)) {
        return Err(rejected("a batch deletes a key twice, or one that it writes or has not read"));
    }
    let mut entries = HashSet::new();
    if !changes.ledger_put.iter().all(|entry| was_read(&entry.key) && entries.insert(&entry.key)) {
        return Err(rejected("a batch puts a ledger entry twice, or one that it has not read"));
    }
    Ok(())
}
