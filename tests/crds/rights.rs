//! The operator's own calls, made under exactly the rights that `rbac` gives, and their neighbours, refused.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::Client;
use kube::api::{Api, PostParams};
use orloj_operator::authoring::rbac::{RbacOptions, rbac, rbac_yaml};
use orloj_operator::cluster::acknowledge::ClusterResourceClient;
use orloj_operator::cluster::client::{cluster_id, connect};
use orloj_operator::cluster::lease::{Elector, LEASE_NAME, Lost, Timing};
use orloj_operator::cluster::watch::{Health, scopes, watch};
use orloj_operator::registry::Registry;
use orloj_operator::resource::{KindIndex, ObjectName, ResourceId};
use orloj_operator::source::target::Finalizers;
use orloj_operator::source::target::{Ack, FinalizerChange, Notice, Notified, ResourceClient};
use orloj_operator::source::{Obstacle, Scope, SourceEvent};
use orloj_operator::status::{RuntimeReport, Status, Verdict};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::bed::{ControlPlane, eventually_async};
use crate::files::registry;
use crate::server::installed;

const SOON: Duration = Duration::from_secs(30);
const VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

fn options(namespace: &str, namespaces: &[&str]) -> RbacOptions {
    RbacOptions {
        namespace: namespace.to_owned(),
        service_account: "orloj-operator".to_owned(),
        lease: LEASE_NAME.to_owned(),
        namespaces: namespaces.iter().map(|&namespace| namespace.to_owned()).collect(),
    }
}

/// Gives the rights, and waits until the account has them.
async fn account(plane: &ControlPlane, options: &RbacOptions) -> Client {
    for namespace in &options.namespaces {
        plane.service_account_token(namespace, "default");
    }
    let kubeconfig = plane.service_account_kubeconfig(&options.namespace, &options.service_account);
    let text = rbac_yaml(&registry(), options);
    plane.kubectl_stdin(["apply", "--server-side", "--field-manager=test", "-f", "-"], &text).expect_ok();
    let client = connect(Some(&kubeconfig), Arc::new(|_: &str, _: &str| {})).unwrap();
    eventually_async(SOON, "the bindings take effect", async || {
        let may = may(&client, "update", "coordination.k8s.io", "leases", &options.namespace, LEASE_NAME).await;
        if may && cluster_id(&client).await.is_ok() { Ok(()) } else { Err("not yet") }
    })
    .await;
    client
}

/// Whether the client's account may; `resource` may hold a subresource, an empty namespace is the cluster.
async fn may(client: &Client, verb: &str, group: &str, resource: &str, namespace: &str, name: &str) -> bool {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let attributes = ResourceAttributes {
        group: some(group),
        resource: some(resource),
        subresource: some(subresource),
        namespace: some(namespace),
        name: some(name),
        verb: some(verb),
        ..ResourceAttributes::default()
    };
    let spec =
        SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..SelfSubjectAccessReviewSpec::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await.unwrap();
    answer.status.unwrap().allowed
}

/// All that the account may do in a namespace, of the resources that there are.
async fn rights(client: &Client, plane: &ControlPlane, namespace: &str) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    let mut resources = Vec::new();
    for kind in registry().kinds() {
        for sub in ["", "/status", "/finalizers", "/scale"] {
            resources.push((kind.names.group.clone(), format!("{}{sub}", kind.names.plural)));
        }
    }
    let listed = plane.kubectl(["api-resources", "--no-headers", "-o", "name"]).expect_ok();
    resources.extend(listed.lines().filter(|name| !name.ends_with(".orloj.dev")).map(|name| {
        let (plural, group) = name.split_once('.').unwrap_or((name, ""));
        (group.to_owned(), plural.to_owned())
    }));
    assert!(resources.contains(&(String::new(), "secrets".to_owned())));
    for (group, resource) in &resources {
        // what every account may: ask about itself
        if ["authorization.k8s.io", "authentication.k8s.io"].contains(&group.as_str()) {
            continue;
        }
        for verb in VERBS {
            if may(client, verb, group, resource, namespace, "").await {
                rights.insert(format!("{verb} {resource}.{group}"));
            }
        }
    }
    rights
}

