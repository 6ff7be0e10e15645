//! The command line as clap sees it.
//!
//! The flags of settings are made from the table in [`crate::config::settings`], so that a setting is described once.
//! No subcommand means `run`, as with the original.

mod commands;
mod golang_flags;
mod kinds;
mod new_args;
mod serve;
mod setting_flags;
mod uninstall;
mod validate;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

use crate::config::Flags;
pub use commands::{ExportArgs, ManifestFormat, PlanArgs, PlanFormat, RenderArgs};
use golang_flags::rewrite;
pub use kinds::{CrdsArgs, ExplainArgs, KindsCommand, LintArgs, TestArgs};
pub use new_args::NewArgs;
pub use serve::ServeArgs;
use setting_flags::{Everything, SettingFlags, StoreOnly, WithoutGlobal};
pub use uninstall::{RowPolicy, UninstallArgs};
pub use validate::{FieldValidationArgs, FindingFormat, ValidateArgs};

const EXAMPLES: &str = "\
Every setting can also come from a file (--config) or from the environment as ORLOJ_OPERATOR_<FLAG>, such as \
ORLOJ_OPERATOR_METRICS_ADDR. Flags win over the environment, the environment over the file; `orloj-operator config \
show` tells each value and where it came from. A single dash works as well: -leader-elect=false.

Examples:
  Run against a cluster, as the original operator does:
    export ORLOJ_POSTGRES_DSN=postgres://orloj@db/orloj
    orloj-operator --leader-election-namespace=orloj-system
  Try it with nothing but this binary, manifests from a directory into a SQLite file:
    orloj-operator sync examples/ --store sqlite:orloj.db
  Install the custom resource definitions:
    orloj-operator kinds crds | kubectl apply --server-side -f -";

/// The one setting of which the last does not win: whoever gives two directories wants both.
const KINDS: &str = "kinds";

const PLAN: &str = "plan";

const CONFIG_HELP: &str = "Configuration file (YAML), with the flags' names as keys [env: ORLOJ_OPERATOR_CONFIG]";

/// Keeps the rows that orlojd reads equal to the custom resources in a Kubernetes cluster.
///
/// Apply your Orloj configuration with kubectl; the operator writes each resource as a row into the Postgres that
/// orlojd reads, and reports on the resource whether it got there. `orloj-operator kinds list` names the kinds.
#[derive(Debug, Parser)]
#[command(name = "orloj-operator", version, after_help = EXAMPLES, max_term_width = 120)]
pub struct Cli {
    #[arg(long, global = true, value_name = "FILE", help_heading = "Program", help = CONFIG_HELP)]
    pub config: Option<PathBuf>,

    #[command(flatten)]
    settings: SettingFlags<Everything>,

    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator against a cluster (the default)
    Run(RunArgs),
    /// Sync manifests from files and directories into a store, with no cluster
    Sync(SyncArgs),
    /// Show what a sync would do, and write nothing
    Plan(PlanArgs),
    /// Show what the store holds
    Get(GetArgs),
    /// Serve the REST API of orlojd for the rows of a store
    Serve(ServeArgs),
    /// Turn rows into manifests that kubectl applies
    Export(ExportArgs),
    /// Print the payload that would be stored, or the error, as one JSON line for each resource
    Render(RenderArgs),
    /// Check manifests as the API server and the operator would, with neither
    Validate(ValidateArgs),
    /// Show the kinds and what is generated from them
    Kinds {
        #[command(subcommand)]
        command: KindsCommand,
    },
    /// Create or update the operator's own schema in the store
    Migrate(MigrateArgs),
    /// Take the operator out of a cluster: stop it, and let its resources go
    Uninstall(UninstallArgs),
    /// Show the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  source <(orloj-operator completions bash)")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    settings: SettingFlags<WithoutGlobal>,
}

const STORE_HELP: &str =
    "Store to use: sqlite:PATH or postgres://user@host/db; without it, the store of the configuration";

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  Once:                     orloj-operator sync examples/ --store sqlite:orloj.db
  Follow changes:           orloj-operator sync examples/ --store sqlite:orloj.db --watch
  Remove what has gone:     orloj-operator sync examples/ --store sqlite:orloj.db --prune

Exit code: 0 if every resource is in the store, 1 if one is not, 2 if nothing could be done.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct SyncArgs {
    /// Manifest files, and directories to read all .yaml, .yml and .json files from; - is standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[arg(long, value_name = "URL", help = STORE_HELP)]
    pub store: Option<SecretString>,
    /// Keep running and sync what changes
    #[arg(long)]
    pub watch: bool,
    /// Remove rows that this owner wrote earlier and whose manifest has gone
    #[arg(long)]
    pub prune: bool,
    /// Name under which the rows are owned; two directories with two names never take each other's rows
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    #[command(flatten)]
    pub fields: FieldValidationArgs,
    /// How to report; json is one JSON object a line
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: ReportFormat,
    /// List unchanged resources however many there are
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Report errors only
    #[arg(short, long)]
    pub quiet: bool,
    #[command(flatten)]
    settings: SettingFlags<StoreOnly>,
}

