//! A table of anybody's, read for what it is.

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::super::sql::quoted;
use super::super::{Described, DescribedColumn, payload};

const COLUMNS: &str = "SELECT name, lower(type), \"notnull\" OR pk > 0, dflt_value FROM pragma_table_info($1)";

pub(super) async fn describe(
    connection: &mut SqliteConnection,
    table: &str,
    limit: u32,
) -> Result<Option<Described>, sqlx::Error> {
    let rows = sqlx::query(COLUMNS).bind(table).fetch_all(&mut *connection).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let column = |row: &sqlx::sqlite::SqliteRow| {
        Ok(DescribedColumn {
            name: row.try_get(0)?,
            data_type: row.try_get(1)?,
            not_null: row.try_get(2)?,
            default: row.try_get(3)?,
        })
    };
    let columns: Vec<DescribedColumn> = rows.iter().map(column).collect::<Result<_, sqlx::Error>>()?;
    // a blob is no JSON
    let pairs = columns
        .iter()
        .filter(|column| column.data_type != "blob")
        .map(|column| format!("'{}', {}", column.name.replace('\'', "''"), quoted(&column.name)));
    let pairs: Vec<_> = pairs.collect();
    let text = format!("SELECT json_object({}) FROM {} LIMIT $1", pairs.join(", "), quoted(table));
    let rows: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(text)).bind(i64::from(limit)).fetch_all(connection).await?;
    Ok(Some(Described { columns, rows: rows.iter().map(|row| payload(row.as_bytes())).collect() }))
}
