//! Taking over rows that the original's own code made: the payloads of `tests/vectors.jsonl`, columns as it derives
//! them, secret values under its nonces.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use orloj_operator::crypto::SecretKey;
use serde_json::{Value, json};

use crate::world::World;

const VECTORS: &str = include_str!("../vectors.jsonl");

const ZERO_KEY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What the original made of `dg==` under that key, and another library opened.
const SEALED_BY_THE_ORIGINAL: &str = "enc:2oqScCGgHXHXXRkO2fGnoGmbOruoNcpTbCnDXJ5jQto=";

/// Derived columns besides phase and namespace, as the original fills them.
fn columns(kind: &str) -> &'static [(&'static str, &'static str)] {
    match kind {
        "Tool" => &[
            ("risk_level", "lower(trim(p->'spec'->>'risk_level'))"),
            ("isolation_mode", "lower(trim(p->'spec'->'runtime'->>'isolation_mode'))"),
        ],
        "ModelEndpoint" => &[("provider", "lower(trim(p->'spec'->>'provider'))")],
        "AgentPolicy" => &[("apply_mode", "lower(trim(p->'spec'->>'apply_mode'))")],
        _ => &[],
    }
}

/// A resource and the row that the original made of it.
struct Pair {
    object: Value,
    payload: Value,
    spec_hash: String,
}

/// All vectors with a payload, in the world's namespace, under names that Kubernetes takes.
fn pairs(world: &World, key: &SecretKey) -> Vec<Pair> {
    let mut pairs: Vec<_> = VECTORS.lines().enumerate().filter_map(|(line, text)| pair(world, line, text)).collect();
    let metadata = json!({"name": "known", "namespace": world.namespace});
    let annotated = json!({"name": "known", "namespace": world.namespace,
        "annotations": {"orloj.dev/managed-by": "crd-sync"}});
    for pair in pairs.iter_mut().filter(|pair| pair.object["kind"] == "Secret") {
        for value in pair.payload["spec"]["data"].as_object_mut().into_iter().flat_map(|data| data.values_mut()) {
            *value = json!(key.seal_random(value.as_str().unwrap()).unwrap());
        }
    }
    pairs.push(Pair {
        object: json!({"apiVersion": "orloj.dev/v1", "kind": "Secret", "metadata": metadata,
            "spec": {"stringData": {"k": "v"}}}),
        payload: json!({"apiVersion": "orloj.dev/v1", "kind": "Secret", "metadata": annotated,
            "spec": {"data": {"k": SEALED_BY_THE_ORIGINAL}}, "status": {"phase": "Pending"}}),
        spec_hash: String::new(),
    });
    for pair in &mut pairs {
        pair.object["metadata"]["finalizers"] = json!(["orloj.dev/sync"]);
        let metadata = &mut pair.payload["metadata"];
        metadata["resourceVersion"] = json!("7");
        metadata["generation"] = json!(21);
        metadata["createdAt"] = json!("2026-01-01T00:00:00Z");
    }
    pairs
}

fn pair(world: &World, line: usize, text: &str) -> Option<Pair> {
    let mut vector: Value = serde_json::from_str(text).unwrap();
    let mut payload = vector.get("payload")?.clone();
    let mut object = vector["in"].take();
    for metadata in [&mut object["metadata"], &mut payload["metadata"]] {
        metadata["name"] = json!(format!("vector-{line}"));
        metadata["namespace"] = json!(world.namespace);
    }
    // older versions of the original left it empty, newer ones fill it
    let hash = vector.get("spec_hash").and_then(Value::as_str).filter(|_| line.is_multiple_of(2)).unwrap_or_default();
    Some(Pair { object, payload, spec_hash: hash.to_owned() })
}

fn insert(world: &World, pairs: &[&Pair]) {
    let mut sql = String::new();
    for Pair { payload, spec_hash, .. } in pairs {
        let kind = payload["kind"].as_str().unwrap();
        let table = &world.kind(kind).store.table.name;
        let (names, values): (String, String) =
            columns(kind).iter().map(|(name, value)| (format!(", {name}"), format!(", {value}"))).unzip();
        writeln!(
            sql,
            "insert into {table} (name, namespace, status_phase, payload, spec_hash, updated_at{names}) \
             select (p->'metadata'->>'namespace') || '/' || (p->'metadata'->>'name'), p->'metadata'->>'namespace', \
             lower(trim(p->'status'->>'phase')), p, '{spec_hash}', '2026-01-01'{values} \
             from (select $payload${payload}$payload$::jsonb as p) as given;"
        )
        .unwrap();
    }
    world.database.psql(&sql);
}

