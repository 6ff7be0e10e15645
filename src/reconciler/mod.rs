//! The reconciler: takes what the source tells, brings it through the store in batches, and acknowledges it.
//!
//! [`state`] decides, and knows neither clock nor I/O; this module is the shell around it. One task holds the state;
//! batches, calls to the source and reading back run beside it and report to it.

pub mod batch;
mod event_loop;
pub mod index;
pub mod lanes;
pub mod observer;
pub mod outage;
pub mod parking;
mod row_events;
pub mod row_fact;
pub mod row_reader;
pub mod state;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::crypto::{Fingerprinter, SecretKey, Vault};
use crate::registry::Registry;
use crate::resource::KindIndex;
use crate::source::Scope;
use crate::source::channel::EventReceiver;
use crate::store::sealing::Codec;
use crate::store::{Fence, ReconcilerStore, StoreError, StoreErrorClass};

pub use crate::source::target::ResourceClient;
pub use observer::Observer;
pub use parking::TableProbe;
pub use state::Prune;

/// How the reconciler works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Resources in one store transaction, at most.
    pub batch_size: usize,
    /// Calls to the source in flight, at most.
    pub api_concurrency: usize,
    /// How often changed rows are read back.
    pub status_interval: Duration,
    /// How often all rows are compared.
    pub sweep_interval: Duration,
    /// How long the store may be away before its resources say so.
    pub store_grace: Duration,
    pub require_encryption: bool,
    pub prune: Prune,
    /// Remove rows that carry our mark and that no ledger accounts for, where this source has resources.
    pub prune_unowned: bool,
    /// Return once there is nothing left to do, instead of watching on.
    pub until_idle: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            // 500 take as long for a first sync, and a quarter more memory
            batch_size: 250,
            api_concurrency: 8,
            status_interval: Duration::from_secs(5),
            sweep_interval: Duration::from_mins(5),
            store_grace: Duration::from_secs(10),
            require_encryption: false,
            prune: Prune::Yes,
            prune_unowned: false,
            until_idle: false,
        }
    }
}

/// What the reconciler works with.
pub struct Parts {
    pub registry: Arc<Registry>,
    pub store: Arc<dyn ReconcilerStore>,
    pub target: Arc<dyn ResourceClient>,
    pub observer: Arc<dyn Observer>,
    pub fence: Fence,
    pub key: Option<SecretKey>,
    /// What the source covers.
    pub scopes: Vec<(KindIndex, Scope)>,
    /// Looks at what single kinds lack in the store; without it such a lack is an error of the whole store.
    pub tables: Option<Arc<dyn TableProbe>>,
    /// Kinds that lack something from the start, and what.
    pub parked: Vec<(KindIndex, String)>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("fence", &self.fence).field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

/// Between two signs of life while there is nothing to do but to wait.
const BEAT: Duration = Duration::from_secs(1);

/// Why the reconciler stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReconcilerError {
    /// Another leader writes now, or the store failed a one-shot run.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("unable to go on: {0}")]
    Internal(String),
}

/// Runs until `stop`, until deposed, or, where so asked, until there is nothing left to do. The batch in flight is
/// committed before it returns.
pub async fn run(
    parts: Parts,
    options: Options,
    events: EventReceiver,
    stop: CancellationToken,
) -> Result<(), ReconcilerError> {
    let observer = parts.observer.as_ref();
    let salt = patiently(&options, observer, &stop, || parts.store.salt());
    let Some(salt) = alive_during(observer, salt).await? else { return Ok(()) };
    let fingerprinter = Arc::new(Fingerprinter::new(salt, parts.key.as_ref()));
    let codec = Arc::new(Codec::new(Arc::clone(&fingerprinter), Vault::new(parts.key.clone())));
    Box::pin(event_loop::EventLoop::new(parts, options, fingerprinter, codec, events, stop).run()).await
}

/// Asks the store until it answers; a one-shot run ends with the first error. `None` when stopped.
async fn patiently<T, F>(
    options: &Options,
    observer: &dyn Observer,
    stop: &CancellationToken,
    ask: impl Fn() -> F,
) -> Result<Option<T>, ReconcilerError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut failures = 0;
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) if options.until_idle || error.class() == StoreErrorClass::Deposed => return Err(error.into()),
            Err(error) => error,
        };
        observer.unavailable(None, &error);
        let delay = event_loop::STORE_RETRY.delay(failures, rand::random());
        failures = failures.saturating_add(1);
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(delay) => {}
        }
    }
}

/// Says that the reconciler lives while it waits for work that has limits of its own: what the store holds may take
/// minutes to read, and the store may be away.
async fn alive_during<T>(observer: &dyn Observer, work: impl Future<Output = T>) -> T {
    let mut beat = tokio::time::interval(BEAT);
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            result = &mut work => return result,
            _ = beat.tick() => observer.alive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Beats(AtomicUsize);

    impl Observer for Beats {
        fn alive(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A store that is away for so long would otherwise end the leader that waits for it.
    #[tokio::test]
    async fn waiting_for_the_store_is_living() {
        let (beats, tries) = (Beats::default(), AtomicUsize::new(0));
        let options = Options::default();
        let stop = CancellationToken::new();
        let ask = || async {
            if tries.fetch_add(1, Ordering::SeqCst) < 3 {
                return Err(StoreError::Unavailable { detail: "away".to_owned() });
            }
            tokio::time::sleep(BEAT * 2).await;
            Ok(7)
        };
        let answer = alive_during(&beats, patiently(&options, &beats, &stop, ask)).await;
        assert!(matches!(answer, Ok(Some(7))), "{answer:?}");
        assert!(beats.0.load(Ordering::SeqCst) >= 3);
    }
}
