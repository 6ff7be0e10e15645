//! Findings for people: the line with a caret below it.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Report, count, finish};
use crate::diagnostics::Severity;
use crate::source::manifest::file_name;
use crate::validate::finding::Finding;
use crate::validate::run::ValidationSummary;

pub struct TextReport<W> {
    out: W,
    renderer: Renderer,
}

impl<W: Write> TextReport<W> {
    pub fn new(out: W, colour: bool) -> Self {
        Self { out, renderer: if colour { Renderer::styled() } else { Renderer::plain() } }
    }

    fn findings(&mut self, findings: &[Finding]) -> io::Result<()> {
        for finding in findings {
            let shown = self.renderer.render(&[group(finding)]);
            writeln!(self.out, "{}\n", shown.trim_end())?;
        }
        Ok(())
    }
}

fn group(finding: &Finding) -> Group<'_> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(finding.text.as_str()).id(finding.rule.id);
    let file = file_name(&finding.file);
    let mut group = if let Some(excerpt) = &finding.excerpt {
        let span = AnnotationKind::Primary.span(excerpt.start..excerpt.end);
        let snippet = Snippet::source(excerpt.line.as_str()).path(file).line_start(finding.line).annotation(span);
        title.element(snippet)
    } else {
        let mut origin = Origin::path(file);
        if finding.line > 0 {
            origin = origin.line(finding.line);
            if finding.column > 0 {
                origin = origin.char_column(finding.column);
            }
        }
        title.element(origin)
    };
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    for note in finding.note.iter().chain(&finding.object) {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    group
}

impl<W: Write> Report for TextReport<W> {
    fn file(&mut self, _: &Path, findings: &[Finding]) -> io::Result<()> {
        self.findings(findings)
    }

    fn across(&mut self, findings: &[Finding]) -> io::Result<()> {
        self.findings(findings)
    }

    fn end(&mut self, summary: &ValidationSummary) -> io::Result<()> {
        let mut text = format!(
            "{} in {}: {}, {}\n",
            count(summary.objects, "object"),
            count(summary.files, "file"),
            count(summary.errors, "error"),
            count(summary.warnings, "warning")
        );
        if !summary.skipped.is_empty() {
            let all: usize = summary.skipped.values().sum();
            let groups = summary.skipped.iter().map(|(group, objects)| format!("{group} {objects}"));
            let groups = groups.collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "skipped {} of other groups: {groups}", count(all, "object"));
            if summary.skipped.keys().any(|group| group.contains('.') && !group.ends_with(".k8s.io")) {
                text += "their kind files, where there are any, are given with --kinds\n";
            }
        }
        finish(&mut self.out, &text)
    }
}
