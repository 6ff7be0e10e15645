//! What is there, what is missing, and how it comes about.

use std::collections::HashSet;

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::super::{MigrationPreview, Missing, StoreError, Table, TableOwner, check};
use super::statements::SCHEMA;
use super::{classify, connect, ddl, read};
use crate::orlojd::{MIGRATION_LOCK, MIGRATIONS};

const WRITE: &str = "SELECT,INSERT,UPDATE,DELETE";

const READ: &str = "SELECT";

/// A null schema means wherever the search path leads. Never fails for want of a privilege.
const INSPECT: &str = "SELECT c.oid IS NOT NULL, \
     coalesce((SELECT array_agg(a.attname::text) FROM pg_attribute a \
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '{}'), \
     coalesce((SELECT array_agg(p) FROM unnest(string_to_array(w.privileges, ',')) p \
         WHERE NOT (has_table_privilege(c.oid, p) AND has_schema_privilege(c.relnamespace, 'USAGE'))), '{}') \
     FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS w(schema, name, privileges, position) \
     LEFT JOIN pg_class c ON c.oid = CASE WHEN w.schema IS NULL THEN to_regclass(quote_ident(w.name))::oid \
         ELSE (SELECT x.oid FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace \
             WHERE n.nspname = w.schema AND x.relname = w.name AND x.relkind IN ('r', 'p', 'v')) END \
     ORDER BY w.position";

/// One table as this role sees it.
#[derive(Debug, Default)]
struct InspectedTable {
    present: bool,
    columns: HashSet<String>,
    /// Privileges asked for and not held.
    denied: Vec<String>,
}

impl InspectedTable {
    fn lacks_column(&self, table: &Table) -> bool {
        ddl::needed_columns(table).any(|column| !self.columns.contains(column))
    }
}

struct Inspection {
    tables: Vec<InspectedTable>,
    schema_migrations: InspectedTable,
    migrations: InspectedTable,
    ledger: Vec<InspectedTable>,
    schema_exists: bool,
}

/// `privileges` are those that are wanted on tables and ledger.
async fn inspect(connection: &mut PgConnection, tables: &[Table], privileges: &str) -> Result<Inspection, sqlx::Error> {
    let mut wanted: Vec<(Option<&str>, &str, &str)> =
        tables.iter().map(|table| (None, table.name.as_str(), privileges)).collect();
    wanted.push((None, "schema_migrations", READ));
    wanted.push((Some(SCHEMA), "migrations", READ));
    wanted.extend(ddl::LEDGER_TABLES.iter().map(|name| (Some(SCHEMA), *name, privileges)));
    let rows = sqlx::query(INSPECT)
        .bind(wanted.iter().map(|w| w.0).collect::<Vec<_>>())
        .bind(wanted.iter().map(|w| w.1).collect::<Vec<_>>())
        .bind(wanted.iter().map(|w| w.2).collect::<Vec<_>>())
        .fetch_all(&mut *connection)
        .await?;
    let found = rows.iter().map(|row| {
        let columns: Vec<String> = row.try_get(1)?;
        Ok(InspectedTable { present: row.try_get(0)?, columns: columns.into_iter().collect(), denied: row.try_get(2)? })
    });
    let found: Vec<InspectedTable> = found.collect::<Result<_, sqlx::Error>>()?;
    let schema_exists = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)")
        .bind(SCHEMA)
        .fetch_one(connection)
        .await?;
    let mut found = found.into_iter();
    Ok(Inspection {
        tables: found.by_ref().take(tables.len()).collect(),
        schema_migrations: found.next().unwrap_or_default(),
        migrations: found.next().unwrap_or_default(),
        ledger: found.collect(),
        schema_exists,
    })
}

/// The ledger's version; zero where its schema is not there or not readable.
async fn ledger_version(connection: &mut PgConnection, seen: &Inspection) -> Result<i32, sqlx::Error> {
    if !seen.migrations.present || !seen.migrations.denied.is_empty() {
        return Ok(0);
    }
    let text = "SELECT coalesce(max(version), 0) FROM orloj_operator.migrations";
    sqlx::query_scalar(text).fetch_one(connection).await
}

