//! Cases of a kind: what a manifest becomes, or why it is refused. They stand in a file beside the kind's:
//! `widget.test.yaml` beside `widget.yaml`.

mod update;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use similar::{ChangeTag, TextDiff};

use crate::diagnostics::{Diagnostic, SourceText};
use crate::registry::{FileFormat, Kind, unreadable};
use crate::resource::{MASK, ObjectName, Resource, ResourceId};

pub use update::updated;

/// One case.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    /// What the case shows, in a few words.
    pub name: String,
    /// The manifest. `apiVersion`, `kind`, `metadata.name` and `metadata.namespace` may be left out.
    pub given: Given,
    /// What becomes of it; `kinds test --update` writes it.
    #[serde(default)]
    pub expect: Option<Expect>,
}

/// A manifest.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Given {
    #[serde(default)]
    pub api_version: Option<String>,
    #[serde(default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub metadata: Metadata,
    /// As a resource would have it; none at all where it is left out.
    #[serde(default)]
    pub spec: Value,
    /// Of a foreign kind: the object's other fields, such as `data` or `status`.
    #[serde(default)]
    pub body: BTreeMap<String, Value>,
}

/// What a manifest says of itself.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// `one` where it is left out.
    #[serde(default)]
    pub name: Option<String>,
    /// `default` where it is left out.
    #[serde(default)]
    pub namespace: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// What becomes of a manifest: either a row or an error. What is left out is not looked at.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    /// It is accepted, and this is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<Row>,
    /// It is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Refusal>,
    /// What is told though it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Vec<String>>,
}

/// A row. What is left out is not looked at.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    /// `<namespace>/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `spec` of the payload, whole. Of a kind with secrets: before it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Value>,
    /// All derived columns: texts, switches and numbers by their types, a time in RFC 3339, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<IndexMap<String, Value>>,
    /// `status` of a new row, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Value>,
    /// Labels of the payload, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations of the payload, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// An error.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refusal {
    /// As in the resource's status, such as `InvalidSpec`.
    pub reason: String,
    /// The whole text.
    pub message: String,
}

/// How a case went.
#[derive(Clone, Debug)]
pub struct CaseOutcome {
    pub name: String,
    /// From 1: where it expects something.
    pub line: usize,
    pub column: usize,
    /// Expected and found, line by line, where they differ.
    pub diff: Option<String>,
    /// What it comes to, of what was asked.
    found: Expect,
}

/// The JSON Schema of a file of cases: the text of `kinds/test.schema.json`.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(Vec<Case>).to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), "Cases of a kind of orloj-operator".into());
    }
    schema
}

/// The kind's file that a file of cases stands beside, without its extension.
#[must_use]
pub fn stem(name: &str) -> Option<&str> {
    name.strip_suffix(".test.yaml").or_else(|| name.strip_suffix(".test.yml"))
}

/// Runs the cases of a file.
pub fn run(kind: &Kind, name: &str, text: &str) -> Result<Vec<CaseOutcome>, Vec<Diagnostic>> {
    let source = SourceText::new(name.to_owned(), text.to_owned());
    let cases = read(&source)?;
    let mut outcomes = Vec::new();
    let mut problems = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let pointer = format!("/{index}");
        match misplaced(kind, &case.given) {
            Some(message) => {
                problems.push(Diagnostic::at(&source, source.value(&format!("{pointer}/given")), message, None));
            }
            None => outcomes.push(outcome(kind, case, &source, &pointer)),
        }
    }
    if problems.is_empty() { Ok(outcomes) } else { Err(problems) }
}

fn read(source: &SourceText) -> Result<Vec<Case>, Vec<Diagnostic>> {
    static FORMAT: OnceLock<Option<FileFormat>> = OnceLock::new();
    let failed = |error: serde_saphyr::Error| vec![unreadable(source, &error)];
    let value: Value = serde_saphyr::from_str(&source.text).map_err(failed)?;
    if value.is_null() {
        let help = "write a list of cases, each with `name` and `given`".to_owned();
        let message = "the file is empty: it holds no case".to_owned();
        return Err(vec![Diagnostic::at(source, 0..0, message, Some(help))]);
    }
    let format = FORMAT.get_or_init(|| FileFormat::new(json_schema()));
    format.as_ref().map_or(Ok(()), |format| format.check(source, &value))?;
    let cases: Vec<Case> = serde_saphyr::from_str(&source.text).map_err(failed)?;
    let mut problems = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let both = case.expect.as_ref().is_some_and(|expect| expect.row.is_some() && expect.error.is_some());
        let again = cases[..index].iter().any(|other| other.name == case.name);
        for (wrong, key, message) in [
            (both, "expect", "a manifest becomes either a row or an error".to_owned()),
            (again, "name", format!("there is a case `{}` already", case.name)),
        ] {
            if wrong {
                problems.push(Diagnostic::at(source, source.value(&format!("/{index}/{key}")), message, None));
            }
        }
    }
    if problems.is_empty() { Ok(cases) } else { Err(problems) }
}

