//! What every store promises.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use orloj_operator::resource::ObjectName;
use orloj_operator::store::open::{StoreUrl, open};
use orloj_operator::store::{
    Column, ColumnValue, Fence, LedgerEntry, Outcome, OutcomeChanges, OutcomeFilter, OutcomeKey, RowFilter, RowOwner,
    RowState, RowWrite, SealedChanges, StoreError, StoreErrorClass, StoredRow, Table, TableOwner,
};
use serde_json::json;

use crate::bed::{Bed, entry, key, mcp_servers, object, request_for, tool_row, tools, widgets};

async fn lead(bed: &Bed) -> Fence {
    bed.store.take_leadership("c", "me").await.unwrap()
}

/// Insert, update and delete, each with its ledger entry.
pub async fn main_path(bed: &Bed) {
    let fence = lead(bed).await;
    bed.store.salt().await.unwrap();
    let before = bed.store.now().await.unwrap();
    bed.upsert(&fence, &["a/1", "a/2"], "x").await.unwrap();
    let column = "SELECT namespace || ' ' || status_phase || ' ' || risk_level || ' ' || isolation_mode FROM tools";
    assert_eq!(bed.text(column).await.unwrap(), "a pending high container");

    let row = bed.store.row(&tools(), "a/1").await.unwrap().unwrap();
    assert_eq!(row.payload, json!({"metadata": {"name": "a/1"}, "spec": "x"}));
    assert!(row.updated_at >= before - 1_000_000 && row.updated_at <= before + 60_000_000, "{before} {row:?}");
    assert_eq!(bed.store.row(&tools(), "a/9").await.unwrap(), None);

    let changes = bed.upsert(&fence, &["a/1", "a/3"], "y").await.unwrap();
    assert_eq!((changes.insert.len(), changes.update.len()), (1, 1));
    assert_eq!([bed.payload("a/1").await, bed.payload("a/2").await], ["y", "x"]);

    let (tools, keys) = (tools(), [key("a/1")]);
    let remove = SealedChanges { delete: keys.to_vec(), ledger_remove: keys.to_vec(), ..SealedChanges::default() };
    bed.store.commit(&fence, &request_for(&tools, &[], &keys), &mut |_| remove.clone()).await.unwrap();
    assert_eq!(bed.keys().await, ["a/2", "a/3"]);
    assert_eq!(bed.store.ledger("c", None, 10).await.unwrap(), [entry("a/2"), entry("a/3")]);
    // a row that is gone already is no error (`kinds/ORLOJD.md` 5.3)
    bed.store.commit(&fence, &request_for(&tools, &[], &keys), &mut |_| remove.clone()).await.unwrap();
}

/// `Quiet`
pub async fn nothing_to_write_writes_nothing(bed: &Bed) {
    let fence = lead(bed).await;
    bed.upsert(&fence, &["a/1", "a/2"], "x").await.unwrap();
    bed.store.salt().await.unwrap();
    let before = bed.writes().await;
    for _ in 0..3 {
        let changes = bed.upsert(&fence, &["a/1", "a/2"], "x").await.unwrap();
        assert!(changes.is_empty());
    }
    bed.store.salt().await.unwrap();
    bed.store.migrate(&crate::bed::tables(), true).await.unwrap();
    assert_eq!(bed.writes().await, before);
    bed.upsert(&fence, &["a/1"], "y").await.unwrap();
    assert_ne!(bed.writes().await, before);
}

pub async fn a_snapshot_holds_what_was_asked_for(bed: &Bed) {
    let fence = lead(bed).await;
    bed.upsert(&fence, &["a/1", "a/2", "a/3"], "x").await.unwrap();
    let other = bed.store.take_leadership("other", "me").await.unwrap();
    let (tools, keys, objects) = (tools(), [key("a/2"), key("a/9")], [object("a/1"), object("a/2")]);

    let mut request = request_for(&tools, &objects, &keys);
    let mut seen = None;
    let mut look = |snapshot: &orloj_operator::store::Snapshot| {
        seen = Some(snapshot.clone());
        SealedChanges::default()
    };
    bed.store.commit(&fence, &request, &mut look).await.unwrap();
    request.cluster = "other";
    let snapshot = seen.take().unwrap();
    // a/1 is held by an object that was asked for, so its row and entry come too
    assert_eq!(snapshot.rows.keys().collect::<BTreeSet<_>>(), [&key("a/1"), &key("a/2")].into());
    assert_eq!(snapshot.by_key.keys().collect::<BTreeSet<_>>(), [&key("a/1"), &key("a/2")].into());
    assert_eq!(snapshot.by_object[&object("a/1")], entry("a/1"));
    assert_eq!(snapshot.by_object.len(), 2);

    let mut look = |snapshot: &orloj_operator::store::Snapshot| {
        seen = Some(snapshot.clone());
        SealedChanges::default()
    };
    bed.store.commit(&other, &request, &mut look).await.unwrap();
    let snapshot = seen.unwrap();
    // another cluster's entry is seen by key, and is nobody's by object
    assert_eq!(snapshot.by_key["a/2"], entry("a/2"));
    assert!(snapshot.by_object.is_empty());

    let nothing = request_for(&tools, &[], &[]);
    bed.store.commit(&fence, &nothing, &mut |_| SealedChanges::default()).await.unwrap();
}

