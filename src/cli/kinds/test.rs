//! `kinds test`: runs the cases beside kind files.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::authoring::cases::{self, CaseOutcome};
use crate::cli::args::{ReportFormat, TestArgs};
use crate::cli::{CliError, CommandStatus, output};
use crate::diagnostics::Diagnostic;
use crate::registry::crd::WriteError;
use crate::registry::{Kind, KindFiles, Registry, files_of, fixtures_of, sha256};

/// What has been counted.
#[derive(Default)]
struct CaseCounts {
    cases: usize,
    failed: usize,
    updated: usize,
}

pub fn run(args: &TestArgs, folder: Option<&Path>) -> Result<CommandStatus, CliError> {
    let mut paths: Vec<&Path> = args.paths.iter().map(AsRef::as_ref).collect();
    if paths.is_empty() {
        paths.extend(folder);
    }
    let (mut files, mut fixtures) = (Vec::new(), Vec::new());
    let mut named = Vec::new();
    for path in &paths {
        // a kind is judged among those of its folder, also where only its own cases are run
        let folder = if path.is_file() { around(path) } else { path };
        let (found, cases) = (files_of(folder)?, fixtures_of(folder)?);
        let ours = |name: &String| *path == folder || same_kind(Path::new(name), path);
        named.extend(found.iter().map(|(name, _)| name.clone()).filter(ours));
        files.extend(
            found.into_iter().filter(|(name, _)| !files.iter().any(|(known, _)| known == name)).collect::<Vec<_>>(),
        );
        fixtures.extend(cases.into_iter().filter(|(name, _)| ours(name)));
    }
    let registry = if paths.is_empty() {
        if args.update {
            return Err(CliError::Usage("unable to update the built-in cases: name a folder".to_owned()));
        }
        (files, fixtures) = (Registry::embedded_files(), Registry::embedded_fixtures());
        named = files.iter().map(|(name, _)| name.clone()).collect();
        Registry::embedded()?
    } else {
        Registry::with_files(files.clone())?
    };
    let mut count = CaseCounts::default();
    let mut problems = Vec::new();
    for (name, text) in &fixtures {
        match kind_of(&registry, &files, name) {
            Ok(kind) => match cases::run(kind, name, text) {
                Ok(outcomes) => report(args, kind, name, text, &outcomes, &mut count, &mut problems)?,
                Err(found) => problems.extend(found),
            },
            Err(problem) => problems.push(*problem),
        }
    }
    if !problems.is_empty() {
        return Err(CliError::Cases { problems });
    }
    tell_bare(&named, &fixtures);
    if args.output == ReportFormat::Text {
        sum(&count)?;
    }
    Ok(CommandStatus::success_if(count.failed == 0))
}

fn around(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

/// Whether two files are of one kind: its own, or its cases.
fn same_kind(a: &Path, b: &Path) -> bool {
    let stem = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = name.trim_end_matches(".yaml").trim_end_matches(".yml");
        name.strip_suffix(".test").unwrap_or(name).to_owned()
    };
    stem(a) == stem(b)
}

/// The kind whose file the cases stand beside.
fn kind_of<'r>(registry: &'r Registry, files: &KindFiles, name: &str) -> Result<&'r Kind, Box<Diagnostic>> {
    let stem = cases::stem(name).unwrap_or(name);
    let beside = files.iter().find(|(file, _)| ["yaml", "yml"].iter().any(|end| *file == format!("{stem}.{end}")));
    let kind = beside.and_then(|(_, text)| {
        let digest = sha256(text.as_bytes());
        registry.kinds().iter().find(|kind| kind.digest == digest)
    });
    kind.ok_or_else(|| {
        let message = format!("there is no kind file {stem}.yaml beside these cases, or another one replaces it");
        Box::new(Diagnostic::of_file(name.to_owned(), message))
    })
}

fn report(
    args: &TestArgs,
    kind: &Kind,
    name: &str,
    text: &str,
    outcomes: &[CaseOutcome],
    count: &mut CaseCounts,
    problems: &mut Vec<Diagnostic>,
) -> Result<(), CliError> {
    count.cases += outcomes.len();
    let failing = outcomes.iter().filter(|outcome| outcome.diff.is_some()).count();
    if args.update && failing > 0 {
        match update(kind, name, text, outcomes) {
            Ok(()) => {
                output::note(&format!("wrote {name}"));
                count.updated += failing;
            }
            Err(CaseFailure::Diagnostic(problem)) => problems.push(*problem),
            Err(CaseFailure::Write(error)) => return Err(error.into()),
        }
        return Ok(());
    }
    count.failed += failing;
    for outcome in outcomes {
        match (args.output, &outcome.diff) {
            (ReportFormat::Json, diff) => output::json_line(&json!({
                "file": name,
                "line": outcome.line,
                "column": outcome.column,
                "kind": kind.names.kind,
                "case": outcome.name,
                "ok": diff.is_none(),
                "diff": diff,
            }))?,
            (ReportFormat::Text, Some(diff)) => {
                let at = format!("{name}:{}:{}", outcome.line, outcome.column);
                output::text(&format!("failed: {at}: {}\n  - expected, + found\n{}\n", outcome.name, indented(diff)))?;
            }
            (ReportFormat::Text, None) => {}
        }
    }
    Ok(())
}

fn indented(diff: &str) -> String {
    diff.lines().map(|line| format!("  {line}").trim_end().to_owned() + "\n").collect()
}

enum CaseFailure {
    Diagnostic(Box<Diagnostic>),
    Write(WriteError),
}

/// Writes a file of cases, once it is certain that all of them hold then.
fn update(kind: &Kind, name: &str, text: &str, outcomes: &[CaseOutcome]) -> Result<(), CaseFailure> {
    let Some(new) = cases::updated(name, text, outcomes).map_err(CaseFailure::Diagnostic)? else { return Ok(()) };
    let again = cases::run(kind, name, &new);
    if !again.is_ok_and(|outcomes| outcomes.iter().all(|outcome| outcome.diff.is_none())) {
        let message = "unable to update: write each key of a case on a line of its own".to_owned();
        return Err(CaseFailure::Diagnostic(Box::new(Diagnostic::of_file(name.to_owned(), message))));
    }
    let path = PathBuf::from(name);
    std::fs::write(&path, new).map_err(|source| CaseFailure::Write(WriteError { path, source }))
}

/// Kinds that prove nothing.
fn tell_bare(files: &[String], fixtures: &KindFiles) {
    let proven: Vec<&str> = fixtures.iter().filter_map(|(name, _)| cases::stem(name)).collect();
    let bare = |name: &&str| !proven.contains(&name.trim_end_matches(".yaml").trim_end_matches(".yml"));
    let bare: Vec<&str> = files.iter().map(String::as_str).filter(bare).collect();
    if !bare.is_empty() {
        output::note(&format!("without cases: {}", bare.join(", ")));
    }
}

fn sum(count: &CaseCounts) -> std::io::Result<()> {
    let updated = if count.updated > 0 { format!(", {} updated", count.updated) } else { String::new() };
    let passed = count.cases - count.failed - count.updated;
    let cases = if count.cases == 1 { "case" } else { "cases" };
    output::text(&format!("{} {cases}: {passed} passed, {} failed{updated}\n", count.cases, count.failed))
}
