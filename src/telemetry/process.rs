//! The process's own figures, read from `/proc` at each scrape; absent where there is no `/proc`.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// `USER_HZ`: what the kernel counts CPU time in for user space, 100 on every architecture that Rust builds for.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug)]
pub(super) struct Process;

#[derive(Clone, Copy, Debug)]
struct Figures {
    resident_bytes: u64,
    cpu_seconds: f64,
    /// Since the Unix epoch.
    start_seconds: f64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(figures) = read() else { return Ok(()) };
        let cpu = ConstCounter::new(figures.cpu_seconds);
        let help = "User and system CPU time spent";
        cpu.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, cpu.metric_type())?)?;
        let memory = ConstGauge::new(figures.resident_bytes);
        let help = "Resident memory";
        memory.encode(encoder.encode_descriptor(
            "process_resident_memory_bytes",
            help,
            None,
            memory.metric_type(),
        )?)?;
        let start = ConstGauge::new(figures.start_seconds);
        let help = "Start time of the process since the Unix epoch";
        start.encode(encoder.encode_descriptor("process_start_time_seconds", help, None, start.metric_type())?)
    }
}

fn read() -> Option<Figures> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let boot = fs::read_to_string("/proc/stat").ok()?;
    parse(&status, &stat, &boot)
}

fn parse(status: &str, stat: &str, boot: &str) -> Option<Figures> {
    let kib: u64 = number_after(status, "VmRSS:")?;
    let booted: f64 = number_after(boot, "btime ")?;
    // the command, second field, is in parentheses and may hold blanks and parentheses
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    Some(Figures {
        resident_bytes: kib * 1024,
        cpu_seconds: (ticks(14)? + ticks(15)?) / TICKS_PER_SECOND,
        start_seconds: booted + ticks(22)? / TICKS_PER_SECOND,
    })
}

fn number_after<T: std::str::FromStr>(text: &str, label: &str) -> Option<T> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_fields_past_an_odd_command_name() {
        let stat = "7 (a) b (c)) S 1 1 1 0 -1 0 0 0 0 0 150 50 0 0 20 0 4 0 1000 0 0";
        let figures = parse("Name:\tx\nVmRSS:\t    2048 kB\n", stat, "cpu 1\nbtime 1700000000\n").unwrap();
        assert_eq!(figures.resident_bytes, 2 << 20);
        assert!((figures.cpu_seconds - 2.0).abs() < 1e-9);
        assert!((figures.start_seconds - 1_700_000_010.0).abs() < 1e-3);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn reads_this_process() {
        assert!(read().unwrap().resident_bytes > 1 << 20);
    }
}
