//! `kinds lint`: what is wrong with kind files.

use std::path::Path;

use serde_json::{Value, json};

use crate::authoring::lint::{self, LINTS, LintFinding};
use crate::cli::args::{LintArgs, ReportFormat};
use crate::cli::{CliError, CommandStatus, output};
use crate::diagnostics::Severity;
use crate::registry::{KindFiles, Registry};

pub fn run(args: &LintArgs, folder: Option<&Path>) -> Result<CommandStatus, CliError> {
    if args.list {
        list(args.output)?;
        return Ok(CommandStatus::Success);
    }
    let (count, findings) = findings(args, folder)?;
    let number = |severity| findings.iter().filter(|finding| finding.lint.severity == severity).count();
    let (errors, warnings) = (number(Severity::Error), number(Severity::Warning));
    match args.output {
        ReportFormat::Json => output::json(&findings.iter().map(described).collect::<Vec<_>>())?,
        ReportFormat::Text => {
            let told = findings.iter().fold(String::new(), |told, finding| told + &finding.to_string() + "\n\n");
            let sum = [counted(count, "kind file"), counted(errors, "error"), counted(warnings, "warning")];
            output::text(&format!("{told}{}: {}, {}\n", sum[0], sum[1], sum[2]))?;
        }
    }
    Ok(CommandStatus::success_if(errors == 0 && (warnings == 0 || !args.deny_warnings)))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The number of files that were read, and what was found.
fn findings(args: &LintArgs, folder: Option<&Path>) -> Result<(usize, Vec<LintFinding>), CliError> {
    let mut paths: Vec<&Path> = args.paths.iter().map(AsRef::as_ref).collect();
    if paths.is_empty() {
        paths.extend(folder);
    }
    if paths.is_empty() {
        let files = Registry::embedded_files();
        return Ok((files.len(), lint::lint(files, Vec::new())));
    }
    let (mut files, mut findings): (KindFiles, Vec<LintFinding>) = (Vec::new(), Vec::new());
    for path in &paths {
        let failed = |error| CliError::Path { path: (*path).to_owned(), error };
        let (found, unreadable) = lint::files(path).map_err(failed)?;
        if found.is_empty() && unreadable.is_empty() {
            let help = "give the folder whose *.yaml or *.yml files are kinds";
            return Err(CliError::Usage(format!(
                "unable to lint {}: there is no kind file in it: {help}",
                path.display()
            )));
        }
        // a file that is given twice, by itself and with its folder, does not clash with itself
        files.extend(found.into_iter().filter(|(name, _)| !is_among(name, &files)).collect::<Vec<_>>());
        findings.extend(unreadable);
    }
    let count = files.len() + findings.len();
    let beside = beside(&paths, folder, &files);
    findings.extend(lint::lint(files, beside));
    Ok((count, findings))
}

/// The kinds that these are used with: the built-in ones, those of --kinds, and for a single file those of its folder.
fn beside(paths: &[&Path], folder: Option<&Path>, files: &KindFiles) -> KindFiles {
    let around = paths.iter().filter(|path| path.is_file()).map(|path| match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    });
    let mut beside = Registry::embedded_files();
    for place in around.chain(folder) {
        let found = lint::files(place).map(|(found, _)| found).unwrap_or_default();
        let more: Vec<_> =
            found.into_iter().filter(|(name, _)| !is_among(name, files) && !is_among(name, &beside)).collect();
        beside.extend(more);
    }
    beside
}

fn is_among(name: &str, files: &KindFiles) -> bool {
    let real = |name: &str| std::fs::canonicalize(name).unwrap_or_else(|_| name.into());
    files.iter().any(|(other, _)| real(other) == real(name))
}

fn described(finding: &LintFinding) -> Value {
    let problem = &finding.problem;
    json!({
        "id": finding.lint.id,
        "severity": finding.lint.severity.name(),
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "help": problem.help,
        "url": finding.lint.url(),
    })
}

fn list(format: ReportFormat) -> std::io::Result<()> {
    match format {
        ReportFormat::Json => {
            let described = |lint: &lint::Lint| {
                json!({
                    "id": lint.id,
                    "severity": lint.severity.name(),
                    "finds": lint.finds,
                    "url": lint.url(),
                })
            };
            output::json(&LINTS.iter().map(described).collect::<Vec<_>>())
        }
        ReportFormat::Text => {
            let row =
                |lint: &lint::Lint| vec![lint.id.to_owned(), lint.severity.name().to_owned(), lint.finds.to_owned()];
            output::text(&output::table(&["ID", "SEVERITY", "FINDS"], LINTS.iter().map(row)))
        }
    }
}
