//! A kind from a table: one of rows such as the operator writes, or any other.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::derived;
use super::sample::{of_objects, printer_columns, spec_of};
use super::{Derived, Draft, DraftError, Notes, Wishes, names, secrecy};
use crate::derive::schema::{Presence, Schema, SchemaType};
use crate::registry::Registry;
use crate::registry::compile::names::{COMMON_COLUMNS, is_safe};
use crate::registry::table::{Described, DescribedColumn};

/// What makes a table one of rows.
const ROW: [&str; 4] = ["name", "namespace", "status_phase", "payload"];

/// The column that every table of ours has besides.
const SPEC_HASH: &str = "spec_hash";

/// Why a column is not copied: payloads of kinds with secrets are sealed, columns are not, and its default is a value.
const SECRET: &str = "its name speaks of a secret, which would stand there in the clear";

/// Drafts a kind from a table and some of its rows.
pub fn of_table(name: &str, found: &Described, wishes: &Wishes, registry: &Registry) -> Result<Draft, DraftError> {
    let has = |column: &&&str| found.columns.iter().any(|known| known.name == **column);
    let bare = name.rsplit('.').next().unwrap_or(name);
    let lacks: Vec<&str> = ROW.iter().filter(|column| !has(column)).copied().collect();
    let wishes = &Wishes { kind: wishes.kind.clone().or_else(|| Some(kind_of(bare))), ..wishes.clone() };
    let mut draft = if lacks.is_empty() {
        of_rows(bare, found, wishes, registry)?
    } else {
        let mut draft = of_plain(bare, found, wishes, registry)?;
        draft.notes.add(format!(
            "the table {name} is none of rows (it has no {}), so it is left alone: the rows go into {}",
            lacks.join(", "),
            draft.table
        ));
        draft
    };
    draft.origin = format!("the table {name} and {} of its rows", found.rows.len());
    Ok(draft)
}

fn of_rows(name: &str, found: &Described, wishes: &Wishes, registry: &Registry) -> Result<Draft, DraftError> {
    let payloads: Vec<Value> = found.rows.iter().map(payload).collect();
    let named = payloads.iter().any(|payload| payload.get("kind").is_some());
    // the payload's kind goes before one made from the table's name
    let own_kind = payloads.first().and_then(|payload| payload.get("kind")).and_then(Value::as_str);
    let wishes = &Wishes {
        table: wishes.table.clone().or_else(|| Some(names::identifier(name))),
        plural: wishes.plural.clone().or_else(|| Some(names::label(name))),
        kind: own_kind.filter(|_| named).map(str::to_owned).or_else(|| wishes.kind.clone()),
        ..wishes.clone()
    };
    let mut draft = if payloads.is_empty() {
        of_objects(&[Value::Object(Map::new())], wishes, registry)?
    } else {
        of_objects(&payloads, wishes, registry)?
    };
    // what was left out of a resource has been filled in by now
    unrequire(&mut draft.schema);
    draft.notes.add("rows do not show what a resource may leave out: nothing is required");
    draft.notes.add("if orlojd migrates this table, make the owner orlojd");
    if draft.table != name && !is_safe(name) {
        let table = &draft.table;
        draft.notes.add(format!("{name} is no SQL name that needs no quotes: the rows go into {table}, not into it"));
    }
    for column in &found.columns {
        let common = COMMON_COLUMNS.contains(&column.name.as_str());
        if common {
            continue;
        }
        if column.name == SPEC_HASH {
            let hashed = found.rows.iter().filter_map(|row| row.get(SPEC_HASH)?.as_str()).any(|hash| hash.len() == 64);
            if hashed {
                draft.columns.insert(column.name.clone(), Derived::SpecHash);
            }
            continue;
        }
        derive(column, found, &payloads, &mut draft);
    }
    Ok(draft)
}

/// A column that the operator would write. `payloads` are those of the rows, in order.
fn derive(column: &DescribedColumn, found: &Described, payloads: &[Value], draft: &mut Draft) {
    let name = &column.name;
    let harm = if column.not_null && column.default.is_none() { ", and no row can be written without it" } else { "" };
    if !is_safe(name) {
        return draft.notes.add(format!("the column {name} is left out: it is no SQL name that needs no quotes{harm}"));
    }
    if secrecy::of(name) {
        return draft.notes.add(format!("the column {name} is left out: {SECRET}{harm}"));
    }
    if !is_text(&column.data_type) {
        let kind = &column.data_type;
        return draft
            .notes
            .add(format!("the column {name} is left out: derived columns are text, this is {kind}{harm}"));
    }
    let default = default_of(column);
    let texts = found.rows.iter().map(|row| row.get(name).and_then(Value::as_str).unwrap_or_default());
    let pairs: Vec<(&Value, &str)> = payloads.iter().zip(texts).collect();
    if let Some((from, trim, lower)) = derived::find(name, &pairs) {
        draft.columns.insert(name.clone(), Derived::Path { from, trim, lower, default });
    } else if pairs.iter().all(|(_, text)| text.is_empty()) {
        let field = names::camel(name);
        let schema = Schema {
            schema_type: Some(SchemaType::String),
            description: Some(format!("{}.", names::words(name))),
            store: Some(Presence::Pointer),
            ..Schema::default()
        };
        draft.schema.properties.entry(field.clone()).or_insert(schema);
        draft
            .notes
            .add(format!("the column {name} is empty in all rows: taken from a field spec.{field}, which is a guess"));
        draft
            .columns
            .insert(name.clone(), Derived::Path { from: format!("spec.{field}"), trim: false, lower: false, default });
    } else {
        draft.notes.add(format!("the column {name} is left out: no field of the payload has its value in every row"));
    }
}

