//! Where a column's value comes from, found by its values.

use serde_json::Value;

use super::{names, secrecy};
use crate::go_compat::text;

/// The field whose text the column has in every row, and what is done to it. Where several have it, the one of the
/// column's name goes first, then one of the spec. Fields that may hold a secret are none to copy.
pub fn find(column: &str, rows: &[(&Value, &str)]) -> Option<(String, bool, bool)> {
    let mut paths = Vec::new();
    for (payload, _) in rows {
        for part in ["spec", "metadata", "status"] {
            scalars(payload.get(part), part, &mut paths);
        }
    }
    paths.sort();
    paths.dedup();
    let rank = |path: &String| {
        let last = path.rsplit('.').next().unwrap_or_default();
        (names::snake(last) != column, !path.starts_with("spec."), path.clone())
    };
    paths.sort_by_key(rank);
    let told = rows.iter().any(|(_, value)| !value.is_empty());
    paths.into_iter().filter(|_| told).find_map(|path| {
        [(false, false), (true, false), (true, true)].into_iter().find_map(|(trim, lower)| {
            let all = rows.iter().all(|(payload, value)| {
                let field = path.split('.').try_fold(*payload, |node, name| node.get(name));
                shown(field.unwrap_or(&Value::Null), trim, lower) == *value
            });
            all.then(|| (path.clone(), trim, lower))
        })
    })
}

/// Paths of a payload that lead to one word, number or switch.
fn scalars(value: Option<&Value>, path: &str, found: &mut Vec<String>) {
    match value {
        Some(Value::Object(map)) => {
            for (name, inner) in map.iter().filter(|(name, _)| names::in_paths(name) && !secrecy::of(name)) {
                scalars(Some(inner), &format!("{path}.{name}"), found);
            }
        }
        Some(Value::Array(_) | Value::Null) | None => {}
        Some(_) => found.push(path.to_owned()),
    }
}

/// The text of a derived column.
fn shown(value: &Value, trim: bool, lower: bool) -> String {
    let own = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => String::new(),
    };
    let own = if trim { text::trim(&own).to_owned() } else { own };
    if lower { text::lower(&own) } else { own }
}
