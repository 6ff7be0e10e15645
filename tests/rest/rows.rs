//! One write path: what REST writes and what a sync writes differ in ownership alone.

use std::collections::BTreeMap;

use orloj_operator::orlojd::{LAST_APPLIED, TARGET_NAMESPACE};
use orloj_operator::resource::{ObjectName, Resource, ResourceId};
use orloj_operator::store::open;
use serde_json::{Value, json};

use crate::desk::{Place, REGISTRY};
use crate::on_both;

on_both!(rows: a_post_gives_what_a_sync_gives);

const VECTORS: &str = include_str!("../vectors.jsonl");

/// Resources of all kinds, each under a name of its own, that the operator accepts; and how many it does not.
fn resources() -> (Vec<Value>, Vec<Value>) {
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for (at, line) in VECTORS.lines().enumerate() {
        let mut object: Value = serde_json::from_str::<Value>(line).unwrap()["in"].take();
        let index = REGISTRY.find("orloj.dev/v1", object["kind"].as_str().unwrap()).unwrap();
        let named = Resource::new(
            ResourceId { kind: index, object: ObjectName::new("team", format!("r{at}")) },
            "uid",
            object["spec"].clone(),
        );
        object["metadata"] = json!({
            "name": format!("r{at}"), "namespace": "team",
            "labels": {"n": at.to_string()},
            "annotations": {LAST_APPLIED: "{}", "orloj.dev/validate-ignore": "x: y", "note": "n"},
        });
        let accepted = REGISTRY.kind(index).desired(&named).is_ok();
        if accepted { good.push(object) } else { bad.push(object) }
    }
    (good, bad)
}

/// All columns of every row, less what depends on the moment.
fn rows(place: &Place) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let url = open::StoreUrl::parse(&place.url).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = open::open_read_only(&url).await.unwrap();
        for kind in REGISTRY.kinds() {
            let table = store.describe(&kind.store.table.name, 1_000).await.unwrap().unwrap();
            for mut row in table.rows {
                // a text in SQLite
                if let Some(payload) = row["payload"].as_str().map(|text| serde_json::from_str(text).unwrap()) {
                    row["payload"] = payload;
                }
                row["payload"]["metadata"].as_object_mut().unwrap().remove("createdAt");
                row.as_object_mut().unwrap().retain(|column, _| column != "created_at" && column != "updated_at");
                found.insert(format!("{} {}", kind.names.kind, row["name"]), row);
            }
        }
        store.close().await;
    });
    found
}

fn collection(object: &Value) -> String {
    let index = REGISTRY.find("orloj.dev/v1", object["kind"].as_str().unwrap()).unwrap();
    format!("/v1/{}", REGISTRY.kind(index).api.as_ref().unwrap().collection)
}

pub fn a_post_gives_what_a_sync_gives(place: &Place) {
    let (good, bad) = resources();
    assert!(good.len() > 150 && bad.len() > 100, "{} {}", good.len(), bad.len());
    let api = place.serve("");
    for object in &good {
        let answer = api.post(&collection(object), object).expect(201);
        // what is shown says the same again, as often as it is sent
        assert_eq!(
            answer.json()["spec"],
            api.get(&format!("{}/{}?namespace=team", collection(object), object["metadata"]["name"].as_str().unwrap()))
                .json()["spec"]
        );
    }
    for object in &bad {
        let answer = api.post(&collection(object), object).expect(400);
        assert_eq!(answer.body.lines().count(), 1, "{answer:?}");
    }
    drop(api);
    let posted = rows(place);
    assert_eq!(posted.len(), good.len());

    let other = if place.database.is_some() { Place::postgres() } else { Place::sqlite() };
    let stream: String = good.iter().map(|object| format!("{object}\n")).collect();
    other.desk.write("all.json", &stream);
    // the API server would refuse some of what orlojd takes: these are written by REST alone
    let ran = other.run("sync m -q --field-validation ignore");
    let mut synced = rows(&other);
    assert!(synced.len() > 100, "{}: {ran:?}", synced.len());
    for (key, row) in &mut synced {
        let annotations = row["payload"]["metadata"]["annotations"].as_object_mut().unwrap();
        assert_eq!(annotations.remove("orloj.dev/managed-by"), Some("crd-sync".into()));
        assert!(annotations.get(TARGET_NAMESPACE).is_none());
        assert_eq!(posted.get(key), Some(&*row), "{key}");
    }
}
