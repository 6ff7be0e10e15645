//! A resource turned into the row that should stand for it, and a stored row in comparable form.
//!
//! All of it is pure: no clock, no store, no cluster. Keys, annotations and payload are those of
//! `kinds/ORLOJD.md` 2.1, 3.1 and 2.2.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::go_compat::{json as go_json, quote, text};
use crate::normalize::{self, Fault};
use crate::registry::{ColumnSource, Kind, RESERVED_NAMES, hex, sha256};
use crate::resource::Resource;
use crate::rules;
use crate::status::Reason;

/// Puts the row into another namespace than the resource's.
pub const TARGET_NAMESPACE: &str = "orloj.dev/target-namespace";
/// In a row: the resource's own namespace, where a target namespace is given.
pub const SOURCE_NAMESPACE: &str = "orloj.dev/source-namespace";
/// In a row: who manages it.
pub const MANAGED_BY: &str = "orloj.dev/managed-by";
/// Value of [`MANAGED_BY`]: what orlojd looks for.
pub const MANAGED_BY_VALUE: &str = "crd-sync";
/// Stops syncing one resource; ours alone.
pub const SUSPEND: &str = "orloj.dev/suspend";
/// What becomes of the row of a deleted resource; ours alone.
pub const DELETION_POLICY: &str = "orloj.dev/deletion-policy";

/// Findings of `validate` that are meant: `rule: reason`, several parted by `;`. Ours alone.
pub const VALIDATE_IGNORE: &str = "orloj.dev/validate-ignore";

/// Whether the row of this resource outlives it.
#[must_use]
pub fn retains(resource: &Resource) -> bool {
    resource.annotations.get(DELETION_POLICY).is_some_and(|policy| policy == "retain")
}

/// kubectl's copy of what was last applied: a whole manifest, changed by every client-side apply.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Rows that a `SealedSecret` owns carry this; orlojd deletes and overwrites them (`kinds/ORLOJD.md` 5.4).
pub const SEALED_SECRET_OWNER: &str = "orloj.dev/sealedsecret-owner";

/// Annotations of a resource that never reach its row. The first would carry secret material around encryption
/// (`kinds/ORLOJD.md` 5.5), the second would have orlojd delete the row (`kinds/ORLOJD.md` 5.4); the others are
/// switches of this operator, and rows hold nothing that orlojd would not write.
const NOT_COPIED: [&str; 5] = [LAST_APPLIED, SEALED_SECRET_OWNER, SUSPEND, DELETION_POLICY, VALIDATE_IGNORE];

/// Most characters of a scoped key: a check constraint of orlojd's tables (`kinds/ORLOJD.md` 1.1).
pub const MAX_KEY_CHARS: usize = 253;

/// Most bytes of spec, labels and annotations together, as JSON. Kubernetes itself refuses objects beyond about
/// 1.5 MiB (etcd) to 3 MiB (request body), so only a manifest from a folder ever meets this.
pub const MAX_PAYLOAD_BYTES: usize = 4 << 20;

/// Most levels of objects and arrays in a spec. The row has to be read back, also by programs that stop at 128.
pub const MAX_DEPTH: usize = 100;

/// Why a resource cannot have a row. The text never holds a value of a kind with secrets.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text}")]
pub struct Invalid {
    pub class: InvalidClass,
    pub text: String,
}

/// What sort of fault it is: the condition's reason and the metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidClass {
    /// The spec cannot be read at all.
    Unreadable,
    /// A field has the wrong type.
    Malformed,
    /// The name or a label is not allowed.
    Metadata,
    /// A rule of the kind refuses it.
    Rule,
    /// The scoped key is too long.
    KeyTooLong,
    /// A string holds U+0000.
    NulCharacter,
    /// The payload is too large.
    TooLarge,
}

impl InvalidClass {
    /// Reason of a condition.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::Unreadable => Reason::Invalid,
            Self::Malformed => Reason::Malformed,
            Self::Metadata => Reason::InvalidMetadata,
            Self::Rule => Reason::InvalidSpec,
            Self::KeyTooLong => Reason::KeyTooLong,
            Self::NulCharacter => Reason::NulCharacter,
            Self::TooLarge => Reason::TooLarge,
        }
    }
}

