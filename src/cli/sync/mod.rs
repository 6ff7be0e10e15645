//! `sync`: manifests from files into a store, with no cluster; once, or following changes.

mod follow;
pub(super) mod line;
pub(super) mod observe;
mod report;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::args::{ReportFormat, SyncArgs};
use super::{CliError, CommandStatus, check_paths, output, secret_key, stop_on_signals, store};
use crate::config::Config;
use crate::directory::{self, Directory, Heard, KnownResources, OWNER};
use crate::reconciler::{self, Options, Parts, Prune, ReconcilerError};
use crate::registry::Registry;
use crate::source::channel::channel;
use crate::source::manifest::STDIN;
use crate::store::Store;
use crate::store::open::open;
use crate::telemetry::{Progress, Terminal};

use follow::Follow;
use observe::{ChannelObserver, ReconcilerEvent};
pub(super) use report::Tally;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Say {
    Errors,
    /// Leaves out unchanged resources where they are many.
    News,
    All,
}

/// What all of a sync needs to tell what became of it.
struct Session {
    registry: Arc<Registry>,
    store: Arc<dyn Store>,
    known: KnownResources,
    format: ReportFormat,
    say: Say,
    prune: bool,
    /// Secret values go into the store in the clear.
    in_the_clear: bool,
}

pub async fn run(
    args: SyncArgs,
    config: Config,
    registry: Arc<Registry>,
    terminal: &Terminal,
) -> Result<CommandStatus, CliError> {
    check_paths(&args.paths)?;
    if args.watch && args.paths.iter().any(|path| path == Path::new(STDIN)) {
        return Err(CliError::Usage("unable to watch standard input: it can be read once only".to_owned()));
    }
    let stop = stop_on_signals()?;
    let key = secret_key(&config)?;
    let store = open_store(&args, &config, &registry).await?;
    let owner = args.owner.as_deref().unwrap_or(OWNER);
    let fence = store.take_leadership(owner, &format!("orloj-operator_sync_{}", std::process::id())).await?;

    let (tell, events) = channel();
    let (tell_heard, heard) = mpsc::unbounded_channel();
    let (tell_noted, noted) = mpsc::unbounded_channel();
    let directory = Directory::new(&registry, args.paths.clone(), args.fields.get(), args.prune, tell, tell_heard);
    let session = Session {
        known: directory.known(),
        store: Arc::clone(&store),
        format: args.output,
        say: match (args.quiet, args.verbose) {
            (true, _) => Say::Errors,
            (_, true) => Say::All,
            _ => Say::News,
        },
        prune: args.prune,
        in_the_clear: key.is_none(),
        registry: Arc::clone(&registry),
    };
    let parts = Parts {
        target: Arc::new(directory.target()),
        observer: Arc::new(ChannelObserver::new(tell_noted)),
        scopes: directory::scopes(&registry),
        registry,
        store,
        fence,
        key,
        tables: None,
        parked: Vec::new(),
    };
    let options = Options { until_idle: !args.watch, ..options(&config, args.prune) };
    let reconciler = reconciler::run(parts, options, events, stop.clone());
    let source = tokio::spawn(read(directory, args.watch, stop.clone()));
    let working = async {
        if args.watch {
            Follow::new(&session).run(reconciler, heard, noted).await
        } else {
            once(&session, reconciler, heard, noted, &stop, terminal).await
        }
    };
    let result = store::close_after(session.store.as_ref(), working).await;
    stop.cancel();
    // the source ends with the reconciler, except where it waits for standard input
    drop(source);
    result
}

/// How the reconciler works on files.
pub(super) fn options(config: &Config, prune: bool) -> Options {
    Options {
        batch_size: config.batch_size,
        api_concurrency: config.api_concurrency,
        status_interval: config.status_sync_interval,
        sweep_interval: config.sweep_interval,
        require_encryption: config.require_encryption,
        prune: if prune { Prune::Yes } else { Prune::No },
        ..Options::default()
    }
}

async fn open_store(args: &SyncArgs, config: &Config, registry: &Registry) -> Result<Arc<dyn Store>, CliError> {
    let store = open(&store::url(args.store.as_ref(), config)?).await?;
    store::make_ready(store.as_ref(), registry, config.create_tables).await?;
    Ok(store)
}

/// Reads the files beside the reconciler; `Err` cannot matter, since it says that the reconciler has ended.
pub(super) async fn read(mut directory: Directory, watch: bool, stop: CancellationToken) {
    let listed = tokio::task::spawn_blocking(move || {
        let result = directory.list();
        (directory, result)
    });
    if let Ok((directory, Ok(()))) = listed.await
        && watch
    {
        directory.follow(stop).await;
    }
}

/// Gathers until the reconciler has nothing left to do, then reports.
async fn once(
    session: &Session,
    reconciler: impl Future<Output = Result<(), ReconcilerError>>,
    heard: mpsc::UnboundedReceiver<Heard>,
    noted: mpsc::UnboundedReceiver<ReconcilerEvent>,
    stop: &CancellationToken,
    terminal: &Terminal,
) -> Result<CommandStatus, CliError> {
    let progress = (session.say != Say::Errors).then(|| terminal.progress("syncing", None));
    let (tally, result) = gather(reconciler, heard, noted, progress).await;
    if result.is_ok() && !stop.is_cancelled() {
        return tally.report(session).await;
    }
    for problem in &tally.problems {
        report::tell_problem(session, problem)?;
    }
    result?;
    output::note("interrupted: what was written stays");
    Ok(CommandStatus::Failed)
}

/// Listens until the reconciler ends.
pub(super) async fn gather(
    reconciler: impl Future<Output = Result<(), ReconcilerError>>,
    mut heard: mpsc::UnboundedReceiver<Heard>,
    mut noted: mpsc::UnboundedReceiver<ReconcilerEvent>,
    progress: Option<Progress>,
) -> (Tally, Result<(), ReconcilerError>) {
    let mut tally = Tally::default();
    let take = |tally: &mut Tally, note: ReconcilerEvent| {
        if let Some(progress) = &progress {
            progress.advance(note.resources());
        }
        tally.note(note);
    };
    tokio::pin!(reconciler);
    let result = loop {
        tokio::select! {
            biased;
            Some(note) = noted.recv() => take(&mut tally, note),
            Some(one) = heard.recv() => tally.hear(one),
            result = &mut reconciler => break result,
        }
    };
    while let Ok(note) = noted.try_recv() {
        take(&mut tally, note);
    }
    while let Ok(one) = heard.try_recv() {
        tally.hear(one);
    }
    (tally, result)
}
