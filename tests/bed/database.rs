//! One database of a test.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::binaries;

/// How to reach a server as its superuser.
#[derive(Debug, Clone)]
pub struct Access {
    pub port: u16,
    pub password: Option<String>,
    pub authority: Option<PathBuf>,
}

/// How many rows of a table were written since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableWrites {
    /// Rows inserted.
    pub inserted: u64,
    /// Rows updated.
    pub updated: u64,
    /// Rows deleted.
    pub deleted: u64,
}

impl TableWrites {
    /// All of them.
    pub fn total(self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}

/// A database.
#[derive(Debug, Clone)]
pub struct Database {
    access: Access,
    name: String,
}

const TABLES: &str = "pg_catalog.pg_stat_user_tables";

impl Database {
    pub(super) fn new(access: Access, name: String) -> Self {
        Self { access, name }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection string for the superuser.
    pub fn dsn(&self) -> String {
        self.dsn_as("postgres", self.access.password.as_deref())
    }

    /// A connection string for a role.
    pub fn dsn_as(&self, role: &str, password: Option<&str>) -> String {
        self.dsn_with(role, password, self.access.port)
    }

    /// A connection string for the superuser that goes through a proxy on a port of 127.0.0.1.
    pub fn dsn_via(&self, port: u16) -> String {
        self.dsn_with("postgres", self.access.password.as_deref(), port)
    }

    fn dsn_with(&self, role: &str, password: Option<&str>, port: u16) -> String {
        let password = password.map(|password| format!(":{}", percent_encode(password))).unwrap_or_default();
        let tls = self.access.authority.as_ref().map_or_else(
            || "sslmode=disable".to_owned(),
            |authority| format!("sslmode=verify-full&sslrootcert={}", authority.display()),
        );
        format!("postgres://{}{password}@127.0.0.1:{port}/{}?{tls}", percent_encode(role), self.name)
    }

    /// Runs statements as the superuser: rows as lines, columns parted by tabs.
    ///
    /// # Panics
    /// Where one fails.
    #[track_caller]
    pub fn psql(&self, sql: &str) -> String {
        self.try_psql(sql).unwrap_or_else(|error| panic!("psql failed: {error}"))
    }

    /// The same, giving back what psql said where a statement failed.
    ///
    /// # Errors
    /// Where a statement fails or the server cannot be reached.
    pub fn try_psql(&self, sql: &str) -> Result<String, String> {
        let mut command = Command::new(binaries::psql());
        command.args(["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", &self.dsn()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("unable to run psql: {error}"))?;
        let mut input = child.stdin.take().expect("piped");
        let text = sql.to_owned();
        // Beside the reading: psql answers while it still reads, and a pipe holds only so much.
        let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        let _ = writer.join();
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Makes orlojd's tables as version 0.3.0 leaves them.
    pub fn apply_orlojd_schema(&self) {
        self.psql(include_str!("orlojd.sql"));
    }

    /// Makes all sessions of this database read-only, as after a failover, or writable again. Ends
    /// those that are open, as the setting is read when a session begins.
    pub fn set_read_only(&self, read_only: bool) {
        let switch = if read_only { "on" } else { "off" };
        // From another one, as this one may be read-only now.
        let other = Self::new(self.access.clone(), "postgres".to_owned());
        other.psql(&format!("alter database {} set default_transaction_read_only = {switch}", self.name));
        self.end_sessions();
    }

    /// Ends all sessions of this database.
    pub fn end_sessions(&self) {
        let others = "datname = current_database() and pid <> pg_backend_pid()";
        self.psql(&format!("select count(pg_terminate_backend(pid)) from pg_stat_activity where {others}"));
    }

    /// Rows written, by `schema.table`, from Postgres's statistics. A session reports up to some
    /// 10 s late what it wrote: where that matters compare [`Self::row_versions`].
    ///
    /// # Panics
    /// Where the server cannot be reached.
    pub fn write_counters(&self) -> BTreeMap<String, TableWrites> {
        let columns = "schemaname || '.' || relname, n_tup_ins, n_tup_upd, n_tup_del";
        let text = self.psql(&format!("select {columns} from {TABLES}"));
        let number = |field: Option<&str>| field.and_then(|field| field.parse().ok()).expect("psql gives numbers");
        let row = |line: &str| {
            let mut fields = line.split('\t');
            let name = fields.next().unwrap_or_default().to_owned();
            let (inserted, updated, deleted) = (number(fields.next()), number(fields.next()), number(fields.next()));
            (name, TableWrites { inserted, updated, deleted })
        };
        text.lines().map(row).collect()
    }

    /// A fingerprint of the row versions of each `schema.table`. Two that are equal mean that no
    /// row was inserted, updated (not even to the same values) or deleted between them. Exact and
    /// at once; reading and locking rows do not show.
    ///
    /// # Panics
    /// Where the server cannot be reached.
    pub fn row_versions(&self) -> BTreeMap<String, String> {
        let tables = self.psql(&format!("select quote_ident(schemaname), quote_ident(relname) from {TABLES}"));
        let versions = "count(*) || ' ' || md5(coalesce(string_agg(ctid || ':' || xmin, ',' order by ctid), ''))";
        let selects: Vec<_> = tables
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(schema, table)| format!("select $bed${schema}.{table}$bed$, {versions} from {schema}.{table}"))
            .collect();
        if selects.is_empty() {
            return BTreeMap::new();
        }
        let text = self.psql(&selects.join(" union all "));
        let row = |line: &str| line.split_once('\t').map(|(name, version)| (name.to_owned(), version.to_owned()));
        text.lines().filter_map(row).collect()
    }
}

fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}
