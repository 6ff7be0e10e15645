//! The commands about kinds: what there is, what is generated from it, and what their authors need.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::setting_flags::{ClusterOnly, SettingFlags};
use super::{NewArgs, OutputFormat, ReportFormat};
use crate::config::{Flags, duration};

#[derive(Debug, Subcommand)]
pub enum KindsCommand {
    /// List the kinds, their tables and their names
    List {
        /// How to print
        #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
        output: OutputFormat,
    },
    /// Print the custom resource definitions, or apply them
    #[command(after_help = "Examples:
  All:                      orloj-operator kinds crds | kubectl apply --server-side -f -
  Your own kinds, at once:  orloj-operator kinds crds --kinds DIR --only-extra --apply")]
    Crds(CrdsArgs),
    /// Print the least RBAC rules that suffice, bound to a service account
    #[command(after_help = "Example:\n  orloj-operator kinds rbac --namespace orloj-system | kubectl apply -f -")]
    Rbac {
        /// Namespace of the operator
        #[arg(short, long, default_value = "orloj-system", value_name = "NAME")]
        namespace: String,
        /// Service account of the operator
        #[arg(long, default_value = "orloj-operator", value_name = "NAME")]
        service_account: String,
        /// Namespaces that the operator watches, comma-separated [default: those of the configuration, else all]
        #[arg(long = "namespaces", id = "watched", value_delimiter = ',', value_name = "NAMES")]
        namespaces: Vec<String>,
    },
    /// Print the JSON Schema of a kind file
    Schema {
        /// That of a file of cases instead
        #[arg(long)]
        cases: bool,
    },
    /// Check kind files: what the loader refuses, and what it takes although it cannot work or helps nobody
    #[command(after_help = LINT_HELP)]
    Lint(LintArgs),
    /// Run the cases beside kind files (widget.test.yaml beside widget.yaml)
    #[command(after_help = TEST_HELP)]
    Test(TestArgs),
    /// Explain a kind or a field: type, constraints, normalise steps, rules and columns, in the order they apply
    #[command(after_help = EXPLAIN_HELP)]
    Explain(ExplainArgs),
    /// Print the JSON Schema of all kinds' resources, for editors and CI
    #[command(after_help = "Examples:
  For kubeconform:          orloj-operator kinds schemas --out schemas
                            kubeconform -schema-location default \\
                              -schema-location 'schemas/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}{{.StrictSuffix}}.json' \\
                              manifests/
  For an editor, one file:  orloj-operator kinds schemas > orloj.schema.json")]
    Schemas {
        /// Write one file a kind into this directory instead, all.json for editors and a catalog.json
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Address under which the directory can be found, for the catalog
        #[arg(long, value_name = "URL", default_value = crate::authoring::schemas::ADDRESS)]
        address: String,
    },
    /// Draft a kind file from a custom resource definition, sample objects or a table
    New(Box<NewArgs>),
}

const LINT_HELP: &str = "\
A finding that is meant to be is allowed by a comment above what it is about, or at the top for the whole file:
  # lint-allow ID: why it is meant to be
What each check finds, and what to do:
  https://github.com/orlojhq/orloj-operator/blob/main/kinds/LINTS.md

Examples:
  One's own kinds, beside the built-in ones:  orloj-operator kinds lint my-kinds
  In CI:                                      orloj-operator kinds lint my-kinds --deny-warnings -o json

Exit code: 0 if there are no errors, 1 if there are, 2 if nothing could be checked.";

#[derive(Debug, Args)]
pub struct LintArgs {
    /// Folders of kind files, or single ones; without them the folder of --kinds, else the built-in kinds
    #[arg(value_name = "DIR")]
    pub paths: Vec<PathBuf>,
    /// Fail on warnings, too
    #[arg(long)]
    pub deny_warnings: bool,
    /// List the checks instead
    #[arg(long)]
    pub list: bool,
    /// How to report
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: ReportFormat,
}

const TEST_HELP: &str = "\
A file of cases is a list of them:
  - name: a large one needs a colour
    given: {spec: {size: large}}
    expect:
      error:
        reason: InvalidSpec
        message: spec.paint.colour is required for a large widget

Instead of `error`, `row` says what is stored: `spec`, `columns`, `key`, `labels`, `annotations`, each only where listed.

Exit code: 0 if all cases hold, 1 if one does not, 2 if they could not be run.";

#[derive(Debug, Args)]
pub struct TestArgs {
    /// Folders of kind files and their cases, or single ones; without them the folder of --kinds, else the built-in
    /// kinds
    #[arg(value_name = "DIR")]
    pub paths: Vec<PathBuf>,
    /// Write what was found into the cases that fail, or that expect nothing yet
    #[arg(long)]
    pub update: bool,
    /// How to report; json is one JSON object a line
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: ReportFormat,
}

const EXPLAIN_HELP: &str = "\
Examples:
  A kind:   orloj-operator kinds explain KIND
  A field:  orloj-operator kinds explain KIND.spec.runtime.timeout";

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Kind, by any of its names, and the way to a field
    #[arg(value_name = "KIND[.PATH]")]
    pub what: String,
    /// All fields below, not only the next ones
    #[arg(long)]
    pub recursive: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: ReportFormat,
}

#[derive(Debug, Args)]
pub struct CrdsArgs {
    /// Only these kinds, by name, plural or short name
    #[arg(value_name = "KIND")]
    pub only: Vec<String>,
    /// Only kinds whose file is in the directory of --kinds, those that replace a built-in one included
    #[arg(long)]
    pub only_extra: bool,
    /// Write one file a kind into this directory instead
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Apply them to the cluster (server-side, as field manager orloj-operator) and wait until they are served
    #[arg(long, conflicts_with = "out")]
    pub apply: bool,
    /// Take over fields that others manage
    #[arg(long, requires = "apply")]
    pub force_conflicts: bool,
    /// How long each may take to be applied and served
    #[arg(long, requires = "apply", default_value = "60s", value_name = "DURATION", value_parser = duration::parse)]
    pub timeout: Duration,
    #[command(flatten)]
    settings: SettingFlags<ClusterOnly>,
}

impl CrdsArgs {
    pub(super) fn flags(&self) -> Flags {
        self.settings.flags()
    }
}
