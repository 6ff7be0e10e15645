//! The command that takes an operator out of a cluster.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::setting_flags::{SettingFlags, WithoutGlobal};
use crate::config::{Flags, duration};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  Rows stay:                orloj-operator uninstall --deployment orloj-operator --leader-election-namespace orloj-system
  Rows go:                  orloj-operator uninstall --policy delete

The settings must be those of the operator: store, namespaces, kinds, cluster id. Resources and their definitions stay in \
either case; `helm uninstall` runs this by itself. It may be interrupted, and run again.

Exit code: 0 if no resource has the operator's finalizer any more, also where the store could not be reached, which is \
told; 1 if one still has it; 2 if nothing could be done.")]
pub struct UninstallArgs {
    /// What becomes of the rows
    #[arg(long, value_enum, default_value_t, value_name = "POLICY")]
    pub policy: RowPolicy,
    /// The operator's Deployment, to be scaled to 0 first; its namespace is --leader-election-namespace
    #[arg(long, value_name = "NAME")]
    pub deployment: Option<String>,
    /// `MutatingAdmissionPolicyBinding` to delete first: it puts the finalizer onto new resources
    #[arg(long, value_name = "NAME")]
    pub finalizer_policy: Option<String>,
    /// How long to wait for the Deployment's pods to end
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = duration::parse)]
    pub stop_timeout: Duration,
    /// How long to wait for a store that cannot be reached, all in all; then finalizers come off without it
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = duration::parse)]
    pub store_timeout: Duration,
    /// How long all of it may take
    #[arg(long, default_value = "5m", value_name = "DURATION", value_parser = duration::parse)]
    pub timeout: Duration,
    #[command(flatten)]
    settings: SettingFlags<WithoutGlobal>,
}

impl UninstallArgs {
    pub(super) fn flags(&self) -> Flags {
        self.settings.flags()
    }
}

/// What becomes of the rows of an operator that goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RowPolicy {
    /// They stay as they are, with the ledger, for orlojd and for a later operator
    #[default]
    Retain,
    /// They go, but for those of resources with `orloj.dev/deletion-policy: retain`
    Delete,
}
