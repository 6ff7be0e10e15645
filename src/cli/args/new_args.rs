//! Flags of `kinds new`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use secrecy::SecretString;

use super::STORE_HELP;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("origin").required(true).args(["from_crd", "from_cluster", "from_sample", "from_table"]))]
#[command(after_help = "Examples:
  From a CRD in a file:     orloj-operator kinds new --from-crd widgets-crd.yaml --out my-kinds/widget.yaml
  From a CRD in a cluster:  orloj-operator kinds new --from-cluster widgets.example.com
  From objects:             kubectl get widgets -A -o yaml | orloj-operator kinds new --from-sample -
  From a table:             orloj-operator kinds new --from-table widgets --group example.com --store postgres://db/app

What the format cannot hold is left out, and told on standard error and at the top of the file.")]
pub struct NewArgs {
    /// File with a custom resource definition; - is standard input
    #[arg(long, value_name = "FILE")]
    pub from_crd: Option<PathBuf>,
    /// Name of a custom resource definition in the cluster, such as widgets.example.com
    #[arg(long, value_name = "NAME")]
    pub from_cluster: Option<String>,
    /// File or directory with objects of one kind, given as often as needed; - is standard input
    #[arg(long, value_name = "PATH")]
    pub from_sample: Vec<PathBuf>,
    /// Table of the store: its columns, and the payloads of at most 1000 of its rows
    #[arg(long, value_name = "TABLE")]
    pub from_table: Option<String>,
    #[arg(long, value_name = "URL", help = STORE_HELP)]
    pub store: Option<SecretString>,
    /// API group, in place of that of the sample
    #[arg(long, conflicts_with_all = ["from_crd", "from_cluster"], value_name = "GROUP")]
    pub group: Option<String>,
    /// Version: of a CRD that has several, or in place of that of the sample
    #[arg(long, value_name = "VERSION")]
    pub api_version: Option<String>,
    /// Kind: of a file that holds several CRDs or objects of several kinds, or in place of that of the sample
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Plural name, in place of a guess
    #[arg(long, conflicts_with_all = ["from_crd", "from_cluster"], value_name = "NAME")]
    pub plural: Option<String>,
    /// Table that the kind's rows go into, in place of one named for the plural
    #[arg(long, value_name = "TABLE")]
    pub table: Option<String>,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Overwrite the file of --out
    #[arg(long, requires = "out")]
    pub force: bool,
}
