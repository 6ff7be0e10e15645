//! A throw-away Postgres, and what only Postgres promises.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use orloj_operator::store::open::{StoreUrl, open};
use orloj_operator::store::postgres::{grants, migration_sql};
use orloj_operator::store::{SealedChanges, StoreErrorClass};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

use crate::bed::{Bed, Raw, key, request_for, tables, tool_row, tools};
use crate::suite;

/// A server with its data in a temporary directory. It stops when this process ends, however it ends: a shell waits
/// for the end of its standard input.
pub struct Server {
    data: PathBuf,
    port: u16,
    _keeper: Child,
}

fn program(name: &str) -> String {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = installed.map(|v| v.path().join("bin").join(name)).filter(|p| p.exists()).collect();
    found.sort();
    found.pop().map_or(name.to_owned(), |path| path.display().to_string())
}

/// Postgres refuses to run as root.
fn shell(script: &str, arguments: &[&str]) -> Command {
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = Command::new(if is_root { "runuser" } else { "sh" });
    if is_root {
        command.args(["-u", "postgres", "--", "sh"]);
    }
    command.args(["-c", script]).args(arguments).current_dir("/");
    command
}

impl Server {
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let script = r#"
            data=$(mktemp -d) && "$0" -D "$data" -U postgres -A trust -E UTF8 --no-sync >/dev/null &&
            { echo 'host all with_password all scram-sha-256'; cat "$data/pg_hba.conf"; } >"$data/hba" &&
            mv "$data/hba" "$data/pg_hba.conf" &&
            "$1" -D "$data" -l "$data/log" -w start -o "-p $2 -c listen_addresses=127.0.0.1 -c fsync=off \
                -c autovacuum=off -c max_connections=300 -c unix_socket_directories=''" >/dev/null && echo "$data"
            cat >/dev/null
            "$1" -D "$data" -m immediate stop >/dev/null; rm -rf "$data""#;
        let mut keeper = shell(script, &[&program("initdb"), &program("pg_ctl"), &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut data = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut data).unwrap();
        assert!(!data.trim().is_empty(), "unable to start postgres");
        Self { data: data.trim().into(), port, _keeper: keeper }
    }

    fn restart(&self) {
        let script = r#""$0" -D "$1" -l "$1/log" -m fast -w restart >/dev/null"#;
        let data = self.data.display().to_string();
        assert!(shell(script, &[&program("pg_ctl"), &data]).status().unwrap().success());
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// A fresh database; its locale orders text otherwise than bytewise where the server can do that.
    pub async fn database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let admin = pool(&self.url("postgres")).await;
        let icu = format!("CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
        if sqlx::query(AssertSqlSafe(icu)).execute(&admin).await.is_err() {
            sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await.unwrap();
        }
        admin.close().await;
        self.url(&name)
    }
}

pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

pub async fn postgres_url() -> String {
    server().database().await
}

pub async fn pool(url: &str) -> PgPool {
    PgPoolOptions::new().max_connections(3).connect(url).await.unwrap()
}

async fn empty_bed(url: String) -> Bed {
    let store = open(&StoreUrl::parse(&url).unwrap()).await.unwrap();
    Bed { store, raw: Raw::Postgres(pool(&url).await), url, _directory: None }
}

pub async fn bed() -> Bed {
    migrated(empty_bed(postgres_url().await).await).await
}

pub async fn migrated(bed: Bed) -> Bed {
    bed.store.migrate(&tables(), true).await.unwrap();
    bed
}

/// Transaction ids are counted by the server, so this one must not have a second user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_to_write_writes_nothing() {
    let server = Server::start();
    suite::nothing_to_write_writes_nothing(&migrated(empty_bed(server.database().await).await).await).await;
}

