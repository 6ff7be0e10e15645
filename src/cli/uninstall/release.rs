//! Finalizers on their way off, in rounds: each looks at all resources, and the last one finds nothing left to do.
//!
//! What changed between the look and the patch is left to the next round, and so is what failed. Nothing of a round is
//! kept but counts, so that memory stays flat.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::StreamExt;
use tokio::time::{Instant, sleep, sleep_until};

use super::UninstallSession;
use super::rows::{Removal, Rows};
use crate::backoff::Policy;
use crate::cli::CliError;
use crate::cluster::acknowledge::ClusterResourceClient;
use crate::cluster::list::{self, ListError};
use crate::cluster::watch::scopes;
use crate::desired::retains;
use crate::orlojd::FINALIZER;
use crate::registry::Kind;
use crate::resource::{KindIndex, ObjectName, Resource};
use crate::source::Scope;
use crate::source::target::ResourceClientError;
use crate::store::LedgerEntry;

/// Between two rounds, where something failed.
const RETRY: Policy = Policy { first: Duration::from_millis(300), longest: Duration::from_secs(5) };

/// What the API server refuses so often stays refused: rights that were given just now reach it within a second or two.
const REFUSALS: u32 = 5;

/// After its binding is gone, the API server goes by a policy for a second more.
const POLICY_LAG: Duration = Duration::from_secs(2);

/// What a round came to.
#[derive(Debug, Default)]
pub struct Round {
    pub released: usize,
    /// Left for the next one.
    pub unsettled: usize,
    /// Refused by the API server.
    pub refused: usize,
    /// The first few of both, with the reason.
    pub named: Vec<String>,
}

/// How many of what failed are named.
const NAMED: usize = 10;

impl Round {
    fn fail(&mut self, what: &str, error: &ResourceClientError) {
        match error {
            ResourceClientError::Refused(_) => self.refused += 1,
            _ => self.unsettled += 1,
        }
        self.name(what, error);
    }

    fn fail_list(&mut self, kind: &Kind, scope: &Scope, error: &ListError) {
        match error {
            ListError::Refused(_) => self.refused += 1,
            _ => self.unsettled += 1,
        }
        let place = match scope {
            Scope::All => "everywhere".to_owned(),
            Scope::Namespace(name) => format!("in namespace {name}"),
        };
        self.name(&format!("all {} {place}", kind.names.plural), error);
    }

    fn name(&mut self, what: &str, why: &impl std::fmt::Display) {
        if self.named.len() < NAMED {
            self.named.push(format!("{what}: {why}"));
        }
    }
}

/// One kind in one namespace or in all, and whether all resources there have been looked at.
pub struct ReleasePart {
    kind: KindIndex,
    scope: Scope,
    done: bool,
}

fn holds(resource: &Resource) -> bool {
    resource.finalizers.iter().any(|name| name == FINALIZER)
}

fn removal(kind: &Kind, resource: &Resource) -> Removal {
    let (object, retain) = (resource.id.object.clone(), retains(resource));
    Removal { key: kind.removal_key(resource), object, retain }
}

impl UninstallSession {
    /// Takes the finalizer off all resources, each after its row has gone where it is to go.
    pub(super) async fn release_all(&self, rows: &mut Rows) -> Result<Vec<ReleasePart>, CliError> {
        let target = ClusterResourceClient::new(self.client.clone(), self.registry.clone(), self.identity.clone());
        let parts = scopes(&self.registry, &self.config.namespaces);
        let mut parts: Vec<_> =
            parts.into_iter().map(|(kind, scope)| ReleasePart { kind, scope, done: false }).collect();
        let settled = Instant::now() + POLICY_LAG;
        let (mut failures, mut refusals) = (0, 0);
        loop {
            let began = Instant::now();
            let round = self.round(&target, rows, &mut parts).await?;
            let idle = round.released == 0 && round.unsettled == 0;
            refusals = if round.refused > 0 { refusals + 1 } else { 0 };
            let over = idle && (round.refused == 0 || refusals >= REFUSALS);
            let failed = round.unsettled + round.refused > 0;
            self.tally().last_round = round;
            if over && (self.args.finalizer_policy.is_none() || began >= settled) {
                return Ok(parts);
            }
            if failed {
                sleep(RETRY.delay(failures, rand::random())).await;
                failures += 1;
            } else if over {
                sleep_until(settled).await;
            }
        }
    }

