//! Whether the source answers at all. While it does not, calls wait for their turn and one at a time tries; counted
//! one by one they would all be backing off for minutes when it comes back.

use std::time::{Duration, Instant};

use crate::backoff::Policy;

/// Calls without an answer, in a row, that make an outage: fewer may be one lost connection.
const UNANSWERED: u32 = 4;

/// Between two tries of a source that is away.
const RETRY: Policy = Policy { first: Duration::from_millis(250), longest: Duration::from_secs(5) };

/// The source's answers, of late.
#[derive(Debug, Default)]
pub struct SourceOutage {
    unanswered: u32,
    next_try: Option<Instant>,
}

impl SourceOutage {
    /// The source has answered, whatever it said.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// A call got no answer; returns whether that is an outage.
    pub fn unanswered(&mut self, now: Instant, jitter: f64) -> bool {
        self.unanswered = self.unanswered.saturating_add(1);
        let Some(tries) = self.unanswered.checked_sub(UNANSWERED) else { return false };
        self.next_try = Some(now + RETRY.delay(tries, jitter));
        true
    }

    /// Whether another call may start while so many are under way.
    #[must_use]
    pub fn allows(&self, batch_in_flight: usize, now: Instant) -> bool {
        self.next_try.is_none_or(|at| batch_in_flight == 0 && at <= now)
    }

    /// When the next call may start; `None` where the source answers.
    #[must_use]
    pub fn next_try(&self) -> Option<Instant> {
        self.next_try
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_at_a_time_tries_a_source_that_is_away() {
        let start = Instant::now();
        let mut outage = SourceOutage::default();
        for _ in 1..UNANSWERED {
            assert!(!outage.unanswered(start, 0.0) && outage.allows(7, start));
        }
        assert!(outage.unanswered(start, 0.0));
        assert!(!outage.allows(0, start));
        let later = start + Duration::from_millis(250);
        assert!(outage.allows(0, later) && !outage.allows(1, later));
        for _ in 0..20 {
            outage.unanswered(later, 0.0);
        }
        assert_eq!(outage.next_try(), Some(later + RETRY.longest));
        outage.answered();
        assert!(outage.allows(7, start));
    }
}
