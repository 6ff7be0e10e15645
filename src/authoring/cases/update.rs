//! Writing what was found into a file of cases, and leaving all else in it as it stands.

use super::{CaseOutcome, yaml};
use crate::diagnostics::{Diagnostic, SourceText};

/// The text with what was found in place of what failed; `None` where nothing did.
pub fn updated(name: &str, text: &str, outcomes: &[CaseOutcome]) -> Result<Option<String>, Box<Diagnostic>> {
    if outcomes.iter().all(|outcome| outcome.diff.is_none()) {
        return Ok(None);
    }
    let source = SourceText::new(name.to_owned(), text.to_owned());
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // from the end, so that the lines before keep their numbers
    for (index, outcome) in outcomes.iter().enumerate().rev().filter(|(_, outcome)| outcome.diff.is_some()) {
        let place = place(&source, &lines, index)?;
        let mut block = vec![format!("{}expect:", " ".repeat(place.indent))];
        let inner = " ".repeat(place.indent + 2);
        block.extend(yaml(&outcome.found).lines().map(|line| format!("{inner}{line}").trim_end().to_owned()));
        lines.splice(place.from..place.to, block);
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    Ok(Some(lines.join(end) + end))
}

/// Lines (from 0, the last excluded) that an expectation takes, or would.
struct CasePlace {
    from: usize,
    to: usize,
    indent: usize,
}

fn place(source: &SourceText, lines: &[String], index: usize) -> Result<CasePlace, Box<Diagnostic>> {
    let pointer = format!("/{index}");
    let case = source.value(&pointer);
    let expect = source.key(&format!("{pointer}/expect"));
    let given = expect != case;
    let (line, column) = source.line_column(if given { expect.start } else { case.start });
    let (from, indent) = (line - 1, column - 1);
    let before = lines.get(from).and_then(|line| line.get(..indent)).unwrap_or_default();
    if !before.chars().all(|c| c == ' ' || c == '-') || source.text[case.start..].starts_with('{') {
        let help = "write each key of the case on a line of its own".to_owned();
        let message = "unable to update a case that is written in one line".to_owned();
        return Err(Box::new(Diagnostic::at(source, case, message, Some(help))));
    }
    let depth = |line: &String| line.len() - line.trim_start().len();
    let inside =
        |line: &&String| line.trim().is_empty() || if given { depth(line) > indent } else { depth(line) >= indent };
    let mut to = from + 1 + lines[from + 1..].iter().take_while(inside).count();
    while to > from + 1 && lines[to - 1].trim().is_empty() {
        to -= 1;
    }
    Ok(CasePlace { from: if given { from } else { to }, to, indent })
}