/// A server of its own for the same reason.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_reads_as_if_it_had_been_written() {
    let server = Server::start();
    let bed = migrated(empty_bed(server.database().await).await).await;
    crate::dry_run::a_dry_run_reads_as_if_it_had_been_written(&bed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_server_costs_no_commit() {
    let server = Server::start();
    let bed = migrated(empty_bed(server.database().await).await).await;
    let fence = bed.store.take_leadership("c", "me").await.unwrap();
    bed.upsert(&fence, &["a/1"], "x").await.unwrap();
    server.restart();
    // at most once: a connection that broke within the last second is still trusted
    if let Err(error) = bed.upsert(&fence, &["a/2"], "x").await {
        assert_eq!(error.class(), StoreErrorClass::Unavailable, "{error}");
    }
    let mut last = bed.upsert(&fence, &["a/2"], "x").await;
    for _ in 0..5 {
        if last.is_ok() {
            break;
        }
        last = bed.upsert(&fence, &["a/2"], "x").await;
    }
    last.unwrap();
    assert_eq!(bed.keys().await, ["a/1", "a/2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_appears_in_between_starts_the_batch_over() {
    let bed = bed().await;
    let fence = bed.store.take_leadership("c", "me").await.unwrap();
    let mut other = bed.pg().begin().await.unwrap();
    sqlx::query("INSERT INTO tools (name, payload) VALUES ('a/1', '{\"spec\":\"theirs\"}')")
        .execute(&mut *other)
        .await
        .unwrap();
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let release = async {
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(bed.pg()).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        other.commit().await.unwrap();
    };
    let (changes, ()) = tokio::join!(bed.upsert(&fence, &["a/1"], "ours"), release);
    let changes = changes.unwrap();
    assert_eq!((changes.insert.len(), changes.update.len()), (0, 1));
    assert_eq!(bed.payload("a/1").await, "ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_changes_in_between_is_decided_on_again() {
    let bed = bed().await;
    let fence = bed.store.take_leadership("c", "me").await.unwrap();
    bed.upsert(&fence, &["a/1"], "old").await.unwrap();
    let mut seen = Vec::new();
    let tools = tools();
    let keys = [key("a/1")];
    let request = request_for(&tools, &[], &keys);
    let changes = bed
        .store
        .commit(&fence, &request, &mut |snapshot| {
            seen.push(snapshot.rows["a/1"]["spec"].clone());
            if seen.len() == 1 {
                bed.block_on_sql("UPDATE tools SET payload = '{\"spec\":\"theirs\"}'");
            }
            SealedChanges { update: vec![tool_row("a/1", "ours")], ..SealedChanges::default() }
        })
        .await
        .unwrap();
    assert_eq!(seen, ["old", "theirs"]);
    assert_eq!(changes.update.len(), 1);
    assert_eq!(bed.payload("a/1").await, "ours");
}

/// `OneWriter`: a leader that froze with a transaction open loses it, and its locks, to the server's time limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_idle_transaction_of_a_dead_leader_gives_way() {
    let bed = bed().await;
    let fence = bed.store.take_leadership("c", "frozen").await.unwrap();
    bed.upsert(&fence, &["a/1"], "old").await.unwrap();
    let successor = open(&StoreUrl::parse(&bed.url).unwrap()).await.unwrap();
    let tools = tools();
    let keys = [key("a/1")];
    let request = request_for(&tools, &[], &keys);
    let mut calls = 0;
    let result = bed
        .store
        .commit(&fence, &request, &mut |_| {
            calls += 1;
            if calls == 1 {
                // makes the store look again, now under its locks
                bed.block_on_sql("UPDATE tools SET payload = '{\"spec\":\"theirs\"}'");
            } else {
                let taken = async {
                    let mut tries = 0;
                    loop {
                        tries += 1;
                        match successor.take_leadership("c", "successor").await {
                            Err(error) if tries < 3 => assert_eq!(error.class(), StoreErrorClass::Unavailable),
                            other => break other.unwrap(),
                        }
                    }
                };
                let next = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(taken));
                assert_eq!(next.epoch, fence.epoch + 1);
            }
            SealedChanges { update: vec![tool_row("a/1", "ours")], ..SealedChanges::default() }
        })
        .await;
    assert_eq!(calls, 2);
    assert_eq!(result.unwrap_err().class(), StoreErrorClass::Unavailable);
    assert_eq!(bed.payload("a/1").await, "theirs");
    let error = bed.upsert(&fence, &["a/1"], "ours").await.unwrap_err();
    assert_eq!(error.class(), StoreErrorClass::Deposed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_server_is_unavailable_and_left_as_soon_as_it_writes_again() {
    let bed = bed().await;
    let fence = bed.store.take_leadership("c", "me").await.unwrap();
    bed.upsert(&fence, &["a/1"], "x").await.unwrap();
    let database = bed.url.rsplit('/').next().unwrap().to_owned();
    let read_only = |on| format!("ALTER DATABASE {database} SET default_transaction_read_only = {on}");
    bed.sql(&read_only("on")).await;
    bed.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'orloj-operator' AND datname = current_database()").await;
    // each connection that was cut off is found out by somebody, and none of them says why
    let mut told = String::new();
    for _ in 0..10 {
        let error = bed.upsert(&fence, &["a/2"], "x").await.unwrap_err();
        assert_eq!(error.class(), StoreErrorClass::Unavailable, "{error}");
        told = bed.store.now().await.unwrap_err().to_string();
        if told.contains("read-only") {
            break;
        }
    }
    assert!(told.contains("read-only"), "{told}");
    bed.sql(&read_only("off")).await;
    bed.upsert(&fence, &["a/2"], "x").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_in_the_dsn_file_needs_no_restart() {
    let bed = bed().await;
    bed.sql("DROP ROLE IF EXISTS with_password").await;
    bed.sql("CREATE ROLE with_password LOGIN SUPERUSER PASSWORD 'first one'").await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dsn");
    let (port, database) = (server().port, bed.url.rsplit('/').next().unwrap());
    let write = |file: &Path, password: &str| {
        let dsn = format!("host=127.0.0.1 port={port} dbname={database} user=with_password password='{password}'\n");
        std::fs::write(file, dsn).unwrap();
    };
    write(&file, "first one");
    let store = open(&StoreUrl::from_file(&file)).await.unwrap();
    store.now().await.unwrap();

    bed.sql("ALTER ROLE with_password PASSWORD 'second'").await;
    let leave = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'with_password'";
    bed.sql(leave).await;
    let mut error = store.now().await.unwrap_err();
    if error.class() == StoreErrorClass::Unavailable {
        error = store.now().await.unwrap_err();
    }
    assert_eq!(error.class(), StoreErrorClass::Setup, "{error}");
    assert!(!error.to_string().contains("first"), "{error}");
    write(&file, "second");
    store.now().await.unwrap();
    bed.sql(leave).await;
    bed.sql("DROP ROLE with_password").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keyword_form_of_a_dsn_opens_the_same_store() {
    let bed = bed().await;
    let database = bed.url.rsplit('/').next().unwrap();
    let dsn = format!("host=127.0.0.1 port={} user=postgres dbname={database}", server().port);
    let store = open(&StoreUrl::parse(&dsn).unwrap()).await.unwrap();
    assert_eq!(store.salt().await.unwrap(), bed.store.salt().await.unwrap());

    // a server without TLS is a matter of set-up, not of waiting
    let demanding = open(&StoreUrl::parse(&format!("{dsn} sslmode=require")).unwrap()).await.unwrap();
    assert_eq!(demanding.now().await.unwrap_err().class(), StoreErrorClass::Setup);

    // for poolers that take no prepared statements
    let store = open(&StoreUrl::parse(&format!("{dsn} statement_cache_capacity=0")).unwrap()).await.unwrap();
    suite::main_path(&Bed { store, ..bed }).await;
}

/// The whole main path under the privileges that `migration_sql` suggests, and not one more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suggested_privileges_are_enough() {
    let admin = empty_bed(postgres_url().await).await;
    admin.sql("DROP ROLE IF EXISTS limited").await;
    admin.sql("CREATE ROLE limited LOGIN").await;
    admin.sql("REVOKE CREATE ON SCHEMA public FROM public").await;
    admin.sql("CREATE TABLE schema_migrations (version text PRIMARY KEY)").await;
    admin
        .sql("INSERT INTO schema_migrations VALUES ('003_mcp_servers'), ('007_schema_hardening'), ('008_spec_hash')")
        .await;
    let limited = empty_bed(admin.url.replace("postgres@", "limited@")).await;

    let error = limited.store.migrate(&tables(), false).await.unwrap_err();
    assert_eq!(error.class(), StoreErrorClass::Setup, "{error}");
    admin.sql(&migration_sql(&tables(), true)).await;
    assert_eq!(limited.store.newest_migration().await.unwrap(), None, "it may not be read");
    let missing = limited.store.missing(&tables()).await.unwrap();
    assert!(
        missing.iter().any(|m| m.text.contains("may not SELECT, INSERT, UPDATE, DELETE on table order")),
        "{missing:?}"
    );
    assert!(missing.iter().any(|m| m.text.contains("may not SELECT on table schema_migrations")), "{missing:?}");
    assert!(missing.iter().any(|m| m.text.contains("orloj_operator.ledger")), "{missing:?}");

    for grant in grants(&tables(), "limited", false) {
        admin.sql(&grant).await;
    }
    assert_eq!(limited.store.missing(&tables()).await.unwrap(), Vec::new());
    limited.store.migrate(&tables(), false).await.unwrap();
    let bed = Bed { store: limited.store.clone(), ..admin };
    suite::main_path(&bed).await;
    bed.sql("DROP OWNED BY limited").await;
    bed.sql("DROP ROLE limited").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orlojd_is_waited_for_and_its_tables_are_never_made_beside_it() {
    let bed = empty_bed(postgres_url().await).await;
    bed.store.migrate(&tables(), false).await.unwrap();
    assert_eq!(bed.store.newest_migration().await.unwrap(), None);
    let missing = bed.store.missing(&tables()).await.unwrap();
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert!(missing[0].text.starts_with("table tools is not there: start orlojd once"), "{missing:?}");

    // orlojd has begun and not finished
    bed.sql("CREATE TABLE schema_migrations (version text PRIMARY KEY)").await;
    bed.sql("INSERT INTO schema_migrations VALUES ('003_mcp_servers')").await;
    bed.store.migrate(&tables(), true).await.unwrap();
    let missing = bed.store.missing(&tables()).await.unwrap();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].text.contains("007_schema_hardening, 008_spec_hash"), "{missing:?}");
    assert_eq!(bed.text("SELECT to_regclass('tools')::text").await, None);

    bed.sql("INSERT INTO schema_migrations VALUES ('007_schema_hardening'), ('008_spec_hash'), ('019_x')").await;
    assert_eq!(bed.store.newest_migration().await.unwrap().as_deref(), Some("019_x"));
    let missing = bed.store.missing(&tables()).await.unwrap();
    assert!(missing[0].text.contains("newer orlojd"), "{missing:?}");
    bed.sql("CREATE TABLE tools (name text PRIMARY KEY, namespace text, status_phase text, payload jsonb, updated_at timestamptz, risk_level text)").await;
    bed.sql("CREATE TABLE mcp_servers (name text PRIMARY KEY, namespace text, status_phase text, payload jsonb, updated_at timestamptz, spec_hash text)").await;
    let missing = bed.store.missing(&tables()).await.unwrap();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].text.starts_with("table tools has no column isolation_mode"), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_we_make_are_orlojds_to_the_last_default_and_index() {
    let bed = bed().await;
    let columns = "SELECT string_agg(column_name || ' ' || data_type || ' ' || coalesce(column_default, '-'), ', ' ORDER BY column_name) FROM information_schema.columns WHERE table_name = ";
    assert_eq!(
        bed.text(&format!("{columns} 'tools'")).await.unwrap(),
        "created_at timestamp with time zone now(), isolation_mode text 'none'::text, name text -, \
         namespace text 'default'::text, payload jsonb -, risk_level text 'low'::text, spec_hash text ''::text, \
         status_phase text ''::text, updated_at timestamp with time zone now()"
    );
    let indexes =
        "SELECT string_agg(indexname, ', ' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'mcp_servers'";
    assert_eq!(
        bed.text(indexes).await.unwrap(),
        "idx_mcp_servers_namespace, idx_mcp_servers_status_phase, mcp_servers_pkey"
    );
    assert_eq!(
        bed.text("SELECT conname::text FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0 LIMIT 1").await,
        None
    );
    assert_eq!(bed.text("SELECT to_regclass('schema_migrations')::text").await, None);
    assert_eq!(bed.store.missing(&tables()).await.unwrap(), Vec::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_that_start_at_once_migrate_once() {
    let url = postgres_url().await;
    let (one, two) = (empty_bed(url.clone()).await, empty_bed(url).await);
    let tables = tables();
    let (a, b) = tokio::join!(one.store.migrate(&tables, true), two.store.migrate(&tables, true));
    a.and(b).unwrap();
    assert_eq!(one.text("SELECT count(*)::text FROM orloj_operator.migrations").await.unwrap(), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_session_is_named() {
    let bed = bed().await;
    bed.store.now().await.unwrap();
    let seen = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert_eq!(bed.text(seen).await.unwrap(), "orloj-operator");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_server_is_unavailable_and_says_no_secret() {
    let store = open(&StoreUrl::parse("postgres://me:s3cret@127.0.0.1:1/x?sslmode=disable").unwrap()).await.unwrap();
    let started = std::time::Instant::now();
    let error = store.now().await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(15));
    assert_eq!(error.class(), StoreErrorClass::Unavailable, "{error}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
}
