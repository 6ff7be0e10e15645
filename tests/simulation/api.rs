//! An API server in memory: objects, versions, finalizers, and a watch that can be lost.

use std::collections::{BTreeMap, VecDeque};

use orloj_operator::orlojd::FINALIZER;
use orloj_operator::resource::{KindIndex, ObjectName, Resource, ResourceId};
use orloj_operator::source::target::{Ack, FinalizerChange, ResourceClientError};
use orloj_operator::source::{Scope, SourceEvent};
use serde_json::{Value, json};

pub const KIND: KindIndex = KindIndex(0);

#[derive(Debug, Default)]
pub struct Api {
    pub objects: BTreeMap<ObjectName, Resource>,
    pub events: VecDeque<SourceEvent>,
    version: u64,
    uids: u64,
    pub writes: u64,
}

impl Api {
    pub fn apply(&mut self, object: &ObjectName, size: &str, target: Option<&str>, suspend: bool) {
        let mut annotations = BTreeMap::new();
        if let Some(target) = target {
            annotations.insert("orloj.dev/target-namespace".to_owned(), target.to_owned());
        }
        if suspend {
            annotations.insert("orloj.dev/suspend".to_owned(), "true".to_owned());
        }
        let unreadable = (size == "unreadable").then(|| "nested too deep".into());
        let spec = if unreadable.is_some() { Value::Null } else { json!({"size": size}) };
        if let Some(found) = self.objects.get_mut(object) {
            if found.deleting {
                return;
            }
            found.generation += i64::from(found.spec != spec);
            found.spec = spec;
            found.unreadable = unreadable;
            found.annotations = annotations;
        } else {
            self.uids += 1;
            let resource = Resource {
                id: ResourceId { kind: KIND, object: object.clone() },
                uid: format!("uid-{}", self.uids).into(),
                generation: 1,
                version: 0,
                created: i64::try_from(self.uids).unwrap_or(0),
                labels: BTreeMap::new(),
                annotations,
                finalizers: Vec::new(),
                deleting: false,
                unreadable,
                spec,
                status: Value::Null,
            };
            self.objects.insert(object.clone(), resource);
        }
        self.changed(object);
    }

    pub fn delete(&mut self, object: &ObjectName) {
        if let Some(found) = self.objects.get_mut(object).filter(|found| !found.deleting) {
            found.deleting = true;
            self.changed(object);
        }
    }

    pub fn strip(&mut self, object: &ObjectName) {
        if let Some(found) = self.objects.get_mut(object).filter(|found| !found.finalizers.is_empty()) {
            found.finalizers.clear();
            self.changed(object);
        }
    }

    pub fn overwrite_status(&mut self, object: &ObjectName) {
        if let Some(found) = self.objects.get_mut(object) {
            found.status = json!({"phase": "Nonsense"});
            self.changed(object);
        }
    }

    /// A deletion that has no finalizer to wait for is over at once.
    fn changed(&mut self, object: &ObjectName) -> u64 {
        self.version += 1;
        let version = self.version;
        let Some(found) = self.objects.get_mut(object) else { return version };
        found.version = version;
        if found.deleting && found.finalizers.is_empty() {
            if let Some(gone) = self.objects.remove(object) {
                self.events.push_back(SourceEvent::Deleted(Box::new(gone)));
            }
        } else {
            self.events.push_back(SourceEvent::Changed(Box::new(found.clone())));
        }
        version
    }

    /// The watch is lost with all it had to tell, and begins anew with a list.
    pub fn relist(&mut self) {
        self.events.clear();
        self.events.push_back(SourceEvent::ListStarted { kind: KIND, scope: Scope::All });
        self.events.extend(self.objects.values().map(|found| SourceEvent::Listed(Box::new(found.clone()))));
        self.events.push_back(SourceEvent::ListEnded { kind: KIND, scope: Scope::All });
    }

    pub fn acknowledge(&mut self, id: &ResourceId, ack: &Ack) -> Result<u64, ResourceClientError> {
        if std::env::var("SIMULATION_SEED").is_ok() {
            eprintln!("ack {} {:?} {:?}", id.object, ack.finalizer, ack.status);
        }
        let Some(found) = self.objects.get_mut(&id.object) else { return Err(ResourceClientError::Gone) };
        if found.uid != ack.uid {
            return Err(ResourceClientError::Stale("another uid".to_owned()));
        }
        let stale = || ResourceClientError::Stale("the finalizers are others".to_owned());
        match ack.finalizer {
            FinalizerChange::Keep => {}
            FinalizerChange::Add(believed) => {
                if (believed.count == 0) != found.finalizers.is_empty() {
                    return Err(stale());
                }
                assert!(!found.finalizers.contains(&FINALIZER.to_owned()), "put on twice");
                found.finalizers.push(FINALIZER.to_owned());
                self.writes += 1;
            }
            FinalizerChange::Remove(believed) => {
                let at = usize::from(believed.ours.ok_or_else(stale)?);
                if found.finalizers.get(at).map(String::as_str) != Some(FINALIZER) {
                    return Err(stale());
                }
                found.finalizers.remove(at);
                self.writes += 1;
            }
        }
        if ack.finalizer != FinalizerChange::Keep {
            self.changed(&id.object);
        }
        if let Some(status) = &ack.status
            && let Some(found) = self.objects.get_mut(&id.object)
        {
            let status = status.to_json();
            self.writes += 1;
            // as a real one: what changes nothing makes no version. Only lost answers may lead there.
            if found.status != status {
                found.status = status;
                self.changed(&id.object);
            }
        }
        Ok(self.version)
    }
}
