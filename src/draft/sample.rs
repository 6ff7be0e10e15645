//! A kind from sample objects.

use indexmap::IndexMap;
use serde_json::Value;

use super::crd::OWN_COLUMNS;
use super::seen::Seen;
use super::{Draft, DraftError, Notes, Wishes, names, secrecy, table, tell_known, unapproved};
use crate::derive::schema::{Schema, SchemaType};
use crate::registry::Registry;
use crate::registry::file::PrinterColumn;

/// Drafts a kind from objects of it. Of objects of several kinds one is wished for.
///
/// # Errors
///
/// Where they are no objects, or of more than one kind.
pub fn of_samples(samples: &[Value], wishes: &Wishes, registry: &Registry) -> Result<Draft, DraftError> {
    let bare = |sample: &Value| word(sample, "apiVersion").is_empty() && word(sample, "kind").is_empty();
    if wishes.group.is_none() && samples.iter().any(bare) {
        let text = "a sample has neither apiVersion nor kind: give whole objects, as `kubectl get -o yaml` prints them";
        return Err(DraftError::Unfit(text.to_owned()));
    }
    if let Some(wished) = &wishes.kind {
        let of_kind: Vec<Value> = samples.iter().filter(|sample| word(sample, "kind") == *wished).cloned().collect();
        if !of_kind.is_empty() {
            return of_objects(&of_kind, wishes, registry);
        }
    }
    of_objects(samples, wishes, registry)
}

fn word(sample: &Value, key: &str) -> String {
    sample.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Drafts a kind from what may be less than an object: the wishes make up for it. All must be of one kind.
pub(super) fn of_objects(samples: &[Value], wishes: &Wishes, registry: &Registry) -> Result<Draft, DraftError> {
    let mut kinds: Vec<(String, String)> =
        samples.iter().map(|sample| (word(sample, "apiVersion"), word(sample, "kind"))).collect();
    kinds.sort();
    kinds.dedup();
    if let [_, _, ..] = kinds.as_slice() {
        let all = kinds.iter().map(|(version, kind)| format!("{version} {kind}")).collect::<Vec<_>>().join(", ");
        return Err(DraftError::Unfit(format!("the samples are of more than one kind: {all}; say which with --kind")));
    }
    let (api_version, kind) = kinds.pop().ok_or_else(|| DraftError::Unfit("there is no sample".to_owned()))?;
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let group = named(wishes.group.as_deref(), group, "the API group", "group")?;
    if !group.contains('.') {
        return Err(DraftError::Unfit(format!(
            "{group} is a group of Kubernetes' own, and a kind needs one such as example.com; give --group"
        )));
    }
    let version = named(wishes.version.as_deref(), version, "the API version", "api-version")?;
    let mut notes = Notes::default();
    let given = named(wishes.kind.as_deref(), &kind, "the kind", "kind")?;
    let kind = names::kind(&given);
    if kind != given {
        notes.add(format!("{given} is no name of a kind: it became {kind}"));
    }
    let schema = spec_of(samples, &mut notes);
    let plural = wishes.plural.clone().unwrap_or_else(|| {
        let plural = names::plural(&kind);
        notes.add(format!("the plural {plural} is a guess; --plural gives another"));
        plural
    });
    for field in beside(samples) {
        notes.add(format!("{field}, beside spec, is left out: only spec is stored"));
    }
    tell_known(registry, &group, &kind, &mut notes);
    let table = wishes.table.clone().unwrap_or_else(|| table(registry, &group, &kind, &plural, &mut notes));
    let count = samples.len();
    Ok(Draft {
        origin: if count == 1 { "one sample object".to_owned() } else { format!("{count} sample objects") },
        description: names::sentence(&kind, &group),
        printer_columns: printer_columns(&schema),
        spec_optional: samples.iter().any(|sample| sample.get("spec").is_none_or(Value::is_null)),
        singular: None,
        approval: unapproved(&group, &mut notes),
        short_names: Vec::new(),
        columns: IndexMap::new(),
        indexes: Vec::new(),
        initial_phase: "Pending".to_owned(),
        defaults: Vec::new(),
        group,
        version,
        kind,
        plural,
        table,
        schema,
        notes,
    })
}

fn named(wished: Option<&str>, found: &str, what: &'static str, flag: &'static str) -> Result<String, DraftError> {
    let name = wished.unwrap_or(found);
    if name.is_empty() { Err(DraftError::Missing { what, flag }) } else { Ok(name.to_owned()) }
}

/// The schema of the spec that these objects have in common.
pub fn spec_of(samples: &[Value], notes: &mut Notes) -> Schema {
    let mut seen = Seen::default();
    for spec in samples.iter().filter_map(|sample| sample.get("spec")).filter(|spec| spec.is_object()) {
        seen.add(spec);
    }
    let mut schema = Schema { schema_type: Some(SchemaType::Object), ..Schema::default() };
    if seen.is_object() {
        schema = seen.schema("spec", "spec", notes);
    } else {
        notes.add("no sample has a spec: the file has no fields");
    }
    schema.description = Some("What is wanted.".to_owned());
    schema
}

/// Keys of the samples that are no part of what is stored.
fn beside(samples: &[Value]) -> Vec<String> {
    let known = ["apiVersion", "kind", "metadata", "spec", "status"];
    let all = samples.iter().filter_map(Value::as_object).flat_map(|map| map.keys());
    let mut found: Vec<String> = all.filter(|key| !known.contains(&key.as_str())).cloned().collect();
    found.sort();
    found.dedup();
    found
}

/// A column for the first choice, else for the first required word; none that shows a secret to whoever lists.
pub fn printer_columns(schema: &Schema) -> Vec<PrinterColumn> {
    let fields = || {
        schema
            .properties
            .iter()
            .filter(|(_, field)| field.schema_type == Some(SchemaType::String))
            .filter(|(name, _)| names::in_paths(name) && !secrecy::of(name))
            .filter(|(name, _)| !OWN_COLUMNS.contains(&names::words(name).as_str()))
    };
    let choice = fields().find(|(_, field)| !field.values.is_empty());
    let found =
        choice.or_else(|| fields().find(|(name, _)| schema.required.contains(*name))).or_else(|| fields().next());
    let column = |(name, _): (&String, &Schema)| PrinterColumn {
        name: names::words(name),
        json_path: format!(".spec.{name}"),
        column_type: None,
        priority: None,
        description: None,
    };
    found.map(column).into_iter().collect()
}
