//! Steps, commands and claims as a person reads them.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Why the demo ends early.
#[derive(Debug)]
pub enum Stop {
    /// Something that was claimed is not so.
    Claim(String),
    /// It was asked to.
    Asked,
}

/// For anything that is waited for; a machine that builds beside this is slow.
const PATIENCE: Duration = Duration::from_secs(90);

pub struct Show {
    stopped: &'static AtomicBool,
    pause: bool,
    steps: usize,
    styles: bool,
}

impl Show {
    pub fn new(stopped: &'static AtomicBool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let styles = std::io::stdout().is_terminal() && !set("NO_COLOR");
        Self { stopped, pause: set("DEMO_PAUSE"), steps: 0, styles }
    }

    fn styled(&self, code: &str, text: &str) -> String {
        if self.styles { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Ends the demo where it was asked to stop.
    pub fn go_on(&self) -> Result<(), Stop> {
        if self.stopped.load(Ordering::SeqCst) { Err(Stop::Asked) } else { Ok(()) }
    }

    pub fn title(&self, text: &str) {
        println!("{}", self.styled("1", text));
    }

    /// Begins a step.
    pub fn step(&mut self, title: &str, why: &str) -> Result<(), Stop> {
        self.go_on()?;
        if self.pause && self.steps > 0 {
            self.wait_for_enter()?;
        }
        self.steps += 1;
        println!("\n{}", self.styled("1", &format!("{}. {title}", self.steps)));
        println!("{}", self.styled("2", &format!("   {why}")));
        Ok(())
    }

    /// On a thread of its own: a read from a terminal cannot be interrupted.
    fn wait_for_enter(&self) -> Result<(), Stop> {
        print!("\n   {}", self.styled("2", "Enter for the next step "));
        let _ = std::io::stdout().flush();
        let reader = std::thread::spawn(|| std::io::stdin().lock().read_line(&mut String::new()));
        while !reader.is_finished() {
            self.go_on()?;
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// What is about to run.
    pub fn typed(&self, why: &str, command: &str) {
        println!("\n   {}", self.styled("2", &format!("# {why}")));
        println!("   {}", self.styled("1", &format!("$ {command}")));
    }

    pub fn output(text: &str) {
        for line in text.lines() {
            println!("   {line}");
        }
    }

    /// A command and its output.
    pub fn command(&self, why: &str, command: &str, output: &str) {
        self.typed(why, command);
        Self::output(output);
    }

    /// Says what is so, or ends the demo where it is not.
    pub fn claim(&self, text: &str, so: bool) -> Result<(), Stop> {
        self.go_on()?;
        if !so {
            return Err(Stop::Claim(format!("{text}: that is not so")));
        }
        println!("   {}", self.styled("32", &format!("✓ {text}")));
        Ok(())
    }

    /// Waits until something holds.
    pub fn wait(&self, what: &str, mut holds: impl FnMut() -> bool) -> Result<(), Stop> {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            self.go_on()?;
            if Instant::now() >= deadline {
                return Err(Stop::Claim(format!("{what}: not within {} s", PATIENCE.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    pub fn end(&self) {
        let text = format!("\nAll {} steps showed what they claim. All servers are stopped now.", self.steps);
        println!("{}", self.styled("1", &text));
    }
}

/// A command as one would type it.
pub fn typed(program: &str, args: &[&str]) -> String {
    let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "_./:=-,@".contains(c));
    let words = args.iter().map(|word| if plain(word) { (*word).to_owned() } else { format!("'{word}'") });
    std::iter::once(program.to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Rows of tab-separated fields as psql shows them.
pub fn table(columns: &[&str], rows: &str) -> String {
    let mut lines: Vec<Vec<&str>> = vec![columns.to_vec()];
    lines.extend(rows.lines().map(|line| line.split('\t').collect()));
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|field| field.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let fields: Vec<String> = line.iter().zip(&widths).map(|(field, width)| format!("{field:width$}")).collect();
        text.push_str(format!(" {}", fields.join(" | ")).trim_end());
        text.push('\n');
        if number == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
            text.push_str(&rules.join("+"));
            text.push('\n');
        }
    }
    text
}
