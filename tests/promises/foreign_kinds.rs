//! Kinds that are not ours: their resources become rows, and nothing is ever written to them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::bed::eventually;
use crate::world::{KEY, PATIENCE, World};

const KINDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kinds/foreign");
const PLANTED: &str = "pl4nted-kub3rnetes-v4lue";

fn base64(text: &str) -> String {
    orloj_operator::go_compat::base64::encode(text.as_bytes())
}

/// Applies a Secret of Kubernetes, and answers it as it stands then.
fn apply_secret(world: &World, name: &str, labels: &Value, data: &Value) -> Value {
    let metadata = json!({"name": name, "namespace": world.namespace, "labels": labels});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data});
    world.kubectl_apply(&secret.to_string());
    secret_of(world, name)
}

fn synced() -> Value {
    json!({"orloj.dev/sync": "true"})
}

fn secret_of(world: &World, name: &str) -> Value {
    world.cluster.get(&format!("/api/v1/namespaces/{}/secrets/{name}", world.namespace))
}

fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap()
}

/// The notes of Events on a Secret of Kubernetes with this reason.
fn notes(world: &World, name: &str, reason: &str) -> Vec<String> {
    let events = world.cluster.get(&format!("/apis/events.k8s.io/v1/namespaces/{}/events", world.namespace));
    let about = |event: &&Value| {
        let of = &event["regarding"];
        of["apiVersion"] == "v1" && of["kind"] == "Secret" && of["name"] == name && event["reason"] == reason
    };
    let found = events["items"].as_array().unwrap().iter().filter(about);
    found.map(|event| event["note"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn secrets_of_kubernetes_become_sealed_rows_and_are_never_written_to() {
    let mut world = World::named("k8s-secret").env("ORLOJ_SECRET_ENCRYPTION_KEY", KEY).kinds(KINDS).start();
    let (encoded, changed) = (base64(PLANTED), base64("an0ther-pl4nted-v4lue"));
    apply_secret(&world, "unmarked", &json!({}), &json!({"k": encoded}));
    let first = apply_secret(&world, "token", &synced(), &json!({"k": encoded}));
    let row = world.wait_row("Secret", "token", |_| true);
    assert!(row["spec"]["data"]["k"].as_str().unwrap().starts_with("enc:"), "{row}");
    assert_eq!((&row["apiVersion"], &row["kind"]), (&json!("orloj.dev/v1"), &json!("Secret")));
    assert_eq!(row["metadata"]["annotations"]["orloj.dev/source-kind"], "Secret.core");
    world.wait_quiet();
    assert_eq!(version(&secret_of(&world, "token")), version(&first), "nothing was written to it");

    // changed, and refused for a value that no row may have
    let second = apply_secret(&world, "token", &synced(), &json!({"k": changed}));
    world.wait_row("Secret", "token", |now| now["spec"] != row["spec"] && now["metadata"]["generation"] == 2);
    let bad = apply_secret(&world, "bad", &synced(), &json!({"k": encoded, "empty": ""}));
    eventually(PATIENCE, "an Event tells of the refusal", || {
        let told = notes(&world, "bad", "InvalidSpec");
        if told == ["spec.data.empty is empty"] { Ok(()) } else { Err(format!("{told:?}; {}", world.log_tail())) }
    });
    assert_eq!(world.row("Secret", "unmarked"), None);
    assert_eq!(world.row("Secret", "bad"), None);
    world.wait_quiet();
    for (name, before) in [("token", &second), ("bad", &bad)] {
        let now = secret_of(&world, name);
        assert_eq!(version(&now), version(before), "nothing was written to {name}");
        assert!(now["metadata"].get("finalizers").is_none());
    }

    // a row that is lost comes back, and one that is changed is put right
    world.database.psql("delete from secrets");
    let back = world.wait_row("Secret", "token", |_| true);
    let damage = "update secrets set payload = jsonb_set(payload, '{spec,data}', '{}')";
    world.database.psql(damage);
    world.wait_row("Secret", "token", |row| row["spec"]["data"].get("k").is_some());
    assert_ne!(back["spec"]["data"]["k"], changed.as_str());

    let everything = [
        ("log", world.operator().log()),
        ("metrics", world.operator().metrics().unwrap()),
        ("readyz", world.operator().health("/readyz?verbose").unwrap().body),
        ("events", world.kubectl(&["get", "events.events.k8s.io", "-o", "json"]).expect_ok()),
        ("rows", world.database.psql("select payload from secrets")),
        ("ledger", world.database.psql("select * from orloj_operator.ledger")),
    ];
    for (place, text) in everything {
        for needle in [PLANTED, &encoded, "an0ther-pl4nted-v4lue", &changed, KEY] {
            assert!(!text.contains(needle), "found in {place}: {text}");
        }
    }

    // the label goes, and comes back
    world.kubectl(&["label", "secrets", "token", "orloj.dev/sync-"]).expect_ok();
    world.wait_no_row("Secret", "token");
    world.kubectl(&["label", "secrets", "token", "orloj.dev/sync=true"]).expect_ok();
    world.wait_row("Secret", "token", |_| true);

    // gone while nobody looked: one is deleted, of another the label is taken off
    apply_secret(&world, "other", &synced(), &json!({"k": encoded}));
    world.wait_row("Secret", "other", |_| true);
    world.operator().stop();
    world.kubectl(&["delete", "secrets", "token"]).expect_ok();
    world.kubectl(&["label", "secrets", "other", "orloj.dev/sync-"]).expect_ok();
    world.start_operator().wait_ready(PATIENCE);
    world.wait_no_row("Secret", "token");
    world.wait_no_row("Secret", "other");
}

#[test]
fn the_older_of_two_secrets_owns_the_row() {
    let world = World::named("k8s-conflict").kinds(KINDS).start();
    let (ours, theirs) = (base64("ours"), base64("theirs"));
    world.apply("Secret", "first", &json!({"data": {"k": ours}}));
    world.wait_synced("Secret", "first");
    let before = apply_secret(&world, "first", &synced(), &json!({"k": theirs}));
    eventually(PATIENCE, "an Event tells of the conflict", || {
        let told = notes(&world, "first", "KeyConflict");
        let found = told.iter().any(|note| note.contains(&format!("is owned by Secret {}/first", world.namespace)));
        if found { Ok(()) } else { Err(format!("{told:?}; {}", world.log_tail())) }
    });
    eventually(PATIENCE, "a metric counts it", || {
        let failed =
            world.operator().metric("orloj_operator_resources", &[("kind", "Secret.core"), ("state", "failed")]);
        if failed == Ok(1.0) { Ok(()) } else { Err(format!("{failed:?}")) }
    });
    world.wait_quiet();
    assert_eq!(world.row("Secret", "first").unwrap()["spec"]["data"]["k"], ours.as_str());
    assert_eq!(version(&secret_of(&world, "first")), version(&before));
    // the owner leaves, and who waited has the row
    world.delete("Secret", "first");
    world.wait_row("Secret", "first", |row| row["spec"]["data"]["k"] == theirs.as_str());

    // the other way round it is the status that tells
    apply_secret(&world, "second", &synced(), &json!({"k": theirs}));
    world.wait_row("Secret", "second", |_| true);
    world.apply("Secret", "second", &json!({"data": {"k": ours}}));
    let told = world.wait_failed("Secret", "second", "KeyConflict");
    let text = told["status"]["syncError"].as_str().unwrap();
    assert!(text.contains(&format!("is owned by Secret.core {}/second", world.namespace)), "{text}");
    world.wait_quiet();
    assert_eq!(world.row("Secret", "second").unwrap()["spec"]["data"]["k"], theirs.as_str());
    world.kubectl(&["delete", "secrets", "second"]).expect_ok();
    world.wait_synced("Secret", "second");
    assert_eq!(world.row("Secret", "second").unwrap()["spec"]["data"]["k"], ours.as_str());
}

/// Another controller's kind, and what is kept of it.
const CERTIFICATE: &str = r"
definition: foreign
acknowledge: annotation
group: certs.example.com
version: v1
kind: Certificate
plural: certificates
description: A certificate of another controller.
fields:
  spec.host: {from: 'spec.hosts[0]'}
  spec.ready: {from: 'status.conditions[?type=Ready].status'}
  spec.owner: {from: metadata.labels.owner}
store:
  table: certificates
  owner: operator
  initialPhase: Known
  columns:
    host: {from: spec.host}
    ready: {from: spec.ready, apply: [lower]}
runtime: silent
rules:
  - {path: spec.host, refuse: blank, message: spec.host is required}
schema:
  type: object
  properties:
    host: {type: string}
    ready: {type: string}
    owner: {type: string}
";

const CERTIFICATE_CRD: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: certificates.certs.example.com}
spec:
  group: certs.example.com
  names: {kind: Certificate, plural: certificates, singular: certificate, listKind: CertificateList}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

fn certificate(world: &World, name: &str) -> Value {
    world.cluster.get(&format!("/apis/certs.example.com/v1/namespaces/{}/certificates/{name}", world.namespace))
}

fn folder_with(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(Path::new(folder.path()).join("certificate.yaml"), text).unwrap();
    folder
}

#[test]
fn a_kind_of_another_controller_is_mapped_field_by_field() {
    let folder = folder_with(CERTIFICATE);
    let mut world = World::named("certificate").kinds(folder.path()).prepare();
    world.cluster.establish(CERTIFICATE_CRD);
    world.start_operator().wait_ready(PATIENCE);
    let metadata = json!({"name": "web", "namespace": world.namespace, "labels": {"owner": "a"}});
    let spec = json!({"hosts": ["web.example.com", "b"]});
    let object =
        json!({"apiVersion": "certs.example.com/v1", "kind": "Certificate", "metadata": metadata, "spec": spec});
    world.kubectl_apply(&object.to_string());
    let columns = |wanted: &str| {
        eventually(PATIENCE, "the columns", || {
            let told = world.database.try_psql("select host, ready from certificates");
            if told.as_deref().map(str::trim) == Ok(wanted.trim()) {
                Ok(())
            } else {
                Err(format!("{told:?}; {}", world.log_tail()))
            }
        });
    };
    columns("web.example.com\t");
    // what its controller writes into the status counts, without a new generation
    let status = json!({"status": {"conditions": [{"type": "Issuing", "status": "False"}, {"type": "Ready", "status": "True"}]}});
    let ready = ["patch", "certificates.certs.example.com", "web", "--subresource=status", "--type=merge", "-p"];
    world.kubectl(&[&ready[..], &[&status.to_string()]].concat()).expect_ok();
    columns("web.example.com\ttrue");
    // the row was synced before, too: what was said of it then may be said anew
    world.wait_quiet();
    let told = certificate(&world, "web");
    let text = told["metadata"]["annotations"]["orloj.dev/sync-status"].as_str().unwrap_or_default();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap_or_default()["phase"], "Synced", "{told}");
    assert!(told["metadata"].get("finalizers").is_none(), "{told}");
    assert_eq!(told["status"], status["status"], "the status is its controller's");
    let payload: Value = serde_json::from_str(&world.database.psql("select payload from certificates")).unwrap();
    assert_eq!(payload["spec"], json!({"host": "web.example.com", "ready": "True", "owner": "a"}));
    assert_eq!(payload["metadata"]["annotations"].get("orloj.dev/sync-status"), None, "{payload}");
    // a restart writes nothing
    world.operator().stop();
    world.start_operator().wait_ready(PATIENCE);
    world.wait_quiet();
    assert_eq!(version(&certificate(&world, "web")), version(&told));

    world.kubectl(&["delete", "certificates.certs.example.com", "web"]).expect_ok();
    eventually(PATIENCE, "the row is gone", || {
        let rows = world.database.psql("select count(*) from certificates");
        if rows.trim() == "0" { Ok(()) } else { Err(world.log_tail()) }
    });
}
