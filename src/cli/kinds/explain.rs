//! `kinds explain`: a kind or a field in words.

use std::fmt::Write;
use std::path::Path;

use crate::authoring::explain::{ExplainedEntry, Explanation, Field, explain};
use crate::cli::args::{ExplainArgs, ReportFormat};
use crate::cli::{CliError, CommandStatus, output};
use crate::registry::{Registry, files_of};

pub fn run(args: &ExplainArgs, folder: Option<&Path>) -> Result<CommandStatus, CliError> {
    // so that a broken file is told as everywhere
    Registry::load(folder)?;
    let mut files = Registry::embedded_files();
    if let Some(folder) = folder {
        files.extend(files_of(folder)?);
    }
    let explanation = explain(files, &args.what, args.recursive)?;
    match args.output {
        ReportFormat::Json => output::json(&explanation)?,
        ReportFormat::Text => output::text(&text(&explanation))?,
    }
    Ok(CommandStatus::Success)
}

/// Widest line of a text.
const WIDTH: usize = 100;

fn text(explanation: &Explanation) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "{:<10}  {value}", format!("{name}:"));
    };
    line("KIND", &explanation.kind);
    line("VERSION", &explanation.api_version);
    let required = if explanation.required { " (required)" } else { "" };
    line("FIELD", &format!("{} <{}>{required}", explanation.path, explanation.field_type));
    if let Some(from) = &explanation.from {
        line("FROM", &format!("{from} of the object"));
    }
    line("STORED", &explanation.stored);
    section(&mut out, "DESCRIPTION", explanation.description.lines().map(str::to_owned));
    section(&mut out, "CHECKED BY THE API SERVER", explanation.constraints.iter().cloned());
    section(&mut out, "NORMALISED, in this order", explanation.steps.iter().map(entry));
    section(
        &mut out,
        "RULES, in this order; the first that refuses gives the error",
        explanation.rules.iter().map(entry),
    );
    section(&mut out, "CHECKED BY VALIDATE, over all manifests", explanation.relations.iter().cloned());
    section(&mut out, "NAMED BY", explanation.named_by.iter().cloned());
    section(&mut out, "COLUMNS", explanation.columns.iter().cloned());
    if !explanation.fields.is_empty() {
        out.push_str("\nFIELDS\n");
        fields(&mut out, &explanation.fields, 2);
    }
    out
}

fn entry(entry: &ExplainedEntry) -> String {
    let message = entry.message.as_ref().map(|message| format!("\n{message}")).unwrap_or_default();
    let why = entry.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let checked = entry.checked_by.map(|who| format!("\nchecked by {who}{why}")).unwrap_or_default();
    format!("{}. {}{message}{checked}", entry.number, entry.text)
}

/// A heading, and texts below it; the lines after a text's first are set in.
fn section(out: &mut String, heading: &str, texts: impl Iterator<Item = String>) {
    let mut begun = false;
    for text in texts {
        if !begun {
            let _ = writeln!(out, "\n{heading}");
            begun = true;
        }
        for (index, line) in text.lines().enumerate() {
            let indent = if index == 0 { "  " } else { "      " };
            for (row, part) in wrapped(line, WIDTH - indent.len()).iter().enumerate() {
                let more = if row == 0 { "" } else { "    " };
                let _ = writeln!(out, "{indent}{more}{part}");
            }
        }
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].chars().count() + word.chars().count() >= width {
            lines.push(word.to_owned());
            continue;
        }
        if !lines[last].is_empty() {
            lines[last].push(' ');
        }
        lines[last].push_str(word);
    }
    lines
}

fn fields(out: &mut String, all: &[Field], indent: usize) {
    for field in all {
        let required = if field.required { " (required)" } else { "" };
        let _ = writeln!(out, "{:indent$}{} <{}>{required}", "", field.name, field.field_type);
        for part in wrapped(&field.description, WIDTH - indent - 4) {
            if !part.is_empty() {
                let _ = writeln!(out, "{:width$}{part}", "", width = indent + 4);
            }
        }
        fields(out, &field.fields, indent + 2);
    }
}
