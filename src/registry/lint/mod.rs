//! `kinds lint`: what the loader refuses, and what it takes although it cannot work, never takes effect or leaves its
//! users without help.
//!
//! A finding that is meant to be is allowed by a comment, with the reason: `# lint-allow ID: why`, above what it is
//! about, or at the top for the whole file.

mod allow;
pub mod cel;
mod columns;
mod facts;
mod names;
mod rules;
mod schema;
mod steps;

use std::path::Path;

use super::compile;
use super::file::KindFile;
use super::kind::Kind;
use super::problem::{Problem, REFUSED, UNREADABLE};
use super::source::Source;
use super::{KindFiles, clash, format};
use crate::resource::KindIndex;
use facts::Facts;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, and could be better.
    Warning,
    /// It cannot work.
    Error,
}

impl Severity {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A check.
#[derive(Clone, Copy, Debug)]
pub struct Lint {
    /// Its name, which does not change.
    pub id: &'static str,
    pub severity: Severity,
    /// What it finds.
    pub finds: &'static str,
}

const fn error(id: &'static str, finds: &'static str) -> Lint {
    Lint { id, severity: Severity::Error, finds }
}

const fn warning(id: &'static str, finds: &'static str) -> Lint {
    Lint { id, severity: Severity::Warning, finds }
}

/// All checks.
pub const LINTS: [Lint; 31] = [
    error(REFUSED, "whatever else the loader refuses: keys, names, paths, patterns, messages"),
    error(UNREADABLE, "a file or a folder that cannot be read"),
    error("empty-file", "a file without a kind"),
    error("foreign-object", "a Kubernetes object, or cases of a kind, under a kind file's name"),
    error("clash", "a name, table or collection that another kind has"),
    error("default-in-schema", "a `default` in the schema: values are filled in by `normalize`"),
    error("yaml-word", "a word without quotes that YAML reads as a boolean, a number or nothing"),
    warning("quoted-choice", "a choice that has to be quoted in every manifest, as YAML reads it as something else"),
    error("cel-type", "a CEL rule that the API server would refuse: an unknown field or function, or a wrong type"),
    error("cel-cost", "a CEL rule whose estimated cost is above the API server's limit of 10,000,000"),
    error("cel-cost-total", "CEL rules whose estimated cost is above the API server's limit of 100,000,000 for a CRD"),
    warning("cel-unjudged", "a CEL rule that uses what is not known here: only an API server can judge it"),
    warning("cel-constant", "a CEL rule that does not look at `self`"),
    error("cel-field-path", "a `fieldPath` that leads to no field"),
    error("printer-path", "a printer column whose JSON path leads nowhere, or to what its type cannot show"),
    warning("no-printer-column", "a kind of which `kubectl get` shows nothing of its own"),
    warning("no-description", "a kind or a field without a description"),
    error("column-source", "a table column that is always empty: from an object, a list or a name that no payload has"),
    warning("ambiguous-name", "a name that means a kind of another group too, so that kubectl takes the wrong one"),
    error("schema-stricter", "an `enum`, a bound, a pattern or a `required` that refuses what `normalize` would mend"),
    error("default-refused", "a value that a step fills in and a rule refuses"),
    warning("step-without-effect", "a step that changes nothing"),
    error("step-never", "a step that is never taken: its guard never holds, or its field has been dropped"),
    error("condition-misfit", "a state that values of this type never have, such as `set` of a string"),
    error("condition-constant", "a condition that always holds or never does"),
    error("rule-never-fails", "a rule that refuses nothing"),
    error("rule-always-fails", "a rule that refuses everything"),
    error("word-unreachable", "a word that the steps before leave no way to match, such as upper case after `lower`"),
    error("rule-shadowed", "a rule that an earlier one leaves nothing to refuse"),
    warning("message-without-help", "a message that does not say what to do"),
    warning("lint-allow", "a `lint-allow` comment without a reason, of no known id, or with nothing to allow"),
];

/// What a check found.
#[derive(Clone, Debug)]
pub struct Finding {
    pub lint: &'static Lint,
    pub problem: Problem,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem.titled(&format!("{}[{}]", self.lint.severity.word(), self.lint.id)))
    }
}

impl Finding {
    fn new(problem: Problem) -> Self {
        let lint = LINTS.iter().find(|lint| lint.id == problem.id).unwrap_or(&LINTS[0]);
        Self { lint, problem }
    }
}

/// One file, while its findings are collected.
struct Desk<'s> {
    source: &'s Source,
    problems: Vec<Problem>,
}

impl Desk<'_> {
    /// A finding at the value of a JSON pointer.
    fn value(&mut self, id: &'static str, pointer: &str, message: impl Into<String>, help: Option<String>) {
        let span = self.source.value(pointer);
        self.problems.push(Problem::at(self.source, span, message.into(), help).known_as(id));
    }

    /// A finding at the key of a JSON pointer.
    fn key(&mut self, id: &'static str, pointer: &str, message: impl Into<String>, help: Option<String>) {
        let span = self.source.key(pointer);
        self.problems.push(Problem::at(self.source, span, message.into(), help).known_as(id));
    }
}

/// The kind files of a folder, or one by itself, and those that cannot be read.
pub fn files(path: &Path) -> std::io::Result<(KindFiles, Vec<Finding>)> {
    let mut paths = Vec::new();
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            paths.push(entry?.path());
        }
        paths.retain(|path| super::is_kind_file(path));
        paths.sort();
    } else {
        path.metadata()?;
        paths.push(path.to_owned());
    }
    let (mut files, mut findings) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => files.push((name, text)),
            Err(error) => findings.push(Finding::new(Problem::of_file(name, format!("unable to read: {error}")))),
        }
    }
    Ok((files, findings))
}

/// Lints files; `beside` are kinds that they are used with, which they may replace. In order of file and place.
#[must_use]
pub fn lint(files: KindFiles, beside: KindFiles) -> Vec<Finding> {
    let mut problems = Vec::new();
    let mut own = Vec::new();
    for (name, text) in files {
        let source = Source::new(name, text);
        match format::read(&source) {
            Ok(file) => own.push((source, file)),
            Err(found) => problems.extend(allow::filter(&source, found)),
        }
    }
    let mut all: Vec<(Source, KindFile)> = Vec::new();
    for (name, text) in beside {
        let source = Source::new(name, text);
        if let Ok(file) = format::read(&source)
            && !own.iter().any(|(_, other)| other.group == file.group && other.kind == file.kind)
        {
            all.push((source, file));
        }
    }
    let first = all.len();
    all.extend(own);
    problems.extend(clash::find(&all));
    for (source, file) in &all[first..] {
        match compile::compile(file.clone(), source, KindIndex(0)) {
            Ok(kind) => problems.extend(allow::filter(source, advice(source, file, &kind, &all))),
            Err(found) => problems.extend(found),
        }
    }
    problems.sort_by(|a, b| (&a.file, a.line, a.column, a.id).cmp(&(&b.file, b.line, b.column, b.id)));
    problems.into_iter().map(Finding::new).collect()
}

fn advice(source: &Source, file: &KindFile, kind: &Kind, all: &[(Source, KindFile)]) -> Vec<Problem> {
    let mut desk = Desk { source, problems: Vec::new() };
    let facts = Facts::of(file);
    names::check(&mut desk, file, all);
    columns::check(&mut desk, file, &kind.program.shape);
    steps::check(&mut desk, file, &kind.program.shape);
    rules::check(&mut desk, file, &kind.program.shape, &facts);
    schema::check(&mut desk, file, &facts);
    desk.problems
}
