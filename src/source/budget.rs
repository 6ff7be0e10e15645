//! A budget of bytes: what is held at a time stays below it, whatever the number of objects.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one permit of the semaphore stands for.
const UNIT: usize = 1024;

/// The budget; clones share it.
#[derive(Clone, Debug)]
pub struct ByteBudget {
    permits: Arc<Semaphore>,
    units: u32,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    held: AtomicUsize,
    most: AtomicUsize,
}

/// A part of a budget, given back when dropped.
#[derive(Debug)]
pub struct HeldBytes {
    _permit: Option<OwnedSemaphorePermit>,
    bytes: usize,
    counts: Arc<Counts>,
}

impl ByteBudget {
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        let permits = usize::try_from(units).unwrap_or(usize::MAX);
        Self { permits: Arc::new(Semaphore::new(permits)), units, counts: Arc::default() }
    }

    /// Waits for its turn and until there is room. What is larger than the whole budget has it alone.
    pub async fn take(&self, bytes: usize) -> HeldBytes {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.units);
        // the semaphore is never closed
        let permit = Arc::clone(&self.permits).acquire_many_owned(units).await.ok();
        let held = self.counts.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.counts.most.fetch_max(held, Ordering::Relaxed);
        HeldBytes { _permit: permit, bytes, counts: Arc::clone(&self.counts) }
    }

    /// The most that was ever held at a time.
    #[must_use]
    pub fn most(&self) -> usize {
        self.counts.most.load(Ordering::Relaxed)
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.counts.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_held_stays_below_the_budget_and_a_giant_passes_alone() {
        let budget = ByteBudget::new(10 * UNIT);
        let tasks: Vec<_> = (1..=40)
            .map(|n| {
                let budget = budget.clone();
                tokio::spawn(async move {
                    let held = budget.take((n % 6) * UNIT).await;
                    tokio::task::yield_now().await;
                    drop(held);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!((UNIT..=10 * UNIT).contains(&budget.most()), "{}", budget.most());
        let giant = budget.take(50 * UNIT).await;
        let waits = tokio::time::timeout(std::time::Duration::from_millis(20), budget.take(1)).await;
        assert!(waits.is_err(), "beside a giant");
        drop(giant);
        drop(budget.take(1).await);
    }
}
