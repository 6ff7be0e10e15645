//! A store, its rows and the program that works on it.

use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, LazyLock};

use orloj_operator::registry::{Kind, Registry};
use orloj_operator::store::{Request, RowWrite, SealedChanges, Store, open};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::bed::{self, Database};
use crate::program::{Desk, Ran};

pub const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

pub static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::embedded().unwrap());

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

/// Payloads by kind and key.
pub type Rows = BTreeMap<(String, String), Value>;

/// A folder, and a store of either sort.
pub struct Stage {
    pub desk: Desk,
    pub url: String,
    pub database: Option<Database>,
}

/// What tells that somebody wrote to a store.
#[derive(Debug, PartialEq)]
pub enum Mark {
    /// Name, checksum and time of each of its files.
    File(Vec<(String, u64, std::time::SystemTime)>),
    Versions(BTreeMap<String, String>, String),
}

impl Stage {
    /// Nothing is there yet.
    pub fn sqlite() -> Self {
        let desk = Desk::new();
        let url = format!("sqlite:{}", desk.path("o.db").display());
        Self { desk, url, database: None }
    }

    /// With orlojd's tables alone.
    pub fn postgres() -> Self {
        let database = bed::postgres().database();
        database.apply_orlojd_schema();
        Self::of(database)
    }

    pub fn of(database: Database) -> Self {
        Self { desk: Desk::new(), url: database.dsn(), database: Some(database) }
    }

    /// The program, with `--store` after these words.
    pub fn run(&self, words: &str) -> Ran {
        crate::program::run(self.desk.command(words).args(["--store", &self.url]))
    }

    pub fn plan(&self, words: &str) -> Ran {
        self.run(&format!("plan m -o json {words}"))
    }

    pub fn sync(&self, words: &str) -> Ran {
        self.run(&format!("sync m -o json {words}"))
    }

    /// The store, opened in this process.
    fn store(&self) -> Arc<dyn Store> {
        let url = open::StoreUrl::parse(&self.url).unwrap();
        RUNTIME.block_on(open::open(&url)).unwrap()
    }

    /// Makes the tables and the ledger.
    pub fn migrate(&self) {
        self.run("migrate").expect(0);
    }

    pub fn rows(&self) -> Rows {
        let url = open::StoreUrl::parse(&self.url).unwrap();
        RUNTIME.block_on(async {
            let store = open::open_read_only(&url).await.unwrap();
            let mut rows = Rows::new();
            for kind in REGISTRY.kinds() {
                for row in store.rows(&kind.store.table, None, 10_000).await.unwrap() {
                    rows.insert((kind.names.kind.clone(), row.key), row.payload);
                }
            }
            store.close().await;
            rows
        })
    }

    /// Writes rows as orlojd would, with no word to the ledger; `None` deletes.
    pub fn put(&self, kind: &Kind, rows: &BTreeMap<String, Option<Value>>) {
        self.put_and(kind, rows, || {});
    }

    /// Rows of many kinds, by kind.
    pub fn put_all(&self, rows: &BTreeMap<String, BTreeMap<String, Option<Value>>>) {
        for (name, rows) in rows {
            self.put(kind(name), rows);
        }
    }

    /// And does something before the store is closed.
    pub fn put_and(&self, kind: &Kind, rows: &BTreeMap<String, Option<Value>>, then: impl FnOnce()) {
        let store = self.store();
        let keys: Vec<String> = rows.keys().cloned().collect();
        let request =
            Request { cluster: "rest", kind: &kind.names.kind, table: &kind.store.table, objects: &[], keys: &keys };
        RUNTIME.block_on(async {
            let fence = store.take_leadership("rest", "rest").await.unwrap();
            let mut decide = |snapshot: &orloj_operator::store::Snapshot| {
                let mut changes = SealedChanges::default();
                for (key, payload) in rows {
                    let there = snapshot.rows.contains_key(key);
                    match payload {
                        Some(payload) if there => changes.update.push(row(kind, key, payload)),
                        Some(payload) => changes.insert.push(row(kind, key, payload)),
                        None if there => changes.delete.push(key.clone()),
                        None => {}
                    }
                }
                changes
            };
            store.commit(&fence, &request, &mut decide).await.unwrap();
        });
        then();
        drop(store);
        if self.database.is_none() {
            // the last connection to close takes it away, and would write while a test compares
            crate::program::until("the log to go", || !self.desk.path("o.db-wal").exists());
        }
    }

