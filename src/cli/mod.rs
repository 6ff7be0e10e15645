//! The command line: one file a command, and what they share.
//!
//! Exit codes: 0 all is well, 1 something is wrong with a resource, 2 the command could not run. Those of `plan` are
//! what others of its sort have: 0 no change, 1 something is wrong, 2 changes.

pub mod args;
mod export;
mod finding;
mod get;
mod kinds;
mod migrate;
mod new;
mod output;
mod plan;
mod render;
mod serve;
mod store;
mod sync;
mod uninstall;
mod validate;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::CommandFactory;
use tokio_util::sync::CancellationToken;

use crate::authoring::explain::ExplainError;
use crate::cluster::client::ClientError;
use crate::cluster::definitions::DefinitionError;
use crate::config::{Config, ConfigError, Inputs, LogFormat, Need, Resolved, ShowFormat};
use crate::crypto::{KeyError, SecretKey};
use crate::diagnostics::Diagnostic;
use crate::draft::DraftError;
use crate::operator;
use crate::reconciler::ReconcilerError;
use crate::registry::crd::WriteError;
use crate::registry::{Registry, RegistryError};
use crate::rest;
use crate::source::manifest::{ManifestError, STDIN};
use crate::store::{Missing, StoreError};
use crate::telemetry::Terminal;
use crate::telemetry::logs::{self, LogError};

use args::{Cli, Command, ConfigCommand, KindsCommand, OutputFormat};

