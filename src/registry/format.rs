//! The format's own JSON Schema, and checking a file against it before anything else is made of it.

use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::file::KindFile;
use super::problem::{Problem, suggest};
use super::source::Source;

/// The JSON Schema of a kind's file: the text of `kinds/kind.schema.json`.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(KindFile).to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), "A kind of orloj-operator".into());
    }
    schema
}

/// Reads a file: YAML, then the format's schema, then the types. All faults of the first of these that finds any.
pub(super) fn read(source: &Source) -> Result<KindFile, Vec<Problem>> {
    let value: Value = serde_saphyr::from_str(&source.text).map_err(|error| vec![unreadable(source, &error)])?;
    let mut problems = Vec::new();
    if let Some(validator) = validator() {
        for error in validator.iter_errors(&value) {
            explain(source, &error, &mut problems);
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_saphyr::from_str(&source.text).map_err(|error| vec![unreadable(source, &error)])
}

fn validator() -> Option<&'static Validator> {
    static VALIDATOR: OnceLock<Option<Validator>> = OnceLock::new();
    VALIDATOR.get_or_init(|| jsonschema::validator_for(&json_schema()).ok()).as_ref()
}

fn unreadable(source: &Source, error: &serde_saphyr::Error) -> Problem {
    let start = error.location().map_or(0, |at| source.offset(at.line(), at.column()));
    let text = error.without_snippet().to_string();
    // the reader's own position repeats ours
    let message = text.lines().next().unwrap_or_default();
    let message = message.split(" at line ").next().unwrap_or_default().trim_end_matches(':');
    // the library's advice is for programmers
    let message = match message {
        text if text.starts_with("multiple YAML documents") => "more than one document: one file is one kind",
        text => text.split(", set DuplicateKeyPolicy").next().unwrap_or_default(),
    };
    Problem::at(source, start..start + 1, message.to_owned(), None)
}

/// Turns a schema violation into problems, one a key.
fn explain(source: &Source, error: &ValidationError<'_>, problems: &mut Vec<Problem>) {
    let pointer = error.instance_path().as_str();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = siblings(error);
            for name in unexpected {
                let span = source.key(&format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")));
                let help = match &**name {
                    // what an author of CRDs writes first
                    "default" => Some("values are filled in by a `set` step in `normalize`".to_owned()),
                    _ => suggest(name, known.iter().map(String::as_str)),
                };
                problems.push(Problem::at(source, span, format!("unknown key `{name}`"), help));
            }
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            problems.push(Problem::at(source, source.key(pointer), format!("key `{name}` is missing"), None));
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            let words: Vec<String> = context.iter().flatten().flat_map(constants).collect();
            if words.is_empty() {
                // the first branch is the type proper, the other one null
                context.iter().take(1).flatten().for_each(|error| explain(source, error, problems));
            } else {
                let given = error.instance().as_str().unwrap_or_default().to_owned();
                let help = suggest(&given, words.iter().map(String::as_str));
                let message = format!("expected one of {}", words.join(", "));
                problems.push(Problem::at(source, source.value(pointer), message, help));
            }
        }
        ValidationErrorKind::Type { .. } => {
            let message = format!("wrong type: {error}");
            problems.push(Problem::at(source, source.value(pointer), message, None));
        }
        _ => problems.push(Problem::at(source, source.value(pointer), error.to_string(), None)),
    }
}

/// The words that an enumeration's branch would have taken.
fn constants(error: &ValidationError<'_>) -> Vec<String> {
    let word = |value: &Value| value.as_str().map(str::to_owned);
    match error.kind() {
        ValidationErrorKind::Constant { expected_value } => word(expected_value).into_iter().collect(),
        ValidationErrorKind::Enum { options } => options.as_array().into_iter().flatten().filter_map(word).collect(),
        _ => Vec::new(),
    }
}

/// Names that would have been right in place of an unknown one.
fn siblings(error: &ValidationError<'_>) -> Vec<String> {
    let root = json_schema();
    let path = error.schema_path().as_str();
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let named = root.pointer(parent).and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    named.map(|map| map.keys().cloned().collect()).unwrap_or_default()
}