/// A table with a column for each field.
fn of_plain(name: &str, found: &Described, wishes: &Wishes, registry: &Registry) -> Result<Draft, DraftError> {
    let wishes = &Wishes {
        table: wishes.table.clone().or_else(|| Some(names::identifier(&format!("{name}_rows")))),
        plural: wishes.plural.clone().or_else(|| Some(names::label(name))),
        version: wishes.version.clone().or_else(|| Some("v1".to_owned())),
        ..wishes.clone()
    };
    let mut draft = of_objects(&[Value::Object(Map::new())], wishes, registry)?;
    draft.notes = Notes::default();
    draft.spec_optional = false;
    let mut columns = IndexMap::new();
    for column in &found.columns {
        if filled_in(column) {
            draft.notes.add(format!("the column {} is left out: the database fills it in", column.name));
            continue;
        }
        let field = names::camel(&column.name);
        draft.schema.properties.insert(field.clone(), field_of(column, found, &mut draft.notes));
        if column.not_null && column.default.is_none() {
            draft.schema.required.push(field.clone());
        }
        if is_text(&column.data_type) && !COMMON_COLUMNS.contains(&column.name.as_str()) && is_safe(&column.name) {
            if secrecy::of(&column.name) {
                draft.notes.add(format!("the column {} is a field alone: {SECRET}", column.name));
                continue;
            }
            let from = format!("spec.{field}");
            let derived = Derived::Path { from, trim: false, lower: false, default: default_of(column) };
            columns.insert(column.name.clone(), derived);
        }
    }
    draft.columns = columns;
    draft.printer_columns = printer_columns(&draft.schema);
    Ok(draft)
}

/// Numbers given out by a sequence, and times.
fn filled_in(column: &DescribedColumn) -> bool {
    let default = column.default.as_deref().unwrap_or_default().to_lowercase();
    let by_itself = ["nextval", "identity", "now()", "current_timestamp", "gen_random_uuid", "unixepoch"];
    by_itself.iter().any(|word| default.contains(word)) || ["created_at", "updated_at"].contains(&column.name.as_str())
}

fn field_of(column: &DescribedColumn, found: &Described, notes: &mut Notes) -> Schema {
    let kind = column.data_type.as_str();
    let (schema_type, format) = match kind {
        "smallint" | "integer" | "int" => (SchemaType::Integer, None),
        "bigint" => (SchemaType::Integer, Some("int64")),
        "real" | "double precision" | "numeric" => (SchemaType::Number, None),
        "boolean" => (SchemaType::Boolean, None),
        "date" => (SchemaType::String, Some("date")),
        _ if kind.starts_with("timestamp with time zone") => (SchemaType::String, Some("date-time")),
        _ if kind.starts_with("json") || kind.ends_with("[]") => return of_values(column, found, notes),
        _ => (SchemaType::String, None),
    };
    Schema {
        schema_type: Some(schema_type),
        format: format.map(str::to_owned),
        description: Some(format!("{}.", names::words(&column.name))),
        store: Some(Presence::Pointer),
        ..Schema::default()
    }
}

/// What the values of a column of documents or lists have in common.
fn of_values(column: &DescribedColumn, found: &Described, notes: &mut Notes) -> Schema {
    let name = names::camel(&column.name);
    let values = found.rows.iter().filter_map(|row| row.get(&column.name)).filter(|value| !value.is_null());
    let samples: Vec<Value> = values
        .map(|value| Value::Object([("spec".to_owned(), serde_json::json!({ &name: value }))].into_iter().collect()))
        .collect();
    let mut schema = spec_of(&samples, notes).properties.shift_remove(&name).unwrap_or_else(|| Schema {
        schema_type: Some(SchemaType::Object),
        preserve_unknown_fields: Some(true),
        ..Schema::default()
    });
    unrequire(&mut schema);
    schema.description = Some(format!("{}.", names::words(&column.name)));
    schema
}

fn unrequire(schema: &mut Schema) {
    schema.required.clear();
    schema.properties.values_mut().for_each(unrequire);
    schema.items.as_deref_mut().map(unrequire);
    schema.additional_properties.as_deref_mut().map(unrequire);
}

fn payload(row: &Value) -> Value {
    match row.get("payload") {
        // as a text, in SQLite and in columns of type text
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(other) => other.clone(),
        None => Value::Null,
    }
}

fn is_text(data_type: &str) -> bool {
    data_type.starts_with("text") || data_type.starts_with("character") || data_type.starts_with("varchar")
}

/// The word of a default such as `'low'::text`.
fn default_of(column: &DescribedColumn) -> String {
    let text = column.default.as_deref().unwrap_or_default();
    let word = text.strip_prefix('\'').and_then(|rest| rest.split('\'').next()).unwrap_or_default();
    if word.contains(['\\', '\0']) { String::new() } else { word.to_owned() }
}

/// `price_lists` to `PriceList`.
fn kind_of(table: &str) -> String {
    let singular = match table.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => table.strip_suffix('s').unwrap_or(table).to_owned(),
    };
    let camel = names::camel(&singular);
    camel
        .chars()
        .next()
        .map_or(String::new(), |first| first.to_uppercase().collect::<String>() + &camel[first.len_utf8()..])
}
