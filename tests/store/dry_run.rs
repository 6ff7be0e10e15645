//! A store that nothing is written to, held against one that is.

use std::sync::Arc;

use orloj_operator::resource::ObjectName;
use orloj_operator::store::dry_run::DryRunStore;
use orloj_operator::store::{LedgerEntry, LedgerStore, RowStore, SealedChanges, Snapshot, StoredRow};

use crate::bed::{Bed, entry, key, object, request_for, tables, tool_row, tools};

/// Every way of reading, in pages of every size, gives on a dry run what it gives on a store that was really written
/// to.
pub async fn a_dry_run_reads_as_if_it_had_been_written(bed: &Bed) {
    let fence = bed.store.take_leadership("c", "me").await.unwrap();
    bed.upsert(&fence, &["a/1", "a/2", "a/3", "a/4", "b/1"], "old").await.unwrap();
    let preview = bed.store.preview_migrations(&tables(), false).await.unwrap();
    assert_eq!((preview.absent.len(), preview.missing.len()), (0, 0));
    // nobody has asked for the salt yet, so nobody can have written an entry
    assert_eq!(preview.salt, None);
    bed.store.salt().await.unwrap();
    let preview = bed.store.preview_migrations(&tables(), false).await.unwrap();
    let dry_run = DryRunStore::on(Arc::clone(&bed.store) as _, preview, "c").await.unwrap();

    let keys: Vec<String> = ["a/0", "a/2", "a/3", "a/4", "c/1"].map(key).into();
    let objects: Vec<ObjectName> = vec![object("b/1")];
    let tools = tools();
    let request = request_for(&tools, &objects, &keys);
    let decide = |snapshot: &Snapshot| {
        assert_eq!(snapshot.rows.len(), 4, "with the row of the object's own key: {snapshot:?}");
        assert_eq!((snapshot.by_key.len(), snapshot.by_object.len()), (4, 1));
        SealedChanges {
            insert: vec![tool_row("a/0", "new"), tool_row("c/1", "new")],
            update: vec![tool_row("a/3", "new")],
            delete: vec![key("a/2"), key("b/1")],
            ledger_put: vec![LedgerEntry { object: object("b/1"), ..entry("c/1") }, entry("a/0")],
            ledger_remove: vec![key("a/2"), key("b/1")],
        }
    };
    let before = bed.writes().await;
    dry_run.commit(&fence, &request, &mut { decide }).await.unwrap();
    // what it then reads is what it wrote
    let mut nothing = |snapshot: &Snapshot| {
        assert_eq!(snapshot.by_object[&object("b/1")].key, "c/1");
        assert!(!snapshot.by_key.contains_key("a/2") && snapshot.rows["a/3"]["spec"] == "new");
        SealedChanges::default()
    };
    dry_run.commit(&fence, &request, &mut nothing).await.unwrap();
    assert_eq!(bed.writes().await, before, "a dry run writes nothing");
    let changed: Vec<_> = dry_run
        .changes()
        .into_iter()
        .map(|change| (change.key, change.before.is_some(), change.after.is_some()))
        .collect();
    let expected =
        [("a/0", false, true), ("a/2", true, false), ("a/3", true, true), ("b/1", true, false), ("c/1", false, true)];
    assert_eq!(changed, expected.map(|(at, before, after)| (key(at), before, after)));

    bed.store.commit(&fence, &request, &mut { decide }).await.unwrap();
    for limit in 1..7 {
        assert_eq!(paged(&dry_run, limit).await, paged(bed.store.as_ref(), limit).await, "pages of {limit}");
    }
    for at in ["a/0", "a/1", "a/2", "a/3", "b/1", "c/1", "d/1"] {
        let payload = |row: Option<StoredRow>| row.map(|row| row.payload);
        let read = (dry_run.row(&tools, at).await.unwrap(), bed.store.row(&tools, at).await.unwrap());
        assert_eq!(payload(read.0), payload(read.1), "{at}");
    }
    let (mut here, mut there) = (Vec::new(), Vec::new());
    dry_run.rows_since(&tools, 0, &mut |row| here.push((row.key, row.payload.to_string()))).await.unwrap();
    bed.store.rows_since(&tools, 0, &mut |row| there.push((row.key, row.payload.to_string()))).await.unwrap();
    here.sort();
    there.sort();
    assert_eq!(here, there);
    let all: Vec<String> = ["a/0", "a/1", "a/2", "b/1", "c/1"].map(key).into();
    let by_key = |mut entries: Vec<LedgerEntry>| {
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        entries
    };
    let owners = dry_run.owners("Tool", &all).await.unwrap();
    assert_eq!(by_key(owners), by_key(bed.store.owners("Tool", &all).await.unwrap()));
    for after in [None, Some(("Tool", "a/1"))] {
        let (here, there) = (dry_run.ledger("c", after, 3).await, bed.store.ledger("c", after, 3).await);
        assert_eq!(here.unwrap(), there.unwrap());
    }
}

/// All rows of tools, page by page.
async fn paged(store: &dyn RowStore, limit: u32) -> Vec<(String, serde_json::Value)> {
    let (mut rows, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store.rows(&tools(), after.as_deref(), limit).await.unwrap();
        assert!(page.len() <= limit as usize);
        let Some(last) = page.last().map(|row| row.key.clone()) else { return rows };
        rows.extend(page.into_iter().map(|row| (row.key, row.payload)));
        after = Some(last);
    }
}
