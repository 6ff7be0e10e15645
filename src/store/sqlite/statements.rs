//! Statement texts: a list goes into one as a JSON array, so that its text is the same for any size.

use std::sync::LazyLock;

use super::super::Table;
use super::super::sql::{
    Dialect, LEDGER_WIDTH, OutcomeStatements, SqlText, ledger_assignments, ledger_columns, quoted,
};

pub(super) const LEDGER_TABLE: &str = "orloj_operator_ledger";

/// The reading statements of one table.
#[derive(Debug)]
pub(super) struct SqliteStatements {
    /// Name and payload of the rows whose names are in a JSON array.
    pub(super) among: SqlText,
    pub(super) rows: SqlText,
    pub(super) row_times: SqlText,
    pub(super) rows_since: SqlText,
    pub(super) rows_of: SqlText,
}

impl SqliteStatements {
    pub(super) fn new(table: &Table) -> Self {
        let name = quoted(&table.name);
        let select = |columns: &str, rest: &str| SqlText::from(format!("SELECT {columns} FROM {name} WHERE {rest}"));
        let stored = "name, payload, updated_at";
        Self {
            among: select("name, payload", "name IN (SELECT value FROM json_each($1))"),
            rows: select(stored, "name > $1 ORDER BY name LIMIT $2"),
            row_times: select("name, updated_at", "name > $1 ORDER BY name LIMIT $2"),
            rows_since: select(stored, "updated_at >= $1"),
            rows_of: select(stored, "name IN (SELECT value FROM json_each($1))"),
        }
    }
}

/// The ledger's statements that only read.
#[derive(Debug)]
pub(super) struct SqliteLedgerStatements {
    /// Of these objects. Binds: cluster, kind, a JSON array of namespace and name.
    pub(super) held: SqlText,
    pub(super) owners: SqlText,
    pub(super) page: SqlText,
}

pub(super) static LEDGER: LazyLock<SqliteLedgerStatements> = LazyLock::new(|| {
    let columns = ledger_columns("");
    SqliteLedgerStatements {
        // CROSS keeps SQLite from walking the whole ledger for each object
        held: format!(
            "SELECT {} FROM json_each($3) o CROSS JOIN {LEDGER_TABLE} l ON l.cluster = $1 \
             AND l.kind = $2 AND l.namespace = o.value ->> 0 AND l.name = o.value ->> 1",
            ledger_columns("l.")
        )
        .into(),
        owners: format!(
            "SELECT {columns} FROM {LEDGER_TABLE} WHERE kind = $1 AND key IN (SELECT value FROM json_each($2))"
        )
        .into(),
        page: format!(
            "SELECT {columns} FROM {LEDGER_TABLE} \
             WHERE cluster = $1 AND (kind, key) > ($2, $3) ORDER BY kind, key LIMIT $4"
        )
        .into(),
    }
});

pub(super) const DIALECT: Dialect = Dialect {
    ledger: LEDGER_TABLE,
    outcome: "orloj_operator_outcome",
    records: |columns| {
        let fields: Vec<_> = columns.iter().map(|(name, _)| format!("value ->> '{name}'")).collect();
        // without a condition ON CONFLICT would be read as that of a join
        format!("SELECT {} FROM json_each($1) WHERE true", fields.join(", "))
    },
    join: |table, alias, on| format!("LEFT JOIN {table} {alias} ON {on}"),
    updated: "r.updated_at",
    bytewise: "",
    position: "instr",
};

pub(super) static OUTCOMES: LazyLock<OutcomeStatements> = LazyLock::new(|| OutcomeStatements::new(&DIALECT));

/// Upserts as many entries.
pub(super) fn put_text(entries: usize) -> String {
    format!(
        "INSERT INTO {LEDGER_TABLE} ({}) VALUES {} ON CONFLICT (kind, key) DO UPDATE SET {}",
        ledger_columns(""),
        values(entries, LEDGER_WIDTH),
        ledger_assignments(),
    )
}

/// `(?, ?, ...), (?, ?, ...)`: faster here than `json_each`, which parses every payload twice.
pub(super) fn values(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}

pub(super) const SALT: &str = "SELECT value FROM orloj_operator_meta WHERE key = 'salt'";
pub(super) const SALT_PUT: &str =
    "INSERT INTO orloj_operator_meta (key, value) VALUES ('salt', $1) ON CONFLICT (key) DO NOTHING";
