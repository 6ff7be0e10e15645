//! A kind from a `CustomResourceDefinition`.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::openapi::Reader;
use super::{Draft, DraftError, Notes, Wishes, defaults, names, table, tell_known, unapproved};
use crate::registry::Registry;
use crate::registry::crd::{APPROVAL, CATEGORY, RESERVED_RULE, SPEC_RULE, is_approval, status_schema};
use crate::registry::file::PrinterColumn;

const API: &str = "apiextensions.k8s.io/v1";

/// The columns that every CRD of ours has.
pub(super) const OWN_COLUMNS: [&str; 5] = ["Phase", "Age", "Synced", "Ready", "Reason"];

/// Drafts a kind from a CRD, of the wished or the stored version.
pub fn of_crd(crd: &Value, wishes: &Wishes, registry: &Registry) -> Result<Draft, DraftError> {
    let mut notes = Notes::default();
    let word = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if word("/kind") != "CustomResourceDefinition" || word("/apiVersion") != API {
        let what =
            format!("expected a CustomResourceDefinition of {API}, found {} {}", word("/apiVersion"), word("/kind"));
        return Err(DraftError::Unfit(what.trim_end().to_owned()));
    }
    let (group, kind) = (word("/spec/group").to_owned(), word("/spec/names/kind").to_owned());
    if word("/spec/scope") == "Cluster" {
        return Err(DraftError::Unfit(format!(
            "{kind} of {group} is cluster-scoped, and a row's key is namespace and name; a CRD's scope cannot be changed, \
             so this needs a namespaced kind of another group"
        )));
    }
    let version = version(crd, wishes.version.as_deref(), &mut notes)?;
    let name = version.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let empty = Map::new();
    let root = version.pointer("/schema/openAPIV3Schema").and_then(Value::as_object).unwrap_or(&empty);
    let Some(spec) = root.get("properties").and_then(|fields| fields.get("spec")).and_then(Value::as_object) else {
        return Err(DraftError::Unfit(format!("{kind} of {group} has no spec, and only that is stored")));
    };
    let mut schema = Reader { notes: &mut notes }.spec(spec);
    let defaults = defaults::settle(&mut schema, &mut notes);
    let spec_optional = !beside_spec(root, &mut notes);
    if spec_optional && !schema.required.is_empty() {
        notes.add("spec may be left out, so what is required of it is checked by the API server alone");
    } else if !spec_optional && schema.required.is_empty() {
        notes.add("spec is required in the CRD, and of this kind only where a rule refuses a resource without");
    }
    let plural = word("/spec/names/plural").to_owned();
    names_left_out(crd, &kind, &mut notes);
    version_left_out(&version, &mut notes);
    let table_name = wishes.table.clone().unwrap_or_else(|| table(registry, &group, &kind, &plural, &mut notes));
    tell_known(registry, &group, &kind, &mut notes);
    let singular = Some(word("/spec/names/singular")).filter(|name| !name.is_empty() && *name != kind.to_lowercase());
    let description = root.get("description").and_then(Value::as_str).map(str::to_owned);
    let short_names = short_names(crd, &kind, &plural, singular, &mut notes);
    let approval = crd.pointer("/metadata/annotations").and_then(|all| all.get(APPROVAL)?.as_str());
    let approval = approval.filter(|text| is_approval(text)).map(str::to_owned);
    let approval = approval.or_else(|| unapproved(&group, &mut notes));
    Ok(Draft {
        origin: format!("the CustomResourceDefinition {}, version {name}", word("/metadata/name")),
        version: name,
        singular: singular.map(str::to_owned),
        short_names,
        approval,
        description: description.unwrap_or_else(|| names::sentence(&kind, &group)),
        printer_columns: printer_columns(&version, &mut notes),
        table: table_name,
        columns: IndexMap::new(),
        indexes: Vec::new(),
        initial_phase: "Pending".to_owned(),
        group,
        kind,
        plural,
        schema,
        defaults,
        spec_optional,
        notes,
    })
}

/// The wished version, else the stored one.
fn version(crd: &Value, wished: Option<&str>, notes: &mut Notes) -> Result<Value, DraftError> {
    let all: Vec<&Value> = crd.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten().collect();
    let name = |version: &Value| version.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let found = all.iter().find(|version| match wished {
        Some(wished) => name(version) == wished,
        None => version.get("storage") == Some(&Value::Bool(true)),
    });
    let names = || all.iter().map(|version| name(version)).collect::<Vec<_>>().join(", ");
    let Some(found) = found else {
        let what =
            wished.map_or_else(|| "no version is stored".to_owned(), |wished| format!("there is no version {wished}"));
        return Err(DraftError::Unfit(format!("{what}; the CRD has {}", names())));
    };
    if all.len() > 1 {
        notes.add(format!(
            "the CRD has the versions {}, and a kind has one: this is {}; resources of the others are not known to it",
            names(),
            name(found)
        ));
    }
    if crd.pointer("/spec/conversion/strategy").and_then(Value::as_str) == Some("Webhook") {
        notes.add("the conversion webhook is left out");
    }
    Ok((*found).clone())
}

