//! SQL that both databases share: texts, names, and the columns of the ledger.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use sqlx::AssertSqlSafe;

use super::{OutcomeFilter, RowFilter, RowState, Table};

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
    list(&LEDGER_COLUMNS, part)
}

fn list(columns: &[(&str, &str)], part: impl Fn(usize, &str, &str) -> String) -> String {
    let parts = columns.iter().enumerate().map(|(at, (name, of))| part(at, name, of));
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

/// As JSON, which lists and plain records always serialise to.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Columns of an outcome with their types in Postgres, in the order in which they are read; the first four are its key.
const OUTCOME_COLUMNS: [(&str, &str); 8] = [
    ("cluster", "text"),
    ("kind", "text"),
    ("namespace", "text"),
    ("name", "text"),
    ("generation", "bigint"),
    ("reason", "text"),
    ("message", "text"),
    ("since", "bigint"),
];

/// What the two databases write differently in statements that are otherwise the same.
pub(super) struct Dialect {
    pub(super) ledger: &'static str,
    pub(super) outcome: &'static str,
    /// Selects columns, with their types, from the JSON array of objects that is bound as `$1`.
    pub(super) records: fn(&[(&str, &str)]) -> String,
    /// A left join, from table, alias and condition, of one row at most.
    pub(super) join: fn(&str, &str, &str) -> String,
    /// `updated_at` of `r` as microseconds since the Unix epoch.
    pub(super) updated: &'static str,
    /// After a text that is compared with one of the ledger's.
    pub(super) bytewise: &'static str,
    /// Function that tells where in a text another one begins, 0 where it does not.
    pub(super) position: &'static str,
}

/// The statements about outcomes.
#[derive(Debug)]
pub(super) struct OutcomeStatements {
    /// Binds: outcomes as a JSON array of objects.
    pub(super) put: SqlText,
    /// Binds: a JSON array of objects that name a kind and a resource; cluster.
    pub(super) remove: SqlText,
    pub(super) counts: SqlText,
    pub(super) owned: SqlText,
    pub(super) next_cluster: SqlText,
}

impl OutcomeStatements {
    pub(super) fn new(dialect: &Dialect) -> Self {
        let Dialect { ledger, outcome, records, .. } = dialect;
        let columns = list(&OUTCOME_COLUMNS, |_, name, _| name.to_owned());
        let changes = list(&OUTCOME_COLUMNS[4..], |_, name, _| format!("{name} = excluded.{name}"));
        Self {
            put: format!(
                "INSERT INTO {outcome} ({columns}) {} ON CONFLICT (cluster, kind, namespace, name) DO UPDATE SET {changes}",
                records(&OUTCOME_COLUMNS)
            )
            .into(),
            remove: format!(
                "DELETE FROM {outcome} WHERE cluster = $2 AND (kind, namespace, name) IN ({})",
                records(&OUTCOME_COLUMNS[1..4])
            )
            .into(),
            counts: format!(
                "SELECT o.kind, o.reason, count(*), count(l.key), max(o.since) FROM {outcome} o LEFT JOIN {ledger} l \
                 ON l.cluster = o.cluster AND l.kind = o.kind AND l.namespace = o.namespace AND l.name = o.name \
                 GROUP BY o.kind, o.reason ORDER BY o.kind, o.reason"
            )
            .into(),
            owned: format!("SELECT kind, count(*) FROM {ledger} GROUP BY kind").into(),
            next_cluster: format!("SELECT min(cluster) FROM {ledger} WHERE cluster > $1").into(),
        }
    }
}

/// Selects outcomes, with the key of the row of each. The texts to bind follow the four of the key to begin after, and the
/// limit.
pub(super) fn outcomes_text(dialect: &Dialect, filter: &OutcomeFilter) -> (SqlText, Vec<String>) {
    let Dialect { ledger, outcome, join, .. } = dialect;
    let mut conditions = Conditions::after(5);
    conditions.equal("o.cluster", filter.cluster.as_ref());
    conditions.equal("o.kind", filter.kind.as_ref());
    conditions.equal("o.reason", filter.reason.as_ref());
    conditions.equal("o.namespace", filter.object.as_ref().map(|object| &object.namespace));
    conditions.equal("o.name", filter.object.as_ref().map(|object| &object.name));
    let on = "l.cluster = o.cluster AND l.kind = o.kind AND l.namespace = o.namespace AND l.name = o.name";
    let text = format!(
        "SELECT {}, l.key FROM {outcome} o {} WHERE (o.cluster, o.kind, o.namespace, o.name) > ($1, $2, $3, $4){} \
         ORDER BY o.cluster, o.kind, o.namespace, o.name LIMIT $5",
        list(&OUTCOME_COLUMNS, |_, name, _| format!("o.{name}")),
        join(ledger, "l", on),
        conditions.text,
    );
    (text.into(), conditions.binds)
}

/// Selects rows of a kind with their owners and outcomes, in the order of the database's own index on their keys. The texts
/// to bind follow the kind, the key to begin after, and the limit.
pub(super) fn listed_text(dialect: &Dialect, table: &Table, filter: &RowFilter) -> (SqlText, Vec<String>) {
    let Dialect { ledger, outcome, join, updated, bytewise, position, .. } = dialect;
    let mut conditions = Conditions::after(3);
    conditions.equal("r.namespace", filter.namespace.as_ref());
    conditions.equal("l.cluster", filter.cluster.as_ref());
    if let Some(search) = &filter.search {
        let bound = conditions.bind(search);
        conditions.add(&format!("{position}(lower(r.name), lower({bound})) > 0"));
    }
    conditions.text += match filter.state {
        None => "",
        Some(RowState::Synced) => " AND l.key IS NOT NULL AND o.reason IS NULL",
        Some(RowState::NotSynced) => " AND o.reason IS NOT NULL",
        Some(RowState::Unowned) => " AND l.key IS NULL",
    };
    let text = format!(
        "SELECT r.name, r.status_phase, {updated}, l.cluster, l.namespace, l.name, l.synced_at, o.reason FROM {} r {} {} \
         WHERE r.name > $2{} ORDER BY r.name LIMIT $3",
        quoted(&table.name),
        join(ledger, "l", &format!("l.kind = $1 AND l.key = r.name{bytewise}")),
        join(
            outcome,
            "o",
            "o.cluster = l.cluster AND o.kind = l.kind AND o.namespace = l.namespace AND o.name = l.name"
        ),
        conditions.text,
    );
    (text.into(), conditions.binds)
}

/// Conditions of a statement that depend on a filter, and what is bound for them.
struct Conditions {
    text: String,
    binds: Vec<String>,
    bound_before: usize,
}

impl Conditions {
    fn after(bound_before: usize) -> Self {
        Self { text: String::new(), binds: Vec::new(), bound_before }
    }

    fn bind(&mut self, value: impl AsRef<str>) -> String {
        self.binds.push(value.as_ref().to_owned());
        format!("${}", self.bound_before + self.binds.len())
    }

    fn equal(&mut self, column: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            let bound = self.bind(value);
            self.add(&format!("{column} = {bound}"));
        }
    }

    fn add(&mut self, condition: &str) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_quoted() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