/// One sentence for each thing that is not as it has to be.
pub(super) async fn missing(connection: &mut PgConnection, tables: &[Table]) -> Result<Vec<Missing>, sqlx::Error> {
    let seen = inspect(connection, tables, WRITE).await?;
    let mut missing = missing_tables(connection, tables, &seen).await?;
    missing.extend(missing_ledger(&seen, ledger_version(connection, &seen).await?));
    Ok(missing)
}

/// What a migration would make, and what it would leave missing; or the error that it would end with.
pub(super) async fn preview_migrations(
    connection: &mut PgConnection,
    tables: &[Table],
    create_orlojd_tables: bool,
) -> Result<(MigrationPreview, Option<StoreError>), sqlx::Error> {
    let mut seen = inspect(connection, tables, READ).await?;
    let create_orlojd_tables = create_orlojd_tables && !seen.schema_migrations.present;
    let mut preview = MigrationPreview::default();
    for (table, found) in tables.iter().zip(&mut seen.tables) {
        let ours = table.owner == TableOwner::Operator;
        if ours && found.present {
            let foreign = check::is_ours(table, |column| found.columns.contains(column));
            if let Err(foreign) = foreign {
                return Ok((preview, Some(foreign)));
            }
        }
        if !ours && (found.present || !create_orlojd_tables) {
            continue;
        }
        if !found.present {
            preview.absent.push(table.name.clone());
        }
        // the migration sees to the table and its columns
        found.present = true;
        found.columns.extend(ddl::needed_columns(table).map(str::to_owned));
    }
    preview.missing = missing_tables(connection, tables, &seen).await?;
    if seen.migrations.present || seen.ledger.iter().any(|found| found.present) {
        let outdated = missing_ledger(&seen, ledger_version(connection, &seen).await?);
        if outdated.is_empty() {
            preview.salt = read::known_salt(connection).await?;
        }
        preview.missing.extend(outdated);
    }
    Ok((preview, None))
}

async fn missing_tables(
    connection: &mut PgConnection,
    tables: &[Table],
    seen: &Inspection,
) -> Result<Vec<Missing>, sqlx::Error> {
    let mut missing = Vec::new();
    let of_orlojd: Vec<String> =
        tables.iter().filter(|table| table.owner == TableOwner::Orlojd).map(|table| table.name.clone()).collect();
    let mut orlojd_is_ready = true;
    if of_orlojd.is_empty() || !seen.schema_migrations.present {
        // nothing is asked of orlojd's migrations
    } else if !seen.schema_migrations.denied.is_empty() {
        orlojd_is_ready = false;
        missing.push(Missing { tables: of_orlojd, text: denial("schema_migrations", "SELECT") });
    } else {
        let applied: Vec<String> =
            sqlx::query_scalar("SELECT version FROM schema_migrations WHERE version = ANY($1::text[])")
                .bind(&MIGRATIONS[..])
                .fetch_all(&mut *connection)
                .await?;
        let absent: Vec<_> = MIGRATIONS.iter().filter(|m| !applied.iter().any(|a| a == *m)).copied().collect();
        if !absent.is_empty() {
            orlojd_is_ready = false;
            let text = format!(
                "orlojd has not applied its migrations {}: start orlojd v0.3.0 or newer once against this database",
                absent.join(", ")
            );
            missing.push(Missing { tables: of_orlojd, text });
        }
    }
    for (table, found) in tables.iter().zip(&seen.tables) {
        let ours = table.owner == TableOwner::Operator;
        if !ours && !orlojd_is_ready {
            continue;
        }
        let remedy = if ours {
            "let the operator migrate with a role that may CREATE, or run the SQL that it prints for that"
        } else if seen.schema_migrations.present {
            "this kind needs a newer orlojd, or this role's search_path leads elsewhere"
        } else {
            "start orlojd once against this database, or let the operator create orlojd's tables"
        };
        if !found.present {
            missing.push(Missing::of_table(table, format!("table {} is not there: {remedy}", table.name)));
            continue;
        }
        for column in ddl::needed_columns(table).filter(|column| !found.columns.contains(*column)) {
            let text = format!("table {} has no column {column}: {remedy}", table.name);
            missing.push(Missing::of_table(table, text));
        }
        if !found.denied.is_empty() {
            missing.push(Missing::of_table(table, denial(&table.name, &found.denied.join(", "))));
        }
    }
    Ok(missing)
}

