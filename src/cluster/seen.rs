//! A resource as the API server sends it: only what the operator reads of it, and its bodies as text until their turn
//! comes, which is a quarter of the memory that a tree of values takes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource as KubeResource;
use kube::api::ApiResource;
use kube::core::DynamicResourceScope;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::orlojd::{LAST_APPLIED, SYNC_STATUS};
use crate::registry::Kind;
use crate::registry::foreign::Foreign;
use crate::resource::{ObjectName, Resource, ResourceId};

/// One object of any kind. `managedFields` and the like are passed over while it is read.
#[derive(Clone)]
pub struct WatchedObject {
    metadata: ObjectMeta,
    /// Its other fields, such as `spec` and `status`.
    bodies: Vec<(Box<str>, Box<RawValue>)>,
}

/// Without the bodies: they may hold secrets.
impl fmt::Debug for WatchedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedObject").field("name", &self.metadata.name).finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for WatchedObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectFields)
    }
}

struct ObjectFields;

impl<'de> Visitor<'de> for ObjectFields {
    type Value = WatchedObject;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<WatchedObject, A::Error> {
        let (mut found, mut bodies) = (None, Vec::new());
        while let Some(name) = fields.next_key::<Box<str>>()? {
            match &*name {
                "metadata" => found = Some(metadata(fields.next_value()?)),
                "apiVersion" | "kind" => drop(fields.next_value::<IgnoredAny>()?),
                _ => bodies.push((name, fields.next_value()?)),
            }
        }
        let metadata = found.ok_or_else(|| serde::de::Error::missing_field("metadata"))?;
        Ok(WatchedObject { metadata, bodies })
    }
}

/// What is read of the metadata.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WatchedMetadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    finalizers: Option<Vec<String>>,
}

fn metadata(read: WatchedMetadata) -> ObjectMeta {
    let mut annotations = read.annotations;
    if let Some(annotations) = &mut annotations {
        // with client-side apply as long as all the rest
        annotations.remove(LAST_APPLIED);
    }
    ObjectMeta {
        name: read.name,
        namespace: read.namespace,
        uid: read.uid,
        resource_version: read.resource_version,
        generation: read.generation,
        creation_timestamp: read.creation_timestamp,
        deletion_timestamp: read.deletion_timestamp,
        labels: read.labels,
        annotations,
        finalizers: read.finalizers,
        ..ObjectMeta::default()
    }
}

