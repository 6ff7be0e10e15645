//! Manifests judged without a cluster: what kubectl, the API server and this operator would say of each, and what
//! none of them sees.
//!
//! An object passes through the stages of its life: it is read ([`crate::source::manifest`]), its metadata and the
//! CRD's schema with the CEL rules in it are checked as `kube-apiserver` does ([`crate::kube_schema`]), and it is made
//! into a row as the reconciler does ([`object`], by [`crate::desired`]). Rules that look at more than one
//! object come last.

pub mod across;
pub mod admission;
pub mod advice;
pub mod encrypted;
pub mod facts;
pub mod file;
pub mod finding;
pub mod graph;
pub mod identity;
pub mod ignore;
pub mod object;
pub mod parallel;
pub mod paths;
pub mod place;
pub mod rule;
pub mod run;
pub mod trouble;
pub mod walk;

/// What becomes of fields that the CRD does not know, or that are given twice: kubectl's `--validate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// An error.
    #[default]
    Strict,
    /// A warning.
    Warn,
    /// Nothing: the API server drops them, and of two values takes the last.
    Ignore,
}
