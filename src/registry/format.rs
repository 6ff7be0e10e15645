//! The format's own JSON Schema, and checking a file against it before anything else is made of it.

use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::file::KindFile;
use crate::apimachinery::suggest::suggest;
use crate::diagnostics::{Diagnostic, REFUSED, SourceText};

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
pub(crate) fn read(source: &SourceText) -> Result<KindFile, Vec<Diagnostic>> {
    let value = value(source)?;
    format().map_or(Ok(()), |format| format.check(source, &value))?;
    serde_saphyr::from_str(&source.text).map_err(|error| vec![unreadable(source, &error)])
}

/// Reads a file as far as it can be read: with unknown keys left out the rest of it can be judged, too.
pub(crate) fn read_on(source: &SourceText) -> (Option<KindFile>, Vec<Diagnostic>) {
    match read(source) {
        Ok(file) => (Some(file), Vec::new()),
        Err(problems) => (without_unknown(source), problems),
    }
}

fn without_unknown(source: &SourceText) -> Option<KindFile> {
    let (mut value, format) = (value(source).ok()?, format()?);
    let mut unknown = Vec::new();
    for error in format.validator.iter_errors(&value) {
        if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
            unknown.push((error.instance_path().as_str().to_owned(), unexpected.clone()));
        }
    }
    for (pointer, names) in unknown {
        if let Some(map) = value.pointer_mut(&pointer).and_then(Value::as_object_mut) {
            map.retain(|name, _| !names.contains(name));
        }
    }
    if format.validator.is_valid(&value) { serde_json::from_value(value).ok() } else { None }
}

fn format() -> Option<&'static FileFormat> {
    static FORMAT: OnceLock<Option<FileFormat>> = OnceLock::new();
    FORMAT.get_or_init(|| FileFormat::new(json_schema())).as_ref()
}

/// The file's content, where it may be a kind.
fn value(source: &SourceText) -> Result<Value, Vec<Diagnostic>> {
    if source.text.lines().all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#')) {
        return Err(vec![nothing(source)]);
    }
    let value: Value = serde_saphyr::from_str(&source.text).map_err(|error| vec![unreadable(source, &error)])?;
    no_kind_file(source, &value).map_or(Ok(value), |problem| Err(vec![problem]))
}

/// A format of YAML files, by its JSON Schema.
pub(crate) struct FileFormat {
    schema: Value,
    validator: Validator,
}

impl FileFormat {
    pub fn new(schema: Value) -> Option<Self> {
        let validator = jsonschema::validator_for(&schema).ok()?;
        Some(Self { schema, validator })
    }

    /// All that the schema says against a file's content, each where it stands.
    pub fn check(&self, source: &SourceText, value: &Value) -> Result<(), Vec<Diagnostic>> {
        let mut problems = Vec::new();
        for error in self.validator.iter_errors(value) {
            explain(source, &self.schema, &error, &mut problems);
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

fn nothing(source: &SourceText) -> Diagnostic {
    let help = "write the kind into it, or take it out of the folder".to_owned();
    let message = "the file is empty: a kind file begins with `group`, `version` and `kind`".to_owned();
    Diagnostic::at(source, 0..0, message, Some(help)).known_as("empty-file")
}

/// What else is found in a folder of kind files.
fn no_kind_file(source: &SourceText, value: &Value) -> Option<Diagnostic> {
    let cases = value.as_array().is_some_and(|cases| cases.iter().any(|case| case.get("given").is_some()));
    if cases {
        let help = "name the file `<name of the kind's file>.test.yaml`".to_owned();
        let message = "these are cases of a kind, not a kind".to_owned();
        return Some(Diagnostic::at(source, source.value(""), message, Some(help)).known_as("foreign-object"));
    }
    let api_version = value.get("apiVersion")?.as_str()?;
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or("object");
    let help = match kind {
        "CustomResourceDefinition" => {
            "a kind file has `group`, `plural` and `schema` at its top; its CRD is made from it by `kinds crds`"
        }
        _ => "manifests belong into another folder: only kind files and their cases are read here",
    };
    let message = format!("this is a Kubernetes object ({kind} of {api_version}), not a kind file");
    Some(Diagnostic::at(source, source.key("/apiVersion"), message, Some(help.to_owned())).known_as("foreign-object"))
}

/// A word that YAML does not read as text, such as Norway's `no`: what to write instead.
pub(super) fn unquoted(source: &SourceText, pointer: &str, value: &Value) -> Option<String> {
    let text = source.text.get(source.value(pointer))?.trim();
    let what = match value {
        Value::Bool(flag) => format!("the boolean {flag}"),
        Value::Number(number) => format!("the number {number}"),
        Value::Null => "nothing at all".to_owned(),
        _ => return None,
    };
    Some(format!("YAML reads `{text}` without quotes as {what}: write '{text}'"))
}

pub(crate) fn unreadable(source: &SourceText, error: &serde_saphyr::Error) -> Diagnostic {
    let start = error.location().map_or(0, |at| source.offset(at.line(), at.column()));
    let text = error.without_snippet().to_string();
    // the reader's own position repeats ours
    let message = text.lines().next().unwrap_or_default();
    let message = message.split(" at line ").next().unwrap_or_default().trim_end_matches(':');
    // the library's advice is for programmers
    let message = match message {
        text if text.starts_with("multiple YAML documents") => "more than one document: a file holds one",
        text if text.starts_with("budget breached") => "too large, or aliases that multiply into something too large",
        text => text.split(", set DuplicateKeyPolicy").next().unwrap_or_default(),
    };
    Diagnostic::at(source, start..start + 1, message.to_owned(), None)
}

/// Turns a schema violation into problems, one a key.
fn explain(source: &SourceText, root: &Value, error: &ValidationError<'_>, problems: &mut Vec<Diagnostic>) {
    let pointer = error.instance_path().as_str();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = siblings(root, error);
            for name in unexpected {
                let span = source.key(&format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")));
                let help = match &**name {
                    // what an author of CRDs writes first
                    "default" => Some("values are filled in by a `set` step in `normalize`".to_owned()),
                    _ => suggest(name, known.iter().map(String::as_str)),
                };
                problems.push(Diagnostic::at(source, span, format!("unknown key `{name}`"), help));
            }
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            problems.push(Diagnostic::at(source, source.key(pointer), format!("key `{name}` is missing"), None));
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            let words: Vec<String> = context.iter().flatten().flat_map(constants).collect();
            if words.is_empty() {
                // the first branch is the type proper, the other one null
                context.iter().take(1).flatten().for_each(|error| explain(source, root, error, problems));
            } else {
                let given = error.instance().as_str().unwrap_or_default().to_owned();
                let help = suggest(&given, words.iter().map(String::as_str));
                let message = format!("expected one of {}", words.join(", "));
                problems.push(Diagnostic::at(source, source.value(pointer), message, help));
            }
        }
        ValidationErrorKind::Type { .. } => {
            let message = format!("wrong type: {error}");
            let text = message.contains("\"string\"");
            let help = if text { unquoted(source, pointer, error.instance()) } else { None };
            let id = if help.is_some() { "yaml-word" } else { REFUSED };
            problems.push(Diagnostic::at(source, source.value(pointer), message, help).known_as(id));
        }
        _ => problems.push(Diagnostic::at(source, source.value(pointer), error.to_string(), None)),
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
fn siblings(root: &Value, error: &ValidationError<'_>) -> Vec<String> {
    let path = error.schema_path().as_str();
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let named = root.pointer(parent).and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    named.map(|map| map.keys().cloned().collect()).unwrap_or_default()
}
