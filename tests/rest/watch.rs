//! Watches: a first look, then what anybody changes.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::desk::{Api, Place};
use crate::on_both;

on_both!(watch: a_collection_is_followed, events_of_all_kinds_are_told);

/// A stream of events.
struct Follower {
    reader: BufReader<TcpStream>,
    /// Objects in versions that were told: one that changes during the first look may be told twice.
    told: HashSet<String>,
}

impl Follower {
    fn of(api: &Api, target: &str) -> Self {
        let mut stream = api.connect();
        stream.write_all((api.head("GET", target, &[]) + "\r\n").as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        Self { reader, told: HashSet::new() }
    }

    /// Name and data of the next event.
    fn next(&mut self) -> (String, Value) {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            assert!(self.reader.read_line(&mut line).unwrap() > 0, "the stream has ended");
            if let Some(told) = line.trim_end().strip_prefix("event: ") {
                name = told.to_owned();
            } else if let Some(data) = line.trim_end().strip_prefix("data: ") {
                return (name, serde_json::from_str(data).unwrap());
            }
        }
    }

    /// What happened, to which object, and the object.
    fn resource(&mut self) -> (String, String, Value) {
        loop {
            let (name, data) = self.next();
            assert_eq!(name, "resource", "{data}");
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let metadata = &data["resource"]["metadata"];
            let deleted = data["type"] == "deleted";
            if deleted || self.told.insert(format!("{} {}", metadata["name"], metadata["resourceVersion"])) {
                return (text(&data["type"]), text(&metadata["name"]), data["resource"].clone());
            }
        }
    }
}

fn agent(name: &str, prompt: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"model_ref": "m", "prompt": prompt}})
}

pub fn a_collection_is_followed(place: &Place) {
    let api = place.serve("");
    api.post("/v1/agents", &agent("a", "1")).expect(201);
    let mut all = Follower::of(&api, "/v1/agents/watch");
    let mut one = Follower::of(&api, "/v1/agents/watch?name=B&namespace=default");
    let (change, name, resource) = all.resource();
    assert_eq!((change.as_str(), name.as_str(), &resource["status"]["phase"]), ("added", "a", &json!("Ready")));
    api.post("/v1/agents", &agent("b", "2")).expect(201);
    assert_eq!(all.resource().0, "added");
    assert_eq!(one.resource().1, "b");
    api.post("/v1/agents", &agent("a", "3")).expect(201);
    let (change, name, resource) = all.resource();
    assert_eq!((change.as_str(), name.as_str(), &resource["spec"]["prompt"]), ("updated", "a", &json!("3")));
    // another program writes, with a server that knows nothing of it
    place.sync(
        "c.yaml",
        "{apiVersion: orloj.dev/v1, kind: Agent, metadata: {name: c}, spec: {model_ref: m, prompt: x}}\n",
    );
    let (change, name, _) = all.resource();
    assert_eq!((change.as_str(), name.as_str()), ("added", "c"));
    api.delete("/v1/agents/b").expect(204);
    let (change, name, resource) = all.resource();
    assert_eq!((change.as_str(), name.as_str()), ("deleted", "b"));
    assert_eq!(resource, json!({"metadata": {"name": "b", "namespace": "default"}}));
    assert_eq!(one.resource().0, "deleted");
    let metrics = api.get("/metrics").body;
    assert!(metrics.contains("orloj_operator_rest_streams{route=\"/v1/agents/watch\"} 2"), "{metrics}");
    api.service.stop();
    assert_eq!(all.next(), ("close".to_owned(), json!({"reason": "the server stops"})));
}

pub fn events_of_all_kinds_are_told(place: &Place) {
    let api = place.serve("");
    let mut all = Follower::of(&api, "/v1/events/watch");
    let mut secrets = Follower::of(&api, "/v1/events/watch?kind=secret");
    // the first look is not told: only what changes after it is
    let told = AtomicBool::new(false);
    let (name, first) = std::thread::scope(|scope| {
        scope.spawn(|| {
            for version in 0..100 {
                api.post("/v1/agents", &agent("a", &version.to_string())).expect(201);
                std::thread::sleep(Duration::from_millis(100));
                if told.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let first = all.next();
        told.store(true, Ordering::Relaxed);
        first
    });
    assert_eq!((name.as_str(), &first["kind"], &first["name"]), ("event", &json!("Agent"), &json!("a")));
    api.post("/v1/secrets", &json!({"metadata": {"name": "s"}, "spec": {"stringData": {"a": "planted"}}})).expect(201);
    let (_, told) = secrets.next();
    assert_eq!(told["type"], "resource.created");
    assert_eq!(
        (&told["namespace"], &told["action"], &told["source"]),
        (&json!("default"), &json!("created"), &json!("apiserver"))
    );
    assert!(!told.to_string().contains("planted"));
    // who comes later hears what was told since
    let before = told["id"].as_u64().unwrap() - 1;
    let (_, again) = Follower::of(&api, &format!("/v1/events/watch?since={before}")).next();
    assert_eq!(again, told);
}