fn rows(world: &World) -> BTreeMap<String, String> {
    let tables = world.registry.kinds().iter().map(|kind| &kind.store.table.name);
    let select =
        |table: &String| format!("select '{table} ' || name, xmin || ' ' || ctid || ' ' || updated_at from {table}");
    let text = world.database.psql(&tables.map(select).collect::<Vec<_>>().join(" union all "));
    text.lines().filter_map(|line| line.split_once('\t')).map(|(key, row)| (key.to_owned(), row.to_owned())).collect()
}

/// Resources and finalizers are there, rows are there, the ledger is not: no row is written, and all is current.
#[test]
fn rows_that_the_original_made_are_not_written() {
    let key = SecretKey::parse(&ZERO_KEY.to_owned().into()).unwrap().unwrap();
    let mut world = World::named("adopt").env("ORLOJ_SECRET_ENCRYPTION_KEY", ZERO_KEY).prepare();
    let pairs = pairs(&world, &key);
    let objects: Vec<_> = pairs.iter().map(|pair| &pair.object).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    // not all: a map or list with a null in it is no valid object of any custom resource definition
    world.cluster.kubectl_stdin(["create", "--validate=false", "-f", "-"], &list);
    let there: BTreeMap<(String, String), Value> = world
        .objects()
        .into_iter()
        .map(|object| ((object["kind"].to_string(), object["metadata"]["name"].to_string()), object))
        .collect();
    let pairs: Vec<_> = pairs
        .iter()
        .filter(|pair| {
            there.contains_key(&(pair.object["kind"].to_string(), pair.object["metadata"]["name"].to_string()))
        })
        .collect();
    for kind in world.registry.kinds() {
        let count = pairs.iter().filter(|pair| pair.object["kind"] == *kind.names.kind).count();
        assert!(count >= 20, "{count} of {}", kind.names.kind);
    }
    insert(&world, &pairs);
    let before = rows(&world);
    assert_eq!(before.len(), pairs.len());

    world.start_operator();
    world.wait_leading();
    world.wait_settled();
    let after = rows(&world);
    let written: Vec<_> = before.iter().filter(|(key, row)| after.get(*key) != Some(row)).collect();
    assert!(written.is_empty() && after.len() == before.len(), "{written:?}");
    let entries = world.database.psql("select count(*) from orloj_operator.ledger");
    assert_eq!(entries.trim(), pairs.len().to_string(), "the ledger knows them all");
    for object in world.objects() {
        assert_eq!(object["metadata"]["finalizers"], json!(["orloj.dev/sync"]), "{object}");
    }
    let writes = |what: &str| world.operator().metric("orloj_operator_api_writes_total", &[("what", what)]).unwrap();
    #[allow(clippy::cast_precision_loss, reason = "some hundreds")]
    let all = pairs.len() as f64;
    assert_eq!((writes("finalizer"), writes("status")), (0.0, all));
}

/// What the page on coming from the original says is rewritten, and what is left alone.
#[test]
fn what_the_original_should_not_have_copied_comes_out() {
    let mut world = World::named("copied").prepare();
    let annotations = [
        ("policy", "orloj.dev/deletion-policy", "delete"),
        ("suspended", "orloj.dev/suspend", "true"),
        ("resumed", "orloj.dev/suspend", "false"),
        ("sealed", "orloj.dev/sealedsecret-owner", "team/other"),
    ];
    let pairs = annotations.map(|(name, annotation, value)| {
        let metadata = json!({"name": name, "namespace": world.namespace, "annotations": {annotation: value}});
        let mut payload = json!({"apiVersion": "orloj.dev/v1", "kind": "Memory", "metadata": metadata,
            "spec": {"auth": {}, "type": "kv"}, "status": {"phase": "Pending"}});
        payload["metadata"]["annotations"]["orloj.dev/managed-by"] = json!("crd-sync");
        payload["metadata"]["resourceVersion"] = json!("7");
        let object = json!({"apiVersion": "orloj.dev/v1", "kind": "Memory", "metadata": metadata,
            "spec": {"type": "kv"}});
        world.cluster.kubectl_stdin(["create", "-f", "-"], &object.to_string()).expect_ok();
        Pair { object, payload, spec_hash: String::new() }
    });
    insert(&world, &pairs.each_ref());
    world.start_operator();
    world.wait_leading();
    world.wait_synced("Memory", "policy");
    world.wait_synced("Memory", "resumed");
    world.wait_failed("Memory", "suspended", "Suspended");
    world.wait_failed("Memory", "sealed", "KeyConflict");
    world.wait_still();
    let version = |name: &str| world.row("Memory", name).unwrap()["metadata"]["resourceVersion"].clone();
    assert_eq!((version("policy"), version("resumed")), (json!("8"), json!("8")), "written once");
    assert_eq!((version("suspended"), version("sealed")), (json!("7"), json!("7")), "left alone");
    let row = world.row("Memory", "policy").unwrap();
    assert_eq!(row["metadata"]["annotations"], json!({"orloj.dev/managed-by": "crd-sync"}));
}
