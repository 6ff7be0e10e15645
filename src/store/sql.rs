//! SQL that both databases share: texts, names, and the columns of the ledger.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use sqlx::AssertSqlSafe;

use super::Table;

/// Statement text that is cheap to pass to sqlx many times.
#[derive(Clone, Debug)]
pub(super) struct SqlText(Arc<str>);

impl SqlText {
    pub(super) fn sql(&self) -> AssertSqlSafe<Arc<str>> {
        AssertSqlSafe(Arc::clone(&self.0))
    }
}

impl From<String> for SqlText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// Statements of each table, built on first use.
pub(super) struct StatementCache<S>(RwLock<HashMap<Table, Arc<S>>>);

impl<S> Default for StatementCache<S> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<S> StatementCache<S> {
    pub(super) fn get(&self, table: &Table, build: fn(&Table) -> S) -> Arc<S> {
        if let Some(known) = self.0.read().get(table) {
            return Arc::clone(known);
        }
        let fresh = Arc::new(build(table));
        let mut all = self.0.write();
        Arc::clone(all.entry(table.clone()).or_insert(fresh))
    }
}

impl<S> fmt::Debug for StatementCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatementCache").finish_non_exhaustive()
    }
}

/// Quotes an identifier.
#[must_use]
pub(super) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Columns of the ledger with their types in Postgres, in the order in which entries are bound and read.
const LEDGER_COLUMNS: [(&str, &str); 12] = [
    ("cluster", "text"),
    ("kind", "text"),
    ("namespace", "text"),
    ("name", "text"),
    ("uid", "text"),
    ("created", "bigint"),
    ("key", "text"),
    ("generation", "bigint"),
    ("fingerprint", "bytea"),
    ("row_fingerprint", "bytea"),
    ("synced_at", "bigint"),
    ("retain", "boolean"),
];

/// How many columns the ledger has.
pub(super) const LEDGER_WIDTH: usize = LEDGER_COLUMNS.len();

/// A part for each column of the ledger, from its position, name and type.
pub(super) fn ledger_list(part: impl Fn(usize, &str, &str) -> String) -> String {
    let parts = LEDGER_COLUMNS.iter().enumerate().map(|(at, (name, of))| part(at, name, of));
    parts.collect::<Vec<_>>().join(", ")
}

/// The columns' names, each after `prefix`.
pub(super) fn ledger_columns(prefix: &str) -> String {
    ledger_list(|_, name, _| format!("{prefix}{name}"))
}

/// Assignments of an upsert: all but what the ledger is conflicted on, which is never overwritten.
pub(super) fn ledger_assignments() -> String {
    let names = LEDGER_COLUMNS.iter().map(|(name, _)| *name).filter(|name| !["kind", "key"].contains(name));
    names.map(|name| format!("{name} = excluded.{name}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_quoted() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