fn denial(table: &str, privileges: &str) -> String {
    format!("this role may not {privileges} on table {table}: grant it that, and USAGE on the table's schema")
}

fn missing_ledger(seen: &Inspection, version: i32) -> Vec<Missing> {
    let named = ddl::LEDGER_TABLES.iter().copied().zip(&seen.ledger).chain([("migrations", &seen.migrations)]);
    let denied: Vec<Missing> = named
        .filter(|(_, found)| found.present && !found.denied.is_empty())
        .map(|(name, found)| Missing::of_store(denial(&format!("{SCHEMA}.{name}"), &found.denied.join(", "))))
        .collect();
    if !denied.is_empty() {
        return denied;
    }
    if version < ddl::version() || seen.ledger.iter().any(|found| !found.present) {
        let needed = ddl::version();
        return vec![Missing::of_store(format!(
            "schema {SCHEMA} is at version {version} and has to be at {needed}: let the operator migrate with a role \
             that may CREATE in this database, or run the SQL that it prints for that"
        ))];
    }
    Vec::new()
}

/// Reads first; only what is not there is created, so that a role without the right to create is enough later.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    tables: &[Table],
    create_orlojd_tables: bool,
) -> Result<(), StoreError> {
    let (seen, version) = async {
        let seen = inspect(connection, tables, WRITE).await?;
        let version = ledger_version(connection, &seen).await?;
        Ok((seen, version))
    }
    .await
    .map_err(|error: sqlx::Error| classify::store_error(&error))?;

    if !seen.migrations.present || seen.migrations.denied.is_empty() {
        for migration in ddl::MIGRATIONS.iter().filter(|migration| migration.version > version) {
            let mut sql = String::new();
            // CREATE SCHEMA asks for its privilege even where the schema is there
            if !seen.schema_exists && migration.version == 1 {
                sql += ddl::CREATE_SCHEMA;
            }
            sql += ddl::CREATE_MIGRATIONS;
            sql += migration.sql;
            sql += &ddl::record(migration);
            create(connection, sql).await?;
        }
    }

    for (table, found) in tables.iter().zip(&seen.tables) {
        if table.owner == TableOwner::Operator && found.present {
            check::is_ours(table, |column| found.columns.contains(column))?;
        }
    }
    // where an orlojd lives, its tables are for it to create
    let create_orlojd_tables = create_orlojd_tables && !seen.schema_migrations.present;
    let absent = tables.iter().zip(&seen.tables).filter(|(table, found)| match table.owner {
        TableOwner::Operator => !found.present || found.lacks_column(table),
        TableOwner::Orlojd => create_orlojd_tables && !found.present,
    });
    let sql: String = absent.map(|(table, _)| ddl::create_table(table)).collect();
    if !sql.is_empty() {
        create(connection, sql).await?;
    }
    Ok(())
}

/// Runs statements that create things, one operator at a time. All of them are idempotent: whoever waited for the
/// lock finds the other's work.
async fn create(connection: &mut PgConnection, sql: String) -> Result<(), StoreError> {
    let done = async {
        let mut transaction = connect::begin(connection).await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *transaction).await?;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *transaction).await?;
        transaction.commit().await
    };
    match done.await.map_err(|error| classify::store_error(&error)) {
        Err(StoreError::Setup { detail }) => Err(StoreError::Setup {
            detail: format!("{detail}; an administrator can run the migration's SQL by hand instead"),
        }),
        other => other,
    }
}
