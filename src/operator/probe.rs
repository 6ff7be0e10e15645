//! Whether the API server answers. A watch that hears nothing says nothing: a balancer may hold its connection open long
//! after the API server behind it has gone.

use std::time::Duration;

use kube::Client;
use tokio::sync::watch;

use crate::cluster::error::describe;
use crate::telemetry::readiness::{Readiness, ReadyHandle};

/// Between two questions.
const EVERY: Duration = Duration::from_secs(10);

/// Until an answer. With as many failures as [`FAILURES`], silence is noticed within 40 s at most.
const LONGEST: Duration = Duration::from_secs(10);

/// Questions in a row without an answer that make an outage: one may have met a restart.
const FAILURES: u32 = 2;

/// Asks the API server for its version, for ever, and says in `/readyz` when nothing comes back.
pub struct ApiServerProbe {
    ready: ReadyHandle,
    /// How often it was silent, and answered again.
    returns: watch::Sender<u64>,
    every: Duration,
    longest: Duration,
}

impl ApiServerProbe {
    pub fn new(readiness: &Readiness) -> Self {
        let ready = readiness.register("api-server", "the first answer of the API server");
        // what needs it says so by itself until then
        ready.ready();
        Self { ready, returns: watch::Sender::new(0), every: EVERY, longest: LONGEST }
    }

    /// Hears each time that the API server answers again after it had been silent: whatever was connected before may
    /// still be talking to nobody.
    pub fn returns(&self) -> watch::Receiver<u64> {
        self.returns.subscribe()
    }

    pub async fn run(&self, client: &Client) {
        let (mut failures, mut silent) = (0_u32, false);
        loop {
            let why = match tokio::time::timeout(self.longest, client.apiserver_version()).await {
                // a refusal is an answer
                Ok(Ok(_) | Err(kube::Error::Api(_))) => None,
                Ok(Err(error)) => Some(describe(&error)),
                Err(_) => {
                    silent = true;
                    Some(format!("no answer within {} s", self.longest.as_secs()))
                }
            };
            if let Some(why) = why {
                failures = failures.saturating_add(1);
                if failures == FAILURES {
                    tracing::warn!("the API server does not answer: {why}");
                }
                if failures >= FAILURES {
                    self.ready.waiting(format!("the API server: {why}"));
                }
            } else {
                if failures >= FAILURES {
                    self.answers_again(silent);
                }
                (failures, silent) = (0, false);
            }
            tokio::time::sleep(self.every).await;
        }
    }

    fn answers_again(&self, after_silence: bool) {
        tracing::info!("the API server answers again");
        self.ready.ready();
        if after_silence {
            self.returns.send_modify(|count| *count += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use http::{Request, Response};
    use kube::client::Body;

    use super::*;

    /// An API server that can fall silent.
    fn server(silent: &Arc<AtomicBool>) -> Client {
        let silent = Arc::clone(silent);
        let service = tower::service_fn(move |_: Request<Body>| {
            let silent = silent.load(Ordering::SeqCst);
            async move {
                if silent {
                    std::future::pending::<()>().await;
                }
                Ok::<_, std::io::Error>(Response::builder().status(403).body(Body::empty()).unwrap())
            }
        });
        Client::new(service, "ns")
    }

    async fn wait(what: &str, is_so: impl Fn() -> bool) {
        let until = tokio::time::Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(tokio::time::Instant::now() < until, "{what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn silence_is_told_and_its_end_too() {
        let (silent, readiness) = (Arc::new(AtomicBool::new(false)), Readiness::default());
        let (every, longest) = (Duration::from_millis(10), Duration::from_millis(200));
        let probe = Arc::new(ApiServerProbe { every, longest, ..ApiServerProbe::new(&readiness) });
        let returns = probe.returns();
        let (client, running) = (server(&silent), Arc::clone(&probe));
        tokio::spawn(async move { running.run(&client).await });
        tokio::time::sleep(3 * longest).await;
        assert!(readiness.answer(false).healthy, "a refusal is an answer");
        silent.store(true, Ordering::SeqCst);
        wait("the silence is told", || !readiness.answer(false).healthy).await;
        assert_eq!(readiness.answer(false).text, "api-server: waiting for the API server: no answer within 0 s\n");
        assert!(!returns.has_changed().unwrap());
        silent.store(false, Ordering::SeqCst);
        wait("its end is told", || returns.has_changed().unwrap()).await;
        assert!(readiness.answer(false).healthy);
    }
}
