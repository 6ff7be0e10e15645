//! What an uninstall came to, for people.

use std::collections::BTreeMap;

use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::time::{Duration, timeout};

use super::release::Round;
use super::rows::Removed;
use super::{UninstallOutcome, UninstallSession, warn};
use crate::cli::{CliError, CommandStatus, output};
use crate::cluster::deployment;
use crate::cluster::error::describe;
use crate::config::duration;
use crate::registry::Kind;
use crate::resource::{KindIndex, ObjectName};

/// How many resources are named whose rows stay behind.
const NAMED: usize = 10;

/// Telling of it must not hold up what it tells of.
const EVENT_TIMEOUT: Duration = Duration::from_secs(5);

/// What was done so far.
#[derive(Debug, Default)]
pub struct UninstallTally {
    /// Finalizers taken off, by kind.
    pub released: BTreeMap<KindIndex, usize>,
    rows_removed: usize,
    rows_retained: usize,
    /// Rows that the ledger keeps.
    pub rows_stay: usize,
    /// Ledger entries of kinds that the registry does not have, by kind.
    pub unknown: BTreeMap<String, usize>,
    /// Resources let go though their rows should have gone and may not have.
    left_behind: usize,
    left_named: Vec<String>,
    pub last_round: Round,
}

impl UninstallTally {
    pub fn take(&mut self, removed: &Removed) {
        self.rows_removed += removed.rows;
        self.rows_retained += removed.retained;
    }

    /// A resource is let go, and its row may stay.
    pub fn leave(&mut self, kind: &Kind, object: &ObjectName, why: &str) {
        self.left_behind += 1;
        if self.left_named.len() < NAMED {
            self.left_named.push(format!("{} {object}: {why}", kind.names.label));
        }
    }
}

impl UninstallSession {
    /// Says what rows stay behind that should not: nothing will remind of them later.
    pub(super) async fn tell_left_behind(&self) {
        let (count, named) = {
            let tally = self.tally();
            (tally.left_behind, tally.left_named.clone())
        };
        if count == 0 {
            return;
        }
        let later = if self.deletes() {
            "with the store back, `orloj-operator uninstall --policy delete` removes them"
        } else {
            "an operator that is installed again removes them"
        };
        warn(&format!("the rows of {} may stay behind; {later}", many(count, "resource")));
        for line in &named {
            output::note(&format!("  {line}"));
        }
        if count > named.len() {
            output::note(&format!("  and {} more", count - named.len()));
        }
        let note = format!("Uninstalled while rows of {} could not be removed; {later}", many(count, "resource"));
        if let Err(why) = self.publish(note).await {
            tracing::warn!("unable to publish an Event about it: {why}");
        }
    }

    async fn publish(&self, note: String) -> Result<(), String> {
        let Some(namespace) = &self.config.leader_election_namespace else { return Ok(()) };
        let reference = deployment::reference(&self.client, namespace, self.args.deployment.as_deref()).await;
        let reporter = Reporter { controller: "orloj-operator".to_owned(), instance: Some(self.identity.clone()) };
        let event = Event {
            type_: EventType::Warning,
            reason: "RowsLeftBehind".to_owned(),
            note: Some(note),
            action: "Uninstall".to_owned(),
            secondary: None,
        };
        let recorder = Recorder::new(self.client.clone(), reporter);
        match timeout(EVENT_TIMEOUT, recorder.publish(&event, &reference)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(describe(&error)),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }
}

/// The lines at the end, and the exit code.
pub fn tell(session: &UninstallSession, outcome: &UninstallOutcome) -> Result<CommandStatus, CliError> {
    let tally = session.tally();
    for (kind, count) in tally.released.iter().filter(|_| tally.released.len() > 1) {
        output::line(&format!("  {:<28} {count}", session.registry.kind(*kind).names.crd()))?;
    }
    let mut parts = vec![format!("took the finalizer off {}", many(tally.released.values().sum(), "resource"))];
    if session.deletes() || tally.rows_removed > 0 {
        parts.push(format!("removed {}", many(tally.rows_removed, "row")));
    }
    if tally.rows_retained > 0 {
        parts.push(format!("left {} to nobody, as the resources asked", many(tally.rows_retained, "row")));
    }
    if tally.rows_stay > 0 {
        parts.push(stays(tally.rows_stay));
    }
    output::line(&parts.join("; "))?;
    for (kind, count) in &tally.unknown {
        warn(&format!(
            "{} of the unknown kind {kind}, whose resources may still have the finalizer: is a file of --kinds missing?",
            stays(*count)
        ));
    }
    let round = &tally.last_round;
    let failed = round.refused + round.unsettled;
    match outcome {
        UninstallOutcome::Done if failed == 0 => return Ok(CommandStatus::Success),
        UninstallOutcome::Done => {}
        UninstallOutcome::Interrupted => output::note("interrupted: run it again to finish"),
        UninstallOutcome::TooLate => output::note(&format!(
            "error: unable to finish within {}: run it again, with a longer --timeout",
            duration::format(session.args.timeout)
        )),
    }
    if failed > 0 {
        output::note(&format!("error: unable to take the finalizer off {}:", many(failed, "resource")));
        for line in &round.named {
            output::note(&format!("  {line}"));
        }
        if failed > round.named.len() {
            output::note(&format!("  and {} more", failed - round.named.len()));
        }
    }
    Ok(CommandStatus::Failed)
}

fn stays(rows: usize) -> String {
    if rows == 1 { "1 row stays".to_owned() } else { format!("{rows} rows stay") }
}

fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
