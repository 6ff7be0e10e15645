//! JSON Schemas (draft 7) of resources, for editors and CI: what the API server would say of a manifest, less CEL.
//!
//! `<group>/<kind>_<version>.json` takes unknown fields, as the API server does where it is not asked to be strict;
//! `<group>/<kind>_<version>-strict.json` does not, as kubectl does by default. The layout is that of kubeconform's
//! `-schema-location` and of the catalogs made for it.

pub mod openapi;
mod pattern;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::apimachinery::metadata::FIELDS;
use crate::orlojd::RESERVED_NAMES;
use crate::registry::crd::{WriteError, write_files};
use crate::registry::{Kind, Registry};
use openapi::Translator;

/// Where the schemas of the embedded kinds can be fetched.
pub const ADDRESS: &str = "https://raw.githubusercontent.com/orlojhq/orloj-operator/main/schemas";

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

impl Kind {
    /// The JSON Schema of a resource of this kind.
    #[must_use]
    pub fn json_schema(&self, strict: bool) -> Value {
        let crd = self.crd();
        let mut root = crd.pointer("/spec/versions/0/schema/openAPIV3Schema").cloned().unwrap_or_default();
        let names = &self.names;
        let mut required = vec!["apiVersion", "kind", "metadata"];
        if self.fault_of_no_spec().is_some() {
            required.push("spec");
        }
        root["required"] = json!(required);
        let mut schema = Translator { strict }.root(&root);
        schema["$schema"] = DRAFT.into();
        schema["title"] = names.kind.clone().into();
        schema["properties"]["apiVersion"]["enum"] = json!([names.api_version()]);
        schema["properties"]["kind"]["enum"] = json!([names.kind]);
        schema["properties"]["metadata"] = metadata(strict);
        schema
    }

    /// `<group>/<kind>_<version>.json` below the folder of schemas.
    #[must_use]
    pub fn schema_file(&self, strict: bool) -> String {
        let names = &self.names;
        let suffix = if strict { "-strict" } else { "" };
        format!("{}/{}_{}{suffix}.json", names.group, names.kind.to_lowercase(), names.version)
    }
}

/// What people write of it, and the names of the rest.
fn metadata(strict: bool) -> Value {
    let texts = |about: &str| json!({"type": ["object", "null"], "description": about, "additionalProperties": {"type": ["string", "null"]}});
    let mut schema = json!({
        "type": "object",
        "description": "Name, namespace, labels and annotations.",
        "properties": {
            "name": {"type": "string", "description": "Name, unique within the namespace.", "maxLength": 253,
                "not": {"enum": RESERVED_NAMES}},
            "namespace": {"type": ["string", "null"], "description": "Namespace; default where left out."},
            "labels": texts("Labels, copied into the row."),
            "annotations": texts("Annotations."),
        },
    });
    if strict {
        for (name, _) in FIELDS {
            // the rest is written or checked by the API server
            if schema["properties"].get(name).is_none() {
                schema["properties"][name] = json!({});
            }
        }
        schema["additionalProperties"] = false.into();
    }
    schema
}

/// One schema for files that hold resources of any kind; other groups' objects pass. `schema_of` says where a kind's
/// is.
fn any_kind(registry: &Registry, schema_of: &dyn Fn(&Kind) -> Value) -> Value {
    let is = |kind: &Kind| {
        json!({
            "properties": {"apiVersion": {"const": kind.names.api_version()}, "kind": {"const": kind.names.kind}},
            "required": ["apiVersion", "kind"],
        })
    };
    let mut all: Vec<Value> =
        registry.own_kinds().map(|kind| json!({"if": is(kind), "then": schema_of(kind)})).collect();
    let mut groups: Vec<&str> = registry.own_kinds().map(|kind| kind.names.group.as_str()).collect();
    groups.sort_unstable();
    groups.dedup();
    for group in groups {
        let own = || registry.own_kinds().filter(|kind| kind.names.group == group);
        let mut versions: Vec<String> = own().map(|kind| kind.names.api_version()).collect();
        versions.sort();
        versions.dedup();
        let kinds: Vec<&str> = own().map(|kind| kind.names.kind.as_str()).collect();
        let pattern = format!("^{}/", group.replace('.', "\\."));
        all.push(json!({
            "if": {"properties": {"apiVersion": {"type": "string", "pattern": pattern}}, "required": ["apiVersion"]},
            "then": {"properties": {"apiVersion": {"enum": versions}, "kind": {"enum": kinds}}, "required": ["kind"]},
        }));
    }
    json!({"$schema": DRAFT, "title": "Resources of orloj-operator", "type": ["object", "null"], "allOf": all})
}

/// All kinds in one document that needs no other.
#[must_use]
pub fn bundle(registry: &Registry) -> Value {
    let name = |kind: &Kind| format!("{}.{}.{}", kind.names.group, kind.names.version, kind.names.kind);
    let mut schema = any_kind(registry, &|kind| json!({"$ref": format!("#/definitions/{}", name(kind))}));
    let definitions: Map<String, Value> = registry
        .own_kinds()
        .map(|kind| {
            let mut schema = kind.json_schema(true);
            schema.as_object_mut().map(|map| map.remove("$schema"));
            (name(kind), schema)
        })
        .collect();
    schema["definitions"] = Value::Object(definitions);
    schema
}

/// A catalog as editors read it.
fn catalog(registry: &Registry, address: &str) -> Value {
    let address = address.trim_end_matches('/');
    let mut all = vec![json!({
        "name": "Resources of orloj-operator",
        "description": "Any kind; objects of other groups pass.",
        "fileMatch": ["*.orloj.yaml", "*.orloj.yml"],
        "url": format!("{address}/all.json"),
    })];
    all.extend(registry.own_kinds().map(|kind| {
        json!({
            "name": format!("{} {}", kind.names.kind, kind.names.api_version()),
            "description": kind.description,
            "url": format!("{address}/{}", kind.schema_file(true)),
        })
    }));
    json!({"$schema": "https://json.schemastore.org/schema-catalog.json", "version": 1, "schemas": all})
}

/// Writes every schema, `all.json` and `catalog.json` into a folder, which is made where it is missing. Files that are
/// right already are left alone, and none is removed. Returns those that were written.
pub fn write(registry: &Registry, folder: &Path, address: &str) -> Result<Vec<PathBuf>, WriteError> {
    write_files(files(registry, address).into_iter().map(|(name, text)| (folder.join(name), text)), folder)
}

/// Name and text of every file.
#[must_use]
pub fn files(registry: &Registry, address: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for kind in registry.own_kinds() {
        all.extend([false, true].map(|strict| (kind.schema_file(strict), text(&kind.json_schema(strict)))));
    }
    let any = any_kind(registry, &|kind| json!({"$ref": kind.schema_file(true)}));
    all.push(("all.json".to_owned(), text(&any)));
    all.push(("catalog.json".to_owned(), text(&catalog(registry, address))));
    all
}

/// Pretty, with what cannot be seen spelled out.
fn text(schema: &Value) -> String {
    let plain = serde_json::to_string_pretty(schema).unwrap_or_default();
    let unseen = |c: char| !c.is_ascii() && (c.is_whitespace() || c.is_control()) || c == '\u{feff}';
    let mut out: String =
        plain.chars().map(|c| if unseen(c) { format!("\\u{:04x}", u32::from(c)) } else { c.into() }).collect();
    out.push('\n');
    out
}