/// What the row of a resource should say. In a kind with secrets, the spec holds them in the clear.
#[derive(Clone, PartialEq)]
pub struct Desired {
    /// Scoped key, `<namespace>/<name>`.
    pub key: String,
    /// The row's namespace: the target namespace, else the resource's.
    pub namespace: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// As the row has them.
    pub annotations: BTreeMap<String, String>,
    pub spec: Value,
    /// What is accepted and yet worth a word.
    pub warnings: Vec<String>,
}

/// Without the spec: it may hold secrets.
impl std::fmt::Debug for Desired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desired").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A row as read back, in comparable form.
#[derive(Clone, PartialEq)]
pub struct Stored {
    /// As this registry's version of the kind reads it; as it is where it cannot be read.
    pub spec: Value,
    /// The spec with what normalisation fills in by itself, where it lacks nothing else: a program that does not know
    /// a field leaves it out of the row, and what the field would have said by default is said without it.
    pub completed: Option<Value>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    /// `""` where there is none.
    pub resource_version: String,
    /// 0 where there is none.
    pub generation: i64,
    pub created_at: String,
    /// As stored; `""` where there is none.
    pub phase: String,
    pub last_error: String,
    /// The whole status as stored.
    pub status: Value,
}

/// Without the spec: it may hold secrets.
impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored").field("resource_version", &self.resource_version).finish_non_exhaustive()
    }
}

/// The counters of a row.
#[derive(Clone, Copy, Debug)]
pub struct Versions<'a> {
    pub resource_version: &'a str,
    pub generation: i64,
    /// RFC 3339, UTC, whole seconds.
    pub created_at: &'a str,
}

impl Desired {
    /// Whether a stored row says the same: nothing needs to be written.
    #[must_use]
    pub fn same_meaning(&self, stored: &Stored) -> bool {
        self.same_spec(stored) && self.labels == stored.labels && self.annotations == stored.annotations
    }

    /// Whether a stored spec says the same, be it without what normalisation fills in.
    #[must_use]
    pub fn same_spec(&self, stored: &Stored) -> bool {
        self.spec == stored.spec || Some(&self.spec) == stored.completed.as_ref()
    }

    /// Canonical bytes of spec, labels and annotations, for a keyed fingerprint.
    #[must_use]
    pub fn meaning(&self) -> Vec<u8> {
        meaning(&self.spec, &self.labels, &self.annotations)
    }
}

impl Stored {
    /// As [`Desired::meaning`]. Where [`Desired::same_meaning`] holds, either these bytes are equal or those of
    /// [`Stored::completed_meaning`].
    #[must_use]
    pub fn meaning(&self) -> Vec<u8> {
        meaning(&self.spec, &self.labels, &self.annotations)
    }

    /// As [`Stored::meaning`], of the completed spec.
    #[must_use]
    pub fn completed_meaning(&self) -> Option<Vec<u8>> {
        self.completed.as_ref().map(|spec| meaning(spec, &self.labels, &self.annotations))
    }
}