/// How to report on a sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Lines for people
    #[default]
    Text,
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  All of a kind:            orloj-operator get KIND -A --store sqlite:orloj.db
  One, as stored:           orloj-operator get KIND search -n team-a -o yaml --store sqlite:orloj.db
  Everything:               orloj-operator get all -A --store sqlite:orloj.db

Secret values that are not encrypted at rest are shown as ***.")]
pub struct GetArgs {
    /// Kind, by its name, plural or short name (see `orloj-operator kinds list`), or all
    pub kind: String,
    /// Name of one resource; without it, all of the namespace
    pub name: Option<String>,
    /// Namespace to look in
    #[arg(short, long, default_value = "default", value_name = "NAME")]
    pub namespace: String,
    /// All namespaces
    #[arg(short = 'A', long, conflicts_with_all = ["namespace", "name"])]
    pub all_namespaces: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: OutputFormat,
    #[arg(long, value_name = "URL", help = STORE_HELP)]
    pub store: Option<SecretString>,
    #[command(flatten)]
    settings: SettingFlags<StoreOnly>,
}

/// How to print a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Columns for people
    #[default]
    Table,
    Yaml,
    Json,
}

#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Print the SQL for a database administrator to run, and touch nothing
    #[arg(long)]
    pub print: bool,
    #[arg(long, value_name = "URL", help = STORE_HELP)]
    pub store: Option<SecretString>,
    #[command(flatten)]
    settings: SettingFlags<StoreOnly>,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show every setting, its value (secrets masked) and where it came from
    Show {
        /// How to print
        #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
        output: OutputFormat,
        #[command(flatten)]
        settings: SettingFlags<WithoutGlobal>,
    },
}

