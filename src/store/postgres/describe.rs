//! A table of anybody's, read for what it is.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::super::sql::quoted;
use super::super::{Described, DescribedColumn, payload};

/// By a name that may have a schema before it; each part is quoted by the database itself.
const COLUMNS: &str = "SELECT a.attname::text, format_type(a.atttypid, NULL), a.attnotnull, \
         CASE WHEN a.attidentity <> '' THEN 'identity' ELSE pg_get_expr(d.adbin, d.adrelid) END \
     FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
     WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

pub(super) async fn describe(
    connection: &mut PgConnection,
    table: &str,
    limit: u32,
) -> Result<Option<Described>, sqlx::Error> {
    let name = table.split('.').map(quoted).collect::<Vec<_>>().join(".");
    let rows = sqlx::query(COLUMNS).bind(&name).fetch_all(&mut *connection).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let column = |row: &sqlx::postgres::PgRow| {
        Ok(DescribedColumn {
            name: row.try_get(0)?,
            data_type: row.try_get(1)?,
            not_null: row.try_get(2)?,
            default: row.try_get(3)?,
        })
    };
    let columns = rows.iter().map(column).collect::<Result<_, sqlx::Error>>()?;
    let text = format!("SELECT to_jsonb(t)::text FROM {name} t LIMIT $1");
    let rows: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(text)).bind(i64::from(limit)).fetch_all(connection).await?;
    Ok(Some(Described { columns, rows: rows.iter().map(|row| payload(row.as_bytes())).collect() }))
}
