//! The statements that create things: the ledger's schema by numbered migrations, tables by their description.

use std::fmt::Write as _;

use super::super::sql::quoted;
use super::super::{ColumnType, ColumnValue, Table, TableOwner};
use super::statements::{SCHEMA, literal};

/// One step of the ledger's schema.
pub(super) struct PgMigration {
    pub(super) version: i32,
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

/// In order; the rules for adding one are in the first file.
pub(super) const MIGRATIONS: &[PgMigration] = &[
    PgMigration { version: 1, name: "0001_ledger", sql: include_str!("migrations/0001_ledger.sql") },
    PgMigration { version: 2, name: "0002_retain", sql: include_str!("migrations/0002_retain.sql") },
    PgMigration { version: 3, name: "0003_outcome", sql: include_str!("migrations/0003_outcome.sql") },
];

/// The version this program needs at least.
pub(super) fn version() -> i32 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// Tables of [`SCHEMA`] that the operator writes while it runs.
pub(super) const LEDGER_TABLES: [&str; 4] = ["ledger", "outcome", "leader", "meta"];

pub(super) const CREATE_SCHEMA: &str = "CREATE SCHEMA IF NOT EXISTS orloj_operator;\n";

pub(super) const CREATE_MIGRATIONS: &str = "CREATE TABLE IF NOT EXISTS orloj_operator.migrations (\n    \
     version    integer PRIMARY KEY,\n    \
     name       text NOT NULL,\n    \
     applied_at timestamptz NOT NULL DEFAULT now()\n);\n";

/// The row that says a migration is in.
pub(super) fn record(migration: &PgMigration) -> String {
    format!(
        "INSERT INTO {SCHEMA}.migrations (version, name) VALUES ({}, {}) ON CONFLICT (version) DO NOTHING;\n",
        migration.version,
        literal(migration.name)
    )
}

/// Columns that every table has, and how we create them: the statement's part for each. As in orlojd's own tables, so
/// that its migrations later run cleanly over them, and without its checks, which it adds unconditionally
/// (`kinds/ORLOJD.md` 1.1 and 1.3).
const COMMON: [(&str, &str); 7] = [
    ("name", "text PRIMARY KEY"),
    ("namespace", "text NOT NULL DEFAULT 'default'"),
    ("status_phase", "text NOT NULL DEFAULT ''"),
    ("payload", "jsonb NOT NULL"),
    ("updated_at", "timestamptz NOT NULL DEFAULT now()"),
    ("created_at", "timestamptz NOT NULL DEFAULT now()"),
    ("spec_hash", "text NOT NULL DEFAULT ''"),
];

/// Derived columns that are not common ones: `spec_hash` can be both.
fn derived(table: &Table) -> impl Iterator<Item = (&str, String)> {
    let is_common = |name: &str| COMMON.iter().any(|(common, _)| *common == name);
    let columns = table.columns.iter().filter(move |column| !is_common(&column.name));
    columns.map(|column| (column.name.as_str(), definition(&column.default)))
}

fn definition(default: &ColumnValue) -> String {
    let sql_type = sql_type(default.column_type());
    match default {
        ColumnValue::Text(text) => format!("{sql_type} NOT NULL DEFAULT {}", literal(text)),
        ColumnValue::Boolean(flag) => format!("{sql_type} NOT NULL DEFAULT {flag}"),
        ColumnValue::Integer(number) => format!("{sql_type} NOT NULL DEFAULT {number}"),
        ColumnValue::Timestamp(_) => sql_type.to_owned(),
    }
}

/// The type of a derived column in a table that we create.
pub(super) fn sql_type(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Text => "text",
        ColumnType::Boolean => "boolean",
        ColumnType::Integer => "bigint",
        ColumnType::Timestamp => "timestamp with time zone",
    }
}

/// Whether a column that is there takes values of a type; `found` is its type as the database names it.
pub(super) fn takes(column_type: ColumnType, found: &str) -> bool {
    match column_type {
        ColumnType::Text => {
            found.starts_with("character") || ["text", "bpchar", "name", "citext", "\"char\""].contains(&found)
        }
        ColumnType::Boolean => found == "boolean",
        ColumnType::Integer => ["smallint", "integer", "bigint", "numeric"].contains(&found),
        ColumnType::Timestamp => found == "timestamp with time zone",
    }
}

/// Columns that the operator reads or writes; `created_at` and `spec_hash` are orlojd's business unless they are
/// derived.
pub(super) fn needed_columns(table: &Table) -> impl Iterator<Item = &str> {
    COMMON[..5].iter().map(|(name, _)| *name).chain(table.columns.iter().map(|column| column.name.as_str()))
}

/// Creates a table with its indexes; one of our own also gets the columns that its description gained since.
pub(super) fn create_table(table: &Table) -> String {
    let name = quoted(&table.name);
    let columns: Vec<String> = COMMON
        .iter()
        .map(|(column, definition)| (*column, (*definition).to_owned()))
        .chain(derived(table))
        .map(|(column, definition)| format!("    {} {definition}", quoted(column)))
        .collect();
    let mut sql = format!("CREATE TABLE IF NOT EXISTS {name} (\n{}\n);\n", columns.join(",\n"));
    // writing to a String cannot fail
    if table.owner == TableOwner::Operator {
        for (column, definition) in derived(table) {
            let _ = writeln!(sql, "ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {} {definition};", quoted(column));
        }
    }
    for column in std::iter::once("namespace").chain(table.indexed.iter().map(String::as_str)) {
        let index = quoted(&format!("idx_{}_{column}", table.name));
        let _ = writeln!(sql, "CREATE INDEX IF NOT EXISTS {index} ON {name} ({});", quoted(column));
    }
    sql
}

/// The complete SQL for an administrator who gives the operator no right to create anything: run it once by hand, and
/// `migrate` finds nothing to do. With `create_orlojd_tables` also tables for a database without an orlojd.
#[must_use]
pub fn migration_sql(tables: &[Table], create_orlojd_tables: bool) -> String {
    let mut sql = String::from("BEGIN;\n\n");
    sql += CREATE_SCHEMA;
    sql += CREATE_MIGRATIONS;
    for migration in MIGRATIONS {
        let _ = write!(sql, "\n{}{}", migration.sql, record(migration));
    }
    for table in tables.iter().filter(|table| table.owner == TableOwner::Operator || create_orlojd_tables) {
        let _ = write!(sql, "\n{}", create_table(table));
    }
    sql += "\nCOMMIT;\n\n-- For the role that the operator connects as (here: orloj_operator_role):\n--\n";
    for grant in grants(tables, "orloj_operator_role", create_orlojd_tables) {
        let _ = writeln!(sql, "-- {grant}");
    }
    sql
}

/// What the running operator needs and no more (`kinds/ORLOJD.md` 1.3).
#[must_use]
pub fn grants(tables: &[Table], role: &str, without_orlojd: bool) -> Vec<String> {
    let role = quoted(role);
    let names: Vec<String> = tables.iter().map(|table| quoted(&table.name)).collect();
    let ledger = LEDGER_TABLES.map(|table| format!("{SCHEMA}.{table}")).join(", ");
    let mut grants = vec![
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {role};", names.join(", ")),
        format!("GRANT USAGE ON SCHEMA {SCHEMA} TO {role};"),
        format!("GRANT SELECT ON {SCHEMA}.migrations TO {role};"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {ledger} TO {role};"),
    ];
    if !without_orlojd {
        grants.push(format!("GRANT SELECT ON schema_migrations TO {role};"));
    }
    grants
}
