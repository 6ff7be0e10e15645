//! Durations, and what to say of many of them.

use std::time::Duration;

/// Durations of one thing done many times.
#[derive(Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    pub fn add(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The sample below which `share` of all lie, by the nearest rank.
    pub fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "small"
        )]
        let rank = ((share * sorted.len() as f64).ceil() as usize).saturating_sub(1);
        sorted.get(rank.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Things a second.
#[allow(clippy::cast_precision_loss, reason = "far from 2^52")]
pub fn rate(things: usize, took: Duration) -> f64 {
    things as f64 / took.as_secs_f64()
}

/// The middle one of a few durations.
pub fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

pub fn millis(duration: Duration) -> String {
    format!("{:.0} ms", duration.as_secs_f64() * 1e3)
}

/// A number of bytes in MB (10^6).
#[allow(clippy::cast_precision_loss, reason = "far from 2^52")]
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
