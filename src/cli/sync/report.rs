//! What a sync came to, for people or as JSON lines.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::line::{self, LeftRow, Line, SyncAction, SyncResult};
use super::observe::ReconcilerEvent;
use super::{ReportFormat, Say, Session};
use crate::cli::finding::FindingLine;
use crate::cli::{CliError, CommandStatus, output};
use crate::directory::{Heard, Listed};
use crate::plan::AbandonedRow;
use crate::resource::ResourceId;
use crate::source::manifest::ManifestError;

/// Unchanged resources are named one by one up to this many.
const FEW: usize = 50;

/// What became of everything so far.
#[derive(Debug, Default)]
pub struct Tally {
    pub results: HashMap<ResourceId, SyncResult>,
    /// Rows that resources have left without getting another.
    pub left: Vec<LeftRow>,
    pub problems: Vec<ManifestError>,
    pub listed: Listed,
}

impl Tally {
    pub fn note(&mut self, noted: ReconcilerEvent) {
        let ReconcilerEvent::Batch(kind, items) = noted else { return };
        for item in items {
            self.left.extend(LeftRow::of(kind, &item));
            let Some(result) = SyncResult::of(item.result) else { continue };
            let id = ResourceId { kind, object: item.object };
            let result = match self.results.remove(&id) {
                Some(SyncResult { moved_from: Some(key), .. }) if result.word == SyncAction::Refused => {
                    // an older resource has taken the new key from it
                    self.left.push(LeftRow { kind, left: AbandonedRow { key, retained: false } });
                    result
                }
                Some(before) => before.then(result),
                None => result,
            };
            self.results.insert(id, result);
        }
    }

    pub fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Problem(problem) => self.problems.push(problem),
            Heard::Listed(listed) => self.listed = listed,
        }
    }

    /// Prints the resources in the order of their manifests, those that went, what is wrong, and the sum.
    pub(super) async fn report(mut self, session: &Session) -> Result<CommandStatus, CliError> {
        let mut results = Vec::new();
        for id in session.known.in_order() {
            let result = self.results.remove(&id).unwrap_or_else(SyncResult::unchanged);
            results.push((id, result));
        }
        let mut gone: Vec<_> = self.results.drain().collect();
        gone.sort_by(|a, b| a.0.cmp(&b.0));
        results.extend(gone);

        // a row that another resource has taken up since is told of that one
        let has_row = |result: &SyncResult| result.word < SyncAction::Suspended;
        let taken: HashSet<_> = results
            .iter()
            .filter(|(_, result)| has_row(result))
            .map(|(id, result)| (id.kind, result.key.clone()))
            .collect();
        self.left.retain(|row| !taken.contains(&(row.kind, row.left.key.clone())));

        let mut counts: BTreeMap<SyncAction, usize> = BTreeMap::new();
        for (_, result) in &results {
            *counts.entry(result.word).or_default() += 1;
        }
        for left in &self.left {
            *counts.entry(left.word()).or_default() += 1;
        }
        let clear = warns_of_clear_text(session, &results);
        let unchanged = counts.get(&SyncAction::Unchanged).copied().unwrap_or(0);
        if session.say != Say::All && session.format == ReportFormat::Text && unchanged > FEW {
            let warned = |id: &ResourceId, result: &SyncResult| !line::findings(&session.known, id, result).is_empty();
            results.retain(|(id, result)| result.word != SyncAction::Unchanged || warned(id, result));
        }
        if session.say == Say::Errors {
            results.retain(|(_, result)| result.word == SyncAction::Refused);
        }
        let mut lines = line::lines(session, results).await?;
        self.left.sort_by(|a, b| (a.kind, &a.left.key).cmp(&(b.kind, &b.left.key)));
        if session.say != Say::Errors {
            lines.extend(self.left.into_iter().map(|left| left.line(session)));
        }
        tell_lines(session, &lines)?;
        for problem in &self.problems {
            tell_problem(session, problem)?;
        }
        if clear {
            output::note(
                "warning: no encryption key: secret values are stored in the clear (base64); set \
                 ORLOJ_SECRET_ENCRYPTION_KEY",
            );
        }
        tell_sum(session, &counts, &self.listed, self.problems.len())?;
        Ok(CommandStatus::success_if(self.problems.is_empty() && !counts.contains_key(&SyncAction::Refused)))
    }
}

