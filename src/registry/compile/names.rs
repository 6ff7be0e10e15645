//! Names of a kind: Kubernetes' and SQL's.

use super::Faults;
use crate::registry::file::{Definition, KindFile};
use crate::registry::kind::{CORE_GROUP, Names};

/// Columns that every table has.
pub(crate) const COMMON_COLUMNS: [&str; 6] =
    ["name", "namespace", "status_phase", "payload", "updated_at", "created_at"];

pub(super) fn compile(file: &KindFile, faults: &mut Faults<'_>) -> Names {
    let singular = file.singular.clone().unwrap_or_else(|| file.kind.to_lowercase());
    let foreign = file.definition == Definition::Foreign;
    // Kubernetes' own groups have no dot, or no name at all
    let named = is_subdomain(&file.group) && (foreign || file.group.contains('.'));
    if !(named || foreign && file.group.is_empty()) {
        faults.value("/group", format!("`{}` is no API group: expected something like `example.com`", file.group));
    }
    if !is_label(&file.version) {
        faults.value("/version", format!("`{}` is no API version: expected something like `v1`", file.version));
    }
    if !is_kind(&file.kind) {
        faults.value("/kind", format!("`{}` is no kind: expected `CamelCase`", file.kind));
    }
    label(&file.plural, "/plural", faults);
    label(&singular, if file.singular.is_some() { "/singular" } else { "/kind" }, faults);
    for (index, short) in file.short_names.iter().enumerate() {
        label(short, &format!("/shortNames/{index}"), faults);
    }
    for (index, column) in file.printer_columns.iter().enumerate() {
        if column.name.is_empty() {
            faults.value(&format!("/printerColumns/{index}/name"), "a column needs a name");
        }
        if !column.json_path.starts_with('.') {
            faults.value(&format!("/printerColumns/{index}/jsonPath"), "a JSON path starts with `.`");
        }
    }
    if let Some(api) = &file.api {
        label(&api.collection, "/api/collection", faults);
    }
    Names {
        group: file.group.clone(),
        version: file.version.clone(),
        kind: file.kind.clone(),
        plural: file.plural.clone(),
        singular,
        short_names: file.short_names.clone(),
        list_kind: format!("{}List", file.kind),
        label: match file.group.as_str() {
            "" => format!("{}.{CORE_GROUP}", file.kind),
            group if foreign => format!("{}.{group}", file.kind),
            _ => file.kind.clone(),
        },
    }
}

fn label(text: &str, pointer: &str, faults: &mut Faults<'_>) {
    if !is_label(text) {
        faults.value(pointer, format!("`{text}` is no Kubernetes name: expected `[a-z]([-a-z0-9]*[a-z0-9])?`"));
    }
}

/// As the API server takes it: a label in any case, which with `List` behind it is one as well.
pub(crate) fn is_kind(text: &str) -> bool {
    is_label(&text.to_ascii_lowercase()) && text.len() + "List".len() <= 63
}

pub(crate) fn is_label(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// `PostgreSQL` cuts longer names off without a word.
pub(super) const MAX_IDENTIFIER: usize = 63;
/// The longest name made from a table's: `idx_<table>_status_phase`.
pub(crate) const MAX_TABLE: usize = MAX_IDENTIFIER - "idx_".len() - "_status_phase".len();

/// Beginnings of names that databases and the operator itself use.
const TAKEN: [&str; 3] = ["orloj_operator", "pg_", "sqlite_"];

/// Checks a table name, which becomes an SQL identifier, and so do names made from it.
pub(super) fn identifier(text: &str, pointer: &str, faults: &mut Faults<'_>) {
    check(text, MAX_TABLE, pointer, false, faults);
    if text == "schema_migrations" || TAKEN.iter().any(|prefix| text.starts_with(prefix)) {
        faults
            .value(pointer, format!("`{text}` belongs to orlojd, to the operator or to the database: choose another"));
    }
}

/// Checks a derived column's name.
pub(super) fn column(text: &str, pointer: &str, faults: &mut Faults<'_>) {
    check(text, MAX_IDENTIFIER, pointer, true, faults);
    if COMMON_COLUMNS.contains(&text) {
        faults.key(pointer, format!("every table has a column `{text}` already"));
    }
}

/// Whether a text can be an SQL name without quotes.
pub(crate) fn is_safe(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn check(text: &str, most: usize, pointer: &str, key: bool, faults: &mut Faults<'_>) {
    let message = if !is_safe(text) {
        format!("`{text}` is no safe SQL name: expected `[a-z_][a-z0-9_]*`")
    } else if text.len() > most {
        format!("`{text}` is too long for an SQL name: at most {most} characters here")
    } else {
        return;
    };
    if key { faults.key(pointer, message) } else { faults.value(pointer, message) }
}
