//! Resources that are older than our rules: upstream's CRDs, which check nothing, let them in.

use std::sync::Arc;
use std::time::Duration;

use kube::api::DynamicObject;
use orloj_operator::cluster::acknowledge::ClusterResourceClient;
use orloj_operator::cluster::api;
use orloj_operator::orlojd::FINALIZER;
use orloj_operator::registry::Registry;
use orloj_operator::resource::{ObjectName, ResourceId};
use orloj_operator::source::target::Finalizers;
use orloj_operator::source::target::{Ack, FinalizerChange, ResourceClient};
use orloj_operator::status::{Reason, Status, Verdict};
use serde_json::{Value, json};

use crate::bed::eventually;
use crate::server::{installed, manifest};

/// As upstream's CRDs are: types, and next to nothing else.
fn unchecked(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for check in ["x-kubernetes-validations", "pattern", "minimum"] {
                map.remove(check);
            }
            if let Some(Value::Array(required)) = map.get_mut("required") {
                required.retain(|name| name != "model_ref");
            }
            map.values_mut().for_each(unchecked);
        }
        Value::Array(items) => items.iter_mut().for_each(unchecked),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_older_than_the_rules_can_be_acknowledged_and_deleted() {
    let plane = installed();
    // a group of its own, so that no other test meets the unchecked CRD
    let file = include_str!("../../kinds/agent.yaml").replace("group: orloj.dev", "group: older.example.com");
    let file = file.replace("shortNames: [oagent]", "shortNames: [older]").replace("plural: agents", "plural: olders");
    let registry = Registry::from_files([("agent.yaml".to_owned(), file)]).unwrap_or_else(|error| panic!("{error}"));
    let registry = Arc::new(registry);
    let kind = &registry.kinds()[0];
    let mut before = kind.crd();
    unchecked(&mut before["spec"]["versions"][0]["schema"]);
    plane.establish(&before.to_string());
    let specs = [
        ("status", json!({"prompt": "", "model_ref": "m"})),
        ("bare", Value::Null),
        ("wrong", json!({"prompt": "", "memory": {"allow": ["fly"]}, "execution": {"profile": "wild"}})),
    ];
    for (name, spec) in &specs {
        plane.kubectl_stdin(["apply", "-f", "-"], &manifest(kind, name, spec).to_string()).expect_ok();
    }
    plane.establish(&kind.crd().to_string());
    for (name, spec) in &specs {
        let text = manifest(kind, &format!("new-{name}"), spec).to_string();
        // a definition that was served before is served in its old form for a moment
        eventually(Duration::from_mins(1), "the rules are in force", || {
            let answer = plane.kubectl_stdin(["create", "--dry-run=server", "-f", "-"], &text);
            if answer.ok == (*name == "status") { Ok(()) } else { Err(format!("{name}: {answer:?}")) }
        });
    }

    let client = plane.admin_client().await;
    let target = ClusterResourceClient::new(client.clone(), Arc::clone(&registry), "test".to_owned());
    let objects = api(&client, kind, Some("default"));
    for (name, _) in &specs {
        let id = ResourceId { kind: kind.index, object: ObjectName::new("default", *name) };
        let found = target.fetch(&id).await.unwrap().expect("it is there");
        let verdict = Verdict::Failed { reason: Reason::Invalid, text: "wrong".to_owned() };
        let status = Status::default().next(&verdict, 1, 0, 1_700_000_000);
        let add = FinalizerChange::Add(Finalizers { count: 0, ours: None });
        let ack = Ack { uid: found.uid.clone(), finalizer: add, status: Some(status) };
        target.acknowledge(&id, &ack).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let label = format!("{{\"metadata\":{{\"labels\":{{\"who\":\"{name}\"}}}}}}");
        let args = ["patch", "older", *name, "-n", "default", "--type=merge", "-p", &label];
        plane.kubectl(args).expect_ok();

        objects.delete(name, &kube::api::DeleteParams::default()).await.unwrap();
        let found: DynamicObject = objects.get(name).await.unwrap();
        assert_eq!(found.metadata.finalizers.as_deref(), Some(&[FINALIZER.to_owned()][..]));
        let remove = FinalizerChange::Remove(Finalizers { count: 1, ours: Some(0) });
        let uid = found.metadata.uid.unwrap_or_default().into();
        let ack = Ack { uid, finalizer: remove, status: None };
        target.acknowledge(&id, &ack).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(objects.get_opt(name).await.unwrap().is_none(), "{name} is gone");
    }
}
