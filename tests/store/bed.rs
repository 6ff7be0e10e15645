//! One store with a second way in, to see what it did and to get in its way.

use std::sync::Arc;

use orloj_operator::resource::ObjectName;
use orloj_operator::store::open::{StoreUrl, open};
use orloj_operator::store::{
    Column, Fence, LedgerEntry, Request, RowWrite, SealedChanges, Snapshot, Store, StoreError, Table, TableOwner,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};

pub enum Raw {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

pub struct Bed {
    pub store: Arc<dyn Store>,
    pub raw: Raw,
    pub url: String,
    pub _directory: Option<tempfile::TempDir>,
}

fn column(name: &str, default: &str) -> Column {
    Column { name: name.into(), default: default.into() }
}

pub fn tools() -> Table {
    Table {
        name: "tools".into(),
        owner: TableOwner::Orlojd,
        columns: vec![column("risk_level", "low"), column("isolation_mode", "none")],
        indexed: Vec::new(),
        shared_with: Vec::new(),
    }
}

pub fn mcp_servers() -> Table {
    Table {
        name: "mcp_servers".into(),
        owner: TableOwner::Orlojd,
        columns: vec![column("spec_hash", "")],
        indexed: vec!["status_phase".into()],
        shared_with: Vec::new(),
    }
}

/// A ninth kind, with a name and a default that need quoting.
pub fn widgets() -> Table {
    Table {
        name: "order".into(),
        owner: TableOwner::Operator,
        columns: vec![column("select", "it's"), column("colour", "red")],
        indexed: Vec::new(),
        shared_with: Vec::new(),
    }
}

pub fn tables() -> Vec<Table> {
    vec![tools(), mcp_servers(), widgets()]
}

pub fn key(text: &str) -> String {
    text.to_owned()
}

pub fn object(key: &str) -> ObjectName {
    let (namespace, name) = key.split_once('/').unwrap();
    ObjectName::new(namespace, name)
}

pub fn entry(key: &str) -> LedgerEntry {
    LedgerEntry {
        cluster: "c".into(),
        kind: "Tool".into(),
        object: object(key),
        uid: format!("uid of {key}"),
        created: 1_700_000_000,
        key: key.into(),
        generation: 3,
        fingerprint: [7; 16],
        row_fingerprint: [9; 16],
        synced_at: 1_700_000_000_000_001,
        retain: false,
    }
}

pub fn tool_row(key: &str, spec: &str) -> RowWrite {
    RowWrite {
        key: key.into(),
        namespace: key.split('/').next().unwrap().into(),
        status_phase: "pending".into(),
        payload: json!({"metadata": {"name": key}, "spec": spec}).to_string(),
        columns: vec!["high".into(), "container".into()],
    }
}

pub fn request_for<'a>(table: &'a Table, objects: &'a [ObjectName], keys: &'a [String]) -> Request<'a> {
    Request { cluster: "c", kind: "Tool", table, objects, keys }
}

fn plan(snapshot: &Snapshot, keys: &[String], spec: &str) -> SealedChanges {
    let mut changes = SealedChanges::default();
    for key in keys {
        let row = tool_row(key, spec);
        match snapshot.rows.get(key) {
            Some(payload) if payload["spec"] == spec => continue,
            Some(_) => changes.update.push(row),
            None => changes.insert.push(row),
        }
        changes.ledger_put.push(entry(key));
    }
    changes
}

pub async fn sqlite() -> Bed {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("store.db").display());
    let store = open(&StoreUrl::parse(&url).unwrap()).await.unwrap();
    let raw = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect(&url).await.unwrap();
    store.migrate(&tables(), false).await.unwrap();
    Bed { store, raw: Raw::Sqlite(raw), url, _directory: Some(directory) }
}

impl Bed {
    pub fn is_postgres(&self) -> bool {
        matches!(self.raw, Raw::Postgres(_))
    }

    pub fn pg(&self) -> &PgPool {
        match &self.raw {
            Raw::Postgres(pool) => pool,
            Raw::Sqlite(_) => panic!("this test is for Postgres"),
        }
    }

    pub async fn sql(&self, text: &str) {
        let text = AssertSqlSafe(text.to_owned());
        match &self.raw {
            Raw::Postgres(pool) => drop(sqlx::raw_sql(text).execute(pool).await.unwrap()),
            Raw::Sqlite(pool) => drop(sqlx::raw_sql(text).execute(pool).await.unwrap()),
        }
    }

    pub fn block_on_sql(&self, text: &str) {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(self.sql(text)));
    }

    pub async fn text(&self, text: &str) -> Option<String> {
        let query = AssertSqlSafe(text.to_owned());
        match &self.raw {
            Raw::Postgres(pool) => sqlx::query_scalar::<_, Option<String>>(query).fetch_optional(pool).await,
            Raw::Sqlite(pool) => sqlx::query_scalar::<_, Option<String>>(query).fetch_optional(pool).await,
        }
        .unwrap()
        .flatten()
    }

    /// Changes with whatever anybody writes.
    pub async fn writes(&self) -> String {
        let mark = if self.is_postgres() {
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text || ' ' || \
             (SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables)"
        } else {
            "SELECT data_version || '' FROM pragma_data_version"
        };
        self.text(mark).await.unwrap()
    }

    /// Inserts or updates tools with their ledger entries; leaves those alone whose spec is the same.
    pub async fn upsert(&self, fence: &Fence, keys: &[&str], spec: &str) -> Result<SealedChanges, StoreError> {
        let keys: Vec<String> = keys.iter().map(|k| key(k)).collect();
        let objects: Vec<ObjectName> = keys.iter().map(|k| object(k)).collect();
        let tools = tools();
        let request = request_for(&tools, &objects, &keys);
        self.store.commit(fence, &request, &mut |snapshot| plan(snapshot, &keys, spec)).await
    }

    pub async fn keys(&self) -> Vec<String> {
        let rows = self.store.rows(&tools(), None, 10_000).await.unwrap();
        rows.into_iter().map(|row| row.key).collect()
    }

    pub async fn payload(&self, key: &str) -> String {
        let row = self.store.row(&tools(), key).await.unwrap().unwrap();
        row.payload["spec"].as_str().unwrap().to_owned()
    }
}
