//! `plan`: what a sync would do, found out by doing it on a store that nothing is written to.
//!
//! The reconciler, the source and the decisions are those of `sync` and `run`; only where they would write there is a
//! [`DryRunStore`], and for a cluster a target that tells nobody.

mod changes;
mod cluster;
mod fields;
mod report;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::args::PlanArgs;
use super::finding::{self, FindingLine};
use super::sync::line::SyncResult;
use super::sync::observe::ChannelObserver;
use super::sync::{self, Tally};
use super::{CliError, CommandStatus, check_paths, output, secret_key, stop_on_signals, store};
use crate::cluster::survey::Listing;
use crate::config::Config;
use crate::crypto::{Fingerprinter, SecretKey, Vault};
use crate::diagnostics::Severity;
use crate::directory::{self, Directory, Heard, KnownResources, OWNER};
use crate::reconciler::{self, Options, Parts, ReconcilerError, ResourceClient};
use crate::registry::Registry;
use crate::resource::{KindIndex, ResourceId};
use crate::source::Scope;
use crate::source::channel::{EventReceiver, channel};
use crate::store::LedgerStore as _;
use crate::store::Store;
use crate::store::dry_run::DryRunStore;
use crate::store::open::{StoreUrl, open_read_only};
use crate::store::sealing::Codec;
use crate::telemetry::Terminal;

use changes::{Account, Change, Changes};
use report::{Plan, Problem, Summary};

/// Where the resources come from.
struct PlanSource {
    target: Arc<dyn ResourceClient>,
    scopes: Vec<(KindIndex, Scope)>,
    options: Options,
    /// Whose ledger.
    owner: String,
    events: EventReceiver,
    heard: mpsc::UnboundedReceiver<Heard>,
    /// Reads the resources; of files it answers nothing.
    reading: JoinHandle<Listing>,
    files: Option<KnownResources>,
}

pub async fn run(
    args: PlanArgs,
    config: Config,
    registry: Arc<Registry>,
    terminal: &Terminal,
) -> Result<CommandStatus, CliError> {
    if args.schema {
        output::json(&report::schema())?;
        return Ok(CommandStatus::Success);
    }
    check_paths(&args.paths)?;
    let url = store::url(args.store.as_ref(), &config)?;
    let store = open_read_only(&url).await?;
    let making = on_store(&args, &config, &registry, &url, Arc::clone(&store), terminal);
    let plan = store::close_after(store.as_ref(), making).await?;
    Ok(plan.print(args.output)?)
}

async fn on_store(
    args: &PlanArgs,
    config: &Config,
    registry: &Arc<Registry>,
    url: &StoreUrl,
    store: Arc<dyn Store>,
    terminal: &Terminal,
) -> Result<Plan, CliError> {
    let stop = stop_on_signals()?;
    let key = secret_key(config)?;
    let preview = store.preview_migrations(&store::tables(registry), config.create_tables).await?;
    if !preview.missing.is_empty() {
        return Err(CliError::StoreIncomplete { missing: preview.missing, hint: store::NOT_READY });
    }
    let source =
        if args.cluster { cluster::source(config, registry).await? } else { files(args, config, registry, &stop) };
    let dry_run = Arc::new(DryRunStore::on(store, preview, &source.owner).await?);
    let owner = source.owner.clone();
    let ran = run_dry(source, &dry_run, registry, key.clone(), &stop, terminal).await?;
    let fingerprinter = Arc::new(Fingerprinter::new(dry_run.salt().await?, key.as_ref()));
    let codec = Codec::new(fingerprinter, Vault::new(key));
    let account = Account::new(registry, &codec, dry_run.changes());
    Ok(ran.plan(account, url.to_string(), owner, args.prune || args.cluster))
}

/// What came of a dry run.
struct DryRun {
    tally: Tally,
    listing: Listing,
    files: Option<KnownResources>,
}

/// Runs the reconciler on the source until it has nothing left to do.
async fn run_dry(
    source: PlanSource,
    dry_run: &Arc<DryRunStore>,
    registry: &Arc<Registry>,
    key: Option<SecretKey>,
    stop: &CancellationToken,
    terminal: &Terminal,
) -> Result<DryRun, CliError> {
    let (tell_noted, noted) = mpsc::unbounded_channel();
    let parts = Parts {
        registry: Arc::clone(registry),
        store: Arc::clone(dry_run) as _,
        target: source.target,
        observer: Arc::new(ChannelObserver::new(tell_noted)),
        fence: dry_run.fence(),
        key,
        scopes: source.scopes,
        tables: None,
        parked: Vec::new(),
    };
    let options = Options { until_idle: true, ..source.options };
    let reconciler = reconciler::run(parts, options, source.events, stop.clone());
    let progress = terminal.progress("planning", None);
    let (tally, result) = sync::gather(reconciler, source.heard, noted, Some(progress)).await;
    result?;
    if stop.is_cancelled() {
        // the source may still wait for standard input
        return Err(CliError::Usage("interrupted: there is no plan".to_owned()));
    }
    let listing = source.reading.await.map_err(|error| ReconcilerError::Internal(error.to_string()))?;
    Ok(DryRun { tally, listing, files: source.files })
}