/// `NoStolenRows`
pub async fn a_key_changes_hands_in_one_transaction(bed: &Bed) {
    let fence = lead(bed).await;
    bed.upsert(&fence, &["a/1", "a/2"], "x").await.unwrap();
    let (tools, keys) = (tools(), [key("a/1"), key("a/2")]);
    let swapped: Vec<LedgerEntry> =
        [("a/1", "a/2"), ("a/2", "a/1")].map(|(key, of)| LedgerEntry { object: object(of), ..entry(key) }).into();
    let swap = SealedChanges { ledger_remove: keys.to_vec(), ledger_put: swapped.clone(), ..SealedChanges::default() };
    bed.store.commit(&fence, &request_for(&tools, &[], &keys), &mut |_| swap.clone()).await.unwrap();
    assert_eq!(bed.store.ledger("c", None, 10).await.unwrap(), swapped);

    // one object cannot hold two keys
    let greedy = SealedChanges {
        ledger_put: vec![LedgerEntry { object: object("a/1"), ..entry("a/1") }],
        ..SealedChanges::default()
    };
    let refused = bed.store.commit(&fence, &request_for(&tools, &[], &keys), &mut |_| greedy.clone()).await;
    assert_eq!(refused.unwrap_err().class(), StoreErrorClass::Rejected);
    assert_eq!(bed.store.ledger("c", None, 10).await.unwrap(), swapped);
}

pub async fn a_move_takes_row_and_ledger_along(bed: &Bed) {
    let fence = lead(bed).await;
    bed.upsert(&fence, &["a/1"], "x").await.unwrap();
    let (tools, objects, keys) = (tools(), [object("a/1")], [key("b/1")]);
    let moved = LedgerEntry { key: "b/1".into(), ..entry("a/1") };
    let request = request_for(&tools, &objects, &keys);
    bed.store
        .commit(&fence, &request, &mut |snapshot| {
            let held = snapshot.by_object[&object("a/1")].key.clone();
            assert!(snapshot.rows.contains_key(&held));
            SealedChanges {
                insert: vec![tool_row("b/1", "x")],
                delete: vec![held.clone()],
                ledger_put: vec![moved.clone()],
                ledger_remove: vec![held],
                ..SealedChanges::default()
            }
        })
        .await
        .unwrap();
    assert_eq!(bed.keys().await, ["b/1"]);
    assert_eq!(bed.store.ledger("c", None, 10).await.unwrap(), [moved]);
}

/// `OneWriter`
pub async fn a_deposed_leader_is_refused(bed: &Bed) {
    let first = lead(bed).await;
    let elsewhere = bed.store.take_leadership("elsewhere", "me").await.unwrap();
    let second = lead(bed).await;
    assert_eq!((first.epoch + 1, elsewhere.epoch), (second.epoch, 1));
    let error = bed.upsert(&first, &["a/1"], "x").await.unwrap_err();
    assert_eq!(error.to_string(), "unable to commit: epoch 1 was superseded by 2");
    assert_eq!(error.class(), StoreErrorClass::Deposed);
    assert!(bed.keys().await.is_empty());
    bed.upsert(&second, &["a/1"], "x").await.unwrap();
    // as after a restored backup: another leader counted up to the same epoch
    let twin = Fence { holder: "another".into(), ..second.clone() };
    assert_eq!(bed.upsert(&twin, &["a/2"], "x").await.unwrap_err().class(), StoreErrorClass::Deposed);
    let nobody = Fence { cluster: "nobody".into(), term: "nobody".into(), epoch: 1, holder: "nobody".into() };
    assert_eq!(bed.upsert(&nobody, &["a/2"], "x").await.unwrap_err().class(), StoreErrorClass::Deposed);
}

/// `OneWriter`: once the successor knows that it leads, nothing of its predecessor's lands any more.
pub async fn two_leaders_at_once_are_one(bed: &Bed) {
    let old = lead(bed).await;
    let successor = open(&StoreUrl::parse(&bed.url).unwrap()).await.unwrap();
    let writes = async {
        for i in 0.. {
            if let Err(error) = bed.upsert(&old, &[&format!("a/{i}")], "x").await {
                return error.class();
            }
        }
        unreachable!()
    };
    let takes_over = async {
        while bed.keys().await.len() < 5 {
            tokio::task::yield_now().await;
        }
        let new = successor.take_leadership("c", "successor").await.unwrap();
        (new.epoch, bed.keys().await.len())
    };
    let (class, (epoch, count)) = tokio::join!(writes, takes_over);
    assert_eq!((class, epoch), (StoreErrorClass::Deposed, old.epoch + 1));
    assert_eq!(bed.keys().await.len(), count);
}

