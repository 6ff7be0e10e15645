//! Statement texts, built once a table: with UNNEST a text is the same for any size of batch.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::super::sql::{Dialect, OutcomeStatements, SqlText, ledger_assignments, ledger_columns, ledger_list, quoted};
use super::super::{ColumnType, Table};
use super::ddl::sql_type;

/// The schema that is ours.
pub(super) const SCHEMA: &str = "orloj_operator";

/// The statements of the ledger, which know no table.
#[derive(Debug)]
pub(super) struct PgLedgerStatements {
    pub(super) page: SqlText,
    pub(super) owners: SqlText,
    /// Answers how many entries were new (`xmax = 0` tells an insert from an update).
    pub(super) put: SqlText,
}

pub(super) static LEDGER: LazyLock<PgLedgerStatements> = LazyLock::new(|| {
    let columns = ledger_columns("");
    let arrays = ledger_list(|at, _, of| format!("${}::{of}[]", at + 1));
    let assignments = ledger_assignments();
    PgLedgerStatements {
        page: format!(
            "SELECT {columns} FROM orloj_operator.ledger \
             WHERE cluster = $1 AND (kind, key) > ($2, $3) ORDER BY kind, key LIMIT $4"
        )
        .into(),
        owners: format!("SELECT {columns} FROM orloj_operator.ledger WHERE kind = $1 AND key = ANY($2::text[])").into(),
        put: format!(
            "WITH put AS (INSERT INTO orloj_operator.ledger AS l ({columns}) SELECT * FROM unnest({arrays}) \
             ON CONFLICT (kind, key) DO UPDATE SET {assignments} \
             RETURNING xmax = 0 AS fresh) SELECT count(*) FILTER (WHERE fresh) FROM put"
        )
        .into(),
    }
});

pub(super) const DIALECT: Dialect = Dialect {
    ledger: "orloj_operator.ledger",
    outcome: "orloj_operator.outcome",
    records: |columns| {
        let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
        let typed: Vec<_> = columns.iter().map(|(name, of)| format!("{name} {of}")).collect();
        format!("SELECT {} FROM json_to_recordset($1::json) AS u({})", names.join(", "), typed.join(", "))
    },
    // one lookup in the index for each row, whatever the planner believes of a table that was empty when it last counted
    join: |table, alias, on| {
        format!("LEFT JOIN LATERAL (SELECT * FROM {table} {alias} WHERE {on} LIMIT 1) {alias} ON true")
    },
    updated: "(extract(epoch FROM r.updated_at) * 1000000)::bigint",
    bytewise: " COLLATE \"C\"",
    position: "strpos",
};

pub(super) static OUTCOMES: LazyLock<OutcomeStatements> = LazyLock::new(|| OutcomeStatements::new(&DIALECT));

/// Locks a term, and answers its epoch, negative where it is another holder's. Binds: term, holder.
pub(super) const HOLD: &str = "SELECT CASE WHEN holder = $2 THEN epoch ELSE -epoch END FROM orloj_operator.leader \
     WHERE cluster = $1 FOR SHARE";

/// Binds: the kinds that own rows of the table, keys.
pub(super) const LEDGER_REMOVE: &str =
    "DELETE FROM orloj_operator.ledger WHERE kind = ANY($1::text[]) AND key = ANY($2::text[])";

pub(super) const TAKE_LEADERSHIP: &str = "INSERT INTO orloj_operator.leader AS l (cluster, epoch, holder, since) \
     VALUES ($1, 1, $2, NOW()) ON CONFLICT (cluster) DO UPDATE \
     SET epoch = l.epoch + 1, holder = excluded.holder, since = excluded.since RETURNING epoch";

pub(super) const SALT: &str = "SELECT value FROM orloj_operator.meta WHERE key = 'salt'";
pub(super) const SALT_PUT: &str =
    "INSERT INTO orloj_operator.meta (key, value) VALUES ('salt', $1) ON CONFLICT (key) DO NOTHING";

