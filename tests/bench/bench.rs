//! Measures what the operator promises of speed and memory, and prints it as a table.
//!
//! Every figure stands beside its counterpart, measured in the same run: the machine's speed cancels out of the
//! ratio. The operator is the release binary in a process of its own, as its own `ServiceAccount`.
//!
//!   bench [--keep] [--objects N] [FIGURE...]
#![allow(clippy::expect_used, clippy::panic, reason = "a bench that cannot go on ends")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it is for")]

#[path = "../bed/mod.rs"]
mod bed;
mod birth;
mod changes;
mod cluster;
mod large;
mod machine;
mod objects;
mod rows;
mod samples;
mod table;
mod validate;
mod war;
mod world;

use std::process::ExitCode;

use table::{FIGURES, Table};

/// What was asked for.
struct Args {
    /// Write the table into the repository as well.
    keep: bool,
    /// Resources of the first sync.
    objects: usize,
    /// Names of figures; all, where there are none.
    only: Vec<String>,
}

impl Args {
    fn read() -> Result<Self, String> {
        let mut args = Self { keep: false, objects: 10_000, only: Vec::new() };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--keep" => args.keep = true,
                "--objects" => {
                    let number = words.next().and_then(|number| number.parse().ok());
                    args.objects = number.ok_or("--objects needs a number")?;
                }
                _ if word.starts_with('-') => return Err(format!("{word} is unknown")),
                names => {
                    for name in names.split(',').filter(|name| !name.is_empty()) {
                        if !FIGURES.iter().any(|(known, _)| *known == name) {
                            return Err(format!("there is no figure {name}"));
                        }
                        args.only.push(name.to_owned());
                    }
                }
            }
        }
        Ok(args)
    }
}

fn main() -> ExitCode {
    let args = match Args::read() {
        Ok(args) => args,
        Err(error) => {
            let figures: Vec<_> = FIGURES.iter().map(|(name, _)| *name).collect();
            eprintln!("bench: {error}\nbench [--keep] [--objects N] [FIGURE...]\nfigures: {}", figures.join(", "));
            return ExitCode::from(2);
        }
    };
    let before = machine::Load::now();
    let mut table = Table::new(args.only.clone());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    validate::measure(&mut table);
    runtime.block_on(async {
        rows::measure(&mut table).await;
        cluster::measure(&mut table, args.objects).await;
    });
    let text = table.markdown(&machine::describe(&before, args.objects));
    println!("{text}");
    if args.keep {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/BENCHMARKS.md");
        std::fs::write(file, text).expect("BENCHMARKS.md can be written");
    }
    ExitCode::SUCCESS
}

/// Says what is going on: a run takes minutes.
fn say(text: impl std::fmt::Display) {
    eprintln!("bench: {text}");
}