/// `Isolation`
/// People write rows beside a leader, who keeps the ledger.
pub async fn an_edit_needs_no_term(bed: &Bed) {
    let fence = lead(bed).await;
    bed.upsert(&fence, &["a/1", "a/2"], "x").await.unwrap();
    let before = bed.store.row_times(&tools(), None, 10).await.unwrap();
    let (tools, keys) = (tools(), [key("a/1"), key("a/3")]);
    let request = request_for(&tools, &[], &keys);
    let decide = |snapshot: &orloj_operator::store::Snapshot| {
        assert_eq!((snapshot.rows.len(), snapshot.by_key.len()), (1, 1));
        let (update, insert) = (vec![tool_row("a/1", "y")], vec![tool_row("a/3", "y")]);
        Ok::<_, StoreError>((7, SealedChanges { update, insert, ..SealedChanges::default() }))
    };
    assert_eq!(bed.store.edit_with(&request, decide).await.unwrap(), 7);
    assert_eq!([bed.payload("a/1").await, bed.payload("a/3").await], ["y", "y"]);
    assert_eq!(bed.store.ledger("c", None, 10).await.unwrap(), [entry("a/1"), entry("a/2")]);
    bed.upsert(&fence, &["a/1"], "z").await.unwrap();

    let after = bed.store.row_times(&tools, None, 10).await.unwrap();
    let keys_of = |times: &[(String, i64)]| times.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    assert_eq!(keys_of(&after), ["a/1", "a/2", "a/3"]);
    assert!(after[0].1 > before[0].1 && after[1] == before[1], "{before:?} {after:?}");
    assert_eq!(bed.store.row_times(&tools, Some("a/1"), 1).await.unwrap(), after[1..2]);

    // a decision that fails writes nothing
    let refuse = |_: &orloj_operator::store::Snapshot| Err::<((), _), _>(StoreError::Rejected { detail: "no".into() });
    assert!(bed.store.edit_with(&request, refuse).await.is_err());
    assert_eq!(bed.store.row_times(&tools, None, 10).await.unwrap(), after);
}

