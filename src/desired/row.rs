//! The row that should stand for a resource, or why it has none: decode, normalise, check, encode.

use std::collections::BTreeMap;

use serde_json::Value;

use super::limits::{check_depth, check_size};
use super::{Desired, Invalid, InvalidClass};
use crate::apimachinery::field_path::FieldPath;
use crate::go_compat::{quote, text};
use crate::normalize;
use crate::orlojd::{
    MANAGED_BY, MANAGED_BY_VALUE, MAX_KEY_CHARS, NOT_COPIED, OWNER_MARKS, RESERVED_NAMES, SOURCE_KIND,
    SOURCE_NAMESPACE, TARGET_NAMESPACE,
};
use crate::registry::Kind;
use crate::resource::Resource;
use crate::rules;

impl Kind {
    /// The row that should stand for a resource.
    pub fn desired(&self, resource: &Resource) -> Result<Desired, Invalid> {
        let mut annotations = row_annotations(resource);
        if let Some(kind) = self.source_kind() {
            annotations.insert(SOURCE_KIND.to_owned(), kind.to_owned());
        }
        self.row_of(resource, row_namespace(resource), annotations)
    }

    /// The row that a person asks for who writes it by hand, as [`Kind::desired`], but in the namespace that is named, and
    /// nobody's: the marks of an owner are left out.
    pub fn submitted(&self, resource: &Resource) -> Result<Desired, Invalid> {
        let mut annotations = copied_annotations(resource);
        annotations.retain(|key, _| !OWNER_MARKS.contains(&key.as_str()));
        self.row_of(resource, namespace_or_default(&resource.id.object.namespace), annotations)
    }

    fn row_of(
        &self,
        resource: &Resource,
        namespace: String,
        annotations: BTreeMap<String, String>,
    ) -> Result<Desired, Invalid> {
        if let Some(why) = &resource.unreadable {
            return Err(Invalid { class: InvalidClass::Unreadable, path: FieldPath::new(), text: why.to_string() });
        }
        let program = &self.program;
        let mut spec = normalize::decode(&resource.spec, &program.shape, self.sensitive).map_err(|fault| {
            let text = format!("{}: {}", fault.path(), fault.text());
            Invalid { class: InvalidClass::Malformed, path: fault.path(), text }
        })?;
        self.check_metadata(resource)?;
        check_depth(&resource.spec)?;
        normalize::normalize(&mut spec, &program.steps, &resource.id.object.name);
        rules::check(&spec, &resource.spec, &program.rules).map_err(|first| Invalid {
            class: InvalidClass::Rule,
            path: first.path,
            text: first.text,
        })?;

        let name = resource.id.object.name.to_string();
        let key = scoped(&namespace, &name);
        let length = key.chars().count();
        if length > MAX_KEY_CHARS {
            let text = format!(
                "namespace and name are too long together: the key \"{key}\" has {length} characters, at most {MAX_KEY_CHARS} fit"
            );
            return Err(Invalid { class: InvalidClass::KeyTooLong, path: FieldPath::of(&["metadata", "name"]), text });
        }
        let spec = normalize::encode(spec, &program.shape).map_err(|fault| nul_at(fault.path()))?;
        for (what, map) in [("labels", &resource.labels), ("annotations", &annotations)] {
            let bad = map.iter().find(|(key, value)| key.contains('\0') || value.contains('\0'));
            if let Some((key, _)) = bad {
                return Err(nul_at(FieldPath::of(&["metadata", what, key])));
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
        let mut path = &["metadata", "name"];
        let text = if name.is_empty() {
            "metadata.name is required".to_owned()
        } else if name.contains(['/', ' ', '\t', '\n', '\r']) {
            format!("metadata.name {} must not contain '/', spaces, or whitespace", quoted())
        } else if name.starts_with('.') {
            format!("metadata.name {} must not start with '.'", quoted())
        } else if RESERVED_NAMES.contains(&text::lower(name).as_str()) {
            format!("metadata.name {} is a reserved subresource name", quoted())
        } else if name.contains('\0') {
            return Err(nul_at(FieldPath::of(&["metadata", "name"])));
        } else {
            let reserved = &self.program.reserved_labels;
            let Some(label) = reserved.iter().find(|label| resource.labels.contains_key(&label.label)) else {
                return Ok(());
            };
            path = &["metadata", "labels"];
            format!("metadata.labels: label {} is reserved: {}", quote::quote(&label.label), label.reason)
        };
        Err(Invalid { class: InvalidClass::Metadata, path: FieldPath::of(path), text })
    }

    fn warnings(&self, name: &str) -> Vec<String> {
        let apply = self.program.warnings.iter().filter(|warning| name.contains(&warning.name_contains));
        apply.map(|warning| warning.message.clone()).collect()
    }
}

/// The target namespace where one is given, else the resource's own.
fn row_namespace(resource: &Resource) -> String {
    let target = resource.annotations.get(TARGET_NAMESPACE).map(String::as_str).filter(|target| !target.is_empty());
    namespace_or_default(target.unwrap_or(&resource.id.object.namespace))
}

/// A namespace, trimmed; `default` where that leaves nothing.
#[must_use]
pub fn namespace_or_default(namespace: &str) -> String {
    let namespace = text::trim(namespace);
    if namespace.is_empty() { "default" } else { namespace }.to_owned()
}

/// The key of a row.
#[must_use]
pub fn scoped(namespace: &str, name: &str) -> String {
    format!("{namespace}/{}", text::trim(name))
}

fn copied_annotations(resource: &Resource) -> BTreeMap<String, String> {
    let copied = resource.annotations.iter().filter(|(key, _)| !NOT_COPIED.contains(&key.as_str()));
    copied.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn row_annotations(resource: &Resource) -> BTreeMap<String, String> {
    let mut annotations = copied_annotations(resource);
    annotations.insert(MANAGED_BY.to_owned(), MANAGED_BY_VALUE.to_owned());
    if resource.annotations.get(TARGET_NAMESPACE).is_some_and(|target| !target.is_empty()) {
        annotations.insert(SOURCE_NAMESPACE.to_owned(), resource.id.object.namespace.to_string());
    }
    annotations
}

fn nul_at(path: FieldPath) -> Invalid {
    let text = format!("{path}: must not contain U+0000: the store cannot hold it");
    Invalid { class: InvalidClass::NulCharacter, path, text }
}
