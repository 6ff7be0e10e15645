//! What holds once a world has come to rest: `Convergence` and `Quiet`.
#![allow(dead_code, reason = "each test target uses its own part of the checks")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use orloj_operator::desired::Desired;
use orloj_operator::registry::Kind;
use orloj_operator::resource::{ObjectName, Resource, ResourceId};
use serde_json::Value;

use crate::bed::eventually;
use crate::cluster::Cluster;
use crate::world::{PATIENCE, World, condition, path};

/// More than two sweeps of the operators here: what the next sweep would change is no rest.
const STILL: Duration = Duration::from_secs(5);

impl World {
    /// Versions of all that the operator could write to: rows, ledger, resources.
    pub fn versions(&self) -> BTreeMap<String, String> {
        let mut versions = self.database.row_versions();
        for object in self.objects() {
            let metadata = &object["metadata"];
            let of = format!("{} of {}", text(&object["kind"]), text(&object["apiVersion"]));
            let key = format!("{of} {}/{}", text(&metadata["namespace"]), metadata["name"]);
            versions.insert(key, metadata["resourceVersion"].to_string());
        }
        versions
    }

    /// Waits until nothing has been written for a while, then returns what stands.
    pub fn wait_quiet(&self) -> BTreeMap<String, String> {
        let still = Duration::from_secs(2);
        let mut last = self.versions();
        let mut since = Instant::now();
        eventually(PATIENCE, "the operator is quiet", || {
            let now = self.versions();
            if now != last {
                last = now;
                since = Instant::now();
            }
            if since.elapsed() >= still { Ok(()) } else { Err("still writing") }
        });
        last
    }

    /// Waits until the newest operator has gone through a whole sweep that began after this call.
    pub fn wait_swept(&self) {
        let swept = || self.operator().log().lines().filter(|line| line.contains("\"swept")).count();
        let before = swept();
        // the next one to end may be under way already
        eventually(PATIENCE, "two sweeps have ended", || match swept() - before {
            0 | 1 => Err(self.log_tail()),
            _ => Ok(()),
        });
    }

    /// `Convergence` and then `Quiet`; returns what stands.
    pub fn wait_settled(&self) -> BTreeMap<String, String> {
        self.wait_converged();
        let before = self.wait_still();
        self.check_converged().expect("it stays converged");
        before
    }

    /// `Quiet`: nobody writes any more, be it in vain.
    pub fn wait_still(&self) -> BTreeMap<String, String> {
        let before = self.wait_quiet();
        let counted = self.counted();
        // a span is the subject here
        std::thread::sleep(STILL);
        assert_eq!(self.counted(), counted, "calls that changed nothing; log:\n{}", self.log_tail());
        assert_eq!(self.versions(), before, "log:\n{}", self.log_tail());
        before
    }

    /// Counts of the operators, and of the API server where nobody else is on it.
    fn counted(&self) -> BTreeMap<String, String> {
        let running = self.operators().iter().filter(|operator| operator.process().exited().is_none());
        let mut counted: BTreeMap<_, _> = running
            .map(|operator| {
                let calls = operator.metric("orloj_operator_api_writes_total", &[]).expect("it tells its metrics");
                (format!("calls of {}", operator.process().pid()), calls.to_string())
            })
            .collect();
        if let Cluster::Own(cluster) = &self.cluster {
            for kind in self.registry.kinds() {
                let plural = &kind.names.plural;
                counted.insert(format!("requests for {plural}"), cluster.writes(plural).to_string());
            }
        }
        counted
    }

    /// All resources of all kinds in the world's namespaces.
    pub fn objects(&self) -> Vec<Value> {
        let mut objects = Vec::new();
        for namespace in self.namespaces() {
            for kind in self.registry.kinds().iter().filter(|kind| !self.absent.contains(&kind.names.kind)) {
                let mut list = self.cluster.get(&path(kind, &namespace));
                for mut object in list["items"].as_array_mut().expect("a list").drain(..) {
                    // an item of a list does not say what it is
                    object["kind"] = kind.names.kind.clone().into();
                    object["apiVersion"] = kind.names.api_version().into();
                    objects.push(object);
                }
            }
        }
        objects
    }