/// Whether secret values went into the store as they are.
fn warns_of_clear_text(session: &Session, results: &[(ResourceId, SyncResult)]) -> bool {
    let secret = |(id, result): &(ResourceId, SyncResult)| {
        session.registry.kind(id.kind).sensitive && result.word < SyncAction::Suspended
    };
    session.in_the_clear && results.iter().any(secret)
}

/// Lines to standard output, their errors to standard error.
pub fn tell_lines(session: &Session, lines: &[Line]) -> Result<(), CliError> {
    if session.format == ReportFormat::Json {
        for line in lines {
            output::json_line(line)?;
        }
        return Ok(());
    }
    let widths = line::widths(lines);
    if session.say != Say::Errors {
        let text: String = lines.iter().map(|line| line.text(widths) + "\n").collect();
        output::text(&text)?;
    }
    for line in lines {
        let told = line.findings.iter().filter(|finding| session.say != Say::Errors || finding.is_error());
        told.for_each(FindingLine::tell);
        let Some(error) = line.error.as_ref().filter(|_| !line.findings.iter().any(FindingLine::is_error)) else {
            continue;
        };
        let place = match (&line.file, line.line) {
            (Some(file), Some(number)) => format!("{file}:{number}: "),
            _ => String::new(),
        };
        output::note(&format!("error: {place}{} {}: {error}", line.kind, output::plain(&line.key)));
    }
    Ok(())
}

/// What could not be read.
pub fn tell_problem(session: &Session, problem: &ManifestError) -> Result<(), CliError> {
    if session.format == ReportFormat::Json {
        let mut object = Map::new();
        object.insert("result".to_owned(), json!("unreadable"));
        object.insert("file".to_owned(), json!(problem.file.display().to_string()));
        if problem.line > 0 {
            object.insert("line".to_owned(), json!(problem.line));
        }
        if problem.column > 0 {
            object.insert("column".to_owned(), json!(problem.column));
        }
        object.insert("error".to_owned(), json!(problem.text));
        return Ok(output::json_line(&Value::Object(object))?);
    }
    output::note(&format!("error: {problem}"));
    for line in problem.snippet.iter().flat_map(|snippet| snippet.lines()) {
        output::note(&format!("  {line}"));
    }
    Ok(())
}

fn tell_sum(
    session: &Session,
    counts: &BTreeMap<SyncAction, usize>,
    listed: &Listed,
    problems: usize,
) -> Result<(), CliError> {
    let count = |word| counts.get(&word).copied().unwrap_or(0);
    if session.format == ReportFormat::Json {
        let mut sum = Map::new();
        for (word, count) in counts {
            sum.insert(word.text().to_owned(), json!(count));
        }
        for (name, count) in [
            ("files", listed.files),
            ("resources", listed.resources),
            ("skipped", listed.foreign),
            ("runtime", listed.runtime),
            ("unreadable", problems),
        ] {
            sum.insert(name.to_owned(), json!(count));
        }
        return Ok(output::json_line(&json!({ "summary": sum }))?);
    }
    if session.say == Say::Errors {
        return Ok(());
    }
    let of_resources = counts.iter().filter(|(word, _)| **word < SyncAction::Removed);
    let mut parts: Vec<_> = of_resources.map(|(word, count)| format!("{count} {}", word.text())).collect();
    parts.push(format!("{} removed", many(count(SyncAction::Removed), "row")));
    if count(SyncAction::Retained) > 0 {
        parts.push(format!("{} left and given up", many(count(SyncAction::Retained), "row")));
    }
    let mut text = vec![format!("{}: {}", many(listed.resources, "resource"), parts.join(", "))];
    if listed.foreign > 0 {
        text.push(format!("{} of other groups skipped", many(listed.foreign, "object")));
    }
    if listed.runtime > 0 {
        text.push(format!("{} left alone, made through orlojctl or REST", many(listed.runtime, "object")));
    }
    if problems > 0 {
        text.push(many(problems, "unreadable manifest"));
    }
    if listed.incomplete && session.prune {
        text.push("nothing was pruned, since what cannot be read may be what is missing".to_owned());
    }
    Ok(output::line(&text.join("; "))?)
}

fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