fn files(args: &PlanArgs, config: &Config, registry: &Arc<Registry>, stop: &CancellationToken) -> PlanSource {
    let (tell, events) = channel();
    let (tell_heard, heard) = mpsc::unbounded_channel();
    let directory = Directory::new(registry, args.paths.clone(), args.fields.get(), args.prune, tell, tell_heard);
    let (known, target) = (directory.known(), directory.target());
    let stop = stop.clone();
    PlanSource {
        target: Arc::new(target),
        scopes: directory::scopes(registry),
        options: sync::options(config, args.prune),
        owner: args.owner.clone().unwrap_or_else(|| OWNER.to_owned()),
        events,
        heard,
        reading: tokio::spawn(async move {
            sync::read(directory, false, stop).await;
            Listing::default()
        }),
        files: Some(known),
    }
}

impl DryRun {
    fn plan(self, account: Account<'_>, store: String, owner: String, prunes: bool) -> Plan {
        let Self { mut tally, listing, files } = self;
        let mut results: Vec<_> = tally.results.drain().collect();
        let all: Vec<_> = match &files {
            Some(known) => known.in_order(),
            None => listing.resources,
        };
        let resources = all.len();
        let told: HashSet<_> = results.iter().map(|(id, _)| id.clone()).collect();
        // the reconciler asks the store about what it does not know already
        let untouched = all.into_iter().filter(|id| !told.contains(id));
        results.extend(untouched.map(|id| (id, SyncResult::unchanged())));
        results.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (id, result) in &mut results {
            if let Some(known) = &files
                && result.key.is_empty()
            {
                result.key = known.key(id);
            }
            if files.is_none() {
                // as the status would have it
                result.error = result.failure.as_ref().map(|(_, text)| text.clone());
            }
        }
        let of_files = files.iter().flat_map(|known| known.in_order().into_iter().flat_map(|id| known.findings(&id)));
        let warnings = of_files.filter(|finding| finding.severity == Severity::Warning);
        let warnings = warnings.map(|finding| FindingLine::from(&finding)).collect();
        let Changes { all, unchanged, suspended } = account.settle(results, tally.left);
        let changes: Vec<Change> = all
            .into_iter()
            .map(|(id, change)| match (&files, id) {
                (Some(known), Some(id)) => placed(known, &id, change),
                _ => change,
            })
            .collect();
        let mut actions = BTreeMap::new();
        for change in &changes {
            *actions.entry(change.action).or_default() += 1;
        }
        let problems =
            tally.problems.into_iter().map(problem).chain(listing.problems.into_iter().map(nameless)).collect();
        let summary = Summary {
            resources,
            actions,
            unchanged,
            suspended,
            skipped: tally.listed.foreign,
            incomplete: tally.listed.incomplete && prunes,
        };
        Plan { store, owner, changes, problems, warnings, summary }
    }
}

/// With the place of the manifest.
fn placed(known: &KnownResources, id: &ResourceId, change: Change) -> Change {
    let Some(place) = known.place(id) else { return change };
    let change = Change { file: Some(place.file.display().to_string()), line: Some(place.line), ..change };
    let Some(text) = &change.error else { return change };
    let findings: Vec<_> = known.findings(id).iter().map(FindingLine::from).filter(FindingLine::is_error).collect();
    let (line, column) = match finding::blamed(&findings, text) {
        Some(blamed) => (blamed.line, blamed.column),
        None => (Some(place.line), None),
    };
    Change { line, column, findings, ..change }
}

fn problem(error: crate::source::manifest::ManifestError) -> Problem {
    let some = |number: usize| (number > 0).then_some(number);
    Problem {
        file: Some(error.file.display().to_string()),
        line: some(error.line),
        column: some(error.column),
        error: error.text,
        snippet: error.snippet,
    }
}

fn nameless(error: String) -> Problem {
    Problem { file: None, line: None, column: None, error, snippet: None }
}
