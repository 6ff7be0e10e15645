//! Rows into a store: batches against one row a transaction, through the same code.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orloj_operator::reconciler::Options;
use orloj_operator::registry::{Kind, Registry};
use orloj_operator::resource::ObjectName;
use orloj_operator::store::open::{StoreUrl, open};
use orloj_operator::store::{Fence, LedgerEntry, Request, RowWrite, SealedChanges, Store};
use serde_json::json;

use crate::bed::{Postgres, PostgresOptions, Scratch};
use crate::objects::Named;
use crate::samples::{median, rate};
use crate::say;
use crate::table::Table;

const ROWS: usize = 10_000;
const SINGLE: usize = 2_000;
const ROUNDS: usize = 3;

pub async fn measure(table: &mut Table) {
    if table.wants("rows") {
        let postgres = Postgres::start(&PostgresOptions { fsync: true, ..PostgresOptions::default() });
        let database = postgres.database();
        database.apply_orlojd_schema();
        compare(table, "rows", "Postgres", &database.dsn()).await;
    }
    if table.wants("rows-sqlite") {
        let folder = Scratch::new("sqlite");
        let file = |name: &str| url(folder.path(), name);
        compare(table, "rows-sqlite", "SQLite", &file("rows.db")).await;
    }
}

fn url(folder: &Path, name: &str) -> String {
    format!("sqlite:{}", folder.join(name).display())
}

async fn compare(table: &mut Table, figure: &'static str, name: &str, url: &str) {
    let registry = Registry::embedded().expect("the kinds load");
    let kind = registry.kind(registry.resolve("Tool").expect("a known kind"));
    let store = open(&StoreUrl::parse(url).expect("a store's URL")).await.expect("the store opens");
    store.migrate(std::slice::from_ref(&kind.store.table), true).await.expect("the store is prepared");
    let fence = store.take_leadership("bench", "bench").await.expect("an epoch");
    let size = Options::default().batch_size;
    say(format!("{name}: {ROWS} rows in batches of {size}, {SINGLE} one by one, {ROUNDS} times"));
    let (mut batched, mut single) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        single.push(fill(&store, &fence, kind, &format!("single-{round}"), SINGLE, 1).await);
        batched.push(fill(&store, &fence, kind, &format!("batch-{round}"), ROWS, size).await);
    }
    let (batched, single) = (rate(ROWS, median(batched)), rate(SINGLE, median(single)));
    table.add(
        figure,
        format!("1.1 KiB rows into {name}, with their ledger entries, batches of {size}"),
        format!("{batched:.0} rows/s"),
        format!("one row a transaction: {single:.0} rows/s; ratio {:.1}", batched / single),
        batched >= 10_000.0 && batched >= 5.0 * single,
    );
}

/// Inserts rows under a namespace of their own.
async fn fill(
    store: &Arc<dyn Store>,
    fence: &Fence,
    kind: &Kind,
    namespace: &str,
    rows: usize,
    size: usize,
) -> Duration {
    let all: Vec<_> = (0..rows).map(|number| row(kind, namespace, number)).collect();
    let started = Instant::now();
    for batch in all.chunks(size) {
        let objects: Vec<_> = batch.iter().map(|(_, entry)| entry.object.clone()).collect();
        let keys: Vec<_> = batch.iter().map(|(row, _)| row.key.clone()).collect();
        let (cluster, name) = (fence.cluster.as_str(), kind.names.kind.as_str());
        let request = Request { cluster, kind: name, table: &kind.store.table, objects: &objects, keys: &keys };
        let mut decide = |_: &_| SealedChanges {
            insert: batch.iter().map(|(row, _)| row.clone()).collect(),
            ledger_put: batch.iter().map(|(_, entry)| entry.clone()).collect(),
            ..SealedChanges::default()
        };
        store.commit(fence, &request, &mut decide).await.expect("the store takes it");
    }
    started.elapsed()
}

fn row(kind: &Kind, namespace: &str, number: usize) -> (RowWrite, LedgerEntry) {
    let name = format!("tool-{number:06}");
    let key = format!("{namespace}/{name}");
    let mut payload = Named::new(2 * number).manifest(namespace);
    payload["metadata"]["name"] = json!(name);
    payload["status"] = json!({"phase": "Pending"});
    let entry = LedgerEntry {
        cluster: "bench".to_owned(),
        kind: kind.names.kind.clone(),
        object: ObjectName::new(namespace, name),
        uid: format!("00000000-0000-0000-0000-{number:012}"),
        created: 1_700_000_000,
        key: key.clone(),
        generation: 1,
        fingerprint: [1; 16],
        row_fingerprint: [2; 16],
        synced_at: 1_700_000_000_000_000,
        retain: false,
    };
    let row = RowWrite {
        key,
        namespace: namespace.to_owned(),
        status_phase: "pending".to_owned(),
        columns: kind.columns(&payload),
        payload: payload.to_string(),
    };
    (row, entry)
}
