//! On what machine, with which versions, and how much else it had to do.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

/// What the processors have done since boot, in ticks.
pub struct Load {
    busy: f64,
    all: f64,
    average: String,
}

impl Load {
    pub fn now() -> Self {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<f64> = line.split_whitespace().skip(1).take(8).filter_map(|word| word.parse().ok()).collect();
        let all: f64 = ticks.iter().sum();
        let idle: f64 = ticks.iter().skip(3).take(2).sum();
        let average = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self { busy: all - idle, all, average: average.split_whitespace().next().unwrap_or_default().to_owned() }
    }

    /// The share of all processors that was busy since.
    pub fn busy_since(&self) -> f64 {
        let now = Self::now();
        (now.busy - self.busy) / (now.all - self.all).max(1.0)
    }
}

/// The machine as Markdown.
pub fn describe(before: &Load, objects: usize) -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let gib = memory.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0 / 1024.0;
    let mut text = String::new();
    let _ = writeln!(text, "- {cores} cores of {}, {gib:.0} GiB, {}", model.trim(), said("uname", &["-sr"]));
    let _ = writeln!(text, "- release build by {}", said("rustc", &["--version"]));
    let _ = writeln!(
        text,
        "- {}, {objects} resources; load average {} when it began, processors {:.0} % busy while it ran",
        said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        before.average,
        before.busy_since() * 100.0
    );
    let _ = writeln!(text, "- etcd without fsync, Postgres with; all servers and clients on the one machine");
    text
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