/// JSON maps are kept sorted, so that plain encoding is canonical.
fn meaning(spec: &Value, labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> Vec<u8> {
    serde_json::to_vec(&(spec, labels, annotations)).unwrap_or_default()
}

impl Kind {
    /// The row that should stand for a resource.
    pub fn desired(&self, resource: &Resource) -> Result<Desired, Invalid> {
        if let Some(why) = &resource.unreadable {
            return Err(Invalid { class: InvalidClass::Unreadable, text: why.to_string() });
        }
        let program = &self.program;
        let mut spec = normalize::decode(&resource.spec, &program.shape, self.sensitive).map_err(|fault| {
            let text = format!("{}: {}", fault.path("spec"), fault.text());
            Invalid { class: InvalidClass::Malformed, text }
        })?;
        self.check_metadata(resource)?;
        check_depth(&resource.spec)?;
        normalize::normalize(&mut spec, &program.steps, &resource.id.object.name);
        rules::check(&spec, &resource.spec, &program.rules)
            .map_err(|text| Invalid { class: InvalidClass::Rule, text })?;

        let namespace = row_namespace(resource);
        let name = resource.id.object.name.to_string();
        let key = scoped(&namespace, &name);
        let length = key.chars().count();
        if length > MAX_KEY_CHARS {
            let text = format!(
                "namespace and name are too long together: the key \"{key}\" has {length} characters, at most {MAX_KEY_CHARS} fit"
            );
            return Err(Invalid { class: InvalidClass::KeyTooLong, text });
        }
        let spec = normalize::encode(spec, &program.shape).map_err(|fault| nul(&fault))?;
        let annotations = row_annotations(resource);
        for (what, map) in [("metadata.labels", &resource.labels), ("metadata.annotations", &annotations)] {
            let bad = map.iter().find(|(key, value)| key.contains('\0') || value.contains('\0'));
            if let Some((key, _)) = bad {
                return Err(nul_at(&format!("{what}.{}", key.replace('\0', ""))));
            }
        }
        let desired = Desired {
            warnings: self.warnings(&name),
            key,
            namespace,
            name,
            labels: resource.labels.clone(),
            annotations,
            spec,
        };
        check_size(&desired)?;
        Ok(desired)
    }

    /// All that the kind's rules refuse of the spec of a resource of that name, where [`Kind::desired`] stops at the
    /// first; nothing where the spec cannot be read.
    #[must_use]
    pub fn violations(&self, name: &str, spec: &Value) -> Vec<rules::Violation> {
        let program = &self.program;
        let Ok(mut tree) = normalize::decode(spec, &program.shape, self.sensitive) else { return Vec::new() };
        normalize::normalize(&mut tree, &program.steps, name);
        rules::check_all(&tree, spec, &program.rules)
    }

    /// Where a resource's row would be, valid or not.
    #[must_use]
    pub fn scoped_key(&self, resource: &Resource) -> String {
        scoped(&row_namespace(resource), &resource.id.object.name)
    }

    /// Where to look for the row of a resource that goes: no row stands under a key that no store takes, and one that
    /// the ledger knows is found by the resource.
    #[must_use]
    pub fn removal_key(&self, resource: &Resource) -> String {
        let key = self.scoped_key(resource);
        if key.contains('\0') { resource.id.object.to_string() } else { key }
    }

    /// `kinds/ORLOJD.md` 3.3, in its order.
    fn check_metadata(&self, resource: &Resource) -> Result<(), Invalid> {
        let name = &*resource.id.object.name;
        let quoted = || quote::quote(name);
        let text = if name.is_empty() {
            "metadata.name is required".to_owned()
        } else if name.contains(['/', ' ', '\t', '\n', '\r']) {
            format!("metadata.name {} must not contain '/', spaces, or whitespace", quoted())
        } else if name.starts_with('.') {
            format!("metadata.name {} must not start with '.'", quoted())
        } else if RESERVED_NAMES.contains(&text::lower(name).as_str()) {
            format!("metadata.name {} is a reserved subresource name", quoted())
        } else if name.contains('\0') {
            return Err(nul_at("metadata.name"));
        } else {
            let reserved = &self.program.reserved_labels;
            let Some(label) = reserved.iter().find(|label| resource.labels.contains_key(&label.label)) else {
                return Ok(());
            };
            format!("metadata.labels: label {} is reserved: {}", quote::quote(&label.label), label.reason)
        };
        Err(Invalid { class: InvalidClass::Metadata, text })
    }

    fn warnings(&self, name: &str) -> Vec<String> {
        let apply = self.program.warnings.iter().filter(|warning| name.contains(&warning.name_contains));
        apply.map(|warning| warning.message.clone()).collect()
    }

    /// A stored payload in comparable form: keys that this version of the kind does not know are left out, as is
    /// what omitempty would have dropped. Secrets must have been decrypted in it.
    #[must_use]
    pub fn stored(&self, payload: &Value) -> Stored {
        let metadata = &payload["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (spec, completed) = self.stored_spec(&payload["spec"], &text(&metadata["name"]));
        let status = payload["status"].clone();
        Stored {
            spec,
            completed,
            labels: strings(&metadata["labels"]),
            annotations: strings(&metadata["annotations"]),
            resource_version: text(&metadata["resourceVersion"]),
            generation: metadata["generation"].as_i64().unwrap_or(0),
            created_at: text(&metadata["createdAt"]),
            phase: text(&status["phase"]),
            last_error: text(&status["lastError"]),
            status,
        }
    }

    /// A stored spec as this version of the kind reads it, and completed.
    fn stored_spec(&self, spec: &Value, name: &str) -> (Value, Option<Value>) {
        let shape = &self.program.shape;
        let read = normalize::decode(spec, shape, true).and_then(|tree| {
            let mut normalized = tree.clone();
            normalize::normalize(&mut normalized, &self.program.steps, name);
            let filled = normalized != tree && tree.is_part_of(&normalized);
            let completed = if filled { normalize::encode(normalized, shape).ok() } else { None };
            Ok((normalize::encode(tree, shape)?, completed))
        });
        read.unwrap_or_else(|_| (spec.clone(), None))
    }

    /// The complete payload of a row (`kinds/ORLOJD.md` 2.2). `status` is kept but for its phase; without
    /// `versions` the counters are left out.
    #[must_use]
    pub fn payload(&self, desired: &Desired, versions: Option<&Versions<'_>>, status: &Value) -> Value {
        let mut metadata = Map::new();
        metadata.insert("name".to_owned(), desired.name.clone().into());
        metadata.insert("namespace".to_owned(), desired.namespace.clone().into());
        for (key, map) in [("labels", &desired.labels), ("annotations", &desired.annotations)] {
            if !map.is_empty() {
                metadata.insert(key.to_owned(), json!(map));
            }
        }
        if let Some(versions) = versions {
            metadata.insert("resourceVersion".to_owned(), versions.resource_version.into());
            metadata.insert("generation".to_owned(), versions.generation.into());
            metadata.insert("createdAt".to_owned(), versions.created_at.into());
        }
        let mut payload = Map::new();
        payload.insert("apiVersion".to_owned(), self.names.api_version().into());
        payload.insert("kind".to_owned(), self.store.kind.clone().into());
        payload.insert("metadata".to_owned(), Value::Object(metadata));
        payload.insert("spec".to_owned(), desired.spec.clone());
        payload.insert("status".to_owned(), self.normalized_status(status));
        Value::Object(payload)
    }

    /// Derived columns of a payload, in the order of the table's.
    #[must_use]
    pub fn columns(&self, payload: &Value) -> Vec<String> {
        self.program.columns.iter().map(|column| column.read(payload, &self.program.shape)).collect()
    }

    /// A stored status as the next write has it: with a phase, all else kept.
    #[must_use]
    pub fn normalized_status(&self, status: &Value) -> Value {
        let mut status = status.as_object().cloned().unwrap_or_default();
        let phase = status.get("phase").and_then(Value::as_str).unwrap_or_default();
        let instead = &self.store.initial_phase_instead_of;
        let folded = text::lower(text::trim(phase));
        let unset = phase.is_empty()
            || !instead.is_empty() && (folded.is_empty() || instead.iter().any(|word| text::lower(word) == folded));
        if unset {
            status.insert("phase".to_owned(), self.store.initial_phase.clone().into());
        }
        Value::Object(status)
    }

    /// Column `status_phase` of a payload.
    #[must_use]
    pub fn status_phase(&self, payload: &Value) -> String {
        text::lower(text::trim(payload["status"]["phase"].as_str().unwrap_or_default()))
    }

    /// The secret values of a payload, where the kind has any.
    pub fn secret_data_mut<'p>(&self, payload: &'p mut Value) -> Option<&'p mut Map<String, Value>> {
        let way = &self.program.secret;
        if way.is_empty() {
            return None;
        }
        way.iter().try_fold(payload, |value, name| value.get_mut(&**name))?.as_object_mut()
    }
}