impl WatchedObject {
    /// The resourceVersion as a number; 0 where there is none.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.metadata.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
    }

    /// Of a resource that is gone: whatever its bodies hold.
    #[must_use]
    pub fn without_bodies(self) -> Self {
        Self { bodies: Vec::new(), ..self }
    }

    /// The resource in it. The API server takes what we cannot read, such as a spec nested deeper than 128 levels.
    #[must_use]
    pub fn into_resource(mut self, kind: &Kind) -> Resource {
        let version = self.version();
        let read = match &kind.foreign {
            None => self.body("spec"),
            Some(foreign) => self.mapped(foreign),
        };
        let (spec, unreadable) = match read {
            Ok(spec) => (spec, None),
            Err(why) => (Value::Null, Some(format!("unable to read {why}").into())),
        };
        let status = self.told_status(kind);
        let metadata = self.metadata;
        let object = ObjectName::new(metadata.namespace.unwrap_or_default(), metadata.name.unwrap_or_default());
        Resource {
            id: ResourceId { kind: kind.index, object },
            uid: metadata.uid.unwrap_or_default().into(),
            generation: metadata.generation.unwrap_or(0),
            version,
            created: metadata.creation_timestamp.map_or(0, |time| time.0.as_second()),
            labels: metadata.labels.unwrap_or_default(),
            annotations: metadata.annotations.unwrap_or_default(),
            finalizers: metadata.finalizers.unwrap_or_default(),
            deleting: metadata.deletion_timestamp.is_some(),
            spec,
            unreadable,
            status,
        }
    }

    /// A field of it, read; an error names the field.
    fn body(&mut self, name: &str) -> Result<Value, String> {
        let at = self.bodies.iter().position(|(known, _)| **known == *name);
        let raw = at.map(|at| self.bodies.swap_remove(at).1);
        raw.map_or(Ok(Value::Null), |raw| serde_json::from_str(raw.get())).map_err(|why| format!("{name}: {why}"))
    }

    /// The spec that an object of a kind that is not ours gives. Only the fields are read that it is made of.
    fn mapped(&mut self, foreign: &Foreign) -> Result<Value, String> {
        let names: Vec<_> = self.bodies.iter().map(|(name, _)| name.clone()).collect();
        let mut object = serde_json::Map::new();
        for name in names.into_iter().filter(|name| foreign.reads(name)) {
            object.insert(name.to_string(), self.body(&name)?);
        }
        let metadata = &self.metadata;
        object.insert(
            "metadata".to_owned(),
            json!({"name": metadata.name, "namespace": metadata.namespace, "labels": metadata.labels,
                "annotations": metadata.annotations}),
        );
        Ok(foreign.spec_in(&Value::Object(object)))
    }

    /// What the operator has told of it there: in its status, or in an annotation where the status is another's.
    fn told_status(&mut self, kind: &Kind) -> Value {
        // a status that cannot be read is written anew
        if kind.foreign.is_none() {
            return self.body("status").unwrap_or_default();
        }
        let annotations = self.metadata.annotations.as_mut();
        let told = annotations.and_then(|annotations| annotations.remove(SYNC_STATUS));
        told.and_then(|told| serde_json::from_str(&told).ok()).unwrap_or_default()
    }
}

impl KubeResource for WatchedObject {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(names: &ApiResource) -> Cow<'_, str> {
        names.kind.as_str().into()
    }

    fn group(names: &ApiResource) -> Cow<'_, str> {
        names.group.as_str().into()
    }

    fn version(names: &ApiResource) -> Cow<'_, str> {
        names.version.as_str().into()
    }

    fn plural(names: &ApiResource) -> Cow<'_, str> {
        names.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    fn read(text: &str) -> WatchedObject {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn only_what_is_read_is_kept() {
        let seen = read(
            r#"{"apiVersion": "v", "kind": "K", "metadata": {"name": "x", "namespace": "a", "resourceVersion": "7",
            "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [{"manager": "m"}], "finalizers": ["f"],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"}},
            "spec": {"n": 1}}"#,
        );
        assert_eq!(seen.version(), 7);
        let resource = seen.into_resource(&Registry::embedded().unwrap().kinds()[3]);
        assert_eq!(resource.id.object, ObjectName::new("a", "x"));
        assert_eq!(resource.created, 1_767_225_600);
        assert_eq!(resource.annotations.into_iter().collect::<Vec<_>>(), [("a".to_owned(), "b".to_owned())]);
        assert_eq!((resource.spec, resource.status), (serde_json::json!({"n": 1}), Value::Null));
    }

    #[test]
    fn a_body_that_cannot_be_read_leaves_the_rest() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for body in [r#"{"n": 1e999}"#, &format!(r#"{{"n": {deep}}}"#)] {
            let seen = read(&format!(
                r#"{{"metadata": {{"name": "x", "namespace": "a", "uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z",
                "finalizers": ["f"]}}, "spec": {body}, "status": {{"phase": "Ready"}}}}"#
            ));
            let resource = seen.into_resource(&Registry::embedded().unwrap().kinds()[0]);
            assert_eq!((resource.id.object.to_string(), &*resource.uid), ("a/x".to_owned(), "u"));
            assert!(resource.deleting && resource.spec.is_null());
            assert_eq!((resource.finalizers, resource.status["phase"].as_str()), (vec!["f".to_owned()], Some("Ready")));
            let why = resource.unreadable.unwrap();
            assert!(why.starts_with("unable to read spec: "), "{why}");
        }
    }
}
