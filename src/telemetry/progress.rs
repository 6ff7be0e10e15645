//! Progress of long work on a terminal, and log lines that do not tear it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::fmt::MakeWriter;

/// Standard error, shared by logs and progress. Nothing is drawn where it is no terminal.
#[derive(Clone, Debug)]
pub struct Terminal {
    bars: MultiProgress,
    is_terminal: bool,
}

impl Terminal {
    #[must_use]
    pub fn stderr() -> Self {
        Self::new(io::stderr().is_terminal())
    }

    fn new(is_terminal: bool) -> Self {
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), is_terminal }
    }

    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Starts a bar over `total` steps, or a spinner that counts where the total is not known.
    #[must_use]
    pub fn progress(&self, what: &'static str, total: Option<u64>) -> Progress {
        if !self.is_terminal {
            return Progress { bar: ProgressBar::hidden() };
        }
        let (bar, template) = match total {
            Some(total) => (ProgressBar::new(total), "{msg} [{bar:30}] {human_pos}/{human_len} {per_sec} {eta}"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg} {human_pos} {elapsed}"),
        };
        let bar = self.bars.add(bar);
        // a template that does not parse would cost the looks, not the work
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress { bar }
    }
}

/// Long work under way; the bar goes when this is dropped.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub fn advance(&self, steps: u64) {
        self.bar.inc(steps);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Writes to standard error with the bars out of the way.
#[derive(Debug)]
pub struct TerminalWriter {
    terminal: Terminal,
}

impl Write for TerminalWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.terminal.is_terminal {
            self.terminal.bars.suspend(|| io::stderr().write_all(line))?;
        } else {
            io::stderr().write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Terminal {
    type Writer = TerminalWriter;

    fn make_writer(&'a self) -> Self::Writer {
        TerminalWriter { terminal: self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_without_a_terminal() {
        let progress = Terminal::new(false).progress("syncing", Some(10));
        progress.advance(3);
        assert!(progress.bar.is_hidden());
        assert_eq!(progress.bar.position(), 3);
    }
}