/// Why a command could not run.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Logs(#[from] LogError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("unable to use the encryption key: {0}")]
    Key(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Engine(#[from] ReconcilerError),
    #[error(transparent)]
    Run(#[from] operator::RunError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    #[error(transparent)]
    Listen(#[from] rest::ListenError),
    #[error(transparent)]
    Uninstall(#[from] uninstall::UninstallError),
    #[error("unable to read {}: {error}", path.display())]
    Path { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Explain(#[from] ExplainError),
    #[error(transparent)]
    Draft(#[from] DraftError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("unable to write the output: {0}")]
    Output(#[from] std::io::Error),
    #[error("unable to start: {0}")]
    Runtime(std::io::Error),
    /// The store has not all that is needed.
    #[error("unable to use the store: {}\n{hint}", Missing::list(missing, "\n  "))]
    StoreIncomplete { missing: Vec<Missing>, hint: &'static str },
    #[error("unable to run the cases{}", problems.iter().fold(String::new(), |told, problem| told + "\n\n" + &problem.to_string()))]
    Cases { problems: Vec<Diagnostic> },
    #[error("{0}")]
    Usage(String),
}

/// How a command ended that could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandStatus {
    Success,
    /// A resource is invalid, refused or not there.
    Failed,
    /// A plan has something to do.
    PendingChanges,
}

impl CommandStatus {
    fn success_if(good: bool) -> Self {
        if good { Self::Success } else { Self::Failed }
    }
}

/// The program: reads the command line, runs the command, tells what went wrong.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    // a script that asks whether there are changes must not take a failure for them
    let failed = ExitCode::from(if Cli::names_plan(args.clone()) { 1 } else { 2 });
    let cli = match Cli::read(args) {
        Ok(cli) => cli,
        Err(error) => {
            // nobody is left to tell when that fails
            let _ = error.print();
            return if error.use_stderr() { failed } else { ExitCode::SUCCESS };
        }
    };
    match dispatch(cli) {
        Ok(CommandStatus::Success) => ExitCode::SUCCESS,
        Ok(CommandStatus::Failed) => ExitCode::from(1),
        Ok(CommandStatus::PendingChanges) => ExitCode::from(2),
        // whoever read our output has read enough
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            failed
        }
    }
}

fn dispatch(cli: Cli) -> Result<CommandStatus, CliError> {
    let (file, flags) = (cli.config.clone(), cli.flags());
    let command = cli.into_command();
    if let Command::Completions { shell } = command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "orloj-operator", &mut script);
        output::bytes(&script)?;
        return Ok(CommandStatus::Success);
    }
    let resolved = Resolved::load(&Inputs::from_process(file, flags))?;
    let terminal = Terminal::stderr();
    start_logs(&resolved, &command, &terminal)?;
    let config = |need| -> Result<(Config, Arc<Registry>), CliError> {
        let config = resolved.config(need)?;
        let registry = Registry::load(config.kinds_dir.as_deref())?;
        Ok((config, Arc::new(registry)))
    };
    let need = |store: Option<&_>| if store.is_some() { Need::Nothing } else { Need::Store };
    match command {
        Command::Run(_) => {
            let config = resolved.config(Need::Run)?;
            let registry = Registry::load(config.kinds_dir.as_deref())?;
            block_on(async {
                let stop = stop_on_signals()?;
                operator::run(config, registry, stop).await?;
                Ok(CommandStatus::Success)
            })
        }
        Command::Sync(args) => {
            let (config, registry) = config(need(args.store.as_ref()))?;
            block_on(sync::run(args, config, registry, &terminal))
        }
        Command::Plan(args) => {
            let (config, registry) = config(if args.schema { Need::Nothing } else { need(args.store.as_ref()) })?;
            block_on(plan::run(args, config, registry, &terminal))
        }
        Command::Export(args) => {
            let (config, registry) = config(need(args.store.as_ref()))?;
            block_on(export::run(&args, &config, &registry))
        }
        Command::Get(args) => {
            let (config, registry) = config(need(args.store.as_ref()))?;
            block_on(get::run(&args, &config, &registry))
        }
        Command::Serve(args) => {
            let (config, registry) = config(need(args.store.as_ref()))?;
            block_on(serve::run(&args, config, registry))
        }
        Command::Render(args) => render::run(&args, &config(Need::Nothing)?.1),
        Command::Kinds { command: KindsCommand::New(args) } => {
            let (config, registry) = config(Need::Nothing)?;
            block_on(new::run(&args, &config, &registry))
        }
        Command::Validate(args) => validate::run(&args, config(Need::Nothing)?.1, &terminal),
        Command::Kinds { command } => kinds::run(&command, &resolved.config(Need::Nothing)?),
        Command::Migrate(args) => {
            let (config, registry) = config(need(args.store.as_ref()))?;
            block_on(migrate::run(&args, &config, &registry))
        }
        Command::Uninstall(args) => {
            let (config, registry) = config(Need::Leave)?;
            block_on(uninstall::run(args, config, registry))
        }
        Command::Config { command: ConfigCommand::Show { output, .. } } => show_config(&resolved, output),
        Command::Completions { .. } => Ok(CommandStatus::Success),
    }
}

/// Shows a configuration that is wrong all the same, and says what is wrong with it.
fn show_config(resolved: &Resolved, format: OutputFormat) -> Result<CommandStatus, CliError> {
    let format = match format {
        OutputFormat::Table => ShowFormat::Table,
        OutputFormat::Json => ShowFormat::Json,
        OutputFormat::Yaml => ShowFormat::Yaml,
    };
    output::text(&resolved.show(format))?;
    match resolved.config(Need::Nothing) {
        Ok(_) => Ok(CommandStatus::Success),
        Err(error) => {
            output::error(&error);
            Ok(CommandStatus::Failed)
        }
    }
}

/// Commands for people speak through their output; only servers log what they do unasked.
fn start_logs(resolved: &Resolved, command: &Command, terminal: &Terminal) -> Result<(), CliError> {
    let (mut level, mut format) = resolved.logging();
    if !matches!(command, Command::Run(_) | Command::Serve(_)) {
        if resolved.origin("log-level") == "default" {
            "warn".clone_into(&mut level);
        }
        if format == LogFormat::Auto {
            format = LogFormat::Human;
        }
    }
    logs::init(&level, format, terminal)?;
    for note in resolved.notes() {
        if note.warning { tracing::warn!("{}", note.text) } else { tracing::debug!("{}", note.text) }
    }
    Ok(())
}

fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    let result = runtime.block_on(work);
    // what still reads standard input cannot be waited for
    runtime.shutdown_background();
    result
}

/// Cancelled by the first SIGINT or SIGTERM; a second one ends the process.
fn stop_on_signals() -> Result<CancellationToken, CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Runtime)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Runtime)?;
    let told = stop.clone();
    tokio::spawn(async move {
        loop {
            let code = tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
            };
            if told.is_cancelled() {
                std::process::exit(code);
            }
            told.cancel();
        }
    });
    Ok(stop)
}

fn secret_key(config: &Config) -> Result<Option<SecretKey>, CliError> {
    match &config.secret_encryption_key {
        Some(source) => Ok(SecretKey::parse(&source.read()?)?),
        None => Ok(None),
    }
}

/// A path that was named has to be there: a typing error must not read as an empty directory.
fn check_paths(paths: &[PathBuf]) -> Result<(), CliError> {
    for path in paths.iter().filter(|path| path.as_path() != Path::new(STDIN)) {
        path.metadata().map_err(|error| CliError::Path { path: path.clone(), error })?;
    }
    Ok(())
}
