//! Statement texts of the ledger.

use std::sync::LazyLock;

use super::read::Text;

pub(super) const LEDGER: &str = "orloj_operator_ledger";

/// In the order in which entries are bound and read.
const COLUMNS: [&str; 12] = [
    "cluster",
    "kind",
    "namespace",
    "name",
    "uid",
    "created",
    "key",
    "generation",
    "fingerprint",
    "row_fingerprint",
    "synced_at",
    "retain",
];

/// What the ledger is conflicted on: never overwritten.
const KEY: [&str; 2] = ["kind", "key"];

/// The statements that only read.
#[derive(Debug)]
pub(super) struct LedgerStatements {
    /// Of these objects. Binds: cluster, kind, a JSON array of namespace and name.
    pub(super) held: Text,
    pub(super) owners: Text,
    pub(super) page: Text,
}

pub(super) static STATEMENTS: LazyLock<LedgerStatements> = LazyLock::new(|| {
    let columns = COLUMNS.join(", ");
    LedgerStatements {
        // CROSS keeps SQLite from walking the whole ledger for each object
        held: format!(
            "SELECT l.{} FROM json_each($3) o CROSS JOIN {LEDGER} l ON l.cluster = $1 \
             AND l.kind = $2 AND l.namespace = o.value ->> 0 AND l.name = o.value ->> 1",
            COLUMNS.join(", l.")
        )
        .into(),
        owners: format!("SELECT {columns} FROM {LEDGER} WHERE kind = $1 AND key IN (SELECT value FROM json_each($2))")
            .into(),
        page: format!(
            "SELECT {columns} FROM {LEDGER} WHERE cluster = $1 AND (kind, key) > ($2, $3) ORDER BY kind, key LIMIT $4"
        )
        .into(),
    }
});

/// Upserts as many entries.
pub(super) fn put_text(entries: usize) -> String {
    let overwritten = COLUMNS.iter().filter(|name| !KEY.contains(name));
    let assignments: Vec<String> = overwritten.map(|name| format!("{name} = excluded.{name}")).collect();
    format!(
        "INSERT INTO {LEDGER} ({}) VALUES {} ON CONFLICT (kind, key) DO UPDATE SET {}",
        COLUMNS.join(", "),
        values(entries, COLUMNS.len()),
        assignments.join(", "),
    )
}

/// `(?, ?, ...), (?, ?, ...)`: faster here than `json_each`, which parses every payload twice.
pub(super) fn values(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}
