//! A resource as a source hands it over: the few parts of an object that the operator reads.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// Stands for a secret value in all that is shown.
pub const MASK: &str = "***";

/// Position of a kind in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KindIndex(pub u16);

/// Namespace and name, unique within a kind and a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName {
    pub namespace: Box<str>,
    pub name: Box<str>,
}

impl ObjectName {
    #[must_use]
    pub fn new(namespace: impl Into<Box<str>>, name: impl Into<Box<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Which resource: unique within one source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId {
    pub kind: KindIndex,
    pub object: ObjectName,
}

/// One custom resource, without what the operator never reads (`managedFields`, owner references).
#[derive(Clone, PartialEq)]
pub struct Resource {
    pub id: ResourceId,
    pub uid: Box<str>,
    pub generation: i64,
    /// The resourceVersion as a number, which orders the versions of one object; 0 where the source has none.
    pub version: u64,
    /// Creation time in seconds since the Unix epoch; decides which of two claimants is the older.
    pub created: i64,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub finalizers: Vec<String>,
    /// A deletion timestamp is set: the resource goes as soon as its finalizers are off.
    pub deleting: bool,
    /// As submitted; `Null` where the resource has none, or it cannot be read.
    pub spec: Value,
    /// Why the spec cannot be read: the resource is there all the same, and can be told so and deleted.
    pub unreadable: Option<Box<str>>,
    /// The status block as it stands at the source; `Null` where there is none.
    pub status: Value,
}

impl Resource {
    /// One that nobody has applied yet: of the first generation, with neither labels nor annotations.
    #[must_use]
    pub fn new(id: ResourceId, uid: impl Into<Box<str>>, spec: Value) -> Self {
        Self {
            id,
            uid: uid.into(),
            generation: 1,
            version: 0,
            created: 0,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            finalizers: Vec::new(),
            deleting: false,
            spec,
            unreadable: None,
            status: Value::Null,
        }
    }
}

impl Resource {
    /// What it takes in memory, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        let texts = |texts: &BTreeMap<String, String>| -> usize {
            texts.iter().map(|(key, value)| 2 * size_of::<String>() + key.len() + value.len()).sum()
        };
        let metadata = texts(&self.labels) + texts(&self.annotations);
        size_of::<Self>() + metadata + weight(&self.spec) + weight(&self.status)
    }
}

/// What a value takes in memory, about.
#[must_use]
pub fn weight(value: &Value) -> usize {
    let inner = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| 2 * size_of::<String>() + key.len() + weight(value)).sum()
        }
    };
    size_of::<Value>() + inner
}

/// Without spec, annotations and status: a spec may hold secrets, kubectl's last-applied annotation repeats it.
impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource")
            .field("id", &self.id)
            .field("uid", &self.uid)
            .field("generation", &self.generation)
            .field("version", &self.version)
            .field("deleting", &self.deleting)
            .finish_non_exhaustive()
    }
}
