//! The table: what was measured, beside what, and what it should reach.

use std::fmt::Write as _;

/// Names of the figures, and what each should reach.
pub const FIGURES: &[(&str, &str)] = &[
    ("rows", "≥ 5 × one row a transaction, ≥ 10,000/s"),
    ("rows-sqlite", "≥ 5 × one row a transaction, ≥ 10,000/s"),
    ("first-sync", "≤ 3 × a bare paged list"),
    ("acknowledged", "≥ 80 % of a bare client's rate"),
    ("restart", "0 API writes, 0 row writes"),
    ("rest", "0 writes, < 1 % of a core"),
    ("change", "p50 < 26 ms, p99 < 61 ms"),
    ("change-under-load", "p99 < 1 s"),
    ("memory", "≤ 40 MB RSS"),
    ("memory-object", "≤ 300 B"),
    ("large-objects", "< 160 MiB RSS at any time, small ones ≤ 2 × as slow"),
    ("validate", "sooner than kubeconform"),
    ("validate-memory", "≤ 128 B a further file, less than kubeconform"),
    ("write-war", "≤ 7 rows a resource in 4 minutes, ever fewer"),
    ("finalizer-at-creation", "1 API write instead of 2, sooner acknowledged"),
];

/// One line.
pub struct Line {
    name: &'static str,
    what: String,
    measured: String,
    beside: String,
    reached: bool,
}

/// What was measured so far.
pub struct Table {
    only: Vec<String>,
    lines: Vec<Line>,
    notes: Vec<String>,
}

impl Table {
    pub fn new(only: Vec<String>) -> Self {
        Self { only, lines: Vec::new(), notes: Vec::new() }
    }

    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == name)
    }

    pub fn wants_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.wants(name))
    }

    /// Says with what it was measured.
    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// Takes up a figure, if it was asked for.
    pub fn add(&mut self, name: &'static str, what: String, measured: String, beside: String, reached: bool) {
        if self.wants(name) {
            crate::say(format!("{name}: {measured} | {beside} | {}", if reached { "reached" } else { "MISSED" }));
            self.lines.push(Line { name, what, measured, beside, reached });
        }
    }

    pub fn markdown(&self, machine: &str) -> String {
        let mut text = String::from(
            "# Benchmarks\n\n\
             What `make bench` measured last. Each figure stands beside its counterpart of the same run, so that the\n\
             machine's speed cancels out. `make bench ONLY=rows,memory` measures only these, `KEEP=1` writes this file.\n\n",
        );
        text.push_str(machine);
        for note in &self.notes {
            let _ = writeln!(text, "- {note}");
        }
        text.push_str("\n| figure | what | measured | beside, in the same run | reach | reached |\n| --- | --- | --- | --- | --- | --- |\n");
        for line in &self.lines {
            let target = FIGURES.iter().find(|(name, _)| *name == line.name).map_or("", |(_, target)| target);
            let reached = if line.reached { "yes" } else { "no" };
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {target} | {reached} |",
                line.name, line.what, line.measured, line.beside
            );
        }
        text
    }
}
