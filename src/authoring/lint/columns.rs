//! Columns: those of `kubectl get`, and those of the table.

use super::Desk;
use crate::apimachinery::suggest::suggest;
use crate::normalize::{PathError, PathPattern, Shape};
use crate::registry::file::{KindFile, PrinterColumn};
use crate::registry::table::ColumnType;
use crate::rules::Format;

/// Columns that every kind has.
const BUILT_IN: [&str; 5] = ["Phase", "Age", "Synced", "Ready", "Reason"];

const TYPES: [&str; 5] = ["integer", "number", "string", "boolean", "date"];

/// Fields of a resource's metadata that a column may want.
const METADATA: [&str; 14] = [
    "name",
    "namespace",
    "labels",
    "annotations",
    "creationTimestamp",
    "generation",
    "uid",
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "finalizers",
    "generateName",
    "managedFields",
    "ownerReferences",
];
const STATUS: [&str; 5] = ["phase", "observedGeneration", "lastSyncedAt", "syncError", "conditions"];

/// Fields of a payload's metadata.
const PAYLOAD: [&str; 7] = ["name", "namespace", "labels", "annotations", "resourceVersion", "generation", "createdAt"];

pub(super) fn check(desk: &mut Desk<'_>, file: &KindFile, shape: &Shape) {
    for (index, column) in file.printer_columns.iter().enumerate() {
        printer(desk, column, &format!("/printerColumns/{index}"), shape);
    }
    for (name, column) in &file.store.columns {
        if let Some(from) = &column.from {
            let at = format!("/store/columns/{name}/from");
            stored(desk, from, &at, shape);
            if column.column_type == ColumnType::Timestamp && from.starts_with("spec.") && !is_time(file, from) {
                let message = format!("`{from}` may hold what is no time: the column is null then, and nobody is told");
                let help = format!("add a rule: {{path: {from}, format: timestamp, message: ...}}");
                desk.value("column-unchecked", &at, message, Some(help));
            }
        }
    }
}

/// Whether a rule or the schema asks for a time.
fn is_time(file: &KindFile, path: &str) -> bool {
    let schema = path.split('.').skip(1).try_fold(&file.schema, |schema, name| schema.properties.get(name));
    schema.and_then(|schema| schema.format.as_deref()) == Some("date-time")
        || file.rules.iter().any(|rule| rule.path.as_deref() == Some(path) && rule.format == Some(Format::Timestamp))
}

fn printer(desk: &mut Desk<'_>, column: &PrinterColumn, pointer: &str, shape: &Shape) {
    const ID: &str = "printer-path";
    let kind = column.column_type.as_deref().unwrap_or("string");
    if !TYPES.contains(&kind) {
        let message = format!("`{kind}` is no type of a column: the API server takes {}", TYPES.join(", "));
        desk.value(ID, &format!("{pointer}/type"), message, suggest(kind, TYPES));
    }
    if BUILT_IN.contains(&column.name.as_str()) {
        let message = format!("every kind has a column `{}` already", column.name);
        desk.value(ID, &format!("{pointer}/name"), message, None);
    }
    let at = format!("{pointer}/jsonPath");
    let path = column.json_path.trim_start_matches('.');
    // filters, quoted names and searches at any depth can be right in more ways than are looked at here
    if path.contains(['?', '\'', '"', '@', '\\']) || column.json_path.contains("..") {
        return;
    }
    let path = path.replace("[*]", "[]");
    let first = path.split(['.', '[']).next().unwrap_or_default();
    let rest = path.split(['.', '[']).nth(1).unwrap_or_default();
    match first {
        "spec" => match PathPattern::compile(&indices(&path), shape, None) {
            Ok(target) => shown(desk, kind, target.shape, &at, &column.json_path),
            Err(error) => unknown(desk, &at, &error),
        },
        "metadata" => one_of(desk, &at, &column.json_path, rest, &METADATA),
        "status" => one_of(desk, &at, &column.json_path, rest, &STATUS),
        "kind" | "apiVersion" => {}
        _ => {
            let help = suggest(first, ["spec", "metadata", "status"]);
            desk.value(ID, &at, format!("`{}`: a resource has no field `{first}`", column.json_path), help);
        }
    }
}

/// `[0]` as `[]`.
fn indices(path: &str) -> String {
    let mut parts = path.split('[');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("[]");
        out.push_str(part.split_once(']').map_or("", |(_, rest)| rest));
    }
    out
}

fn unknown(desk: &mut Desk<'_>, at: &str, error: &PathError) {
    let help = match error {
        PathError::Unknown { name, known, .. } => suggest(name, known.iter().map(String::as_str)),
        _ => None,
    };
    // a key of a map is right as long as there is a map
    if let PathError::Misfit { found, .. } = error
        && (found.contains("map") || found.contains("free-form"))
    {
        return;
    }
    desk.value("printer-path", at, error.to_string(), help);
}

fn one_of(desk: &mut Desk<'_>, at: &str, path: &str, name: &str, known: &[&str]) {
    if !known.contains(&name) {
        let message = format!("`{path}`: there is no field `{name}`");
        desk.value("printer-path", at, message, suggest(name, known.iter().copied()));
    }
}

/// A column of a number shows a number alone, and so on; text shows everything.
fn shown(desk: &mut Desk<'_>, kind: &str, shape: &Shape, at: &str, path: &str) {
    let fits = match kind {
        "integer" | "number" => matches!(shape, Shape::Integer { .. } | Shape::Number),
        "boolean" => matches!(shape, Shape::Boolean),
        "date" => matches!(shape, Shape::String),
        _ => !matches!(shape, Shape::Object(_) | Shape::Map(_) | Shape::Free),
    };
    if !fits {
        let message = format!("`{path}` is {}: a column of type {kind} does not show it well", shape.expected());
        desk.value("printer-path", at, message, None);
    }
}

fn stored(desk: &mut Desk<'_>, from: &str, at: &str, shape: &Shape) {
    const ID: &str = "column-source";
    let parts: Vec<&str> = from.split('.').collect();
    let empty = "the column is always empty";
    match parts[0] {
        "spec" => {
            let found = PathPattern::compile(from, shape, None).map(|target| target.shape);
            if let Ok(shape @ (Shape::Object(_) | Shape::Map(_) | Shape::List(_) | Shape::Free)) = found {
                let help = "name a field of text, a number or a boolean".to_owned();
                desk.value(ID, at, format!("`{from}` is {}: {empty}", shape.expected()), Some(help));
            }
        }
        "metadata" if parts.len() > 1 => {
            let map = matches!(parts[1], "labels" | "annotations");
            if !PAYLOAD.contains(&parts[1]) {
                let help = suggest(parts[1], PAYLOAD);
                desk.value(ID, at, format!("no payload has `{from}`: {empty}"), help);
            } else if map == (parts.len() == 2) {
                let what = if map { "is a map" } else { "has nothing below it" };
                desk.value(ID, at, format!("`metadata.{}` {what}: {empty}", parts[1]), None);
            }
        }
        _ => {}
    }
}
