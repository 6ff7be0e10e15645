//! Findings that are meant to be: `# lint-allow ID: why`.

use super::LINTS;
use crate::apimachinery::suggest::suggest;
use crate::diagnostics::{Diagnostic, SourceText};

const WORD: &str = "lint-allow";

/// A comment, and the lines that it speaks of.
struct Allowance {
    id: String,
    /// Lines, from 1, the last included.
    from: usize,
    to: usize,
    used: bool,
}

/// Leaves out what is allowed, and says which allowances are none; where not all of the file was judged (`whole`), one
/// that allows nothing may still be right.
pub(super) fn filter(source: &SourceText, problems: Vec<Diagnostic>, whole: bool) -> Vec<Diagnostic> {
    let (mut allowances, mut kept) = read(source);
    for problem in problems {
        let covers = |allowance: &&mut Allowance| {
            allowance.id == problem.id && (allowance.from..=allowance.to).contains(&problem.line)
        };
        match allowances.iter_mut().find(covers) {
            Some(allowance) => allowance.used = true,
            None => kept.push(problem),
        }
    }
    for allowance in allowances.iter().filter(|allowance| whole && !allowance.used) {
        let message = format!("there is nothing of `{}` to allow here", allowance.id);
        kept.push(at_line(source, comment_line(source, allowance), message, Some("take the comment out".to_owned())));
    }
    kept
}

fn at_line(source: &SourceText, line: usize, message: String, help: Option<String>) -> Diagnostic {
    let start = source.offset(line as u64, 1);
    let length = source.text.get(start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
    Diagnostic::at(source, start..start + length, message, help).known_as(WORD)
}

/// The comment's own line: the last one with its id before what it covers.
fn comment_line(source: &SourceText, allowance: &Allowance) -> usize {
    let lines: Vec<&str> = source.text.lines().collect();
    let wanted = format!("{WORD} {}", allowance.id);
    let before = lines.iter().enumerate().take(allowance.from.max(2));
    before.rev().find(|(_, line)| line.contains(&wanted)).map_or(1, |(index, _)| index + 1)
}

fn read(source: &SourceText) -> (Vec<Allowance>, Vec<Diagnostic>) {
    let lines: Vec<&str> = source.text.lines().collect();
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    let head = lines.iter().take_while(|line| line.trim().is_empty() || is_comment(line)).count();
    let (mut allowances, mut wrong) = (Vec::new(), Vec::new());
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| is_comment(line)) {
        let text = line.trim_start().trim_start_matches('#').trim_start();
        let Some(rest) = text.strip_prefix(WORD) else { continue };
        let (id, why) = rest.split_once(':').unwrap_or((rest, ""));
        let id = id.trim();
        if !LINTS.iter().any(|lint| lint.id == id) {
            let help = suggest(id, LINTS.iter().map(|lint| lint.id));
            wrong.push(at_line(source, index + 1, format!("there is no check `{id}`"), help));
        } else if why.trim().is_empty() {
            let help = format!("# {WORD} {id}: why it is meant to be");
            wrong.push(at_line(source, index + 1, "an allowance needs its reason".to_owned(), Some(help)));
        } else {
            let (from, to) = if index < head { (1, lines.len()) } else { block(&lines, index) };
            allowances.push(Allowance { id: id.to_owned(), from, to, used: false });
        }
    }
    (allowances, wrong)
}

/// The lines that a comment stands above: the next one that is no comment, and those further in after it.
fn block(lines: &[&str], comment: usize) -> (usize, usize) {
    let plain = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some(start) = (comment..lines.len()).find(|index| !plain(lines[*index])) else {
        return (comment + 1, comment + 1);
    };
    let inside = |index: &usize| plain(lines[*index]) || indent(lines[*index]) > indent(lines[start]);
    let end = (start + 1..lines.len()).take_while(inside).last().unwrap_or(start);
    (start + 1, end + 1)
}
