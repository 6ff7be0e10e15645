//! The columns of a kind, and what a row has in them.

use serde_json::Value;

use crate::cli::output;
use crate::registry::Kind;
use crate::status::parse_time;
use crate::store::StoredRow;

/// Longest text in a cell; the whole of it is in the payload.
const MOST: usize = 60;

/// A column and where its value comes from.
#[derive(Debug)]
pub struct GetColumn {
    pub header: String,
    source: ColumnOrigin,
}

#[derive(Debug)]
enum ColumnOrigin {
    Namespace,
    Name,
    Path(String),
    Age,
}

/// Namespace where asked for, name, phase, generation, the kind's own columns, age.
pub fn of(kind: &Kind, namespace: bool) -> Vec<GetColumn> {
    let column = |header: &str, source| GetColumn { header: header.to_uppercase(), source };
    let path = |path: &str| ColumnOrigin::Path(path.to_owned());
    let mut columns = Vec::new();
    if namespace {
        columns.push(column("namespace", ColumnOrigin::Namespace));
    }
    columns.push(column("name", ColumnOrigin::Name));
    columns.push(column("phase", path(".status.phase")));
    columns.push(column("generation", path(".metadata.generation")));
    for own in kind.printer_columns.iter().filter(|own| own.priority.unwrap_or(0) == 0) {
        columns.push(column(&own.name, path(&own.json_path)));
    }
    columns.push(column("age", ColumnOrigin::Age));
    columns
}

/// `now` in seconds since the Unix epoch.
pub fn cells(columns: &[GetColumn], row: &StoredRow, now: i64) -> Vec<String> {
    let (namespace, name) = row.key.split_once('/').unwrap_or(("", &row.key));
    let cell = |column: &GetColumn| match &column.source {
        ColumnOrigin::Namespace => output::plain(namespace).into_owned(),
        ColumnOrigin::Name => output::plain(name).into_owned(),
        ColumnOrigin::Path(path) => at(&row.payload, path).map(shown).unwrap_or_default(),
        ColumnOrigin::Age => {
            let created = row.payload["metadata"]["createdAt"].as_str().map_or(0, parse_time);
            if created > 0 { age(now - created) } else { String::new() }
        }
    };
    columns.iter().map(cell).map(|cell| if cell.is_empty() { "-".to_owned() } else { cell }).collect()
}

/// A value by a simple JSON path: `.spec.type`, `.spec.tools[0]`, `.metadata.labels.a\.b`.
fn at<'p>(payload: &'p Value, path: &str) -> Option<&'p Value> {
    // a dot behind a backslash is part of a name
    let path = path.trim_start_matches(['{', '$']).trim_end_matches('}').replace("\\.", "\u{0}");
    let mut value = payload;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let mut steps = part.split('[');
        if let Some(name) = steps.next().filter(|name| !name.is_empty()) {
            value = value.get(name.replace('\u{0}', "."))?;
        }
        for step in steps {
            let step = step.trim_end_matches(']');
            value = match step.parse::<usize>() {
                Ok(index) => value.get(index)?,
                Err(_) => value.get(step.trim_matches(['\'', '"']).replace('\u{0}', "."))?,
            };
        }
    }
    Some(value)
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    };
    let text = text.replace(char::is_control, " ");
    match text.char_indices().nth(MOST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

/// As kubectl prints it: `42s`, `5m`, `3h`, `12d`.
fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_to_values() {
        let payload = json!({"spec": {"a": ["x", {"b": 1}], "c.d": true}});
        for (path, expected) in [
            (".spec.a[0]", Some(json!("x"))),
            (".spec.a[1].b", Some(json!(1))),
            ("{.spec.c\\.d}", Some(json!(true))),
            (".spec['c.d'].x", None),
            (".spec.none", None),
        ] {
            assert_eq!(at(&payload, path).cloned(), expected, "{path}");
        }
    }

    #[test]
    fn cells_are_short_and_on_one_line() {
        assert_eq!(shown(&json!(["a", "b"])), "a,b");
        assert_eq!(shown(&json!("a\nb")), "a b");
        assert_eq!(shown(&json!("é".repeat(100))).chars().count(), MOST + 1);
        assert_eq!([age(5), age(125), age(7_300), age(200_000)], ["5s", "2m", "2h", "2d"]);
    }
}