impl ColumnSource {
    fn read(&self, payload: &Value, shape: &normalize::Shape) -> String {
        match self {
            Self::Field { path, trim, lower } => {
                let value = path.iter().try_fold(payload, |value, name| value.get(&**name));
                let found = match value {
                    Some(Value::String(text)) => text.clone(),
                    Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
                    _ => String::new(),
                };
                let trimmed = if *trim { text::trim(&found) } else { &found };
                if *lower { text::lower(trimmed) } else { trimmed.to_owned() }
            }
            Self::SpecHash => {
                let mut encoded = String::new();
                normalize::encode_ordered(&mut encoded, &payload["spec"], shape);
                hex(&sha256(encoded.as_bytes()))
            }
        }
    }
}

/// The target namespace where one is given, else the resource's own; trimmed, `default` where that leaves nothing.
fn row_namespace(resource: &Resource) -> String {
    let target = resource.annotations.get(TARGET_NAMESPACE).map(String::as_str).filter(|target| !target.is_empty());
    let namespace = text::trim(target.unwrap_or(&resource.id.object.namespace));
    if namespace.is_empty() { "default" } else { namespace }.to_owned()
}

fn scoped(namespace: &str, name: &str) -> String {
    format!("{namespace}/{}", text::trim(name))
}

fn row_annotations(resource: &Resource) -> BTreeMap<String, String> {
    let copied = resource.annotations.iter().filter(|(key, _)| !NOT_COPIED.contains(&key.as_str()));
    let mut annotations: BTreeMap<String, String> = copied.map(|(key, value)| (key.clone(), value.clone())).collect();
    annotations.insert(MANAGED_BY.to_owned(), MANAGED_BY_VALUE.to_owned());
    if resource.annotations.get(TARGET_NAMESPACE).is_some_and(|target| !target.is_empty()) {
        annotations.insert(SOURCE_NAMESPACE.to_owned(), resource.id.object.namespace.to_string());
    }
    annotations
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn nul(fault: &Fault) -> Invalid {
    nul_at(&fault.path("spec"))
}

fn nul_at(path: &str) -> Invalid {
    let text = format!("{path}: must not contain U+0000: the store cannot hold it");
    Invalid { class: InvalidClass::NulCharacter, text }
}

/// Measures exactly only what comes near the limit: escapes make a byte six at most.
fn check_depth(spec: &Value) -> Result<(), Invalid> {
    if fits(spec, MAX_DEPTH) {
        return Ok(());
    }
    let text = format!("spec: nested deeper than {MAX_DEPTH} levels");
    Err(Invalid { class: InvalidClass::TooLarge, text })
}

fn fits(value: &Value, levels: usize) -> bool {
    let below = levels.checked_sub(1);
    match value {
        Value::Array(items) => below.is_some_and(|below| items.iter().all(|item| fits(item, below))),
        Value::Object(fields) => below.is_some_and(|below| fields.values().all(|field| fits(field, below))),
        _ => true,
    }
}

fn check_size(desired: &Desired) -> Result<(), Invalid> {
    let plain: usize = desired.labels.iter().chain(&desired.annotations).map(|(k, v)| k.len() + v.len() + 6).sum();
    let rough = rough_len(&desired.spec) + plain;
    if rough <= MAX_PAYLOAD_BYTES / 6 {
        return Ok(());
    }
    let exact = go_json::encoded_len(&desired.spec) + plain;
    if exact <= MAX_PAYLOAD_BYTES {
        return Ok(());
    }
    let text = format!("the resource is too large: {exact} bytes as stored, at most {MAX_PAYLOAD_BYTES} are accepted");
    Err(Invalid { class: InvalidClass::TooLarge, text })
}

fn rough_len(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 3,
        Value::Array(items) => 2 + items.iter().map(rough_len).sum::<usize>(),
        Value::Object(map) => 2 + map.iter().map(|(key, value)| key.len() + 4 + rough_len(value)).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 24,
    }
}
