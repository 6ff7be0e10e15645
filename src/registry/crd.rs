//! `CustomResourceDefinition`s: what the API server is told of each kind.
//!
//! Names, columns of the default view and status fields are upstream's, so that either set of CRDs can replace the
//! other (`kinds/ORLOJD.md` 3.2). What is added: conditions, descriptions, patterns and CEL rules, which answer at
//! `kubectl apply` what would otherwise only be found in a status. Fields that would be empty are left out, and
//! there are no defaults but those that a CEL rule reads: both show up as drift in `GitOps` tools.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::kind::sha256;
use super::{EMBEDDED, Kind, PrinterColumn, Registry};
use crate::normalize;
use crate::orlojd::RESERVED_NAMES;
use crate::rules;

/// `kubectl get orloj` lists all kinds.
pub(crate) const CATEGORY: &str = "orloj";

/// How the rule against reserved names begins.
pub(crate) const RESERVED_RULE: &str = "oldSelf.hasValue() || !(self.metadata.name in [";

/// The rule of a kind that cannot do without a spec.
pub(crate) const SPEC_RULE: &str = "has(self.spec) || oldSelf.hasValue() && !has(oldSelf.value().spec)";

/// Annotation by which a CRD of a group of Kubernetes' own community says who approved it.
pub const APPROVAL: &str = "api-approved.kubernetes.io";

/// Whether the API server takes CRDs of a group with an approval alone.
#[must_use]
pub fn needs_approval(group: &str) -> bool {
    ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|owned| group.strip_suffix(owned).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Whether the API server takes a text for an approval: an address, or a reason why there is none.
#[must_use]
pub fn is_approval(text: &str) -> bool {
    let address = text.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.starts_with('/'));
    text.starts_with("unapproved") || address && !text.ends_with("://")
}

/// Longest line of a description in the YAML.
const LINE: usize = 110;

/// Why the files were not written.
#[derive(Debug, thiserror::Error)]
#[error("unable to write {path}: {source}")]
pub struct WriteError {
    pub path: PathBuf,
    pub source: std::io::Error,
}

impl Kind {
    /// The CRD of this kind.
    #[must_use]
    pub fn crd(&self) -> Value {
        let names = &self.names;
        let mut entries = json!({
            "categories": [CATEGORY],
            "kind": names.kind,
            "listKind": names.list_kind,
            "plural": names.plural,
            "singular": names.singular,
        });
        if !names.short_names.is_empty() {
            entries["shortNames"] = json!(names.short_names);
        }
        let mut metadata = json!({"name": names.crd()});
        if let Some(approval) = &self.approval {
            metadata["annotations"] = json!({APPROVAL: approval});
        }
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": metadata,
            "spec": {
                "group": names.group,
                "names": entries,
                "scope": "Namespaced",
                "versions": [{
                    "name": names.version,
                    "served": true,
                    "storage": true,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns(&self.printer_columns),
                    "schema": {"openAPIV3Schema": self.object_schema()},
                }],
            },
        })
    }

    /// The CRD's file: `<group>_<plural>.yaml`, as controller-gen names them.
    #[must_use]
    pub fn crd_file(&self) -> String {
        format!("{}_{}.yaml", self.names.group, self.names.plural)
    }

    /// The CRD as a YAML document, with a comment that says where it comes from. Any reader of YAML, 1.1 or 1.2,
    /// finds the same in it.
    #[must_use]
    pub fn crd_yaml(&self) -> String {
        let origin = match embedded_file(self.digest) {
            Some(file) => format!("{file} by `make generate`"),
            None => format!("the file of the kind {} by `orloj-operator kinds crds`", self.names.kind),
        };
        format!("# Generated from {origin}; do not edit.\n---\n{}", to_yaml(&self.crd()))
    }

    /// Whether the file is one of those that the binary brings along, byte for byte.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        embedded_file(self.digest).is_some()
    }

    fn object_schema(&self) -> Value {
        let reserved = RESERVED_NAMES.map(|name| format!("'{name}'")).join(", ");
        let mut rules = vec![rule_for_new(
            &format!("{RESERVED_RULE}{reserved}])"),
            &format!("metadata.name must be none of {}", RESERVED_NAMES.join(", ")),
        )];
        if let Some(message) = self.fault_of_no_spec() {
            rules.push(rule_for_new(SPEC_RULE, &message));
        }
        json!({
            "type": "object",
            "description": self.description,
            "properties": {
                "apiVersion": {
                    "type": "string",
                    "description": format!("Version of the API: {}.", self.names.api_version()),
                },
                "kind": {"type": "string", "description": format!("Kind of the resource: {}.", self.names.kind)},
                "metadata": {"type": "object"},
                "spec": self.schema.openapi(),
                "status": status_schema(),
            },
            "x-kubernetes-validations": rules,
        })
    }

    /// What the kind's own rules say of a resource without a spec; `None` where they accept it. Upstream's CRDs
    /// leave `spec` optional for all kinds, so only a kind that cannot do without one requires it.
    pub(crate) fn fault_of_no_spec(&self) -> Option<String> {
        let mut spec = normalize::decode(&Value::Null, &self.program.shape, true).ok()?;
        // any name does
        normalize::normalize(&mut spec, &self.program.steps, "name");
        rules::check(&spec, &Value::Null, &self.program.rules).err().map(|violation| violation.text)
    }
}

/// All CRDs that are ours as one stream of YAML documents, ready for `kubectl apply --server-side -f -`.
#[must_use]
pub fn crds_yaml(registry: &Registry) -> String {
    registry.own_kinds().map(Kind::crd_yaml).collect()
}

