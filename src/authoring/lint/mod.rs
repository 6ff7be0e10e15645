//! `kinds lint`: what the loader refuses, and what it takes although it cannot work, never takes effect or leaves its
//! users without help.
//!
//! A finding that is meant to be is allowed by a comment, with the reason: `# lint-allow ID: why`, above what it is
//! about, or at the top for the whole file.

mod allow;
mod columns;
mod facts;
mod graph;
mod mend;
mod names;
mod relations;
mod repeated;
mod rules;
mod schema;
mod steps;
mod stricter;

use std::borrow::Cow;
use std::path::Path;

use crate::diagnostics::{Diagnostic, REFUSED, Severity, SourceText, UNREADABLE};
use crate::registry::compile;
use crate::registry::file::KindFile;
use crate::registry::{Kind, KindFiles, clash, foreign, format};
use crate::resource::KindIndex;
use facts::Facts;

/// A check.
#[derive(Clone, Copy, Debug)]
pub struct Lint {
    /// Its name, which does not change.
    pub id: &'static str,
    pub severity: Severity,
    /// What it finds.
    pub finds: &'static str,
}

/// Where the checks are described.
pub const PAGE: &str = "https://github.com/orlojhq/orloj-operator/blob/main/kinds/LINTS.md";

impl Lint {
    /// Address of the check's description.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{PAGE}#{}", self.id)
    }
}

const fn error(id: &'static str, finds: &'static str) -> Lint {
    Lint { id, severity: Severity::Error, finds }
}

const fn warning(id: &'static str, finds: &'static str) -> Lint {
    Lint { id, severity: Severity::Warning, finds }
}

/// All checks.
pub const LINTS: [Lint; 40] = [
    error(REFUSED, "whatever else the loader refuses: keys, names, paths, patterns, messages"),
    error(UNREADABLE, "a file or a folder that cannot be read"),
    error("empty-file", "a file without a kind"),
    error("foreign-object", "a Kubernetes object, or cases of a kind, under a kind file's name"),
    error("clash", "a name, table or collection that another kind has"),
    error("default-in-schema", "a `default` that no CEL rule reads: values are filled in by `normalize`"),
    error("protected-group", "a group below `k8s.io` or `kubernetes.io` without an `approval`"),
    error("yaml-word", "a word without quotes that YAML reads as a boolean, a number or nothing"),
    warning("quoted-choice", "a choice that has to be quoted in every manifest, as YAML reads it as something else"),
    error("cel-type", "a CEL rule that the API server would refuse: an unknown field or function, or a wrong type"),
    error("cel-cost", "a CEL rule whose estimated cost is above the API server's limit of 10,000,000"),
    error("cel-cost-total", "CEL rules whose estimated cost is above the API server's limit of 100,000,000 for a CRD"),
    warning("cel-unjudged", "a CEL rule that only an API server can check"),
    warning("cel-constant", "a CEL rule that does not look at `self`"),
    error("cel-field-path", "a `fieldPath` that leads to no field"),
    error("printer-path", "a printer column whose JSON path leads nowhere, or to what its type cannot show"),
    warning("no-printer-column", "a kind of which `kubectl get` shows nothing of its own"),
    warning("no-description", "a kind or a field without a description"),
    error("column-source", "a table column that is always empty: from an object, a list or a name that no payload has"),
    warning("column-unchecked", "a column of type timestamp whose field may hold what is no time"),
    warning("ambiguous-name", "a name that means a kind of another group too, so that kubectl takes the wrong one"),
    error("schema-stricter", "an `enum`, a bound, a pattern or a `required` that refuses what `normalize` would mend"),
    warning("schema-repeats-rule", "an `enum` or a pattern of a field of which a rule says what may stand there"),
    error("default-refused", "a value that a step fills in, and a rule or the schema refuses"),
    warning("step-without-effect", "a step that changes nothing"),
    error("step-never", "a step that is never taken: its guard never holds, or its field has been dropped"),
    error("condition-misfit", "a state that values of this type never have, such as `set` of a string"),
    error("condition-constant", "a condition that always holds or never does"),
    error("rule-never-fails", "a rule that refuses nothing"),
    error("rule-always-fails", "a rule that refuses everything"),
    error(
        "word-unreachable",
        "a word that steps or rules before leave no way to match, such as upper case after `lower`",
    ),
    error("rule-shadowed", "a rule that an earlier one leaves nothing to refuse"),
    error("reference-kind", "a reference to a kind that no file describes, so that `validate` never looks for it"),
    error(
        "relation-constant",
        "an entry of `references`, `graph` or `outdated` that never finds anything, or always does",
    ),
    warning("relation-twice", "an entry of `references`, `graph` or `outdated` that another one makes needless"),
    warning("outdated-mended", "an outdated value that a step replaces, so that orlojd never sees it"),
    warning("outdated-unclear", "an outdated value without a sound version, or with nothing to do instead"),
    warning("message-cut", "a message that ends in the middle of a sentence where the API server leaves values out"),
    warning("message-without-help", "a message that does not say what to do"),
    warning("lint-allow", "a `lint-allow` comment without a reason, of no known id, or with nothing to allow"),
];

