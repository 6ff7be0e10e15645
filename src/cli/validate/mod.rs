//! `validate`: what is wrong with manifests, without a cluster.

mod github;
mod json;
mod junit;
mod sarif;
mod text;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use super::args::{FindingFormat, ValidateArgs};
use super::{CliError, CommandStatus, output};
use crate::registry::Registry;
use crate::source::manifest::file_name;
use crate::telemetry::Terminal;
use crate::validate::file::{Settings, Validator};
use crate::validate::finding::Finding;
use crate::validate::rule::{self, RULES, ValidationRule};
use crate::validate::run::{Event, ValidationSummary, run as run_files};

/// A way of reporting. Findings come file by file, in order.
trait Report {
    fn file(&mut self, file: &Path, findings: &[Finding]) -> io::Result<()>;
    /// Findings that look at more than one object, of any file.
    fn across(&mut self, findings: &[Finding]) -> io::Result<()>;
    fn end(&mut self, summary: &ValidationSummary) -> io::Result<()>;
}

pub fn run(args: &ValidateArgs, registry: Arc<Registry>, terminal: &Terminal) -> Result<CommandStatus, CliError> {
    let ignore = args.ignore.iter().map(|id| rule_of(id)).collect::<Result<Vec<_>, _>>()?;
    if args.list_rules {
        list_rules(args.output)?;
        return Ok(CommandStatus::Success);
    }
    let settings = Settings { fields: args.fields.get(), strict: args.strict, closed: args.closed, ignore };
    let validator = Validator::new(registry, settings);
    let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut report: Box<dyn Report + '_> = match args.output {
        FindingFormat::Text => Box::new(text::TextReport::new(out, colour)),
        FindingFormat::Json => Box::new(json::Json::new(out)),
        FindingFormat::Sarif => Box::new(sarif::Sarif::new(out)),
        FindingFormat::Junit => Box::new(junit::Junit::new(out)),
        FindingFormat::Github => Box::new(github::Github::new(out)),
    };
    let progress = terminal.progress("files", None);
    let summary = run_files(&validator, &args.paths, &mut |event| match event {
        Event::File(file, findings) => {
            progress.advance(1);
            report.file(file, findings)
        }
        Event::Across(findings) => report.across(findings),
    })?;
    drop(progress);
    report.end(&summary)?;
    drop(report);
    ended(args, &summary)
}

fn ended(args: &ValidateArgs, summary: &ValidationSummary) -> Result<CommandStatus, CliError> {
    if summary.unreadable > 0 {
        let what = if summary.unreadable == 1 { "path" } else { "paths" };
        return Err(CliError::Usage(format!("unable to read {} {what}", summary.unreadable)));
    }
    if summary.objects == 0 && summary.skipped.is_empty() && summary.errors == 0 {
        let paths = args.paths.iter().map(|path| file_name(path)).collect::<Vec<_>>().join(", ");
        return Err(CliError::Usage(format!("unable to validate anything: there is no manifest in {paths}")));
    }
    Ok(CommandStatus::success_if(summary.errors == 0 && (summary.warnings == 0 || !args.deny_warnings)))
}

fn rule_of(id: &str) -> Result<&'static ValidationRule, CliError> {
    let unknown =
        || CliError::Usage(format!("unable to ignore {id}: there is no such rule; see validate --list-rules"));
    rule::find(id.trim()).ok_or_else(unknown)
}

fn list_rules(format: FindingFormat) -> io::Result<()> {
    if format == FindingFormat::Text {
        let header = ["RULE", "SEVERITY", "STAGE", "SUMMARY"];
        let stage = |rule: &ValidationRule| format!("{:?}", rule.stage).to_lowercase();
        let row = |rule: &&ValidationRule| {
            vec![rule.id.to_owned(), rule.severity.name().to_owned(), stage(rule), rule.summary.to_owned()]
        };
        return output::text(&output::table(&header, RULES.iter().map(row)));
    }
    let described = |rule: &&ValidationRule| {
        let mut value = serde_json::to_value(rule).unwrap_or_default();
        value["help"] = rule.help().into();
        value
    };
    output::json(&RULES.iter().map(described).collect::<Vec<_>>())
}

/// `24 objects`, `1 object`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The finding's text and all that belongs to it, on lines of its own.
fn whole_text(finding: &Finding) -> String {
    let mut text = finding.text.clone();
    if let Some(object) = &finding.object {
        text = format!("{object}: {text}");
    }
    for (word, more) in [("help", &finding.help), ("note", &finding.note)] {
        if let Some(more) = more {
            text = format!("{text}\n{word}: {more}");
        }
    }
    text
}

/// Writes and flushes.
fn finish(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}
