//! A plan for people, or as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::changes::{Action, Change};
use super::fields::Field;
use crate::cli::args::PlanFormat;
use crate::cli::finding::FindingLine;
use crate::cli::{CommandStatus, output};

/// Characters of a value in a table, at most.
const MOST: usize = 160;

/// What a sync would do.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "A plan of orloj-operator")]
pub struct Plan {
    /// Where the rows are, without a password.
    pub store: String,
    /// Whose ledger: the name of `--owner`, or the cluster's.
    pub owner: String,
    /// In the order of the kinds and keys.
    pub changes: Vec<Change>,
    /// What could not be read, and is not planned.
    pub problems: Vec<Problem>,
    /// What is dropped of manifests that are taken, with `--field-validation=warn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<FindingLine>,
    pub summary: Summary,
}

/// Something that could not be read.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    pub error: String,
    /// The line with a caret below it.
    #[serde(skip)]
    pub snippet: Option<String>,
}

/// How many of what.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Resources that were read.
    pub resources: usize,
    /// By action; what there is none of is left out.
    pub actions: BTreeMap<Action, usize>,
    pub unchanged: usize,
    pub suspended: usize,
    /// Objects of other groups.
    pub skipped: usize,
    /// Nothing would be deleted, since not everything could be read.
    pub incomplete: bool,
}

impl Plan {
    /// Prints it. Problems and refusals are errors, whatever else would change.
    pub fn print(&self, format: PlanFormat) -> std::io::Result<CommandStatus> {
        match format {
            PlanFormat::Json => output::json(self)?,
            PlanFormat::Table => {
                output::text(&self.table())?;
                self.tell_errors();
            }
        }
        let refused = self.summary.actions.contains_key(&Action::Refuse);
        Ok(match () {
            () if refused || !self.problems.is_empty() => CommandStatus::Failed,
            () if self.summary.actions.is_empty() => CommandStatus::Success,
            () => CommandStatus::PendingChanges,
        })
    }

    fn table(&self) -> String {
        let width = |of: fn(&Change) -> &str| self.changes.iter().map(|change| of(change).chars().count()).max();
        let (kind, key) = (width(|change| &change.kind).unwrap_or(0), width(|change| &change.key).unwrap_or(0));
        let mut text = String::new();
        for change in &self.changes {
            let (symbol, word) = (symbol(change.action), change.action.text());
            let line = format!("{symbol} {word:<7}  {:<kind$}  {:<key$}", change.kind, change.key);
            let from = change.from.as_ref().map(|from| format!("from {from}"));
            let rest = [from, change.reason.clone(), change.note.clone()];
            let rest: Vec<String> = std::iter::once(line).chain(rest.into_iter().flatten()).collect();
            text += output::plain(rest.join("  ").trim_end()).as_ref();
            text += "\n";
            for field in &change.fields {
                // writing to a String cannot fail
                let _ = writeln!(text, "    {}", field_line(field));
            }
        }
        text + &self.sum() + "\n"
    }

    fn tell_errors(&self) {
        self.warnings.iter().for_each(FindingLine::tell);
        for change in &self.changes {
            change.findings.iter().for_each(FindingLine::tell);
            if let Some(error) = change.error.as_ref().filter(|_| change.findings.is_empty()) {
                let place = place(change.file.as_deref(), change.line, None);
                let key = output::plain(&change.key);
                output::note(&format!("error: {place}{} {key}: {error}", change.kind));
            }
        }
        for problem in &self.problems {
            let place = place(problem.file.as_deref(), problem.line, problem.column);
            output::note(&format!("error: {place}{}", problem.error));
            for line in problem.snippet.iter().flat_map(|snippet| snippet.lines()) {
                output::note(&format!("  {line}"));
            }
        }
    }

    fn sum(&self) -> String {
        let resources = self.summary.resources;
        let actions = self.summary.actions.iter().map(|(action, count)| format!("{count} to {}", action.text()));
        let mut parts: Vec<String> = actions.collect();
        parts.push(format!("{} unchanged", self.summary.unchanged));
        if self.summary.suspended > 0 {
            parts.push(format!("{} suspended", self.summary.suspended));
        }
        let plural = if resources == 1 { "" } else { "s" };
        let mut sum = vec![format!("{resources} resource{plural}: {}", parts.join(", "))];
        if self.summary.skipped > 0 {
            sum.push(format!("{} of other groups skipped", self.summary.skipped));
        }
        if !self.problems.is_empty() {
            sum.push(format!("{} unreadable", self.problems.len()));
        }
        if self.summary.incomplete {
            sum.push("nothing would be deleted, since what cannot be read may be what is missing".to_owned());
        }
        sum.join("; ")
    }
}

fn symbol(action: Action) -> char {
    match action {
        Action::Create => '+',
        Action::Change => '~',
        Action::Adopt => '&',
        Action::Move => '>',
        Action::Delete => '-',
        Action::Release => '.',
        Action::Refuse => '!',
    }
}

fn field_line(field: &Field) -> String {
    let path = &field.path;
    match (&field.before, &field.after) {
        (Some(before), Some(after)) => format!("~ {path}: {} -> {}", shown(before), shown(after)),
        (Some(before), None) => format!("- {path}: {}", shown(before)),
        (None, Some(after)) => format!("+ {path}: {}", shown(after)),
        (None, None) => path.clone(),
    }
}

/// As JSON on one line, which control characters cannot break; a long value is cut, JSON output has all of it.
fn shown(value: &Value) -> String {
    let text: String = value.to_string().chars().flat_map(escaped).collect();
    let length = text.chars().count();
    if length <= MOST {
        return text;
    }
    let start: String = text.chars().take(MOST).collect();
    format!("{start}... ({length} characters)")
}

/// What JSON lets pass and a terminal or a reviewer would be misled by, as JSON would write it.
fn escaped(c: char) -> Vec<char> {
    if output::misleads(c) { format!("\\u{:04x}", u32::from(c)).chars().collect() } else { vec![c] }
}

fn place(file: Option<&str>, line: Option<usize>, column: Option<usize>) -> String {
    match (file, line, column) {
        (Some(file), Some(line), Some(column)) => format!("{file}:{line}:{column}: "),
        (Some(file), Some(line), None) => format!("{file}:{line}: "),
        (Some(file), None, _) => format!("{file}: "),
        (None, ..) => String::new(),
    }
}

/// The JSON Schema of a plan in JSON.
pub fn schema() -> Value {
    schemars::schema_for!(Plan).to_value()
}
