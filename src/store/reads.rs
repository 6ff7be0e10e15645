//! Functions that only read, and the salt that is made on first reading: the same for both databases but for their
//! types.
//!
//! A macro, since generic functions over `sqlx::Database` would each need a page of bounds.

/// Defines the functions for one database. Around it stand its statements (`LEDGER`, `SALT`, `SALT_PUT`) and `stored`,
/// which reads a row, with the statements of `sql.rs` and its `DIALECT` for them; `keys` says how a
/// list of keys is bound.
macro_rules! shared_reads {
    ($connection:ty, $row:ty, $statements:ty, $keys:ident => $bound:expr) => {
        /// A ledger entry from its columns, the first of them at `at`.
        pub(super) fn entry(row: &$row, at: usize) -> Result<LedgerEntry, sqlx::Error> {
            let fingerprint = |index: usize| -> Result<Fingerprint, sqlx::Error> {
                let bytes: &[u8] = row.try_get(index)?;
                bytes.try_into().map_err(|_| sqlx::Error::Decode("a fingerprint is not 16 bytes long".into()))
            };
            Ok(LedgerEntry {
                cluster: row.try_get(at)?,
                kind: row.try_get(at + 1)?,
                object: ObjectName::new(row.try_get::<String, _>(at + 2)?, row.try_get::<String, _>(at + 3)?),
                uid: row.try_get(at + 4)?,
                created: row.try_get(at + 5)?,
                key: row.try_get(at + 6)?,
                generation: row.try_get(at + 7)?,
                fingerprint: fingerprint(at + 8)?,
                row_fingerprint: fingerprint(at + 9)?,
                synced_at: row.try_get(at + 10)?,
                retain: row.try_get(at + 11)?,
            })
        }

        pub(super) async fn visit_rows(
            connection: &mut $connection,
            statements: &$statements,
            after: Option<&str>,
            limit: u32,
            visit: &mut VisitRow<'_>,
        ) -> Result<(), sqlx::Error> {
            // no key is empty, so the empty text is before all of them
            let query = sqlx::query(statements.rows.sql()).bind(after.unwrap_or_default()).bind(i64::from(limit));
            let mut rows = query.fetch(connection);
            while let Some(row) = rows.try_next().await? {
                visit(stored(&row)?);
            }
            Ok(())
        }

        pub(super) async fn row_times(
            connection: &mut $connection,
            statements: &$statements,
            after: Option<&str>,
            limit: u32,
        ) -> Result<Vec<(String, i64)>, sqlx::Error> {
            let query = sqlx::query(statements.row_times.sql()).bind(after.unwrap_or_default()).bind(i64::from(limit));
            query.fetch_all(connection).await?.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
        }

        pub(super) async fn rows_since(
            connection: &mut $connection,
            statements: &$statements,
            since: i64,
            visit: &mut VisitRow<'_>,
        ) -> Result<(), sqlx::Error> {
            let mut rows = sqlx::query(statements.rows_since.sql()).bind(since).fetch(connection);
            while let Some(row) = rows.try_next().await? {
                visit(stored(&row)?);
            }
            Ok(())
        }

        pub(super) async fn rows_of(
            connection: &mut $connection,
            statements: &$statements,
            $keys: &[String],
        ) -> Result<Vec<StoredRow>, sqlx::Error> {
            let query = sqlx::query(statements.rows_of.sql()).bind($bound);
            query.fetch_all(connection).await?.iter().map(stored).collect()
        }

        pub(super) async fn ledger(
            connection: &mut $connection,
            cluster: &str,
            after: Option<(&str, &str)>,
            limit: u32,
        ) -> Result<Vec<LedgerEntry>, sqlx::Error> {
            let (kind, key) = after.unwrap_or_default();
            let query = sqlx::query(LEDGER.page.sql()).bind(cluster).bind(kind).bind(key).bind(i64::from(limit));
            query.fetch_all(connection).await?.iter().map(|row| entry(row, 0)).collect()
        }

        pub(super) async fn owners(
            connection: &mut $connection,
            kind: &str,
            $keys: &[String],
        ) -> Result<Vec<LedgerEntry>, sqlx::Error> {
            let query = sqlx::query(LEDGER.owners.sql()).bind(kind).bind($bound);
            query.fetch_all(connection).await?.iter().map(|row| entry(row, 0)).collect()
        }

        /// Writes outcomes and removes others; to be called in a transaction.
        pub(super) async fn record_outcomes(
            connection: &mut $connection,
            cluster: &str,
            changes: &OutcomeChanges,
        ) -> Result<(), sqlx::Error> {
            if !changes.remove.is_empty() {
                let query = sqlx::query(OUTCOMES.remove.sql()).bind(json(&changes.remove)).bind(cluster);
                query.execute(&mut *connection).await?;
            }
            if !changes.put.is_empty() {
                sqlx::query(OUTCOMES.put.sql()).bind(json(&changes.put)).execute(&mut *connection).await?;
            }
            Ok(())
        }

        pub(super) async fn outcomes(
            connection: &mut $connection,
            filter: &OutcomeFilter,
            after: Option<&Outcome>,
            limit: u32,
        ) -> Result<Vec<(Outcome, Option<String>)>, sqlx::Error> {
            let (text, binds) = outcomes_text(&DIALECT, filter);
            let part = |of: fn(&Outcome) -> &str| after.map_or("", of);
            let query = sqlx::query(text.sql())
                .bind(part(|after| &after.cluster))
                .bind(part(|after| &after.kind))
                .bind(part(|after| &after.namespace))
                .bind(part(|after| &after.name))
                .bind(i64::from(limit));
            let rows = binds.iter().fold(query, |query, text| query.bind(text)).fetch_all(connection).await?;
            let outcome = |row: &$row| {
                let outcome = Outcome {
                    cluster: row.try_get(0)?,
                    kind: row.try_get(1)?,
                    namespace: row.try_get(2)?,
                    name: row.try_get(3)?,
                    generation: row.try_get(4)?,
                    reason: row.try_get(5)?,
                    message: row.try_get(6)?,
                    since: row.try_get(7)?,
                };
                Ok((outcome, row.try_get(8)?))
            };
            rows.iter().map(outcome).collect()
        }

        pub(super) async fn listed(
            connection: &mut $connection,
            (kind, table): (&str, &Table),
            filter: &RowFilter,
            after: Option<&str>,
            limit: u32,
        ) -> Result<Vec<ListedRow>, sqlx::Error> {
            let (text, binds) = listed_text(&DIALECT, table, filter);
            let query = sqlx::query(text.sql()).bind(kind).bind(after.unwrap_or_default()).bind(i64::from(limit));
            let rows = binds.iter().fold(query, |query, text| query.bind(text)).fetch_all(connection).await?;
            let listed = |row: &$row| {
                let cluster: Option<String> = row.try_get(3)?;
                let owner = match cluster {
                    Some(cluster) => Some(RowOwner {
                        cluster,
                        object: ObjectName::new(row.try_get::<String, _>(4)?, row.try_get::<String, _>(5)?),
                        synced_at: row.try_get(6)?,
                    }),
                    None => None,
                };
                Ok(ListedRow {
                    key: row.try_get(0)?,
                    phase: row.try_get(1)?,
                    updated_at: row.try_get(2)?,
                    owner,
                    reason: row.try_get(7)?,
                })
            };
            rows.iter().map(listed).collect()
        }

        pub(super) async fn count_rows(connection: &mut $connection, table: &Table) -> Result<i64, sqlx::Error> {
            let text = format!("SELECT count(*) FROM {}", quoted(&table.name));
            sqlx::query_scalar(sqlx::AssertSqlSafe(text)).fetch_one(connection).await
        }

        pub(super) async fn count_owned(connection: &mut $connection) -> Result<Vec<(String, i64)>, sqlx::Error> {
            sqlx::query_as(OUTCOMES.owned.sql()).fetch_all(connection).await
        }

        pub(super) async fn count_outcomes(connection: &mut $connection) -> Result<Vec<OutcomeCount>, sqlx::Error> {
            let rows = sqlx::query(OUTCOMES.counts.sql()).fetch_all(connection).await?;
            let count = |row: &$row| {
                Ok(OutcomeCount {
                    kind: row.try_get(0)?,
                    reason: row.try_get(1)?,
                    resources: row.try_get(2)?,
                    with_row: row.try_get(3)?,
                    latest: row.try_get(4)?,
                })
            };
            rows.iter().map(count).collect()
        }

        /// One after the other: the index leads from each to the next, however many entries each has.
        pub(super) async fn clusters(connection: &mut $connection) -> Result<Vec<String>, sqlx::Error> {
            let mut clusters: Vec<String> = Vec::new();
            loop {
                let last = clusters.last().map_or("", String::as_str);
                let next: Option<String> =
                    sqlx::query_scalar(OUTCOMES.next_cluster.sql()).bind(last).fetch_one(&mut *connection).await?;
                match next {
                    Some(next) => clusters.push(next),
                    None => return Ok(clusters),
                }
            }
        }

        /// The salt where there is one.
        pub(super) async fn known_salt(connection: &mut $connection) -> Result<Option<[u8; 32]>, sqlx::Error> {
            let found: Option<Vec<u8>> = sqlx::query_scalar(SALT).fetch_optional(connection).await?;
            let checked = |salt: Vec<u8>| {
                salt.try_into().map_err(|_| sqlx::Error::Decode("the salt is not 32 bytes long".into()))
            };
            found.map(checked).transpose()
        }

        /// Made once; whoever comes second takes the first one's.
        pub(super) async fn salt(connection: &mut $connection) -> Result<[u8; 32], sqlx::Error> {
            if let Some(known) = known_salt(&mut *connection).await? {
                return Ok(known);
            }
            let fresh: [u8; 32] = rand::random();
            sqlx::query(SALT_PUT).bind(&fresh[..]).execute(&mut *connection).await?;
            known_salt(connection).await?.ok_or_else(|| sqlx::Error::Decode("the salt does not stay".into()))
        }
    };
}

pub(super) use shared_reads;
