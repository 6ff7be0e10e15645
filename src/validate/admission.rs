//! Admission of manifests without an API server: whether an object would get into a cluster and be synced there, and as
//! which resource.

use std::sync::Arc;

use serde_json::Value;

use super::finding::{Finding, ObjectFinding};
use super::identity::{Identity, identify};
use super::object::{Judged, ObjectSchema};
use super::place::{Map, Maps, Shown};
use super::rule::{self, Stage};
use super::{FieldValidation, trouble};
use crate::apimachinery::field_path::FieldPath;
use crate::diagnostics::Severity;
use crate::orlojd::{DELETION_POLICY, SUSPEND};
use crate::registry::{Kind, Registry};
use crate::resource::{KindIndex, ObjectName, Resource, ResourceId};
use crate::source::manifest::{ManifestError, ManifestObject, ManifestReader, Trouble, is_runtime, uid};

/// Most bytes of a request to the API server (`MaxRequestBodyBytes`).
const MAX_REQUEST: usize = 3 << 20;

/// Most bytes that etcd takes, unless it was told otherwise (`--max-request-bytes`).
const MAX_STORED: usize = 3 << 19;

/// A text from which on its size is looked at.
const LARGE: usize = 1 << 20;

/// The kinds of a registry with their schemas, compiled once. Shared by all threads that read manifests.
#[derive(Debug)]
pub struct Admission {
    registry: Arc<Registry>,
    reader: ManifestReader,
    /// By the kinds' indices.
    schemas: Vec<ObjectSchema>,
    fields: FieldValidation,
}

/// What becomes of an object.
#[derive(Debug)]
pub enum Admitted {
    /// It is of a group that nobody here knows.
    Foreign,
    /// It is made through orlojctl or REST.
    Runtime,
    /// Nobody can know which resource it is.
    Nameless(Vec<Finding>),
    Resource(AdmittedResource),
}

/// A resource as the API server would hand it on.
#[derive(Debug)]
pub struct AdmittedResource {
    /// One that the API server refuses says so in `unreadable`, unless the operator refuses it by itself.
    pub resource: Box<Resource>,
    /// What the API server and the operator say of it, by its place; errors where it is refused.
    pub findings: Vec<Finding>,
}

impl Admission {
    #[must_use]
    pub fn new(registry: Arc<Registry>, fields: FieldValidation) -> Self {
        let schemas = registry.kinds().iter().map(ObjectSchema::compile).collect();
        let reader = ManifestReader::new(Arc::clone(&registry));
        let reader = if fields == FieldValidation::Strict { reader } else { reader.with_last_key() };
        Self { registry, reader, schemas, fields }
    }

    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    #[must_use]
    pub fn reader(&self) -> &ManifestReader {
        &self.reader
    }

    /// A kind and its schema.
    #[must_use]
    pub fn kind(&self, index: KindIndex) -> Option<(&Kind, &ObjectSchema)> {
        Some((self.registry.kind(index), self.schemas.get(usize::from(index.0))?))
    }

    /// What is said of a part of a stream that holds no objects, or of a key that is given twice in one that does.
    #[must_use]
    pub fn trouble(&self, trouble: Trouble, error: &ManifestError, text: &str) -> Option<Finding> {
        let mut finding = trouble::broken(trouble, error, text);
        match (trouble, self.fields) {
            (Trouble::DuplicateKey, FieldValidation::Ignore) => return None,
            (Trouble::DuplicateKey, FieldValidation::Warn) => finding.severity = Severity::Warning,
            _ => {}
        }
        Some(finding)
    }

    /// Judges an object of a kind; `object` becomes what the API server would store.
    #[must_use]
    pub fn judge(&self, kind: &Kind, schema: &ObjectSchema, entry: &ManifestObject<'_>, object: &mut Value) -> Judged {
        let mut found = Vec::new();
        if entry.text.len() > LARGE {
            too_large(object, &mut found);
        }
        let mut judged = schema.judge(kind, object, self.fields);
        found.append(&mut judged.found);
        Judged { found, ..judged }
    }

