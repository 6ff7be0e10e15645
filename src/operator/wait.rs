//! Waiting that ends when the program is told to.

use std::time::Duration;

use tokio::task::JoinSet;
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

/// Waits until a task ends that should run until `stop`, and tells why it did. For ever where all end as they should.
pub async fn first_exit(tasks: &mut JoinSet<()>, stop: &CancellationToken) -> String {
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Err(error) => return format!("a watch broke off: {error}"),
            Ok(()) if !stop.is_cancelled() => return "a watch has ended by itself".to_owned(),
            Ok(()) => {}
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_before_its_time_is_noticed() {
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let told = stop.clone();
        tasks.spawn(async move { told.cancelled().await });
        tasks.spawn(async { panic!("out of order") });
        assert!(first_exit(&mut tasks, &stop).await.contains("broke off"));
        tasks.spawn(async {});
        assert!(first_exit(&mut tasks, &stop).await.contains("by itself"));
        stop.cancel();
        let quiet = tokio::time::timeout(Duration::from_millis(50), first_exit(&mut tasks, &stop)).await;
        assert!(quiet.is_err() && tasks.is_empty(), "{quiet:?}");
    }

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