    /// `Convergence`: every valid resource's row equals its normalised spec, every status is current (that of an
    /// invalid one names the fault), and no managed row is without its resource.
    pub fn check_converged(&self) -> Result<(), String> {
        let objects = self.objects();
        let select = |kind: &Kind| {
            let (name, table) = (&kind.names.kind, &kind.store.table.name);
            format!("select '{name} ' || name || ' ' || payload::text from {table}")
        };
        let selects: Vec<String> = self.registry.kinds().iter().map(select).collect();
        let rows = self.database.try_psql(&selects.join(" union all "))?;
        for kind in self.registry.kinds() {
            let own = objects.iter().filter(|object| object["kind"] == *kind.names.kind);
            let prefix = format!("{} ", kind.names.kind);
            Self::check_kind(kind, own, rows.lines().filter_map(|line| line.strip_prefix(&prefix)))?;
        }
        Ok(())
    }

    pub fn wait_converged(&self) {
        eventually(PATIENCE, "all is converged", || {
            self.check_converged().map_err(|why| format!("{why}; log:\n{}", self.log_tail()))
        });
    }

    fn check_kind<'o>(
        kind: &Kind,
        objects: impl Iterator<Item = &'o Value>,
        rows: impl Iterator<Item = &'o str>,
    ) -> Result<(), String> {
        let mut expected = BTreeMap::new();
        for object in objects {
            let desired = check_status(kind, object)
                .map_err(|why| format!("{} {}: {why}", kind.names.kind, object["metadata"]["name"]))?;
            if let Some(desired) = desired {
                expected.insert(desired.key.clone(), desired);
            }
        }
        let mut found = 0;
        for line in rows {
            let (key, payload) = line.split_once(' ').expect("a key and a payload");
            let payload: Value = serde_json::from_str(payload).expect("a payload is JSON");
            let Some(desired) = expected.get(key) else {
                return Err(format!("{}: a row without a resource: {key}", kind.names.kind));
            };
            found += 1;
            // sealed values are compared by the tests of secrets
            let sealed = kind.sensitive && payload.to_string().contains("\"enc:");
            if !sealed && !desired.same_meaning(&kind.stored(&payload)) {
                return Err(format!("{}: {key} differs: {} against {payload}", kind.names.kind, desired.spec));
            }
        }
        if found == expected.len() {
            Ok(())
        } else {
            Err(format!("{}: {found} of {} rows", kind.names.kind, expected.len()))
        }
    }
}

/// Whether the status says what it should; the row that should stand, if any.
fn check_status(kind: &Kind, object: &Value) -> Result<Option<Desired>, String> {
    let status = &object["status"];
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return Err("it is being deleted".to_owned());
    }
    if status["observedGeneration"] != object["metadata"]["generation"] {
        return Err(format!("the status is old: {status}"));
    }
    let synced = condition(status, "Synced");
    match kind.desired(&resource_of(kind, object)) {
        Ok(desired) if synced["status"] == "True" => Ok(Some(desired)),
        Ok(_) => Err(format!("not synced: {status}")),
        Err(invalid) if synced["status"] == "False" && synced["reason"] == invalid.class.reason().as_str() => Ok(None),
        Err(invalid) => Err(format!("{invalid}, and the status does not say so: {status}")),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// An object as the operator reads it.
pub fn resource_of(kind: &Kind, object: &Value) -> Resource {
    let metadata = &object["metadata"];
    let map = |field: &str| serde_json::from_value(metadata[field].clone()).unwrap_or_default();
    Resource {
        id: ResourceId {
            kind: kind.index,
            object: ObjectName::new(text(&metadata["namespace"]), text(&metadata["name"])),
        },
        uid: text(&metadata["uid"]).into(),
        generation: metadata["generation"].as_i64().unwrap_or(0),
        version: 0,
        created: 0,
        labels: map("labels"),
        annotations: map("annotations"),
        finalizers: Vec::new(),
        deleting: false,
        unreadable: None,
        spec: object["spec"].clone(),
        status: object["status"].clone(),
    }
}