/// What stands beside spec. Returns whether spec is required.
fn beside_spec(root: &Map<String, Value>, notes: &mut Notes) -> bool {
    for (name, field) in root.get("properties").and_then(Value::as_object).into_iter().flatten() {
        match name.as_str() {
            "apiVersion" | "kind" | "spec" => {}
            "metadata"
                if field.as_object().is_some_and(|map| map.keys().all(|key| key == "type" || key == "description")) => {
            }
            "metadata" => notes.add("what the CRD asks of metadata is left out"),
            "status" => {
                let own = status_schema();
                let known = |name: &str| own.pointer("/properties").is_some_and(|fields| fields.get(name).is_some());
                let fields = field.get("properties").and_then(Value::as_object);
                let lost: Vec<_> =
                    fields.into_iter().flatten().map(|(name, _)| name.as_str()).filter(|n| !known(n)).collect();
                if !lost.is_empty() {
                    notes.add(format!("status is the operator's own; left out: {}", lost.join(", ")));
                }
            }
            other => notes.add(format!("{other}, beside spec, is left out: only spec is stored")),
        }
    }
    let required = root.get("required").and_then(Value::as_array).into_iter().flatten();
    let mut spec_required = required.into_iter().any(|name| name == "spec");
    for rule in root.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
        match rule.get("rule").and_then(Value::as_str).unwrap_or_default() {
            SPEC_RULE => spec_required = true,
            own if own.starts_with(RESERVED_RULE) => {}
            other => notes.add(format!("a CEL rule on the whole resource is left out: {other}")),
        }
    }
    spec_required
}

/// Short names that are not another name of the kind, which the file says once.
fn short_names(crd: &Value, kind: &str, plural: &str, singular: Option<&str>, notes: &mut Notes) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    let lower = kind.to_lowercase();
    for name in strings(crd, "/spec/names/shortNames") {
        if name == plural || name == singular.unwrap_or(&lower) || kept.contains(&name) {
            notes.add(format!("the short name {name} is left out: it is a name of the kind already"));
        } else {
            kept.push(name);
        }
    }
    kept
}

fn names_left_out(crd: &Value, kind: &str, notes: &mut Notes) {
    let list = crd.pointer("/spec/names/listKind").and_then(Value::as_str);
    if let Some(list) = list.filter(|list| *list != format!("{kind}List")) {
        notes.add(format!("the list's kind {list} becomes {kind}List"));
    }
    let categories = strings(crd, "/spec/names/categories");
    let others: Vec<_> = categories.iter().map(String::as_str).filter(|name| *name != CATEGORY).collect();
    if !others.is_empty() {
        notes.add(format!("categories become {CATEGORY}; left out: {}", others.join(", ")));
    }
    if crd.pointer("/spec/preserveUnknownFields") == Some(&Value::Bool(true)) {
        notes.add("preserveUnknownFields is left out: fields that the schema does not name are not stored");
    }
}

fn version_left_out(version: &Value, notes: &mut Notes) {
    if version.pointer("/subresources/scale").is_some() {
        notes.add("the scale subresource is left out");
    }
    if version.get("selectableFields").and_then(Value::as_array).is_some_and(|fields| !fields.is_empty()) {
        notes.add("selectableFields are left out");
    }
    if version.get("deprecated") == Some(&Value::Bool(true)) {
        notes.add("this version is deprecated in the CRD");
    }
    if version.get("served") == Some(&Value::Bool(false)) {
        notes.add("this version is not served in the CRD");
    }
}

fn printer_columns(version: &Value, notes: &mut Notes) -> Vec<PrinterColumn> {
    let all = version.get("additionalPrinterColumns").and_then(Value::as_array).into_iter().flatten();
    let mut kept = Vec::new();
    for column in all {
        let word = |key: &str| column.get(key).and_then(Value::as_str);
        let (name, path) = (word("name").unwrap_or_default(), word("jsonPath").unwrap_or_default());
        let own = OWN_COLUMNS.iter().any(|own| own.eq_ignore_ascii_case(name));
        let ours = ["metadata.creationTimestamp", "status.phase", "status.conditions"]
            .iter()
            .any(|known| path.contains(known));
        if own && ours {
            continue;
        }
        if name.is_empty() {
            notes.add(format!("the printer column of {path} is left out: it has no name"));
            continue;
        }
        if own || !path.starts_with('.') || path.starts_with(".status") {
            notes.add(format!(
                "the printer column {name} ({path}) is left out: status and its columns are the operator's own"
            ));
            continue;
        }
        if column.get("format").is_some() {
            notes.add(format!("format of the printer column {name} is left out"));
        }
        let priority = column.get("priority").and_then(Value::as_i64).and_then(|n| i32::try_from(n).ok());
        kept.push(PrinterColumn {
            name: name.to_owned(),
            json_path: path.to_owned(),
            column_type: word("type").filter(|kind| *kind != "string").map(str::to_owned),
            priority: priority.filter(|priority| *priority != 0),
            description: word("description").map(str::to_owned),
        });
    }
    kept
}

fn strings(value: &Value, pointer: &str) -> Vec<String> {
    let all = value.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}
