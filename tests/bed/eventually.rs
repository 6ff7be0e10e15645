//! Waiting for something to become true.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(250);

/// Calls the closure, with growing pauses, until it returns `Ok`.
///
/// # Panics
/// After `timeout`, with `what` and the last error.
#[track_caller]
pub fn eventually<T, E: Display>(timeout: Duration, what: &str, mut check: impl FnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + timeout;
    let mut pause = FIRST;
    loop {
        match check() {
            Ok(value) => return value,
            Err(error) if Instant::now() >= deadline => panic!("{what}: not within {timeout:?}; last: {error}"),
            Err(_) => thread::sleep(pause),
        }
        pause = (pause * 3 / 2).min(LONGEST);
    }
}

/// [`eventually`] for async checks.
///
/// # Panics
/// After `timeout`, with `what` and the last error.
pub async fn eventually_async<T, E: Display>(
    timeout: Duration,
    what: &str,
    mut check: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + timeout;
    let mut pause = FIRST;
    loop {
        match check().await {
            Ok(value) => return value,
            Err(error) if Instant::now() >= deadline => panic!("{what}: not within {timeout:?}; last: {error}"),
            Err(_) => tokio::time::sleep(pause).await,
        }
        pause = (pause * 3 / 2).min(LONGEST);
    }
}
