//! Retries per key: exponential, jittered, for ever.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

/// How fast retries slow down.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub first: Duration,
    pub longest: Duration,
}

impl Policy {
    /// The delay before try `attempt` (0 = the first retry). `jitter` in 0..1 takes up to a half off, so that keys
    /// that failed together do not come back together.
    #[must_use]
    pub fn delay(&self, attempt: u32, jitter: f64) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(attempt.min(20)).unwrap_or(u32::MAX));
        doubled.min(self.longest).mul_f64(1.0 - 0.5 * jitter.clamp(0.0, 1.0))
    }
}

/// Which keys wait for another try, and until when.
#[derive(Debug)]
pub struct Retries<K> {
    policy: Policy,
    attempts: HashMap<K, RetryAttempt>,
    due: BinaryHeap<Reverse<Due>>,
    keys: HashMap<u64, K>,
    next_id: u64,
}

#[derive(Debug)]
struct RetryAttempt {
    count: u32,
    /// The timer that counts; an older one of the same key is stale.
    timer: Option<u64>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Instant,
    id: u64,
}

impl<K: Clone + Eq + Hash> Retries<K> {
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, attempts: HashMap::new(), due: BinaryHeap::new(), keys: HashMap::new(), next_id: 0 }
    }

    /// Notes a failure and sets the timer of the next try; returns how many failed in a row.
    pub fn failed(&mut self, key: K, now: Instant, jitter: f64) -> u32 {
        let attempt = self.attempts.entry(key.clone()).or_insert(RetryAttempt { count: 0, timer: None });
        let at = now + self.policy.delay(attempt.count, jitter);
        attempt.count = attempt.count.saturating_add(1);
        let id = self.next_id;
        self.next_id += 1;
        if let Some(stale) = attempt.timer.replace(id) {
            self.keys.remove(&stale);
        }
        self.keys.insert(id, key);
        self.due.push(Reverse(Due { at, id }));
        attempt.count
    }

    /// Forgets a key's failures, and its timer.
    pub fn succeeded(&mut self, key: &K) {
        if let Some(attempt) = self.attempts.remove(key)
            && let Some(timer) = attempt.timer
        {
            self.keys.remove(&timer);
        }
    }

    /// Stops the key's timer, as its next try is made now. Its failure count stays.
    pub fn disarm(&mut self, key: &K) {
        if let Some(timer) = self.attempts.get_mut(key).and_then(|attempt| attempt.timer.take()) {
            self.keys.remove(&timer);
        }
    }

    /// The time of the next try, if any key waits.
    pub fn next_due(&mut self) -> Option<Instant> {
        while let Some(Reverse(due)) = self.due.peek() {
            if self.keys.contains_key(&due.id) {
                return Some(due.at);
            }
            self.due.pop();
        }
        None
    }

    /// A key whose time has come. Its failure count stays until [`Retries::succeeded`].
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.next_due()? > now {
            return None;
        }
        let Reverse(due) = self.due.pop()?;
        let key = self.keys.remove(&due.id)?;
        if let Some(attempt) = self.attempts.get_mut(&key) {
            attempt.timer = None;
        }
        Some(key)
    }

    /// How many tries have failed in a row.
    #[must_use]
    pub fn failures(&self, key: &K) -> u32 {
        self.attempts.get(key).map_or(0, |attempt| attempt.count)
    }

    /// Whether a timer runs for the key.
    #[must_use]
    pub fn waits(&self, key: &K) -> bool {
        self.attempts.get(key).is_some_and(|attempt| attempt.timer.is_some())
    }

    /// How many keys wait for another try.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.keys.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { first: Duration::from_millis(100), longest: Duration::from_secs(10) };

    #[test]
    fn delays_double_up_to_the_longest_and_jitter_takes_off_at_most_a_half() {
        let delays: Vec<_> = (0..9).map(|n| POLICY.delay(n, 0.0).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(POLICY.delay(3, 1.0).as_millis(), 400);
        assert_eq!(POLICY.delay(u32::MAX, 0.0).as_secs(), 10);
    }

    #[test]
    fn a_key_comes_back_when_due_and_its_count_lasts_until_success() {
        let start = Instant::now();
        let mut retries = Retries::new(POLICY);
        assert_eq!(retries.failed("a", start, 0.0), 1);
        assert_eq!(retries.pop_due(start), None);
        let later = start + Duration::from_millis(100);
        assert_eq!(retries.pop_due(later), Some("a"));
        assert_eq!(retries.failed("a", later, 0.0), 2);
        assert_eq!(retries.next_due(), Some(later + Duration::from_millis(200)));
        retries.succeeded(&"a");
        assert_eq!(retries.next_due(), None);
        assert_eq!(retries.failed("a", later, 0.0), 1);
    }

    #[test]
    fn a_newer_failure_replaces_the_timer() {
        let start = Instant::now();
        let mut retries = Retries::new(POLICY);
        retries.failed("a", start, 0.0);
        retries.failed("a", start, 0.0);
        assert_eq!(retries.waiting(), 1);
        let far = start + Duration::from_mins(1);
        assert_eq!(retries.pop_due(far), Some("a"));
        assert_eq!(retries.pop_due(far), None);
    }
}