pub async fn a_refused_batch_leaves_nothing_behind(bed: &Bed) {
    let fence = lead(bed).await;
    bed.upsert(&fence, &["a/0"], "x").await.unwrap();
    let before = bed.store.ledger("c", None, 10).await.unwrap();
    let (tools, keys) = (tools(), ["a/0", "a/1", "a/2", "a/3"].map(key));
    let good = tool_row("a/2", "x");
    for bad in [
        json!({"spec": "top s3cret \0"}).to_string(),
        json!({"s3cret \0": 1}).to_string(),
        r#"{"spec": s3cret}"#.into(),
        String::new(),
    ] {
        let mut insert = vec![tool_row("a/1", "x"), good.clone(), tool_row("a/3", "x")];
        insert[1].payload = bad;
        let changes = SealedChanges {
            insert,
            update: vec![tool_row("a/0", "y")],
            ledger_put: vec![entry("a/1"), entry("a/2"), entry("a/3")],
            ..SealedChanges::default()
        };
        let result = bed.store.commit(&fence, &request_for(&tools, &[], &keys), &mut |_| changes.clone()).await;
        let error = result.unwrap_err();
        assert_eq!(error.class(), StoreErrorClass::Rejected, "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    let nul = SealedChanges {
        insert: vec![tool_row("a/1", "x")],
        ledger_put: vec![entry("a/1")],
        ..SealedChanges::default()
    };
    let mut in_column = nul.clone();
    in_column.insert[0].columns[0] = "s3cret \0".into();
    let mut in_ledger = nul;
    in_ledger.ledger_put[0].uid = "s3cret \0".into();
    for changes in [in_column, in_ledger] {
        let result = bed.store.commit(&fence, &request_for(&tools, &[], &keys), &mut |_| changes.clone()).await;
        assert_eq!(result.unwrap_err().class(), StoreErrorClass::Rejected);
    }
    assert_eq!(bed.keys().await, ["a/0"]);
    assert_eq!(bed.payload("a/0").await, "x");
    assert_eq!(bed.store.ledger("c", None, 10).await.unwrap(), before);
    // and the store goes on working
    bed.upsert(&fence, &["a/1"], "x").await.unwrap();
}

/// Mistakes of the caller are answered, not written by halves.
pub async fn a_batch_that_contradicts_itself_is_refused(bed: &Bed) {
    let fence = lead(bed).await;
    bed.upsert(&fence, &["a/0"], "x").await.unwrap();
    let (tools, keys) = (tools(), ["a/0", "a/1"].map(key));
    let mut short = tool_row("a/1", "x");
    short.columns.pop();
    for changes in [
        SealedChanges { insert: vec![tool_row("a/0", "y")], ..SealedChanges::default() },
        SealedChanges { update: vec![tool_row("a/1", "y")], ..SealedChanges::default() },
        SealedChanges { insert: vec![tool_row("a/1", "y"), tool_row("a/1", "z")], ..SealedChanges::default() },
        SealedChanges { insert: vec![tool_row("a/7", "y")], ..SealedChanges::default() },
        SealedChanges { delete: vec![key("a/7")], ..SealedChanges::default() },
        SealedChanges { ledger_put: vec![entry("a/7")], ..SealedChanges::default() },
        SealedChanges { insert: vec![short], ..SealedChanges::default() },
    ] {
        let result = bed.store.commit(&fence, &request_for(&tools, &[], &keys), &mut |_| changes.clone()).await;
        assert_eq!(result.unwrap_err().class(), StoreErrorClass::Rejected, "{changes:?}");
    }
    assert_eq!(bed.payload("a/0").await, "x");
}

/// Also prints what a debug build manages, for whoever runs it with `--nocapture`.
pub async fn a_thousand_rows_go_in_one_batch(bed: &Bed) {
    let fence = lead(bed).await;
    let keys: Vec<String> = (0..1000).map(|i| format!("a/{i:04}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let rate = |rows: u32, took: Duration| f64::from(rows) / took.as_secs_f64();

    let started = Instant::now();
    bed.upsert(&fence, &keys, "x").await.unwrap();
    let inserted = started.elapsed();
    let started = Instant::now();
    for spec in ["1", "2", "3", "4", "5"] {
        assert_eq!(bed.upsert(&fence, &keys, spec).await.unwrap().update.len(), 1000);
    }
    let updated = started.elapsed();
    let started = Instant::now();
    for _ in 0..5 {
        assert!(bed.upsert(&fence, &keys, "5").await.unwrap().is_empty());
    }
    let unchanged = started.elapsed();
    let started = Instant::now();
    for (i, key) in keys.iter().take(200).enumerate() {
        bed.upsert(&fence, &[key], &format!("single {i}")).await.unwrap();
    }
    let single = started.elapsed();
    println!(
        "{}: batch insert {:.0}, batch update {:.0}, unchanged {:.0}, one by one {:.0} rows/s",
        if bed.is_postgres() { "postgres" } else { "sqlite" },
        rate(1000, inserted),
        rate(5000, updated),
        rate(5000, unchanged),
        rate(200, single),
    );
    assert_eq!(bed.keys().await, keys);
    assert_eq!(bed.store.ledger("c", None, 5000).await.unwrap().len(), 1000);

    let (tools, all): (_, Vec<String>) = (tools(), keys.iter().map(|k| key(k)).collect());
    let remove = SealedChanges { delete: all.clone(), ledger_remove: all.clone(), ..SealedChanges::default() };
    bed.store.commit(&fence, &request_for(&tools, &[], &all), &mut |_| remove.clone()).await.unwrap();
    assert!(bed.keys().await.is_empty());
    assert!(bed.store.ledger("c", None, 1).await.unwrap().is_empty());
}

pub async fn pages_are_in_bytewise_order(bed: &Bed) {
    let fence = lead(bed).await;
    let mut keys = ["a/é", "B/x", "a/Z", "a/a", "a/a-b", "a/aa", "a/_", "Ä/x", "a/1"];
    bed.upsert(&fence, &keys, "x").await.unwrap();
    keys.sort_unstable();
    let mut paged = Vec::new();
    loop {
        let page = bed.store.rows(&tools(), paged.last().map(String::as_str), 2).await.unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        paged.extend(page.into_iter().map(|row| row.key));
    }
    assert_eq!(paged, keys);

    let mut paged: Vec<LedgerEntry> = Vec::new();
    loop {
        let after = paged.last().map(|entry| (entry.kind.as_str(), entry.key.as_str()));
        let page = bed.store.ledger("c", after, 4).await.unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, keys.map(entry));
    assert!(bed.store.ledger("elsewhere", None, 4).await.unwrap().is_empty());
}

async fn since(bed: &Bed, since: i64) -> Vec<StoredRow> {
    let mut rows = Vec::new();
    bed.store.rows_since(&tools(), since, &mut |row| rows.push(row)).await.unwrap();
    rows
}

pub async fn rows_since_are_those_that_changed(bed: &Bed) {
    let fence = lead(bed).await;
    bed.upsert(&fence, &["a/1", "a/2"], "x").await.unwrap();
    assert_eq!(since(bed, 0).await.len(), 2);
    let first = bed.store.row(&tools(), "a/1").await.unwrap().unwrap();
    bed.upsert(&fence, &["a/2"], "y").await.unwrap();
    let changed = since(bed, first.updated_at + 1).await;
    assert_eq!(changed.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["a/2"]);
    // the bound itself is in
    assert_eq!(since(bed, changed[0].updated_at).await, changed);
    assert!(since(bed, changed[0].updated_at + 1).await.is_empty());
}

pub async fn owned_keys_are_those_in_any_ledger(bed: &Bed) {
    let fence = lead(bed).await;
    bed.upsert(&fence, &["a/1", "a/2"], "x").await.unwrap();
    let owners = bed.store.owners("Tool", &["a/1", "a/2", "a/3"].map(key)).await.unwrap();
    let mut owned: Vec<_> = owners.into_iter().map(|entry| entry.key).collect();
    owned.sort();
    assert_eq!(owned, ["a/1", "a/2"]);
    assert!(bed.store.owners("Agent", &[key("a/1")]).await.unwrap().is_empty());
    assert!(bed.store.owners("Tool", &[]).await.unwrap().is_empty());
}

fn outcome(name: &str, reason: &str) -> Outcome {
    Outcome {
        cluster: "c".into(),
        kind: "Tool".into(),
        namespace: "a".into(),
        name: name.into(),
        generation: 2,
        reason: reason.into(),
        message: format!("why {name} is not synced: \"x\" \u{1f642}"),
        since: 1_700_000_000_000_002,
    }
}

async fn outcomes(bed: &Bed, filter: OutcomeFilter) -> Vec<(String, String, Option<String>)> {
    let found = bed.store.outcomes(&filter, None, 10).await.unwrap();
    found.into_iter().map(|(outcome, key)| (outcome.name, outcome.reason, key)).collect()
}

pub async fn outcomes_come_and_go_with_their_resources(bed: &Bed) {
    let fence = lead(bed).await;
    bed.upsert(&fence, &["a/1", "a/2"], "x").await.unwrap();
    let put = |put: Vec<Outcome>| OutcomeChanges { put, remove: Vec::new() };
    let changes = put(vec![outcome("1", "Contested"), outcome("3", "InvalidSpec"), outcome("4", "InvalidSpec")]);
    bed.store.record_outcomes(&fence, &changes).await.unwrap();
    let all = bed.store.outcomes(&OutcomeFilter::default(), None, 10).await.unwrap();
    assert_eq!(all[0], (outcome("1", "Contested"), Some(key("a/1"))));
    let rest = bed.store.outcomes(&OutcomeFilter::default(), Some(&all[0].0), 1).await.unwrap();
    assert_eq!(rest, [(outcome("3", "InvalidSpec"), None)]);
    let by = |reason: &str| OutcomeFilter { reason: Some(reason.to_owned()), ..OutcomeFilter::default() };
    assert_eq!(outcomes(bed, by("Contested")).await, [(key("1"), key("Contested"), Some(key("a/1")))]);
    let one = OutcomeFilter { object: Some(object("a/4")), cluster: Some("c".into()), ..OutcomeFilter::default() };
    assert_eq!(outcomes(bed, one).await, [(key("4"), key("InvalidSpec"), None)]);
    let other = OutcomeFilter { kind: Some("Agent".into()), ..OutcomeFilter::default() };
    assert_eq!(outcomes(bed, other).await, []);
    let counts = bed.store.count_outcomes().await.unwrap();
    let counts: Vec<_> = counts.iter().map(|one| (&*one.kind, &*one.reason, one.resources, one.with_row)).collect();
    assert_eq!(counts, [("Tool", "Contested", 1, 1), ("Tool", "InvalidSpec", 2, 0)]);

    let remove = [("Tool", "a/1"), ("Tool", "a/3"), ("Agent", "a/4")].map(|(kind, key)| {
        let object = object(key);
        OutcomeKey { kind: kind.into(), namespace: object.namespace.into(), name: object.name.into() }
    });
    let changes = OutcomeChanges { put: vec![outcome("4", "TooLarge")], remove: remove.to_vec() };
    bed.store.record_outcomes(&fence, &changes).await.unwrap();
    assert_eq!(outcomes(bed, OutcomeFilter::default()).await, [(key("4"), key("TooLarge"), None)]);

    bed.store.take_leadership("c", "another").await.unwrap();
    let late = bed.store.record_outcomes(&fence, &put(vec![outcome("5", "Invalid")])).await.unwrap_err();
    assert_eq!(late.class(), StoreErrorClass::Deposed, "{late}");
    assert_eq!(outcomes(bed, OutcomeFilter::default()).await.len(), 1);
}

pub async fn rows_are_listed_with_owner_and_state(bed: &Bed) {
    let fence = lead(bed).await;
    bed.upsert(&fence, &["a/1", "a/2", "b/Other_1", "b/other%2"], "x").await.unwrap();
    bed.store
        .record_outcomes(&fence, &OutcomeChanges { put: vec![outcome("2", "Contested")], remove: vec![] })
        .await
        .unwrap();
    let (tools, keys) = (tools(), ["b/Other_1"].map(key));
    let orphan = SealedChanges { ledger_remove: keys.to_vec(), ..SealedChanges::default() };
    bed.store.commit(&fence, &request_for(&tools, &[], &keys), &mut |_| orphan.clone()).await.unwrap();
    let listed = async |filter: RowFilter, after: Option<&str>, limit: u32| -> Vec<String> {
        let rows = bed.store.listed("Tool", &tools, &filter, after, limit).await.unwrap();
        rows.into_iter().map(|row| row.key).collect()
    };
    let all = bed.store.listed("Tool", &tools, &RowFilter::default(), None, 10).await.unwrap();
    let owner = RowOwner { cluster: "c".into(), object: object("a/1"), synced_at: entry("a/1").synced_at };
    assert_eq!((&all[0].key, &all[0].phase, &all[0].owner), (&key("a/1"), &key("pending"), &Some(owner)));
    assert!(all[0].updated_at > 1_700_000_000_000_000);
    assert_eq!(listed(RowFilter::default(), None, 2).await, ["a/1", "a/2"]);
    assert_eq!(listed(RowFilter::default(), Some("a/2"), 10).await, [&*all[2].key, &*all[3].key]);
    let in_b = RowFilter { namespace: Some("b".into()), ..RowFilter::default() };
    assert_eq!(listed(in_b, None, 10).await.len(), 2);
    for (state, keys) in [
        (RowState::Synced, &["a/1", "b/other%2"][..]),
        (RowState::NotSynced, &["a/2"][..]),
        (RowState::Unowned, &["b/Other_1"][..]),
    ] {
        assert_eq!(listed(RowFilter { state: Some(state), ..RowFilter::default() }, None, 10).await, keys);
        assert!(all.iter().all(|row| keys.contains(&&*row.key) == (row.state() == state)));
    }
    let search = |text: &str| RowFilter { search: Some(text.into()), ..RowFilter::default() };
    assert_eq!(listed(search("OTHER_"), None, 10).await, ["b/Other_1"]);
    assert_eq!(listed(search("%"), None, 10).await, ["b/other%2"]);
    for (cluster, rows) in [("c", 3), ("d", 0)] {
        let filter = RowFilter { cluster: Some(cluster.into()), ..RowFilter::default() };
        assert_eq!(listed(filter, None, 10).await.len(), rows);
    }
    assert_eq!(bed.store.count_rows(&tools).await.unwrap(), 4);
    assert_eq!(bed.store.count_owned().await.unwrap(), [(key("Tool"), 3)]);
    assert_eq!(bed.store.clusters().await.unwrap(), ["c"]);
}

pub async fn the_salt_stays(bed: &Bed) {
    let again = open(&StoreUrl::parse(&bed.url).unwrap()).await.unwrap();
    let (one, two) = tokio::join!(bed.store.salt(), again.salt());
    let salt = one.unwrap();
    assert_eq!(salt, two.unwrap());
    assert_ne!(salt, [0; 32]);
    assert_eq!(bed.store.salt().await.unwrap(), salt);
}

pub async fn a_missing_table_is_named_with_what_to_do(bed: &Bed) {
    assert_eq!(bed.store.missing(&crate::bed::tables()).await.unwrap(), Vec::new());
    let mut gadgets = widgets();
    gadgets.name = "gadgets".into();
    let missing = bed.store.missing(std::slice::from_ref(&gadgets)).await.unwrap();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].text.starts_with("table gadgets is not there: "), "{missing:?}");
    let error = bed.store.rows(&gadgets, None, 1).await.unwrap_err();
    assert_eq!(error.class(), StoreErrorClass::Setup, "{error}");

    // a kind file may gain a derived column
    let mut wider = widgets();
    wider.columns.push(Column { name: "size".into(), default: "m".into() });
    let missing = bed.store.missing(std::slice::from_ref(&wider)).await.unwrap();
    assert!(missing[0].text.contains("has no column size"), "{missing:?}");
    bed.store.migrate(std::slice::from_ref(&wider), false).await.unwrap();
    assert!(bed.store.missing(&[wider]).await.unwrap().is_empty());
}

/// Somebody else's table, which a kind file names by mistake.
pub async fn a_foreign_table_gets_no_column_of_ours(bed: &Bed) {
    bed.sql("create table foreigners (id text primary key, url text)").await;
    let mut table = widgets();
    table.name = "foreigners".into();
    let error = bed.store.migrate(std::slice::from_ref(&table), true).await.unwrap_err();
    assert_eq!(error.class(), StoreErrorClass::Setup);
    assert!(error.to_string().contains("the table foreigners is there, and is none of rows"), "{error}");
    bed.sql("insert into foreigners values ('1', 'u')").await;
}

/// A store that the first version of the program made: its migrations are run from the file, as they were then.
pub async fn a_ledger_of_the_first_version_is_upgraded_without_loss(bed: &Bed) {
    let (ledger, fingerprint) = if bed.is_postgres() {
        bed.sql("DROP SCHEMA orloj_operator CASCADE; CREATE SCHEMA orloj_operator").await;
        bed.sql(include_str!("../../src/store/postgres/migrations/0001_ledger.sql")).await;
        bed.sql(
            "CREATE TABLE orloj_operator.migrations (version integer PRIMARY KEY, name text NOT NULL, \
                 applied_at timestamptz NOT NULL DEFAULT now())",
        )
        .await;
        bed.sql("INSERT INTO orloj_operator.migrations VALUES (1, '0001_ledger')").await;
        ("orloj_operator.ledger", "decode(repeat('07', 16), 'hex')")
    } else {
        for table in ["ledger", "outcome", "leader", "meta", "migrations"] {
            bed.sql(&format!("DROP TABLE orloj_operator_{table}")).await;
        }
        bed.sql(include_str!("../../src/store/sqlite/migrations/0001_ledger.sql")).await;
        bed.sql(
            "CREATE TABLE orloj_operator_migrations \
                 (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
        )
        .await;
        bed.sql("INSERT INTO orloj_operator_migrations VALUES (1, '0001_ledger', 0)").await;
        ("orloj_operator_ledger", "x'07070707070707070707070707070707'")
    };
    bed.sql(&format!(
        "INSERT INTO {ledger} VALUES ('c', 'Tool', 'a', '1', 'uid', 5, 'a/1', 3, {fingerprint}, {fingerprint}, 9)"
    ))
    .await;
    let fence = lead(bed).await;
    let salt = bed.store.salt().await.unwrap();
    let missing = bed.store.missing(&crate::bed::tables()).await.unwrap();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].text.contains("is at version 1 and has to be at 3"), "{missing:?}");

    bed.store.migrate(&crate::bed::tables(), false).await.unwrap();
    assert_eq!(bed.store.missing(&crate::bed::tables()).await.unwrap(), Vec::new());
    let entries = bed.store.ledger("c", None, 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    let entry = &entries[0];
    assert_eq!((&*entry.key, entry.generation, entry.fingerprint, entry.retain), ("a/1", 3, [7; 16], false));
    assert_eq!(bed.store.salt().await.unwrap(), salt);
    assert_eq!(lead(bed).await.epoch, fence.epoch + 1);
    bed.upsert(&fence, &["a/2"], "x").await.unwrap_err();
}

