//! Waiting that ends when the program is told to.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Between two looks at something that is not there yet.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the work came to; `None` where it has not ended `grace` after the stop, as when the store hangs. What it had
/// under way is rolled back then, and done again by the next leader.
pub async fn within_grace<T>(work: impl Future<Output = T>, stop: &CancellationToken, grace: Duration) -> Option<T> {
    let too_late = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        biased;
        result = work => Some(result),
        () = too_late => {
            tracing::warn!("stopping without what is under way: it did not end in time");
            None
        }
    }
}

/// False when stopped meanwhile.
pub async fn pause(stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(PATIENCE) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_hangs_is_left_once_the_grace_is_over() {
        let stop = CancellationToken::new();
        let grace = Duration::from_millis(20);
        assert_eq!(within_grace(async { 1 }, &stop, grace).await, Some(1));
        stop.cancel();
        let started = std::time::Instant::now();
        assert_eq!(within_grace(std::future::pending::<()>(), &stop, grace).await, None);
        assert!(started.elapsed() >= grace);
    }
}