pub(super) const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// Quotes a text literal.
#[must_use]
pub(super) fn literal(text: &str) -> String {
    // a doubled backslash under E'' reads the same whatever standard_conforming_strings says
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The statements of one table.
#[derive(Debug)]
pub(super) struct PgStatements {
    /// Everything a decision needs, in one snapshot and without a lock: epoch (negative where it is another holder's),
    /// rows, ledger entries, and the version (`xmin`) of each. Binds: fence's term, cluster, kind, keys, object
    /// namespaces, object names, fence's holder.
    pub(super) look: SqlText,
    /// Locks the fence (shared), the entries and the rows of these keys, in key order, and answers their versions.
    /// Binds: fence's term, kind, keys, fence's holder.
    pub(super) lock: SqlText,
    pub(super) insert: SqlText,
    pub(super) update: SqlText,
    pub(super) delete: SqlText,
    pub(super) rows: SqlText,
    pub(super) row_times: SqlText,
    pub(super) rows_since: SqlText,
    pub(super) rows_of: SqlText,
}

impl PgStatements {
    pub(super) fn new(table: &Table) -> Self {
        let name = quoted(&table.name);

        let mut columns = String::from("name, namespace, status_phase, payload, updated_at");
        let mut values = String::from("u.k, u.n, u.s, u.p::jsonb, NOW()");
        let mut assignments =
            String::from("namespace = u.n, status_phase = u.s, payload = u.p::jsonb, updated_at = NOW()");
        let mut arrays = String::from("$1::text[], $2::text[], $3::text[], $4::text[]");
        let mut aliases = String::from("k, n, s, p");
        for (i, column) in table.columns.iter().enumerate() {
            let name = quoted(&column.name);
            let (of, value) = bound(column.default.column_type(), i);
            // writing to a String cannot fail
            let _ = write!(columns, ", {name}");
            let _ = write!(values, ", {value}");
            let _ = write!(assignments, ", {name} = {value}");
            let _ = write!(arrays, ", ${}::{of}[]", i + 5);
            let _ = write!(aliases, ", c{i}");
        }
        let owned = |kind: &str| match &*table.shared_with {
            [] => format!("kind = {kind} AND key = k.key"),
            // a key has one owner; where two claim it all the same, all see the same one
            others => {
                let others: Vec<_> = others.iter().map(|other| literal(other)).collect();
                format!("kind IN ({kind}, {}) AND key = k.key ORDER BY kind LIMIT 1", others.join(", "))
            }
        };
        let one = if table.shared_with.is_empty() { " LIMIT 1" } else { "" };
        let batch = format!("unnest({arrays}) AS u({aliases})");
        let stored = "name, payload, (extract(epoch FROM updated_at) * 1000000)::bigint";

        Self {
            // LATERAL .. LIMIT 1: a look-up by index for each key, whatever the planner believes of a ledger that was
            // empty when it last counted. COLLATE "default" where a ledger key meets a table's name: else the name's
            // index is of no use.
            look: format!(
                "WITH held AS (SELECT l.key FROM unnest($5::text[], $6::text[]) AS o(namespace, name) \
                 CROSS JOIN LATERAL (SELECT key FROM orloj_operator.ledger WHERE cluster = $2 AND kind = $3 \
                 AND namespace = o.namespace AND name = o.name LIMIT 1) l), \
                 keys AS (SELECT key FROM unnest($4::text[]) AS w(key) UNION SELECT key FROM held) \
                 SELECT f.epoch, k.key, r.payload, r.version, l.version, {} \
                 FROM (SELECT (SELECT CASE WHEN holder = $7 THEN epoch ELSE -epoch END \
                 FROM orloj_operator.leader WHERE cluster = $1) AS epoch) f \
                 LEFT JOIN keys k ON true \
                 LEFT JOIN LATERAL (SELECT payload, xmin::text AS version FROM {name} \
                 WHERE name = (k.key COLLATE \"default\") LIMIT 1) r ON true \
                 LEFT JOIN LATERAL (SELECT *, xmin::text AS version FROM orloj_operator.ledger \
                 WHERE {}{one}) l ON true",
                ledger_columns("l."),
                owned("$3"),
            )
            .into(),
            // the keys come sorted, and a lateral join keeps their order: whoever locks several keys, each with its
            // entry and its row, locks them in one order
            lock: format!(
                "WITH fence AS MATERIALIZED \
                 (SELECT CASE WHEN holder = $4 THEN epoch ELSE -epoch END AS epoch \
                 FROM orloj_operator.leader WHERE cluster = $1 FOR SHARE), \
                 entries AS MATERIALIZED (SELECT k.key, l.version FROM unnest($3::text[]) AS k(key) \
                 LEFT JOIN LATERAL (SELECT xmin::text AS version FROM orloj_operator.ledger \
                 WHERE {} FOR UPDATE) l ON true) \
                 SELECT f.epoch, k.key, r.version, k.version \
                 FROM (SELECT (SELECT epoch FROM fence) AS epoch) f LEFT JOIN entries k ON true \
                 LEFT JOIN LATERAL (SELECT xmin::text AS version FROM {name} \
                 WHERE name = k.key FOR UPDATE) r ON true",
                owned("$2"),
            )
            .into(),
            insert: format!(
                "INSERT INTO {name} ({columns}) SELECT {values} FROM {batch} ON CONFLICT (name) DO NOTHING"
            )
            .into(),
            update: format!("UPDATE {name} t SET {assignments} FROM {batch} WHERE t.name = u.k").into(),
            delete: format!("DELETE FROM {name} WHERE name = ANY($1::text[])").into(),
            // names first: an index alone can answer that, and only the page's payloads are fetched
            rows: format!(
                "SELECT {stored} FROM {name} WHERE name IN (SELECT name FROM {name} \
                 WHERE name COLLATE \"C\" > $1 ORDER BY name COLLATE \"C\" LIMIT $2) ORDER BY name COLLATE \"C\""
            )
            .into(),
            row_times: format!(
                "SELECT name, (extract(epoch FROM updated_at) * 1000000)::bigint FROM {name} \
                 WHERE name COLLATE \"C\" > $1 ORDER BY name COLLATE \"C\" LIMIT $2"
            )
            .into(),
            rows_since: format!(
                "SELECT {stored} FROM {name} \
                 WHERE updated_at >= timestamptz 'epoch' + $1::bigint * interval '1 microsecond'"
            )
            .into(),
            rows_of: format!("SELECT {stored} FROM {name} WHERE name = ANY($1::text[])").into(),
        }
    }
}

/// Type of a derived column's array, and its value in the n-th: microseconds are added to a time in two parts, since
/// an interval is multiplied as a double.
fn bound(column_type: ColumnType, n: usize) -> (&'static str, String) {
    match column_type {
        ColumnType::Text | ColumnType::Boolean | ColumnType::Integer => (sql_type(column_type), format!("u.c{n}")),
        ColumnType::Timestamp => {
            let seconds = format!("u.c{n} / 1000000 * interval '1 second'");
            let rest = format!("u.c{n} % 1000000 * interval '1 microsecond'");
            ("bigint", format!("timestamptz 'epoch' + {seconds} + {rest}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_quoted() {
        assert_eq!(literal("it's \\"), "E'it''s \\\\'");
    }
}
