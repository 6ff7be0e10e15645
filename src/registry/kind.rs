//! A kind, compiled: what its file says, ready to be used on any resource of it.

use std::collections::BTreeMap;

use ring::digest;
use serde_json::Value;

use super::file::{ApiSection, PrinterColumn, ReservedLabel, Schema, Warning};
use super::foreign::Foreign;
use super::table::{ColumnType, Table};
use crate::derive::RuleCoverage;
use crate::normalize::{PathPattern, Shape, Step};
use crate::resource::KindIndex;
use crate::rules::RuleEntry;

/// A kind's names in Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    pub list_kind: String,
    /// What tells the kind from all others in the ledger, in metrics and in texts: its name, and of one that is not ours
    /// its group too, as in `Secret.core`.
    pub label: String,
}

/// What stands for the group without a name.
pub(crate) const CORE_GROUP: &str = "core";

impl Names {
    /// `<group>/<version>`, or `v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// What its resources are called among those of all kinds: by the plural, and of one that is not ours by the label.
    #[must_use]
    pub fn called(&self) -> &str {
        if self.label == self.kind { &self.plural } else { &self.label }
    }

    /// Name of the CRD: `<plural>.<group>`.
    #[must_use]
    pub fn crd(&self) -> String {
        format!("{}.{}", self.plural, if self.group.is_empty() { CORE_GROUP } else { &self.group })
    }
}

/// Where a kind lands in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreMapping {
    /// `kind` of the payload.
    pub kind: String,
    /// `apiVersion` of the payload.
    pub api_version: String,
    pub table: Table,
    /// Phase of a new row.
    pub initial_phase: String,
    /// Stored phases that count as none, lower case; where empty, only `""` does.
    pub initial_phase_instead_of: Vec<String>,
    /// Fields of a row's status that follow from its key.
    pub status: Vec<StatusField>,
}

/// Field of a row's status that follows from its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusField {
    pub name: String,
    pub(crate) pieces: Vec<StatusPiece>,
}

/// A part of such a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StatusPiece {
    Text(String),
    Namespace,
    Name,
    Key,
    /// Hex digits of the key's SHA-256.
    KeyHash(usize),
}

impl StatusField {
    /// The value for a row, from the two parts of its key.
    #[must_use]
    pub fn value(&self, namespace: &str, name: &str) -> String {
        let key = format!("{namespace}/{name}");
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                StatusPiece::Text(text) => out.push_str(text),
                StatusPiece::Namespace => out.push_str(namespace),
                StatusPiece::Name => out.push_str(name),
                StatusPiece::Key => out.push_str(&key),
                StatusPiece::KeyHash(digits) => out.extend(hex(&sha256(key.as_bytes())).chars().take(*digits)),
            }
        }
        out
    }
}

/// A kind.
#[derive(Debug)]
pub struct Kind {
    /// Its place in the registry.
    pub index: KindIndex,
    /// Place of the first kind that has rows in its table: its own, but for a kind whose resources become another's rows.
    pub home: KindIndex,
    pub names: Names,
    /// What is particular to a kind that is not ours; `None` for one that is.
    pub foreign: Option<Foreign>,
    /// The CRD's annotation [`crate::registry::crd::APPROVAL`].
    pub approval: Option<String>,
    pub description: String,
    /// Phase and Age not included.
    pub printer_columns: Vec<PrinterColumn>,
    /// Of `spec`, with the constraints that follow from steps and rules; see [`Schema::openapi`].
    pub schema: Schema,
    /// Who checks each rule, in the order of the file.
    pub coverage: Vec<RuleCoverage>,
    pub store: StoreMapping,
    /// orlojd reports a phase on the kind's rows; where it never does, `Ready` follows `Synced`.
    pub runtime_reports: bool,
    /// First orlojd that has the kind's table; `None` where every one has it, or none.
    pub since: Option<String>,
    /// The kind holds secret material.
    pub sensitive: bool,
    /// The kind in the REST API; `None` where it has no collection there.
    pub api: Option<ApiSection>,
    /// SHA-256 of the file's text.
    pub digest: [u8; 32],
    /// The same, or with the text of the file that `into` names: part of fingerprints, so that a changed file is a changed
    /// meaning.
    pub meaning: [u8; 32],
    /// What the spec says of other resources and of itself; for `validate` alone.
    pub relations: Relations,
    pub(crate) program: Program,
}

impl Kind {
    /// Whether a resource of the kind has a row; all have, but for those of a kind that is not ours and selects.
    #[must_use]
    pub fn selects(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        self.foreign.as_ref().is_none_or(|foreign| foreign.selects(namespace, labels))
    }

