//! The command that judges manifests.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::validate::FieldValidation;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  A folder:                 orloj-operator validate examples/
  What a chart makes:       helm template . | orloj-operator validate --closed -
  In a pull request:        orloj-operator validate --output github --deny-warnings manifests/

A finding that is meant is ignored by an annotation of the object, with the reason:
  orloj.dev/validate-ignore: 'missing-reference: made by the platform team'

Exit code: 0 if all manifests are valid, 1 if one is not, 2 if something could not be read.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct ValidateArgs {
    /// Manifest files, and directories to read all .yaml, .yml and .json files from; - is standard input
    #[arg(required_unless_present = "list_rules", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How to report
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: FindingFormat,
    #[command(flatten)]
    pub fields: FieldValidationArgs,
    /// Fail on objects of kinds that are not known here
    #[arg(long)]
    pub strict: bool,
    /// Fail on references to what none of the files defines
    #[arg(long)]
    pub closed: bool,
    /// Fail on warnings
    #[arg(long)]
    pub deny_warnings: bool,
    /// Leave out the findings of these rules, comma-separated
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// List the rules and end; with -o json for programs
    #[arg(long)]
    pub list_rules: bool,
}

/// How to report findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FindingFormat {
    /// Lines for people
    #[default]
    Text,
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, one test case a file
    Junit,
    /// Annotations of a GitHub workflow
    Github,
}

/// How strictly fields are judged, wherever manifests are.
#[derive(Clone, Copy, Debug, Args)]
pub struct FieldValidationArgs {
    /// What becomes of fields that the CRD does not know, or that are given twice, as with kubectl
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    field_validation: UnknownFields,
}

impl FieldValidationArgs {
    #[must_use]
    pub fn get(self) -> FieldValidation {
        match self.field_validation {
            UnknownFields::Strict => FieldValidation::Strict,
            UnknownFields::Warn => FieldValidation::Warn,
            UnknownFields::Ignore => FieldValidation::Ignore,
        }
    }
}

/// What becomes of fields that the CRD does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum UnknownFields {
    /// They are errors
    #[default]
    Strict,
    /// They are warnings
    Warn,
    /// They are dropped without a word
    Ignore,
}
