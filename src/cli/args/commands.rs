//! The commands that look before anything is written: plan, export, render.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use secrecy::SecretString;

use super::FieldValidationArgs;
use super::STORE_HELP;
use super::setting_flags::{SettingFlags, StoreAndCluster, StoreOnly};
use crate::config::Flags;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  What a sync would do:       orloj-operator plan examples/ --store sqlite:orloj.db --prune
  What the operator would do: orloj-operator plan --cluster --store postgres://reader@db/orloj
  For a script:               orloj-operator plan examples/ --store sqlite:orloj.db -o json

Nothing is written: not to the store, not to the cluster; reading suffices as a right. Secret values show as ***.
SQLite keeps -wal and -shm beside a file while it is read, where it may; a -shm that a left-behind -wal needs stays.
Exit code: 0 if nothing would change, 2 if something would, 1 if a resource would be refused or the plan cannot be made.")]
pub struct PlanArgs {
    /// Manifest files, and directories to read all .yaml, .yml and .json files from; - is standard input
    #[arg(required_unless_present_any = ["cluster", "schema"], value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Plan what the operator would do with the resources of a cluster
    #[arg(conflicts_with_all = ["paths", "prune", "owner", "field_validation"])]
    #[arg(long)]
    pub cluster: bool,
    #[arg(long, value_name = "URL", help = STORE_HELP)]
    pub store: Option<SecretString>,
    /// As of sync: delete rows that this owner wrote earlier and whose manifest has gone
    #[arg(long)]
    pub prune: bool,
    /// As of sync: name under which the rows are owned
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    #[command(flatten)]
    pub fields: FieldValidationArgs,
    /// How to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: PlanFormat,
    /// Print the JSON Schema of a plan in JSON, and do nothing else
    #[arg(long)]
    pub schema: bool,
    #[command(flatten)]
    settings: SettingFlags<StoreAndCluster>,
}

/// How to print a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// Lines for people
    #[default]
    Table,
    Json,
}

impl PlanArgs {
    pub(super) fn flags(&self) -> Flags {
        self.settings.flags()
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  Everything, a file each:  orloj-operator export --out manifests/ --store sqlite:orloj.db
  Some, as one stream:      orloj-operator export KIND -n team-a -l tier=web --store sqlite:orloj.db
  With secret values:       orloj-operator export KIND --reveal --out manifests/

Secret values are exported as ***, which every later sync refuses, unless --reveal is given.
Exit code: 0 if every row was exported, 1 if one was not, 2 if nothing could be done.")]
pub struct ExportArgs {
    /// Kinds, by name, plural or short name (see `orloj-operator kinds list`) [default: all]
    #[arg(id = "wanted", value_name = "KIND")]
    pub kinds: Vec<String>,
    /// Orloj namespaces, comma-separated [default: all]
    #[arg(id = "within", short = 'n', long = "namespace", value_delimiter = ',', value_name = "NAMES")]
    pub namespaces: Vec<String>,
    /// Label selector, as kubectl takes it: tier=web,stage!=test,env in (a,b),!old
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// Write a file for each resource into this directory, a folder for each namespace
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Overwrite files that are there and differ
    #[arg(long, requires = "out")]
    pub force: bool,
    /// Export secret values as they are
    #[arg(long)]
    pub reveal: bool,
    /// How to write
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: ManifestFormat,
    #[arg(long, value_name = "URL", help = STORE_HELP)]
    pub store: Option<SecretString>,
    #[command(flatten)]
    settings: SettingFlags<StoreOnly>,
}

/// How to write manifests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ManifestFormat {
    #[default]
    Yaml,
    Json,
}

impl ExportArgs {
    pub(super) fn flags(&self) -> Flags {
        self.settings.flags()
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "Prints {\"payload\": …}, or {\"error\": \"…\", \"file\": \"…\", \"line\": …}, for each resource, in the order of
the input. Secret values show as *** unless --reveal is given.

Example:
  kubectl get KIND -A -o yaml | orloj-operator render -"
)]
pub struct RenderArgs {
    /// Manifest files or directories; - is standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Show secret values as they are before encryption
    #[arg(long)]
    pub reveal: bool,
}
