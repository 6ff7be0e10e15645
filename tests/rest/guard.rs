//! The conflict policy: every verb, every policy, in orlojd's order of checks.

use serde_json::{Value, json};

use crate::desk::{Api, Place};
use crate::on_both;

on_both!(guard: the_policies_differ, the_ledger_counts_without_a_mark, a_mark_counts_without_a_ledger);

const MANIFEST: &str =
    "apiVersion: orloj.dev/v1\nkind: Memory\nmetadata: {name: m, namespace: team}\nspec: {type: vector}\n";

const REJECTED: &str =
    "Memory \"m\" is managed by a CRD \u{2014} update it via kubectl apply or your Git repo, not the REST API";

fn object(version: &str, spec: Value) -> Value {
    json!({"metadata": {"name": "m", "namespace": "team", "resourceVersion": version}, "spec": spec})
}

fn post(api: &Api, version: &str) -> crate::desk::Answer {
    api.post("/v1/memories", &object(version, json!({"type": "graph"})))
}

const ITEM: &str = "/v1/memories/m?namespace=team";

pub fn the_policies_differ(place: &Place) {
    place.sync("m.yaml", MANIFEST);
    let owned = |api: &Api| {
        let answer = api.get(ITEM).expect(200);
        assert!(!answer.is_managed(), "{answer:?}");
        ["Cluster", "Namespace", "Name"]
            .map(|part| answer.header(&format!("X-Orloj-Owner-{part}")).unwrap_or("-").to_owned())
    };
    let reject = place.serve_with("", &[("ORLOJ_CRD_CONFLICT_POLICY", " Reject ")]);
    assert_eq!(owned(&reject), ["directory", "team", "m"]);
    for refused in [
        post(&reject, ""),
        // the policy comes before the version on POST, and after it must be named on PUT
        post(&reject, "77"),
        reject.put(ITEM, &[("If-Match", "77")], &object("", json!({"type": "graph"}))),
        reject.delete(ITEM),
    ] {
        assert!(refused.refused(409, REJECTED).is_managed());
    }
    let unnamed = reject.put(ITEM, &[], &object("", json!({"type": "graph"}))).expect(409);
    assert!(!unnamed.is_managed() && unnamed.body.contains("precondition required"), "{unnamed:?}");
    assert!(!reject.delete("/v1/memories/x?namespace=team").expect(404).is_managed());
    // what stands in the body does not count, nor does a row that is nobody's
    let mut mine = json!({"metadata": {"name": "mine", "annotations": {"orloj.dev/managed-by": "crd-sync"}}});
    for _ in 0..2 {
        assert!(!reject.post("/v1/memories", &mine).expect(201).is_managed());
    }
    mine["metadata"]["resourceVersion"] = "2".into();
    assert!(!reject.put("/v1/memories/mine", &[], &mine).expect(200).is_managed());
    let status = json!({"status": {"phase": "Ready"}});
    let put = reject.put("/v1/memories/m/status?namespace=team", &[("If-Match", "*")], &status).expect(200);
    assert!(!put.is_managed(), "the status is the runtime's: {put:?}");

    let warn = place.serve_with("", &[("ORLOJ_CRD_CONFLICT_POLICY", "nonsense")]);
    let stale = post(&warn, "77").expect(409);
    assert!(stale.is_managed() && stale.body.contains("conflict: expected=\"77\""), "{stale:?}");
    let passed = post(&warn, "").expect(201);
    assert!(passed.is_managed());
    assert_eq!(passed.json()["metadata"]["annotations"]["orloj.dev/managed-by"], "crd-sync", "the mark survives");
    assert!(warn.put(ITEM, &[("If-Match", "*")], &object("", json!({}))).expect(200).is_managed());
    assert_eq!(owned(&warn), ["directory", "team", "m"]);
    let line = "Memory \\\"m\\\" is CRD-managed; REST write will be overwritten on next operator sync";
    assert_eq!(warn.log().matches(line).count(), 2, "{}", warn.log());
    // and so it is
    place.run("sync m -q").expect(0);
    assert_eq!(warn.get(ITEM).expect(200).json()["spec"]["type"], "vector");
    assert!(warn.delete(ITEM).expect(204).is_managed());
    place.run("sync m -q").expect(0);
    assert_eq!(warn.get(ITEM).expect(200).json()["spec"]["type"], "vector");
    let metrics = warn.get("/metrics").body;
    assert!(
        metrics.contains("orloj_operator_rest_guard_total{policy=\"warn\",verdict=\"warned\",kind=\"Memory\"} 4"),
        "{metrics}"
    );

    let off = place.serve("--crd-conflict-policy off");
    assert!(!post(&off, "").expect(201).is_managed());
    assert!(!off.put(ITEM, &[("If-Match", "*")], &object("", json!({}))).expect(200).is_managed());
    assert!(!off.delete(ITEM).expect(204).is_managed());
    // deleted behind the owner's back, it is made anew as anybody's
    assert!(!reject.post("/v1/memories", &object("", json!({"type": "graph"}))).expect(201).is_managed());
    assert!(reject.delete(ITEM).expect(409).is_managed(), "the ledger still knows whose key it is");
}

/// orlojd's own `warn` strips the mark; whose row it is stands in the ledger all the same.
pub fn the_ledger_counts_without_a_mark(place: &Place) {
    place.sync("m.yaml", MANIFEST);
    strip_mark(place, "#- '{metadata,annotations}'", "json_remove(payload, '$.metadata.annotations')");
    let reject = place.serve("--crd-conflict-policy=reject");
    assert!(reject.get(ITEM).expect(200).json()["metadata"].get("annotations").is_none());
    assert!(reject.delete(ITEM).refused(409, REJECTED).is_managed());
}

/// The original operator keeps no ledger.
pub fn a_mark_counts_without_a_ledger(place: &Place) {
    place.sync("m.yaml", MANIFEST);
    sql(place, "delete from orloj_operator.ledger", "delete from orloj_operator_ledger");
    let reject = place.serve("--crd-conflict-policy=reject");
    assert_eq!(reject.get(ITEM).expect(200).header("X-Orloj-Owner-Name"), None, "nobody can prove it");
    assert!(reject.delete(ITEM).refused(409, REJECTED).is_managed());
}

fn strip_mark(place: &Place, postgres: &str, sqlite: &str) {
    sql(
        place,
        &format!("update memories set payload = payload {postgres}"),
        &format!("update memories set payload = {sqlite}"),
    );
}

/// Runs a statement as a second writer.
fn sql(place: &Place, postgres: &str, sqlite: &str) {
    if let Some(database) = &place.database {
        database.psql(postgres);
        return;
    }
    let (url, text) = (place.url.clone(), sqlite.to_owned());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&pool).await.unwrap();
        pool.close().await;
    });
}
