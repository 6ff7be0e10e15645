//! The rules by which findings are told apart: stable ids, listed by `--list-rules`, described in `kinds/RULES.md`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::diagnostics::Severity;

/// Where the rules are described.
pub const PAGE: &str = "https://github.com/orlojhq/orloj-operator/blob/main/kinds/RULES.md";

/// Who would say the same: what a finding rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// kubectl, when it reads the file.
    Read,
    /// The API server, when the object is applied.
    Server,
    /// The operator, in the resource's status.
    Sync,
    /// Nobody but this command.
    Advice,
}

/// A sort of finding.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ValidationRule {
    pub id: &'static str,
    /// What a finding has unless the command line says otherwise.
    pub severity: Severity,
    pub stage: Stage,
    pub summary: &'static str,
}

impl ValidationRule {
    /// Address of the rule's description.
    #[must_use]
    pub fn help(&self) -> String {
        format!("{PAGE}#{}", self.id)
    }
}

/// The rule of that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static ValidationRule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

macro_rules! rules {
    ($($name:ident: $id:literal, $severity:ident, $stage:ident, $summary:literal;)*) => {
        $(pub static $name: ValidationRule = ValidationRule {
            id: $id,
            severity: Severity::$severity,
            stage: Stage::$stage,
            summary: $summary,
        };)*

        /// All rules, in the order in which a manifest meets them.
        pub static RULES: &[&ValidationRule] = &[$(&$name),*];
    };
}

rules! {
    UNREADABLE: "unreadable", Error, Read, "The file or folder cannot be opened.";
    NOT_TEXT: "not-text", Error, Read, "The file is binary or not UTF-8.";
    DOCUMENT_TOO_LARGE: "document-too-large", Error, Read, "The document is larger than any manifest.";
    SYNTAX: "syntax", Error, Read, "The document is neither YAML nor JSON.";
    DUPLICATE_KEY: "duplicate-key", Error, Read, "A mapping has the same key twice.";
    TOO_DEEP: "too-deep", Error, Read, "Nested too deeply, or aliases unfold to too much.";
    NOT_AN_OBJECT: "not-an-object", Error, Read, "The document is no Kubernetes object.";
    UNKNOWN_KIND: "unknown-kind", Error, Server, "The group has no such kind.";
    UNKNOWN_VERSION: "unknown-version", Error, Server, "The group has the kind in another version.";
    UNKNOWN_GROUP: "unknown-group", Error, Advice, "An object of another group (only with --strict).";
    METADATA_TYPE: "metadata-type", Error, Server, "A field of metadata has the wrong type.";
    METADATA_NAME: "metadata-name", Error, Server, "The name is none that Kubernetes takes.";
    METADATA_NAMESPACE: "metadata-namespace", Error, Server, "The namespace is none that Kubernetes takes.";
    METADATA_LABEL: "metadata-label", Error, Server, "A label's key or value is none that Kubernetes takes.";
    METADATA_ANNOTATION: "metadata-annotation", Error, Server, "An annotation's key is wrong, or all are too large.";
    METADATA_OWNER: "metadata-owner", Error, Server, "An owner reference or a finalizer is wrong.";
    OBJECT_TOO_LARGE: "object-too-large", Error, Server, "The object is larger than the API server or etcd takes.";
    UNKNOWN_FIELD: "unknown-field", Error, Server, "The CRD knows no such field.";
    WRONG_TYPE: "wrong-type", Error, Server, "A value has another type than the CRD says.";
    REQUIRED_FIELD: "required-field", Error, Server, "A field that the CRD requires is missing.";
    ENUM_VALUE: "enum-value", Error, Server, "A value is none of those that the CRD lists.";
    PATTERN: "pattern", Error, Server, "A text has not the form that the CRD asks for.";
    FORMAT: "format", Error, Server, "A text has not the format that the CRD names.";
    OUT_OF_RANGE: "out-of-range", Error, Server, "A number is too small or too large.";
    LENGTH: "length", Error, Server, "A text is too short or too long.";
    COUNT: "count", Error, Server, "A list or map has too few or too many entries.";
    CEL_RULE: "cel-rule", Error, Server, "A CEL rule of the CRD refuses the object.";
    CEL_ERROR: "cel-error", Error, Server, "A CEL rule of the CRD fails on the object.";
    CEL_UNSUPPORTED: "cel-unsupported", Warning, Advice, "A CEL rule that cannot be checked here.";
    SCHEMA_UNSUPPORTED: "schema-unsupported", Warning, Advice, "A pattern that cannot be checked here.";
    SYNC_MALFORMED: "sync-malformed", Error, Sync, "The operator cannot read a field.";
    SYNC_METADATA: "sync-metadata", Error, Sync, "The operator refuses the name or a label.";
    SYNC_RULE: "sync-rule", Error, Sync, "A rule of the kind refuses the spec.";
    SYNC_KEY_TOO_LONG: "sync-key-too-long", Error, Sync, "Namespace and name are too long together.";
    SYNC_NUL: "sync-nul", Error, Sync, "A text holds U+0000, which Postgres cannot store.";
    SYNC_TOO_LARGE: "sync-too-large", Error, Sync, "The spec is too large or nested too deeply.";
    NAME_WARNING: "name-warning", Warning, Advice, "A name that the kind's file warns of.";
    RESOURCE_VERSION: "resource-version", Warning, Advice, "A resource version is set, which no new object has.";
    DUPLICATE_RESOURCE: "duplicate-resource", Error, Advice, "The same resource is given twice.";
    KEY_CONFLICT: "key-conflict", Error, Advice, "Two resources claim the same row.";
    MISSING_REFERENCE: "missing-reference", Warning, Advice, "A reference to what no given file defines.";
    GRAPH_DEAD_END: "graph-dead-end", Warning, Advice, "A way of a graph that leads to no node.";
    GRAPH_ENDLESS: "graph-endless", Warning, Advice, "Nodes of a graph that lead round for ever.";
    PLAINTEXT_SECRET: "plaintext-secret", Warning, Advice, "A manifest holds secret values.";
    LAST_APPLIED_SECRET: "last-applied-secret", Warning, Advice, "An annotation holds a copy of secret values.";
    DEPRECATED_VALUE: "deprecated-value", Warning, Advice, "A value or field that is on its way out.";
    REMOVED_VALUE: "removed-value", Error, Advice, "A value or field that orlojd no longer takes.";
    IGNORE_WITHOUT_REASON: "ignore-without-reason", Error, Advice, "A finding is ignored and nobody says why.";
    IGNORE_UNKNOWN_RULE: "ignore-unknown-rule", Error, Advice, "There is no rule of the id that is ignored.";
}