/// What a later operator's migration may do (`migrations/0001_ledger.sql`): during a rolling update, and after a
/// rollback, this one goes on beside it, and takes nothing away.
pub async fn a_newer_ledger_goes_on_being_written(bed: &Bed) {
    let fence = lead(bed).await;
    bed.upsert(&fence, &["a/1", "a/2"], "x").await.unwrap();
    let ledger = if bed.is_postgres() {
        bed.sql("INSERT INTO orloj_operator.migrations VALUES (99, '0099_later')").await;
        bed.sql("CREATE TABLE orloj_operator.later (key text PRIMARY KEY)").await;
        bed.sql("ALTER TABLE orloj_operator.leader ADD COLUMN later text").await;
        "orloj_operator.ledger"
    } else {
        bed.sql("INSERT INTO orloj_operator_migrations VALUES (99, '0099_later', 0)").await;
        bed.sql("CREATE TABLE orloj_operator_later (key TEXT PRIMARY KEY) STRICT").await;
        bed.sql("ALTER TABLE orloj_operator_leader ADD COLUMN later TEXT").await;
        "orloj_operator_ledger"
    };
    bed.sql(&format!("ALTER TABLE {ledger} ADD COLUMN later TEXT NOT NULL DEFAULT 'new'")).await;
    bed.sql(&format!("UPDATE {ledger} SET later = 'kept' WHERE key = 'a/1'")).await;

    bed.upsert(&fence, &["a/1", "a/3"], "y").await.unwrap();
    let again = lead(bed).await;
    assert_eq!(again.epoch, fence.epoch + 1);
    assert_eq!(bed.store.missing(&crate::bed::tables()).await.unwrap(), Vec::new());
    bed.store.migrate(&crate::bed::tables(), false).await.unwrap();
    bed.upsert(&again, &["a/2"], "z").await.unwrap();
    let later = |key: &str| format!("SELECT later FROM {ledger} WHERE key = '{key}'");
    assert_eq!(bed.text(&later("a/1")).await.as_deref(), Some("kept"));
    assert_eq!(bed.text(&later("a/3")).await.as_deref(), Some("new"));
    let keys: Vec<String> = bed.store.ledger("c", None, 10).await.unwrap().into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, ["a/1", "a/2", "a/3"]);
    let version = if bed.is_postgres() { "orloj_operator.migrations" } else { "orloj_operator_migrations" };
    assert_eq!(bed.text(&format!("SELECT CAST(max(version) AS TEXT) FROM {version}")).await.as_deref(), Some("99"));
}

