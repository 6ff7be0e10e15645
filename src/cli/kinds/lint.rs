//! `kinds lint`: what is wrong with kind files.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::args::{LintArgs, ReportFormat};
use crate::cli::{CliError, Ended, output};
use crate::registry::Registry;
use crate::registry::lint::{self, Finding, LINTS, Severity};

pub fn run(args: &LintArgs, folder: Option<&Path>) -> Result<Ended, CliError> {
    if args.list {
        list(args.output)?;
        return Ok(Ended::Well);
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
    Ok(Ended::well_if(errors == 0 && (warnings == 0 || !args.deny_warnings)))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The number of files that were read, and what was found.
fn findings(args: &LintArgs, folder: Option<&Path>) -> Result<(usize, Vec<Finding>), CliError> {
    let mut paths: Vec<&Path> = args.paths.iter().map(AsRef::as_ref).collect();
    if paths.is_empty() {
        paths.extend(folder);
    }
    if paths.is_empty() {
        let files = Registry::embedded_files();
        return Ok((files.len(), lint::lint(files, Vec::new())));
    }
    let (mut files, mut findings) = (Vec::new(), Vec::new());
    for path in paths {
        let failed = |error| CliError::Path { path: path.to_owned(), error };
        let (found, unreadable) = lint::files(path).map_err(failed)?;
        if found.is_empty() && unreadable.is_empty() {
            return Err(CliError::Usage(format!("unable to lint {}: there is no kind file in it", path.display())));
        }
        files.extend(found);
        findings.extend(unreadable);
    }
    let count = files.len() + findings.len();
    findings.extend(lint::lint(files, Registry::embedded_files()));
    Ok((count, findings))
}

fn described(finding: &Finding) -> Value {
    let problem = &finding.problem;
    json!({
        "id": finding.lint.id,
        "severity": finding.lint.severity.word(),
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "help": problem.help,
    })
}

fn list(format: ReportFormat) -> std::io::Result<()> {
    match format {
        ReportFormat::Json => {
            let described =
                |lint: &lint::Lint| json!({"id": lint.id, "severity": lint.severity.word(), "finds": lint.finds});
            output::json(&LINTS.iter().map(described).collect::<Vec<_>>())
        }
        ReportFormat::Text => {
            let row =
                |lint: &lint::Lint| vec![lint.id.to_owned(), lint.severity.word().to_owned(), lint.finds.to_owned()];
            output::text(&output::table(&["ID", "SEVERITY", "FINDS"], LINTS.iter().map(row)))
        }
    }
}
