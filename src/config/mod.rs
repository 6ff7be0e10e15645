//! The program's configuration: defaults, then file, then environment, then flags; each value knows its origin.
//!
//! [`Resolved::load`] stacks the layers, [`Resolved::config`] reads and checks them (all problems at once), and
//! [`Resolved::show`] prints them with secrets masked.

mod addr;
pub mod duration;
mod error;
mod layers;
mod resolve;
mod secret;
pub mod settings;
mod show;
#[cfg(test)]
mod tests;
mod value;

use std::path::PathBuf;
use std::time::Duration;

pub use addr::BindAddr;
pub use error::{ConfigError, Problems, SettingProblem};
pub use layers::{Flags, Inputs, Note};
pub use resolve::Resolved;
pub use secret::{SecretSource, StoreTarget, read_secret};
pub use show::{SettingRow, ShowFormat};

/// Which checks apply, beyond those of the values themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// What leader election takes, and a store where there is one: a file that should name it and is not there is no
    /// fault yet. `uninstall` has to go through without a database.
    Leave,
    /// No store and no cluster: `render`, `kinds`, or a store given by `--store`.
    Nothing,
    /// A store must be named.
    Store,
    /// A store, and what leader election takes.
    Run,
}

/// What logs look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    Auto,
    Human,
    Json,
}

/// All settings, read and checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Always there where [`Need::Store`] or [`Need::Run`] was asked for.
    pub store: Option<StoreTarget>,
    pub create_tables: bool,
    /// A blank key counts as none, as in the original.
    pub secret_encryption_key: Option<SecretSource>,
    pub require_encryption: bool,
    pub kubeconfig: Option<PathBuf>,
    /// Empty is all.
    pub namespaces: Vec<String>,
    /// Name in the ledger; where there is none, the uid of namespace kube-system is taken.
    pub cluster_id: Option<String>,
    pub leader_elect: bool,
    /// Always there where [`Need::Run`] or [`Need::Leave`] was asked for and `leader_elect` is on.
    pub leader_election_namespace: Option<String>,
    pub lease_duration: Duration,
    /// Below `lease_duration`.
    pub renew_deadline: Duration,
    /// Below `renew_deadline`.
    pub retry_period: Duration,
    pub status_sync_interval: Duration,
    pub sweep_interval: Duration,
    /// Rows in one store transaction, at most; from 1 up.
    pub batch_size: usize,
    /// Writes to the API server under way at once, at most; from 1 up.
    pub api_concurrency: usize,
    pub metrics_addr: BindAddr,
    pub healthz_addr: BindAddr,
    pub listen: BindAddr,
    /// Whatever was given: an unknown one counts as a known one where it is used.
    pub crd_conflict_policy: String,
    pub token_file: Option<PathBuf>,
    pub insecure_no_auth: bool,
    /// Certificate and key: both or none.
    pub tls_files: Option<(PathBuf, PathBuf)>,
    pub kinds_dir: Option<PathBuf>,
    /// Directives as `RUST_LOG` takes them.
    pub log_level: String,
    pub log_format: LogFormat,
    pub shutdown_timeout: Duration,
}