/// A manifest of another kind than its file's.
fn misplaced(kind: &Kind, given: &Given) -> Option<String> {
    let names = &kind.names;
    let other = given.kind.as_ref().filter(|given| **given != names.kind);
    let version = given.api_version.as_ref().filter(|given| **given != names.api_version());
    let found = other.or(version)?;
    Some(format!("`{found}`: the cases of this file are of {} of {}", names.kind, names.api_version()))
}

fn outcome(kind: &Kind, case: &Case, source: &SourceText, pointer: &str) -> CaseOutcome {
    let expected = case.expect.clone().unwrap_or_default();
    let found = found(kind, &case.given, &expected);
    let at = if case.expect.is_some() { source.key(&format!("{pointer}/expect")) } else { source.value(pointer) };
    let (line, column) = source.line_column(at.start);
    let same = case.expect.is_some() && json!(expected) == json!(found);
    let diff = (!same).then(|| difference(kind, &expected, &found));
    CaseOutcome { name: case.name.clone(), line, column, diff, found }
}

fn resource(kind: &Kind, given: &Given) -> Resource {
    let text = |given: &Option<String>, otherwise: &str| given.clone().unwrap_or_else(|| otherwise.to_owned());
    let (namespace, name) = (text(&given.metadata.namespace, "default"), text(&given.metadata.name, "one"));
    let mut object = json!(given.body);
    object["spec"] = given.spec.clone();
    object["metadata"] = json!({"name": name, "namespace": namespace, "labels": given.metadata.labels,
        "annotations": given.metadata.annotations});
    let id = ResourceId { kind: kind.index, object: ObjectName::new(namespace, name) };
    Resource {
        labels: given.metadata.labels.clone(),
        annotations: given.metadata.annotations.clone(),
        ..Resource::new(id, "uid", kind.spec_in(&object))
    }
}

/// What a manifest comes to: as much of it as `asked` lists, where that is of the same sort.
fn found(kind: &Kind, given: &Given, asked: &Expect) -> Expect {
    let desired = match kind.desired(&resource(kind, given)) {
        Ok(desired) => desired,
        Err(invalid) => {
            let reason = invalid.class.reason().as_str().to_owned();
            return Expect { error: Some(Refusal { reason, message: invalid.text }), ..Expect::default() };
        }
    };
    let payload = kind.payload(&desired, None, &Value::Null);
    let columns = kind.store.table.columns.iter().map(|column| column.name.clone()).zip(kind.columns(&payload));
    let columns: IndexMap<String, Value> = columns.map(|(name, value)| (name, value.json())).collect();
    let every = Row { spec: Some(Value::Null), columns: Some(IndexMap::new()), ..Row::default() };
    let wanted = asked.row.as_ref().unwrap_or(&every);
    // a kind without columns need not say so
    let columns =
        wanted.columns.as_ref().filter(|_| asked.row.is_some() || !columns.is_empty()).map(|_| columns.clone());
    Expect {
        row: Some(Row {
            key: wanted.key.as_ref().map(|_| desired.key.clone()),
            spec: wanted.spec.as_ref().map(|_| desired.spec.clone()),
            columns,
            status: wanted.status.as_ref().map(|_| payload["status"].clone()),
            labels: wanted.labels.as_ref().map(|_| desired.labels.clone()),
            annotations: wanted.annotations.as_ref().map(|_| desired.annotations.clone()),
        }),
        error: None,
        warnings: match &asked.warnings {
            Some(_) => Some(desired.warnings),
            None => (asked.row.is_none() && !desired.warnings.is_empty()).then_some(desired.warnings),
        },
    }
}

fn difference(kind: &Kind, expected: &Expect, found: &Expect) -> String {
    let (mut old, mut new) = (json!(expected), json!(found));
    mask(kind, &mut old, &mut new);
    let (old, new) = (yaml(&old), yaml(&new));
    let mut text = String::new();
    for change in TextDiff::from_lines(&old, &new).iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        text.push_str(format!("{sign} {}", change.value().trim_end()).trim_end());
        text.push('\n');
    }
    text
}

/// Secret values are told apart, but not shown.
fn mask(kind: &Kind, old: &mut Value, new: &mut Value) {
    let data = |expect: &Value| -> Map<String, Value> {
        let mut row = expect["row"].clone();
        kind.secret_data_mut(&mut row).map(std::mem::take).unwrap_or_default()
    };
    let (was, is) = (data(old), data(new));
    for (expect, other, word) in [(old, &is, " (expected)"), (new, &was, " (found)")] {
        let Some(values) = expect.get_mut("row").and_then(|row| kind.secret_data_mut(row)) else { continue };
        for (key, value) in values.iter_mut() {
            let same = other.get(key) == Some(value);
            *value = format!("{MASK}{}", if same { "" } else { word }).into();
        }
    }
}

pub(crate) fn yaml(value: &impl Serialize) -> String {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: 1 << 20 };
    // keys are strings, which is all that could fail
    serde_saphyr::to_string_with_options(value, options).unwrap_or_default()
}