    async fn round(
        &self,
        target: &ClusterResourceClient,
        rows: &mut Rows,
        parts: &mut [ReleasePart],
    ) -> Result<Round, CliError> {
        let mut round = Round::default();
        for part in parts {
            let mut from = None;
            loop {
                match list::page(&self.client, self.registry.kind(part.kind), &part.scope, from.as_deref()).await {
                    Ok(page) => {
                        self.release_page(target, rows, part, page.resources, &mut round).await?;
                        from = page.next;
                    }
                    Err(ListError::NotInstalled) => from = None,
                    Err(ListError::Refused(_)) if self.is_gone(&part.scope).await => from = None,
                    Err(error) => {
                        round.fail_list(self.registry.kind(part.kind), &part.scope, &error);
                        break;
                    }
                }
                if from.is_none() {
                    part.done = true;
                    break;
                }
            }
        }
        Ok(round)
    }

    async fn is_gone(&self, scope: &Scope) -> bool {
        match scope {
            Scope::All => false,
            Scope::Namespace(namespace) => list::is_gone(&self.client, namespace).await,
        }
    }

    async fn release_page(
        &self,
        target: &ClusterResourceClient,
        rows: &mut Rows,
        part: &ReleasePart,
        resources: Vec<Resource>,
        round: &mut Round,
    ) -> Result<(), CliError> {
        let kind = self.registry.kind(part.kind);
        let goes = |resource: &&Resource| {
            if self.deletes() { holds(resource) || !part.done } else { holds(resource) && resource.deleting }
        };
        let removals: Vec<_> = resources.iter().filter(goes).map(|resource| removal(kind, resource)).collect();
        let mut left: HashMap<ObjectName, String> = HashMap::new();
        if !removals.is_empty() {
            let removed = rows.remove(part.kind, removals).await?;
            self.tally().take(&removed);
            left.extend(removed.failed);
        }
        // nothing is written to what is another's
        let held = |resource: &Resource| kind.foreign.is_none() && holds(resource);
        let (held, free): (Vec<_>, Vec<_>) = resources.into_iter().partition(held);
        for resource in free {
            if let Some(why) = left.remove(&resource.id.object) {
                self.tally().leave(kind, &resource.id.object, &why);
            }
        }
        let calls = held.into_iter().map(|resource| async move {
            let alive = !self.deletes() && !resource.deleting;
            let result = target.release(&resource, alive).await;
            (resource.id.object, result)
        });
        let mut calls = futures::stream::iter(calls).buffer_unordered(self.config.api_concurrency);
        while let Some((object, result)) = calls.next().await {
            match result {
                Ok(()) => {
                    round.released += 1;
                    let mut tally = self.tally();
                    *tally.released.entry(part.kind).or_default() += 1;
                    if let Some(why) = left.remove(&object) {
                        tally.leave(kind, &object, &why);
                    }
                }
                Err(ResourceClientError::Gone) => {}
                Err(error) => round.fail(&format!("{} {object}", kind.names.label), &error),
            }
        }
        Ok(())
    }

    /// What the ledger has left: with `delete` the rows of resources that had gone before go as well, where all that
    /// are there have been seen; others are counted.
    pub(super) async fn settle_ledger(&self, rows: &mut Rows, parts: &[ReleasePart]) -> Result<(), CliError> {
        let seen = |kind: KindIndex, entry: &LedgerEntry| {
            let here = |part: &&ReleasePart| part.kind == kind && part.scope.contains(&entry.object.namespace);
            parts.iter().filter(here).any(|part| part.done)
        };
        let mut after: Option<(String, String)> = None;
        loop {
            let from = after.as_ref().map(|(kind, key)| (kind.as_str(), key.as_str()));
            let Some(page) = rows.ledger(from).await else { return Ok(()) };
            after = page.last().map(|last| (last.kind.clone(), last.key.clone()));
            let mut goes: BTreeMap<KindIndex, Vec<Removal>> = BTreeMap::new();
            for entry in page.into_iter().filter(|entry| self.covers(&entry.object.namespace)) {
                match rows.kind_of(&entry) {
                    None => *self.tally().unknown.entry(entry.kind).or_default() += 1,
                    Some(kind) if !self.deletes() || !seen(kind, &entry) => self.tally().rows_stay += 1,
                    Some(kind) => {
                        let removal = Removal { object: entry.object, key: entry.key, retain: entry.retain };
                        goes.entry(kind).or_default().push(removal);
                    }
                }
            }
            for (kind, removals) in goes {
                let removed = rows.remove(kind, removals).await?;
                let mut tally = self.tally();
                tally.take(&removed);
                for (object, why) in &removed.failed {
                    tally.leave(self.registry.kind(kind), object, why);
                }
            }
        }
    }

    pub(super) fn covers(&self, namespace: &str) -> bool {
        let namespaces = &self.config.namespaces;
        namespaces.is_empty() || namespaces.iter().any(|covered| **covered == *namespace)
    }
}