/// Writes one file a kind into a folder, which is made where it is missing. Files that are right already are left
/// alone, and none is removed. Returns those that were written.
pub fn write_crds<'k>(kinds: impl IntoIterator<Item = &'k Kind>, folder: &Path) -> Result<Vec<PathBuf>, WriteError> {
    write_files(kinds.into_iter().map(|kind| (folder.join(kind.crd_file()), kind.crd_yaml())), folder)
}

/// Writes files of a folder that are not as they should be.
pub(crate) fn write_files(
    files: impl IntoIterator<Item = (PathBuf, String)>,
    folder: &Path,
) -> Result<Vec<PathBuf>, WriteError> {
    let failed = |path: &Path, source| WriteError { path: path.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let mut changed = Vec::new();
    for (path, text) in files {
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        }
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
        changed.push(path);
    }
    Ok(changed)
}

/// A rule on the resource as a whole, which lets pass what was there before the rule was: upstream's CRDs check
/// nothing. Below `spec` the API server sees to that by itself (it does not check again what has not changed), but a
/// resource as a whole changes with every patch of a finalizer, and a resource that cannot lose its finalizer cannot
/// be deleted.
fn rule_for_new(rule: &str, message: &str) -> Value {
    json!({"rule": rule, "message": message, "optionalOldSelf": true})
}

/// The embedded file of that content; the digest of a kind is that of its file.
fn embedded_file(digest: [u8; 32]) -> Option<String> {
    let found = EMBEDDED.files().find(|file| sha256(file.contents()) == digest)?;
    Some(format!("kinds/{}", found.path().display()))
}

/// YAML of a manifest: words and numbers that some reader might take for something else are quoted, long texts
/// folded.
pub(crate) fn to_yaml(value: &Value) -> String {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: LINE };
    // a manifest has no keys but strings, which is all that could fail
    serde_saphyr::to_string_with_options(value, options).unwrap_or_default()
}

/// The kind's columns, Phase and Age as upstream has them; then, with `-o wide`, what our status adds.
fn columns(own: &[PrinterColumn]) -> Vec<Value> {
    let condition = |kind: &str, field: &str| format!(".status.conditions[?(@.type==\"{kind}\")].{field}");
    let mut columns: Vec<Value> = own.iter().map(column).collect();
    columns.extend([
        json!({"name": "Phase", "type": "string", "jsonPath": ".status.phase"}),
        json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}),
        json!({"name": "Synced", "type": "string", "jsonPath": condition("Synced", "status"), "priority": 1}),
        json!({"name": "Ready", "type": "string", "jsonPath": condition("Ready", "status"), "priority": 1}),
        json!({"name": "Reason", "type": "string", "jsonPath": condition("Synced", "reason"), "priority": 1}),
    ]);
    columns
}

fn column(column: &PrinterColumn) -> Value {
    let mut entry = Map::new();
    entry.insert("name".to_owned(), column.name.clone().into());
    entry.insert("type".to_owned(), column.column_type.as_deref().unwrap_or("string").into());
    entry.insert("jsonPath".to_owned(), column.json_path.clone().into());
    if let Some(priority) = column.priority.filter(|priority| *priority != 0) {
        entry.insert("priority".to_owned(), priority.into());
    }
    if let Some(description) = &column.description {
        entry.insert("description".to_owned(), description.clone().into());
    }
    Value::Object(entry)
}

/// Upstream's four fields, as free as upstream's, so that a status that the original wrote passes; and conditions as
/// the Kubernetes API conventions constrain them.
///
/// Without the default a new resource that no operator has looked at yet would have no status, and what has none is
/// done for kstatus, so for Flux: it would go on before the row is there.
pub(crate) fn status_schema() -> Value {
    json!({
        "type": "object",
        "default": {"observedGeneration": -1},
        "description": "What became of the resource; written by the operator alone.",
        "properties": {
            "phase": {
                "type": "string",
                "description": "The phase that orlojd reports; before that, or where it never does, Synced; \
                    SyncError where the resource cannot be synced.",
            },
            "observedGeneration": {
                "type": "integer",
                "format": "int64",
                "description": "metadata.generation that this status speaks of; -1 before there is one.",
            },
            "lastSyncedAt": {
                "type": "string",
                "description": "When a sync last wrote the stored row, RFC 3339 in UTC.",
            },
            "syncError": {
                "type": "string",
                "description": "Why the resource cannot be synced; stays until a sync succeeds.",
            },
            "conditions": {
                "type": "array",
                "description": "Synced: the stored row equals the resource. Ready: orlojd has taken it up.",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "items": condition_schema(),
            },
        },
    })
}

/// `metav1.Condition`, constraint for constraint.
fn condition_schema() -> Value {
    json!({
        "type": "object",
        "description": "One aspect of the resource's state.",
        "required": ["lastTransitionTime", "message", "reason", "status", "type"],
        "properties": {
            "type": {
                "type": "string",
                "description": "Synced or Ready.",
                "maxLength": 316,
                "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
            },
            "status": {
                "type": "string",
                "description": "True, False or Unknown.",
                "enum": ["True", "False", "Unknown"],
            },
            "observedGeneration": {
                "type": "integer",
                "format": "int64",
                "minimum": 0,
                "description": "metadata.generation that the condition speaks of.",
            },
            "lastTransitionTime": {
                "type": "string",
                "format": "date-time",
                "description": "When `status` last changed.",
            },
            "reason": {
                "type": "string",
                "description": "One word for programs.",
                "minLength": 1,
                "maxLength": 1024,
                "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
            },
            "message": {"type": "string", "description": "A sentence for people.", "maxLength": 32768},
        },
    })
}