/// What a check found.
#[derive(Clone, Debug)]
pub struct LintFinding {
    pub lint: &'static Lint,
    pub problem: Diagnostic,
}

impl std::fmt::Display for LintFinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem.titled(&format!("{}[{}]", self.lint.severity.name(), self.lint.id)))
    }
}

impl LintFinding {
    fn new(problem: Diagnostic) -> Self {
        let lint = LINTS.iter().find(|lint| lint.id == problem.id).unwrap_or(&LINTS[0]);
        Self { lint, problem }
    }
}

/// One file, while its findings are collected.
struct Desk<'s> {
    source: &'s SourceText,
    problems: Vec<Diagnostic>,
}

impl Desk<'_> {
    /// A finding at the value of a JSON pointer.
    fn value(&mut self, id: &'static str, pointer: &str, message: impl Into<String>, help: Option<String>) {
        let span = self.source.value(pointer);
        self.problems.push(Diagnostic::at(self.source, span, message.into(), help).known_as(id));
    }

    /// A finding at the key of a JSON pointer.
    fn key(&mut self, id: &'static str, pointer: &str, message: impl Into<String>, help: Option<String>) {
        let span = self.source.key(pointer);
        self.problems.push(Diagnostic::at(self.source, span, message.into(), help).known_as(id));
    }
}

/// The kind files of a folder, or one by itself, and those that cannot be read.
pub fn files(path: &Path) -> std::io::Result<(KindFiles, Vec<LintFinding>)> {
    let mut paths = Vec::new();
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            paths.push(entry?.path());
        }
        paths.retain(|path| crate::registry::is_kind_file(path));
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
            Err(error) => {
                findings.push(LintFinding::new(Diagnostic::of_file(name, format!("unable to read: {error}"))));
            }
        }
    }
    Ok((files, findings))
}

/// Lints files; `beside` are kinds that they are used with, which they may replace. In order of file and place.
///
/// What the loader refuses in a file does not keep the rest of it from being judged, as far as it can be read.
#[must_use]
pub fn lint(files: KindFiles, beside: KindFiles) -> Vec<LintFinding> {
    let mut problems = Vec::new();
    let mut own = Vec::new();
    let mut faults = Vec::new();
    for (name, text) in files {
        let source = SourceText::new(name, text);
        let (file, found) = format::read_on(&source);
        match file {
            Some(file) => {
                own.push((source, file));
                faults.push(found);
            }
            None => problems.extend(allow::filter(&source, found, false)),
        }
    }
    let mut all: Vec<(SourceText, KindFile)> = Vec::new();
    for (name, text) in beside {
        let source = SourceText::new(name, text);
        if let Ok(file) = format::read(&source)
            && !own.iter().any(|(_, other)| other.group == file.group && other.kind == file.kind)
        {
            all.retain(|(_, other)| other.group != file.group || other.kind != file.kind);
            all.push((source, file));
        }
    }
    let first = all.len();
    all.extend(own);
    // what such a kind says of its rows is judged where it stands
    let borrowing: Vec<bool> = all.iter().map(|(_, file)| file.into.is_some()).collect();
    problems.extend(foreign::expand(&mut all));
    let ours = |problem: &Diagnostic| all[first..].iter().any(|(source, _)| source.name == problem.file);
    problems.extend(clash::find(&all).into_iter().filter(ours));
    for (((source, file), mut found), borrows) in all[first..].iter().zip(faults).zip(&borrowing[first..]) {
        let compiled = compile::compile(file.clone(), source, KindIndex(0));
        let compiled = compiled.map_err(|more| found.extend(more)).ok();
        let told =
            |advice: &Diagnostic| !found.iter().any(|fault| (fault.line, fault.column) == (advice.line, advice.column));
        let advice = if *borrows { Vec::new() } else { advice(source, file, compiled.as_ref(), &all) };
        let advice: Vec<Diagnostic> = advice.into_iter().filter(told).collect();
        found.extend(advice);
        problems.extend(allow::filter(source, found, true));
    }
    problems.sort_by(|a, b| (&a.file, a.line, a.column, a.id).cmp(&(&b.file, b.line, b.column, b.id)));
    problems.into_iter().map(LintFinding::new).collect()
}

/// `compiled`: the kind, where nothing is wrong with its file.
fn advice(
    source: &SourceText,
    file: &KindFile,
    compiled: Option<&Kind>,
    all: &[(SourceText, KindFile)],
) -> Vec<Diagnostic> {
    let mut desk = Desk { source, problems: Vec::new() };
    let shape =
        compiled.map_or_else(|| Cow::Owned(compile::shape(file, source)), |kind| Cow::Borrowed(&kind.program.shape));
    let shape = &*shape;
    if let Some(kind) = compiled {
        repeated::check(&mut desk, &file.schema, kind);
    }
    let facts = Facts::of(file);
    names::check(&mut desk, file, all);
    columns::check(&mut desk, file, shape);
    steps::check(&mut desk, file, shape);
    rules::check(&mut desk, file, shape, &facts);
    relations::check(&mut desk, file, shape, &facts, all);
    stricter::check(&mut desk, file, &facts);
    schema::check(&mut desk, file);
    desk.problems
}
