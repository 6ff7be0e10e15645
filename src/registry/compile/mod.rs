//! A kind's file into a [`Kind`]: every path, pattern, template and name is checked, and every fault is shown
//! where it stands.

pub(crate) mod cel;
mod defaults;
mod foreign;
mod messages;
pub(crate) mod names;
mod relations;
mod rules;
mod schema;
mod status;
mod steps;

use std::ops::Range;

use serde_json::Value;

use super::file::{ColumnSpec, KindFile, Owner, Runtime, Transform};
use super::format::unquoted;
use super::kind::{ColumnSource, Kind, Program, StoreMapping};
use super::table::{Column, ColumnType, ColumnValue, Table, TableOwner};
use crate::apimachinery::suggest::suggest;
use crate::derive::derive;
use crate::diagnostics::{Diagnostic, REFUSED, SourceText};
use crate::normalize::{PathError, PathPattern, Shape};
use crate::resource::KindIndex;

/// The common column that a kind may want an index on.
const STATUS_PHASE: &str = "status_phase";

/// Faults of one file, as they are found.
pub(super) struct Faults<'s> {
    source: &'s SourceText,
    pub problems: Vec<Diagnostic>,
}

impl<'s> Faults<'s> {
    pub fn new(source: &'s SourceText) -> Self {
        Self { source, problems: Vec::new() }
    }

    /// A fault of the value at a JSON pointer.
    pub fn value(&mut self, pointer: &str, message: impl Into<String>) {
        self.add(self.source.value(pointer), message.into(), None);
    }

    /// A fault of the key at a JSON pointer.
    pub fn key(&mut self, pointer: &str, message: impl Into<String>) {
        self.add(self.source.key(pointer), message.into(), None);
    }

    /// A fault of a key that has a name of its own in `kinds lint`.
    pub fn key_known(&mut self, pointer: &str, id: &'static str, message: String, help: Option<String>) {
        self.problems.push(Diagnostic::at(self.source, self.source.key(pointer), message, help).known_as(id));
    }

    pub fn hinted(&mut self, pointer: &str, message: impl Into<String>, help: Option<String>) {
        self.add(self.source.value(pointer), message.into(), help);
    }

    /// A literal of another type than its field: perhaps a word that YAML reads as something else.
    pub fn literal(&mut self, pointer: &str, message: String, value: &Value, shape: &Shape) {
        let help = if matches!(shape, Shape::String) { unquoted(self.source, pointer, value) } else { None };
        let id = if help.is_some() { "yaml-word" } else { REFUSED };
        self.problems.push(Diagnostic::at(self.source, self.source.value(pointer), message, help).known_as(id));
    }

    pub fn path(&mut self, pointer: &str, error: &PathError) {
        let help = match error {
            PathError::Unknown { name, known, .. } => suggest(name, known.iter().map(String::as_str)),
            _ => None,
        };
        self.hinted(pointer, error.to_string(), help);
    }

    fn add(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        self.problems.push(Diagnostic::at(self.source, span, message, help));
    }
}

/// Compiles a file; `index` is the kind's place in the registry.
pub(crate) fn compile(file: KindFile, source: &SourceText, index: KindIndex) -> Result<Kind, Vec<Diagnostic>> {
    let mut faults = Faults::new(source);
    let names = names::compile(&file, &mut faults);
    let sensitive = file.secret.is_some();
    let shape = schema::compile(&file.schema, &mut faults);
    let secret = file.secret.as_ref().and_then(|secret| secret_path(&secret.data, &shape, &mut faults));
    if let Some(path) = &secret {
        schema::refuse_secret_constraints(&file.schema, path, &mut faults);
    }
    let mut steps = defaults::steps(&file.schema, &shape, &mut faults);
    steps.append(&mut steps::compile(&file.normalize, &shape, &mut faults));
    let rules = rules::compile(&file.rules, &shape, sensitive, &mut faults);
    let relations = relations::compile(&file, &shape, &mut faults);
    if let Some(version) = file.since.as_deref() {
        let numbers = version.split('.').filter(|part| part.parse::<u16>().is_ok()).count();
        if numbers < 2 || numbers != version.split('.').count() {
            faults.value("/since", format!("`{version}` is no version of orlojd: expected something like `'0.12'`"));
        } else if file.store.owner == Owner::Operator {
            faults.key("/since", "a table of the operator needs no orlojd");
        }
    }
    let (store, columns) = store(&file, &shape, &mut faults);
    let foreign = foreign::compile(&file, &shape, &mut faults);
    check_admin_where(&file, &shape, &mut faults);
    if !faults.problems.is_empty() {
        return Err(faults.problems);
    }
    // nobody's API server checks another's kind by this file
    let (schema, coverage) = if foreign.is_some() {
        (file.schema, Vec::new())
    } else {
        let derived = derive(&file.schema, &shape, &steps, &rules, sensitive);
        (derived.schema, derived.coverage)
    };
    let column_names = store.table.columns.iter().map(|column| &*column.name);
    let columns_mark = format!("{:?}", column_names.zip(&columns).collect::<Vec<_>>());
    let meaning = super::kind::sha256(&[source.text.as_bytes(), file.basis.as_bytes()].concat());
    Ok(Kind {
        index,
        home: index,
        names,
        foreign,
        approval: file.approval,
        description: file.description,
        printer_columns: file.printer_columns,
        schema,
        coverage,
        store,
        runtime_reports: file.runtime == Runtime::Reports,
        since: file.since,
        sensitive,
        api: file.api,
        digest: super::kind::sha256(source.text.as_bytes()),
        meaning,
        relations,
        program: Program {
            shape,
            steps,
            rules,
            columns,
            columns_mark,
            secret: secret.unwrap_or_default(),
            reserved_labels: file.reserved_labels,
            warnings: file.warnings,
        },
    })
}