    /// The namespaces in which the kind is watched by an operator that watches these, or all where there are none. `None`
    /// stands for all.
    #[must_use]
    pub fn watched_namespaces<'n>(&'n self, namespaces: &'n [String]) -> Option<Vec<&'n str>> {
        let selected = self.foreign.as_ref().map_or(&[][..], |foreign| &foreign.namespaces);
        match (selected, namespaces) {
            ([], []) => None,
            ([], all) | (all, []) => Some(all.iter().map(String::as_str).collect()),
            (selected, watched) => {
                Some(watched.iter().filter(|one| selected.contains(one)).map(String::as_str).collect())
            }
        }
    }

    /// Whether an object of the kind, as its manifest has it, has a row.
    #[must_use]
    pub fn selects_object(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let labels = metadata["labels"].as_object().into_iter().flatten();
        let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
        let namespace = metadata["namespace"].as_str().filter(|namespace| !namespace.is_empty());
        self.selects(namespace.unwrap_or("default"), &labels)
    }

    /// The spec that an object of the kind gives.
    #[must_use]
    pub fn spec_in(&self, object: &Value) -> Value {
        match &self.foreign {
            Some(foreign) => foreign.spec_in(object),
            None => object.get("spec").cloned().unwrap_or_default(),
        }
    }

    /// What a row says of the kind of its resource, where that is not ours.
    #[must_use]
    pub fn source_kind(&self) -> Option<&str> {
        self.foreign.as_ref().map(|_| self.names.label.as_str())
    }

    /// The ledger's names of all kinds whose resources may own rows of the kind's table; its own is the first.
    #[must_use]
    pub fn row_owners(&self) -> Vec<&str> {
        self.store.table.owners(&self.names.label)
    }

    /// Whether a value at this path of a payload is never shown: all of the spec of a kind with secrets, since one that
    /// is not stored yet, or stored by others, may hold a secret anywhere in it.
    #[must_use]
    pub fn hides(&self, path: &[&str]) -> bool {
        self.sensitive && path.first().copied() == self.program.secret.first().map(|first| &**first)
    }

    /// Path of the secret values in a payload, such as `spec.data`; empty where the kind has none.
    #[must_use]
    pub fn secret_path(&self) -> String {
        self.program.secret.join(".")
    }
}

/// What a spec says of other resources and of itself.
#[derive(Debug, Default)]
pub struct Relations {
    pub references: Vec<Reference>,
    pub graph: Option<Graph>,
    pub outdated: Vec<Outdated>,
}

/// Strings that name resources.
#[derive(Debug)]
pub struct Reference {
    pub path: PathPattern,
    /// The keys of the map at the end of the path are the names.
    pub keys: bool,
    pub group: String,
    pub kind: String,
    /// Names that hold this may be made by orlojd.
    pub made: Option<String>,
}

/// A graph of named nodes.
#[derive(Debug)]
pub struct Graph {
    /// To a map.
    pub nodes: PathPattern,
    pub members: Vec<PathPattern>,
    pub ways: Vec<GraphWay>,
    /// From a node.
    pub calls: Vec<PathPattern>,
    pub exits: Vec<PathPattern>,
}

/// A way from a node to the next.
#[derive(Debug)]
pub struct GraphWay {
    /// From a node.
    pub to: PathPattern,
    /// From what holds the string.
    pub condition: Option<PathPattern>,
    pub otherwise: Option<PathPattern>,
}

/// A field or value that is on its way out.
#[derive(Debug)]
pub struct Outdated {
    pub path: PathPattern,
    pub value: Option<String>,
    pub deprecated: Option<String>,
    pub removed: Option<String>,
    pub instead: String,
}

/// What is done to a resource of a kind.
#[derive(Debug)]
pub(crate) struct Program {
    pub shape: Shape,
    pub steps: Vec<Step>,
    pub rules: Vec<RuleEntry>,
    pub columns: Vec<ColumnSource>,
    /// What tells this set of derived columns from another: part of a row's fingerprint, so that rows are written once
    /// more when a column comes to their kind.
    pub columns_mark: String,
    /// Way to the map of secret values, from the payload's root; empty where there is none.
    pub secret: Vec<Box<str>>,
    pub reserved_labels: Vec<ReservedLabel>,
    pub warnings: Vec<Warning>,
}

/// Where a derived column's value comes from.
#[derive(Debug)]
pub(crate) enum ColumnSource {
    Field {
        path: Vec<Box<str>>,
        trim: bool,
        lower: bool,
    },
    /// Of another type than text.
    Typed {
        path: Vec<Box<str>>,
        column_type: ColumnType,
    },
    SpecHash,
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