impl Cli {
    /// Parses a command line whose first item is the program's name; single-dash flags are read as Go reads them.
    /// An error can be help or version: [`clap::Error::exit`] does the right thing.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let args = rewrite(args);
        if golang_flags::occurrences(&args, KINDS) > 1 {
            let text = format!("--{KINDS} was given more than once: put all files into one directory");
            return Err(Self::command().error(clap::error::ErrorKind::ArgumentConflict, text));
        }
        Self::try_parse_from(args)
    }

    /// The subcommand that a command line names, however wrong the rest of it is.
    #[must_use]
    pub fn names_plan(args: impl IntoIterator<Item = OsString>) -> bool {
        let lenient = Self::command().ignore_errors(true).try_get_matches_from(rewrite(args));
        lenient.is_ok_and(|matches| matches.subcommand_name() == Some(PLAN))
    }

    /// The flags of settings that were given, wherever they stood.
    #[must_use]
    pub fn flags(&self) -> Flags {
        let inner = match &self.command {
            Some(Command::Run(args)) => args.settings.flags(),
            Some(Command::Sync(args)) => args.settings.flags(),
            Some(Command::Plan(args)) => args.flags(),
            Some(Command::Get(args)) => args.settings.flags(),
            Some(Command::Export(args)) => args.flags(),
            Some(Command::Serve(args)) => args.flags(),
            Some(Command::Migrate(args)) => args.settings.flags(),
            Some(Command::Uninstall(args)) => args.flags(),
            Some(Command::Kinds { command: KindsCommand::Crds(args) }) => args.flags(),
            Some(Command::Config { command: ConfigCommand::Show { settings, .. } }) => settings.flags(),
            Some(Command::Render(_) | Command::Validate(_) | Command::Kinds { .. } | Command::Completions { .. })
            | None => Flags::default(),
        };
        self.settings.flags().with(inner)
    }

    /// What to do; `run` where nothing is said.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Run(RunArgs { settings: SettingFlags::default() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn read(line: &str) -> Cli {
        try_read(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn try_read(line: &str) -> Result<Cli, clap::Error> {
        Cli::read(std::iter::once("orloj-operator").chain(line.split_whitespace()).map(OsString::from))
    }

    fn flags(line: &str) -> Vec<(&'static str, String)> {
        read(line).flags().iter().map(|(name, value)| (name, value.to_owned())).collect()
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nothing_said_means_run() {
        assert!(matches!(read("").into_command(), Command::Run(_)));
        assert!(matches!(read("--metrics-addr 0").into_command(), Command::Run(_)));
        assert_eq!(flags(""), []);
    }

    #[test]
    fn flags_of_the_original_with_one_dash_or_two() {
        let expected = vec![
            ("leader-elect", "false".to_owned()),
            ("metrics-addr", "0".to_owned()),
            ("status-sync-interval", "1m30s".to_owned()),
        ];
        for line in [
            "--leader-elect=false --metrics-addr=0 --status-sync-interval 1m30s",
            "-leader-elect=false -metrics-addr 0 -status-sync-interval=1m30s",
            "run -leader-elect=false --metrics-addr 0 -status-sync-interval 1m30s",
            "-leader-elect=false -metrics-addr=:1 run -metrics-addr 0 -status-sync-interval 1m30s",
        ] {
            assert_eq!(flags(line), expected, "{line}");
        }
        assert_eq!(flags("--leader-elect run"), [("leader-elect", "true".to_owned())]);
        assert_eq!(flags("--metrics-addr :8080"), [("metrics-addr", ":8080".to_owned())]);
    }

    #[test]
    fn global_flags_stand_anywhere() {
        for line in ["--kinds k --log-level debug get widget", "get widget --kinds k --log-level debug"] {
            assert_eq!(flags(line), [("kinds", "k".to_owned()), ("log-level", "debug".to_owned())], "{line}");
        }
        assert_eq!(read("kinds list --config c.yaml").config, Some(PathBuf::from("c.yaml")));
        assert_eq!(read("--config c.yaml kinds list").config, Some(PathBuf::from("c.yaml")));
    }

    #[test]
    fn short_options_keep_their_meaning() {
        let Command::Get(get) = read("get widget search -n team-a -oyaml --store x.db").into_command() else {
            panic!("not get")
        };
        assert_eq!((get.kind.as_str(), get.name.as_deref()), ("widget", Some("search")));
        assert_eq!((get.namespace.as_str(), get.output), ("team-a", OutputFormat::Yaml));
        let Command::Get(get) = read("get widget -A").into_command() else { panic!("not get") };
        assert!(get.all_namespaces);
        assert!(try_read("get widget -A -n x").is_err());
    }

    #[test]
    fn every_subcommand_parses() {
        for line in [
            "sync a b --store sqlite:x.db --watch --prune --owner me --field-validation warn",
            "render -",
            "plan a --prune --store sqlite:x.db --field-validation ignore",
            "plan --cluster --namespaces a --store sqlite:x.db",
            "plan --schema",
            "export tools -n a -l tier=1 --out x --force --reveal -o json",
            "validate a - -o sarif --field-validation warn --strict --closed --deny-warnings --ignore a,b",
            "validate --list-rules",
            "serve --store sqlite:x.db --listen :80 --crd-conflict-policy reject --token-file t --insecure-no-auth",
            "kinds crds",
            "kinds crds widget --only-extra --apply --force-conflicts --timeout 5s --kubeconfig k",
            "uninstall --policy delete --deployment x --namespaces a,b --timeout 1m30s",
            "kinds rbac -n orloj",
            "kinds schema",
            "kinds lint a b --deny-warnings -o json",
            "kinds test a --update",
            "kinds explain widget.spec.size --recursive",
            "migrate --print",
            "config show -o json --postgres-dsn x",
            "completions bash",
        ] {
            read(line);
        }
        for line in [
            "--listen :80",
            "uninstall --policy keep",
            "uninstall --timeout 5",
            "kinds crds --apply --out d",
            "sync",
            "plan",
            "plan a --cluster",
            "plan --cluster --prune",
            "plan --cluster --owner a",
            "plan --cluster --field-validation warn",
            "export --force",
            "render",
            "validate",
            "kinds",
            "get",
            "bogus",
            "--no-such-flag",
            "--kinds a kinds list --kinds=b",
        ] {
            assert!(try_read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_wrong_plan_is_known_for_a_plan() {
        let names_plan =
            |line: &str| Cli::names_plan(std::iter::once("x").chain(line.split_whitespace()).map(OsString::from));
        for line in ["plan", "plan --bogus", "--kinds k plan a --cluster", "-log-level debug plan --store"] {
            assert!(names_plan(line), "{line}");
        }
        for line in ["", "sync plan --bogus", "--kinds plan sync", "get plan"] {
            assert!(!names_plan(line), "{line}");
        }
    }

    #[test]
    fn secrets_stay_out_of_debug_and_errors() {
        let cli = read("--postgres-dsn pl4nted sync a --store pl4nted");
        assert!(!format!("{cli:?}").contains("pl4nted"));
        for line in ["--postgres-dns=pl4nted", "--postgres-dsn=pl4nted --bogus", "migrate --stor=pl4nted"] {
            let error = try_read(line).unwrap_err();
            assert!(!error.to_string().contains("pl4nted"), "{error}");
        }
    }

    #[test]
    fn help_groups_the_flags_and_tells_defaults() {
        let help = Cli::command().render_long_help().to_string();
        for part in
            ["Leader election:", "--lease-duration <DURATION>", "[default: 15s]", "ORLOJ_POSTGRES_DSN", "Examples:"]
        {
            assert!(help.contains(part), "{part}\n{help}");
        }
    }
}