    /// Says what becomes of an object. `maps` is where the places of findings are looked up.
    pub fn admit(&self, mut entry: ManifestObject<'_>, maps: &mut Maps) -> Admitted {
        let mut object = std::mem::take(&mut entry.value);
        let (kind, schema) = match identify(&self.registry, &object) {
            Identity::Foreign { api_version, kind } if is_runtime(&self.registry, &api_version, &kind) => {
                return Admitted::Runtime;
            }
            Identity::Foreign { .. } => return Admitted::Foreign,
            Identity::Wrong(draft) => {
                let map = || maps.of(&entry, Shown::Alone, &self.reader);
                return Admitted::Nameless(placed(vec![*draft], None, map));
            }
            Identity::KnownRow(index) => match self.kind(index) {
                Some(known) => known,
                None => return Admitted::Foreign,
            },
        };
        let (label, named) = (label(kind, &object), id(kind, &object));
        let policy = object["metadata"]["annotations"][DELETION_POLICY].as_str().map(str::to_owned);
        let sent = kind.spec_in(&object);
        let Judged { mut found, desired, resource } = self.judge(kind, schema, &entry, &mut object);
        found.retain(|draft| draft.severity == Severity::Error || draft.rule.stage == Stage::Server);
        if named.is_none() && !found.iter().any(|draft| draft.severity == Severity::Error) {
            let text = "metadata.name is required: each sync would generate another name".to_owned();
            found.push(ObjectFinding::new(&rule::METADATA_NAME, FieldPath::of(&["metadata", "generateName"]), text));
        }
        let findings = placed(found, Some(&label), || maps.of(&entry, shown(kind), &self.reader));
        let Some(id) = named else { return Admitted::Nameless(findings) };
        let own_verdict = resource.is_some() && desired.is_none();
        let mut resource = match resource {
            Some(resource) => Resource { uid: uid(&id.object), ..as_sent(kind, resource, sent) },
            None => Resource {
                annotations: policy.into_iter().map(|policy| (DELETION_POLICY.to_owned(), policy)).collect(),
                ..Resource::new(id.clone(), uid(&id.object), Value::Null)
            },
        };
        let mut errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
        if let Some(first) = errors
            .clone()
            .next()
            .filter(|_| errors.any(|error| matches!(error.rule.stage, Stage::Read | Stage::Server)))
        {
            resource.annotations.remove(SUSPEND);
            resource.unreadable = (!own_verdict).then(|| first.text.as_str().into());
        }
        Admitted::Resource(AdmittedResource { resource: Box::new(resource), findings })
    }
}

/// A resource with its spec as the manifest has it. The API server would drop null from maps and write `1.0` as `1`;
/// the row is made of what was written, unless the operator takes only what the server makes of it.
fn as_sent(kind: &Kind, resource: Resource, sent: Value) -> Resource {
    if resource.spec == sent {
        return resource;
    }
    let as_sent = Resource { spec: sent, ..resource.clone() };
    if kind.desired(&as_sent).is_ok() { as_sent } else { resource }
}

/// The resource that an object is, where that much can be read.
fn id(kind: &Kind, object: &Value) -> Option<ResourceId> {
    let text = |name: &str| match object["metadata"].get(name) {
        None | Some(Value::Null) => Some(""),
        Some(value) => value.as_str(),
    };
    let (name, namespace) = (text("name").filter(|name| !name.is_empty())?, text("namespace")?);
    let namespace = if namespace.is_empty() { "default" } else { namespace };
    Some(ResourceId { kind: kind.index, object: ObjectName::new(namespace, name) })
}

/// How people call an object.
#[must_use]
pub fn label(kind: &Kind, object: &Value) -> String {
    let text = |name: &str| object["metadata"][name].as_str().filter(|text| !text.is_empty());
    let namespace = text("namespace").unwrap_or("default");
    let name = text("name").or_else(|| text("generateName")).unwrap_or("(no name)");
    let clean = |text: &str| text.replace(|c: char| c.is_control(), " ");
    format!("{} {}/{}", kind.names.kind, clean(namespace), clean(name))
}

/// What of an object of a kind may be shown.
#[must_use]
pub fn shown(kind: &Kind) -> Shown {
    if kind.sensitive { Shown::Key } else { Shown::Line }
}

/// Places what is found, in the order of the file; without any, the text is not read for it.
#[must_use]
pub fn placed(found: Vec<ObjectFinding>, object: Option<&str>, map: impl FnOnce() -> Map) -> Vec<Finding> {
    if found.is_empty() {
        return Vec::new();
    }
    let map = map();
    let mut placed: Vec<_> = found.into_iter().map(|draft| map.place(draft, object)).collect();
    placed.sort_by_key(|finding| (finding.line, finding.column));
    placed
}

/// What neither the API server nor etcd takes: both count JSON.
fn too_large(object: &Value, found: &mut Vec<ObjectFinding>) {
    let bytes = serde_json::to_vec(object).map_or(0, |json| json.len());
    let mebibytes = |bytes: usize| format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20);
    if bytes > MAX_REQUEST {
        let text = format!("the object has {} as JSON; the API server takes at most 3 MiB", mebibytes(bytes));
        found.push(ObjectFinding::new(&rule::OBJECT_TOO_LARGE, FieldPath::new(), text));
    } else if bytes > MAX_STORED {
        let text = format!("the object has {} as JSON; etcd takes at most 1.5 MiB by default", mebibytes(bytes));
        found.push(ObjectFinding {
            severity: Severity::Warning,
            ..ObjectFinding::new(&rule::OBJECT_TOO_LARGE, FieldPath::new(), text)
        });
    }
}