fn expected() -> BTreeSet<String> {
    let mut expected = BTreeSet::new();
    for kind in registry().kinds() {
        let (plural, group) = (&kind.names.plural, &kind.names.group);
        expected.extend(["get", "list", "watch", "patch"].map(|verb| format!("{verb} {plural}.{group}")));
        expected.insert(format!("patch {plural}/status.{group}"));
    }
    expected.extend(["create", "patch"].map(|verb| format!("{verb} events.events.k8s.io")));
    expected
}

/// Rights that go with a name.
async fn named_rights(client: &Client, namespace: &str) {
    let lease =
        async |verb: &str, name: &str| may(client, verb, "coordination.k8s.io", "leases", namespace, name).await;
    for verb in VERBS {
        let ours = ["create", "get", "update"].contains(&verb);
        assert_eq!(lease(verb, LEASE_NAME).await, ours, "{verb} our lease");
        assert_eq!(lease(verb, "another").await, verb == "create", "{verb} another lease");
        let own = may(client, verb, "", "namespaces", "", "kube-system").await;
        assert_eq!(own, verb == "get", "{verb} kube-system");
        assert!(!may(client, verb, "", "namespaces", "", "default").await, "{verb} another namespace");
    }
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Health for Heard {
    fn watching(&self, _: KindIndex, _: &Scope) {}
    fn failing(&self, kind: KindIndex, _: &Scope, _: Obstacle, why: &str) {
        self.0.lock().unwrap().push(format!("{kind:?}: {why}"));
    }
}

fn all_right<T, E: Debug>(what: &str, result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {error:?}"))
}

/// Everything that the operator ever asks of the API server, once.
async fn operate(plane: &ControlPlane, client: &Client, options: &RbacOptions, namespace: &str) {
    let registry = Arc::new(registry());
    all_right("the cluster's identity", cluster_id(client).await);

    let timing = Timing {
        duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry: Duration::from_millis(50),
    };
    for _created_then_taken_again in 0..2 {
        let mut elector = Elector::new(client.clone(), &options.namespace, "me".to_owned(), timing);
        let stop = CancellationToken::new();
        tokio::time::timeout(SOON, elector.acquire(&stop, |_| {})).await.expect("in time").expect("leads");
        let soon = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            soon.cancel();
        });
        assert_eq!(elector.hold(&stop).await, Lost::Released);
    }

    let heard = Arc::new(Heard::default());
    let (tell, mut told) = orloj_operator::source::channel::channel();
    let stop = CancellationToken::new();
    let scopes = scopes(&registry, &options.namespaces);
    let health: Arc<dyn Health> = Arc::clone(&heard) as Arc<dyn Health>;
    let _watches = watch(client, &registry, &scopes, &tell, &health, &stop);
    let mut ended = 0;
    while ended < scopes.len() {
        let event = tokio::time::timeout(SOON, told.recv()).await;
        let event = event.unwrap_or_else(|_| panic!("not all lists end: {:?}", heard.0.lock().unwrap()));
        ended += usize::from(matches!(event, Some(SourceEvent::ListEnded { .. })));
    }

    let memory = json!({
        "apiVersion": "orloj.dev/v1", "kind": "Memory", "metadata": {"name": "mine", "namespace": namespace}, "spec": {},
    });
    plane.kubectl_stdin(["apply", "--server-side", "--field-manager=test", "-f", "-"], &memory.to_string()).expect_ok();
    loop {
        let event = tokio::time::timeout(SOON, told.recv()).await.expect("the watch tells of it");
        match event {
            Some(SourceEvent::Changed(changed)) if &*changed.id.object.name == "mine" => break,
            Some(_) => {}
            None => panic!("the watch has ended"),
        }
    }
    assert!(heard.0.lock().unwrap().is_empty(), "{:?}", heard.0.lock().unwrap());

    let target = ClusterResourceClient::new(client.clone(), Arc::clone(&registry), "me".to_owned());
    let kind = registry.resolve("memory").expect("a kind");
    let id = ResourceId { kind, object: ObjectName::new(namespace, "mine") };
    let found = all_right("get", target.fetch(&id).await).expect("it is there");
    let add = FinalizerChange::Add(Finalizers { count: 0, ours: None });
    let status = Status::default().next(&Verdict::Synced(RuntimeReport::Awaiting), found.generation, 1, 1);
    let ack = Ack { uid: found.uid.clone(), finalizer: add, status: Some(status) };
    all_right("finalizer and status", target.acknowledge(&id, &ack).await);
    let note = "a test".to_owned();
    let notice = Notice { uid: found.uid.clone(), warning: false, reason: "Adopted", action: "Sync", note };
    // the second counts the first one up
    for _ in 0..2 {
        assert_eq!(target.notify(&id, &notice).await, Notified::Sent);
    }
    let events = plane.kubectl(["get", "events.events.k8s.io", "-n", namespace, "-o", "json"]).json();
    let events: Vec<_> =
        events["items"].as_array().unwrap().iter().map(|event| event["series"]["count"].clone()).collect();
    assert_eq!(events, [json!(2)]);
    plane.kubectl(["delete", "omem", "mine", "-n", namespace, "--wait=false"]).expect_ok();
    let remove = FinalizerChange::Remove(Finalizers { count: 1, ours: Some(0) });
    let ack = Ack { uid: found.uid, finalizer: remove, status: None };
    all_right("finalizer off", target.acknowledge(&id, &ack).await);
    assert!(all_right("get", target.fetch(&id).await).is_none());
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn everywhere_the_rights_suffice_and_are_the_least() {
    let plane = installed();
    let options = options("rights-all", &[]);
    let client = account(plane, &options).await;
    plane.service_account_token("rights-anywhere", "default");
    operate(plane, &client, &options, "rights-anywhere").await;
    assert_eq!(rights(&client, plane, "rights-anywhere").await, expected());
    assert!(!may(&client, "create", "coordination.k8s.io", "leases", "rights-anywhere", "").await);
    named_rights(&client, &options.namespace).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_some_namespaces_the_rights_suffice_and_end_at_their_borders() {
    let plane = installed();
    let options = options("rights-some", &["rights-in", "rights-some"]);
    let client = account(plane, &options).await;
    operate(plane, &client, &options, "rights-in").await;
    assert_eq!(rights(&client, plane, "rights-in").await, expected());
    plane.service_account_token("rights-out", "default");
    assert_eq!(rights(&client, plane, "rights-out").await, BTreeSet::new());
    assert!(!may(&client, "list", "orloj.dev", "tools", "", "").await, "a list over all namespaces");
    named_rights(&client, &options.namespace).await;
}

#[test]
fn no_rule_holds_a_wildcard_and_a_ninth_kind_has_its_own() {
    let widget = ("widget.yaml".to_owned(), include_str!("../kinds/widget.yaml").to_owned());
    let tool = ("tool.yaml".to_owned(), include_str!("../../kinds/tool.yaml").to_owned());
    let registry = Registry::from_files([widget, tool]).unwrap_or_else(|error| panic!("{error}"));
    for namespaces in [&[][..], &["a", "b"]] {
        let objects = rbac(&registry, &options("system", namespaces));
        let text = json!(objects).to_string();
        assert!(!text.contains('*'), "{text}");
        assert!(
            text.contains(r#"{"apiGroups":["widgets.example.com"],"resources":["widgets/status"],"verbs":["patch"]}"#)
        );
        let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
        let mut expected = vec!["ServiceAccount", "ClusterRole", "ClusterRoleBinding"];
        expected.extend(namespaces.iter().flat_map(|_| ["Role", "RoleBinding"]));
        expected.extend(["Role", "RoleBinding"]);
        assert_eq!(kinds, expected);
    }
}
