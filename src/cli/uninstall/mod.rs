//! `uninstall`: the operator leaves a cluster, and nothing sticks behind it. The pre-delete hook of `helm uninstall`
//! runs this, and so may a person.
//!
//! The steps, each bounded, and all of them together by `--timeout`:
//!
//! 1. The operator stops: its Deployment is scaled to 0 ([`crate::cluster::deployment`]). Pods that do not end in time
//!    are told of.
//! 2. The Lease is taken and kept, so that an operator that comes back stands by; then the next epoch in the store, so
//!    that one that slept through all this commits nothing (`OneWriter`). Somebody who holds the Lease and renews it is
//!    alive: then nothing is done, since he would put back what is taken off.
//! 3. The finalizer comes off every resource of every kind, in all namespaces or those of `--namespaces`.
//!
//! What becomes of a row, and when the finalizer comes off:
//!
//! | resource | `--policy retain` | `--policy delete` |
//! | --- | --- | --- |
//! | there | The row stays, byte for byte, and so does the ledger: a later operator finds all as it was. | First the row goes, by the way of any deletion: what another resource or cluster owns stays, and so does what `orloj.dev/deletion-policy: retain` keeps. |
//! | being deleted | Somebody asked for that before: first the row goes (`NoLostDelete`). | The same. |
//! | there, deleted before the patch arrives | The patch tests for that and fails; the next round sees a resource that is being deleted. | The row is gone already. |
//! | gone, its row not | The next operator's sweep sees to it, by the ledger. | The row goes, by the ledger. |
//! | suspended, refused, in conflict | As any other; a row it does not own is not touched. | The same. |
//!
//! A store that cannot be reached is waited for (`--store-timeout`, all in all), and then done without: finalizers come
//! off, and what rows stay behind is told, on standard error and by a Warning Event. That is no failure: an
//! uninstall has to go through without its database. Failure is a finalizer that the API server keeps.
//!
//! Rows with the operator's mark that the ledger does not know, and entries of kinds that `--kinds` does not name,
//! stay. So do resources and definitions.
//!
//! A definition that is not installed has no resources, nor has a namespace that is gone, which takes the right to
//! `get` that namespace to find out.
//!
//! All steps find out by themselves what is left to do: it may be interrupted anywhere, and run again.

mod lead;
mod release;
mod report;
mod rows;

use std::sync::Arc;

use kube::Client;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::args::{RowPolicy, UninstallArgs};
use super::{CliError, CommandStatus, output, stop_on_signals};
use crate::cluster::client;
use crate::cluster::deployment::{self, Stopped};
use crate::cluster::lease::LEASE_NAME;
use crate::config::{Config, duration};
use crate::operator;
use crate::registry::Registry;
use crate::store::StoreError;

use report::UninstallTally;

/// Why nothing could be done, or not all.
#[derive(Debug, thiserror::Error)]
pub enum UninstallError {
    #[error(
        "unable to uninstall while an operator runs: Lease {namespace}/{LEASE_NAME}: {why}; stop it first, or name its \
         Deployment by --deployment"
    )]
    StillLed { namespace: String, why: String },
    #[error("unable to go on: another operator has taken over ({0}); stop it, and run this again")]
    Deposed(StoreError),
    #[error("unable to uninstall: --timeout must be longer than --stop-timeout and --store-timeout together, {least}")]
    NoTime { least: String },
}

/// All that the steps share.
struct UninstallSession {
    args: UninstallArgs,
    config: Config,
    registry: Arc<Registry>,
    client: Client,
    /// Names this process in the Lease, in Events and in the ledger.
    identity: String,
    /// Cancelled when the Lease is to be given back.
    leave: CancellationToken,
    tally: Mutex<UninstallTally>,
}

/// How the work ended.
enum UninstallOutcome {
    Done,
    Interrupted,
    TooLate,
}

pub async fn run(args: UninstallArgs, config: Config, registry: Arc<Registry>) -> Result<CommandStatus, CliError> {
    let waits = args.stop_timeout.saturating_add(args.store_timeout);
    if args.timeout <= waits {
        return Err(UninstallError::NoTime { least: duration::format(waits) }.into());
    }
    let stop = stop_on_signals()?;
    let until = Instant::now() + args.timeout;
    let client = client::connect(config.kubeconfig.as_deref(), Arc::new(|_, _| {}))?;
    let session = UninstallSession {
        args,
        config,
        registry,
        client,
        identity: operator::identity(),
        leave: CancellationToken::new(),
        tally: Mutex::default(),
    };
    let mut lease = None;
    let outcome = tokio::select! {
        biased;
        () = stop.cancelled() => Ok(UninstallOutcome::Interrupted),
        () = sleep_until(until) => Ok(UninstallOutcome::TooLate),
        result = Box::pin(session.work(&mut lease)) => result.map(|()| UninstallOutcome::Done),
    };
    // given back whatever happened, so that the next operator need not wait for its end
    session.leave.cancel();
    if let Some(lease) = lease {
        let _ = lease.await;
    }
    let outcome = outcome?;
    session.tell_left_behind().await;
    report::tell(&session, &outcome)
}

impl UninstallSession {
    async fn work(&self, lease: &mut Option<lead::Held>) -> Result<(), CliError> {
        if let Some(name) = &self.args.finalizer_policy {
            self.unbind_policy(name).await?;
        }
        let stopped = self.stop_operator().await?;
        *lease = self.take_lease(stopped).await?;
        let mut rows = self.open_rows().await?;
        let seen = self.release_all(&mut rows).await?;
        self.settle_ledger(&mut rows, &seen).await?;
        rows.forget_outcomes(|namespace| self.covers(namespace)).await
    }

    /// Whether the operator has stopped, as far as is known.
    async fn stop_operator(&self) -> Result<bool, CliError> {
        let Some(name) = &self.args.deployment else { return Ok(true) };
        let Some(namespace) = &self.config.leader_election_namespace else {
            let text = "unable to find the Deployment: set --leader-election-namespace to its namespace";
            return Err(CliError::Usage(text.to_owned()));
        };
        match deployment::stop(&self.client, namespace, name, self.args.stop_timeout).await {
            Stopped::Gone => output::line(&format!("stopped Deployment {namespace}/{name}: none of its pods is left"))?,
            Stopped::NotThere => output::line(&format!("no Deployment {namespace}/{name}: nothing to stop"))?,
            Stopped::NotYet(why) => {
                warn(&format!(
                    "Deployment {namespace}/{name} did not stop within {}: {why}; going on where nobody renews its Lease",
                    duration::format(self.args.stop_timeout)
                ));
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn unbind_policy(&self, name: &str) -> Result<(), CliError> {
        match deployment::unbind_policy(&self.client, name).await {
            Ok(true) => output::line(&format!("deleted MutatingAdmissionPolicyBinding {name}"))?,
            Ok(false) => {}
            Err(error) => warn(&format!(
                "unable to delete MutatingAdmissionPolicyBinding {name} ({error}); resources that are created before it \
                 goes may get the finalizer again"
            )),
        }
        Ok(())
    }

    fn tally(&self) -> MutexGuard<'_, UninstallTally> {
        self.tally.lock()
    }

    fn deletes(&self) -> bool {
        self.args.policy == RowPolicy::Delete
    }
}

fn warn(text: &str) {
    output::note(&format!("warning: {text}"));
}

/// A store's error that ends everything, if it is one.
fn unless_deposed(error: StoreError) -> Result<StoreError, CliError> {
    match error {
        StoreError::Deposed { .. } => Err(UninstallError::Deposed(error).into()),
        other => Ok(other),
    }
}