/// The shape of a file's specs, whatever else is wrong with it.
pub(crate) fn shape(file: &KindFile, source: &SourceText) -> Shape {
    schema::compile(&file.schema, &mut Faults::new(source))
}

fn secret_path(text: &str, shape: &Shape, faults: &mut Faults<'_>) -> Option<Vec<Box<str>>> {
    match PathPattern::compile(text, shape, None) {
        Ok(target) => {
            let strings = matches!(target.shape, Shape::Map(inner) if matches!(**inner, Shape::String));
            if !strings || target.path.is_many() {
                faults.value("/secret/data", format!("`{text}` must be one map of strings"));
                return None;
            }
            Some(text.split('.').map(Into::into).collect())
        }
        Err(error) => {
            faults.path("/secret/data", &error);
            None
        }
    }
}

/// A path that leads nowhere would open to all what is for admins alone.
fn check_admin_where(file: &KindFile, shape: &Shape, faults: &mut Faults<'_>) {
    for text in file.api.iter().flat_map(|api| api.admin_where.keys()) {
        let pointer = format!("/api/adminWhere/{text}");
        match PathPattern::compile(text, shape, None) {
            Ok(target) if matches!(target.shape, Shape::String) && !target.path.is_many() => {}
            Ok(_) => faults.value(&pointer, format!("`{text}` must be one string")),
            Err(error) => faults.path(&pointer, &error),
        }
    }
}

fn store(file: &KindFile, shape: &Shape, faults: &mut Faults<'_>) -> (StoreMapping, Vec<ColumnSource>) {
    let section = &file.store;
    names::identifier(&section.table, "/store/table", faults);
    let mut columns = Vec::new();
    let mut sources = Vec::new();
    for (name, column) in &section.columns {
        let pointer = format!("/store/columns/{name}");
        names::column(name, &pointer, faults);
        let default = column_default(column, &pointer, faults);
        columns.push(Column { name: name.clone(), default });
        if let Some(source) = column_source(column, &pointer, shape, faults) {
            sources.push(source);
        }
    }
    for (index, column) in section.indexes.iter().enumerate() {
        let pointer = format!("/store/indexes/{index}");
        if column != STATUS_PHASE && !section.columns.contains_key(column) {
            let known = section.columns.keys().map(String::as_str).chain([STATUS_PHASE]);
            faults.hinted(&pointer, format!("there is no column `{column}` to index"), suggest(column, known));
        } else if format!("idx_{}_{column}", section.table).len() > names::MAX_IDENTIFIER {
            faults.value(&pointer, format!("the index's name `idx_{}_{column}` is too long", section.table));
        }
    }
    if section.initial_phase.trim().is_empty() {
        faults.value("/store/initialPhase", "the initial phase must not be blank");
    }
    let owner = match section.owner {
        Owner::Orlojd => TableOwner::Orlojd,
        Owner::Operator => TableOwner::Operator,
    };
    let mapping = StoreMapping {
        kind: section.kind.clone().unwrap_or_else(|| file.kind.clone()),
        api_version: section.api_version.clone().unwrap_or_else(|| file.api_version()),
        table: Table {
            name: section.table.clone(),
            owner,
            columns,
            indexed: section.indexes.clone(),
            shared_with: Vec::new(),
        },
        initial_phase: section.initial_phase.clone(),
        initial_phase_instead_of: section.initial_phase_instead_of.clone(),
        status: status::compile(&section.status, faults),
    };
    (mapping, sources)
}