/// A kind is one YAML file: its table needs no code.
pub async fn a_ninth_kind_has_its_table_and_derived_columns(bed: &Bed) {
    let fence = lead(bed).await;
    let (table, keys) = (widgets(), [key("a/1"), key("a/2")]);
    let mut rows = vec![tool_row("a/1", "x"), tool_row("a/2", "x")];
    rows[0].columns = vec!["one".into(), "two".into()];
    let insert = SealedChanges { insert: rows.clone(), ..SealedChanges::default() };
    bed.store.commit(&fence, &request_for(&table, &[], &keys), &mut |_| insert.clone()).await.unwrap();
    rows[0].columns = vec!["three".into(), "it's".into()];
    let update = SealedChanges { update: rows, ..SealedChanges::default() };
    bed.store.commit(&fence, &request_for(&table, &[], &keys), &mut |_| update.clone()).await.unwrap();
    let columns = r#"SELECT "select" || ' ' || colour FROM "order" WHERE name = 'a/1'"#;
    assert_eq!(bed.text(columns).await.unwrap(), "three it's");
    bed.sql(r#"INSERT INTO "order" (name, payload) VALUES ('a/3', '{}')"#).await;
    let columns = r#"SELECT namespace || ' ' || "select" || ' ' || colour FROM "order" WHERE name = 'a/3'"#;
    assert_eq!(bed.text(columns).await.unwrap(), "default it's red");
}

fn gauges() -> Table {
    let column = |name: &str, default| Column { name: name.into(), default };
    Table {
        name: "gauges".into(),
        owner: TableOwner::Operator,
        columns: vec![
            column("suspend", ColumnValue::Boolean(true)),
            column("level", ColumnValue::Integer(-3)),
            column("word", "none".into()),
            column("due", ColumnValue::Timestamp(None)),
        ],
        indexed: vec!["due".into(), "suspend".into()],
        shared_with: Vec::new(),
    }
}

/// As a client of the database sees them, not as this program does.
pub async fn columns_hold_values_of_their_types(bed: &Bed) {
    use ColumnValue::{Boolean, Integer, Timestamp};
    let fence = lead(bed).await;
    let (table, keys) = (gauges(), ["a/1", "a/2", "a/3"].map(key));
    bed.store.migrate(std::slice::from_ref(&table), false).await.unwrap();
    assert_eq!(bed.store.missing(std::slice::from_ref(&table)).await.unwrap(), []);
    let row = |at: &str, columns: [ColumnValue; 4]| RowWrite { columns: columns.into(), ..tool_row(at, "x") };
    let first = vec![
        row("a/1", [Boolean(false), Integer(i64::MAX), "".into(), Timestamp(Some(1_700_000_000_123_457))]),
        // year 0: beyond what a double holds to the microsecond
        row("a/2", [Boolean(true), Integer(i64::MIN), "true".into(), Timestamp(Some(-62_167_219_199_999_999))]),
        row("a/3", [Boolean(false), Integer(0), "0".into(), Timestamp(None)]),
    ];
    let insert = SealedChanges { insert: first, ..SealedChanges::default() };
    bed.store.commit(&fence, &request_for(&table, &[], &keys), &mut |_| insert.clone()).await.unwrap();
    let told = if bed.is_postgres() {
        "SELECT string_agg(concat_ws(' ', suspend, level, word, \
         coalesce((extract(epoch FROM due) * 1000000)::bigint::text, 'null'), pg_typeof(due)), ', ' ORDER BY name) FROM gauges"
    } else {
        "SELECT group_concat(t, ', ') FROM (SELECT iif(suspend, 't', 'f') || ' ' || level || ' ' || word || ' ' || \
         coalesce(due, 'null') || ' timestamp with time zone' AS t FROM gauges ORDER BY name)"
    };
    let zone = "timestamp with time zone";
    let want = format!(
        "f 9223372036854775807  1700000000123457 {zone}, t -9223372036854775808 true -62167219199999999 {zone}, \
         f 0 0 null {zone}"
    );
    assert_eq!(bed.text(told).await.unwrap(), want);

    let second = vec![row("a/1", [Boolean(true), Integer(7), "w".into(), Timestamp(None)])];
    let update = SealedChanges { update: second, ..SealedChanges::default() };
    bed.store.commit(&fence, &request_for(&table, &[], &keys[..1]), &mut |_| update.clone()).await.unwrap();
    assert!(bed.text(told).await.unwrap().starts_with(&format!("t 7 w null {zone}, ")));
    bed.sql("DELETE FROM gauges; INSERT INTO gauges (name, payload) VALUES ('a/9', '{}')").await;
    assert_eq!(bed.text(told).await.unwrap(), format!("t -3 none null {zone}"));

    // one type in place of another is a mistake of the caller
    let wrong = vec![row("a/1", [Integer(1), Integer(1), "".into(), Timestamp(None)])];
    let insert = SealedChanges { insert: wrong, ..SealedChanges::default() };
    let error = bed.store.commit(&fence, &request_for(&table, &[], &keys[..1]), &mut |_| insert.clone()).await;
    assert_eq!(error.unwrap_err().class(), StoreErrorClass::Rejected);
}

/// A table that is there, with a column that has not the type that a kind's file says.
pub async fn a_column_of_another_type_is_named(bed: &Bed) {
    let mut table = gauges();
    table.columns.truncate(1);
    table.indexed.clear();
    bed.store.migrate(std::slice::from_ref(&table), false).await.unwrap();
    for (default, wanted) in
        [("no".into(), "text"), (ColumnValue::Timestamp(None), "timestamp"), (ColumnValue::Integer(0), "integer")]
    {
        table.columns[0].default = default;
        let missing = bed.store.missing(std::slice::from_ref(&table)).await.unwrap();
        // SQLite has one type for both
        if wanted == "text" || bed.is_postgres() {
            assert_eq!(missing.len(), 1, "{wanted}: {missing:?}");
            assert!(missing[0].text.starts_with("column suspend of table gauges is of type "), "{missing:?}");
            assert!(missing[0].text.contains(&format!("writes values of type {wanted}: change `type`")), "{missing:?}");
        }
    }
}

/// `kinds/ORLOJD.md` 1.1: `created_at` and, but for one kind, `spec_hash` are never written.
pub async fn an_update_leaves_created_at_and_spec_hash_alone(bed: &Bed) {
    let fence = lead(bed).await;
    bed.upsert(&fence, &["a/1"], "x").await.unwrap();
    bed.sql("UPDATE tools SET spec_hash = 'theirs'").await;
    let columns = if bed.is_postgres() {
        "SELECT created_at::text || spec_hash FROM tools"
    } else {
        "SELECT created_at || spec_hash FROM tools"
    };
    let before = bed.text(columns).await;
    bed.upsert(&fence, &["a/1"], "y").await.unwrap();
    assert_eq!(bed.text(columns).await, before);

    // where it is derived, it is written
    let (table, keys) = (mcp_servers(), [key("a/1")]);
    let mut row = tool_row("a/1", "x");
    row.columns = vec!["ours".into()];
    let insert = SealedChanges { insert: vec![row], ..SealedChanges::default() };
    bed.store.commit(&fence, &request_for(&table, &[], &keys), &mut |_| insert.clone()).await.unwrap();
    assert_eq!(bed.text("SELECT spec_hash FROM mcp_servers").await.unwrap(), "ours");
}

/// Batches of one kind run side by side, and two of them may want one key.
pub async fn batches_side_by_side_all_arrive(bed: &Bed) {
    let fence = lead(bed).await;
    let all: Vec<String> = (0..40).map(|i| format!("a/{i:02}")).collect();
    let batch = |from: usize| {
        let keys: Vec<&str> = (0..20).map(|i| all[(from + i) % 40].as_str()).collect();
        let fence = &fence;
        async move { bed.upsert(fence, &keys, "x").await }
    };
    for result in futures::future::join_all((0..8).map(|i| batch(i * 5))).await {
        result.unwrap();
    }
    assert_eq!(bed.keys().await, all);
    let objects: BTreeSet<ObjectName> =
        bed.store.ledger("c", None, 100).await.unwrap().into_iter().map(|entry| entry.object).collect();
    assert_eq!(objects.len(), 40);
}