    /// Everything that a write would change.
    pub fn mark(&self) -> Mark {
        if let Some(database) = &self.database {
            let schemas = "select string_agg(nspname || '.' || relname, ' ' order by 1) from pg_class c \
                 join pg_namespace n on n.oid = c.relnamespace where n.nspname not like 'pg\\_%' and nspname <> 'information_schema'";
            return Mark::Versions(database.row_versions(), database.psql(schemas));
        }
        let mut files: Vec<_> = std::fs::read_dir(self.desk.root())
            .unwrap()
            .filter_map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name()?.to_str()?.to_owned();
                // the index of a log is for whoever reads it
                let bytes = std::fs::read(&path).ok().filter(|bytes| !bytes.is_empty() && !name.ends_with("-shm"));
                let mut hasher = std::hash::DefaultHasher::new();
                bytes.filter(|_| name.starts_with("o.db"))?.hash(&mut hasher);
                Some((name, hasher.finish(), path.metadata().ok()?.modified().unwrap()))
            })
            .collect();
        files.sort();
        Mark::File(files)
    }

    /// Empties the folder of manifests, and fills it with these.
    pub fn manifests(&self, texts: &[String]) {
        std::fs::remove_dir_all(self.desk.path("m")).unwrap();
        std::fs::create_dir(self.desk.path("m")).unwrap();
        for (at, text) in texts.iter().enumerate() {
            self.desk.write(&format!("{at:03}.yaml"), text);
        }
    }
}

pub fn kind(name: &str) -> &'static Kind {
    REGISTRY.kind(REGISTRY.resolve(name).unwrap())
}

fn row(kind: &Kind, key: &str, payload: &Value) -> RowWrite {
    RowWrite {
        key: key.to_owned(),
        namespace: key.split('/').next().unwrap().to_owned(),
        status_phase: kind.status_phase(payload),
        columns: kind.columns(payload),
        payload: payload.to_string(),
    }
}

/// A payload as orlojd has it: counters, a status, and no mark of ours.
pub fn as_by_rest(mut payload: Value) -> Value {
    let metadata = payload["metadata"].as_object_mut().unwrap();
    metadata.insert("resourceVersion".to_owned(), "7".into());
    metadata.insert("generation".to_owned(), 3.into());
    metadata.insert("createdAt".to_owned(), "2026-01-02T03:04:05Z".into());
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove("orloj.dev/managed-by");
        annotations.remove("orloj.dev/source-namespace");
    }
    payload["status"] = serde_json::json!({"phase": "Ready", "observedGeneration": 3});
    payload
}

/// A payload without what ownership and a write bring along.
pub fn without_ownership(mut payload: Value) -> Value {
    let metadata = payload["metadata"].as_object_mut().unwrap();
    metadata.remove("resourceVersion");
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove("orloj.dev/managed-by");
        annotations.remove("orloj.dev/source-namespace");
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    payload
}

/// The payloads that the vectors say are accepted, under the lines they stand on.
pub fn accepted_vectors() -> impl Iterator<Item = (usize, Value)> {
    let read = |line| serde_json::from_str::<Value>(line).unwrap();
    let lines = include_str!("../vectors.jsonl").lines().enumerate();
    lines.filter_map(move |(at, line)| Some((at + 1, read(line).get_mut("payload")?.take())))
}