fn column_default(spec: &ColumnSpec, pointer: &str, faults: &mut Faults<'_>) -> ColumnValue {
    let pointer = format!("{pointer}/default");
    let zero = spec.column_type.zero();
    match (&spec.default, spec.column_type) {
        (None, _) => return zero,
        (Some(Value::String(word)), ColumnType::Text) => {
            if word.contains(['\0', '\'', '\\']) {
                faults.value(&pointer, "a column's default must be a plain word");
            }
            return ColumnValue::Text(word.clone());
        }
        (Some(Value::Bool(flag)), ColumnType::Boolean) => return ColumnValue::Boolean(*flag),
        (Some(Value::Number(number)), ColumnType::Integer) => match number.as_i64() {
            Some(number) => return ColumnValue::Integer(number),
            None => faults.value(&pointer, "a column's default must fit 64 bits"),
        },
        (Some(_), ColumnType::Timestamp) => {
            faults.key(&pointer, "a column of type timestamp has no default: it is null where there is no time");
        }
        (Some(value), ColumnType::Text) => {
            faults.literal(&pointer, format!("expected a string, found {value}"), value, &Shape::String);
        }
        (Some(value), other) => {
            faults.value(&pointer, format!("`{value}` is no default of a column of type {}", other.told()));
        }
    }
    zero
}

fn column_source(spec: &ColumnSpec, parent: &str, shape: &Shape, faults: &mut Faults<'_>) -> Option<ColumnSource> {
    match (&spec.from, spec.hash) {
        (Some(from), None) => {
            let pointer = format!("{parent}/from");
            if from.starts_with("spec") {
                match PathPattern::compile(from, shape, None) {
                    Ok(target) if target.path.is_many() => {
                        faults.value(&pointer, format!("`{from}` leads to more than one value"));
                    }
                    Ok(target) if !column_takes(spec.column_type, target.shape) => {
                        let (kind, found) = (spec.column_type.told(), target.shape.expected());
                        faults.value(
                            &pointer,
                            format!("a column of type {kind} does not take `{from}`, which is {found}"),
                        );
                    }
                    Ok(_) => {}
                    Err(error) => faults.path(&pointer, &error),
                }
            } else if !from.starts_with("metadata.") && !from.starts_with("status.") {
                faults.value(&pointer, format!("`{from}` must start with `spec.`, `metadata.` or `status.`"));
            }
            if spec.column_type != ColumnType::Text && !spec.apply.is_empty() {
                faults.key(&format!("{parent}/apply"), "a transform goes with a column of type text");
            }
            let trim = spec.apply.iter().any(|transform| matches!(transform, Transform::Trim));
            let lower = spec.apply.iter().any(|transform| matches!(transform, Transform::Lower));
            let path = from.split('.').map(Into::into).collect();
            Some(match spec.column_type {
                ColumnType::Text => ColumnSource::Field { path, trim, lower },
                column_type => ColumnSource::Typed { path, column_type },
            })
        }
        (None, Some(_)) if spec.column_type != ColumnType::Text => {
            faults.key(&format!("{parent}/type"), "a hash is text");
            None
        }
        (None, Some(_)) if spec.apply.is_empty() => Some(ColumnSource::SpecHash),
        (None, Some(_)) => {
            faults.key(&format!("{parent}/apply"), "a hash takes no transform");
            None
        }
        _ => {
            faults.key(parent, "a column needs either `from` or `hash`");
            None
        }
    }
}

/// Whether a field has a column's type; text takes the text of anything.
fn column_takes(column: ColumnType, field: &Shape) -> bool {
    match column {
        ColumnType::Text => true,
        ColumnType::Boolean => matches!(field, Shape::Boolean),
        ColumnType::Integer => matches!(field, Shape::Integer { .. }),
        ColumnType::Timestamp => matches!(field, Shape::String),
    }
}

/// Value of a `set` step as it will stand in the tree.
pub(super) fn literal(value: &Value, shape: &Shape) -> Result<crate::normalize::Tree, String> {
    crate::normalize::decode(value, shape, false).map_err(|fault| fault.text().to_owned())
}
