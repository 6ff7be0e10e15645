//! orloj-operator keeps the rows that orlojd reads equal to the custom resources in a cluster.
//!
//! The modules, from the inside out; each uses only those above it, which `tests/layers/main.rs` checks.
//! `ARCHITECTURE.md` describes each:
//!
//! - [`orlojd`]: the contract with orlojd: annotations, finalizer, phases, names, versions
//! - [`go_compat`]: what Go's standard library would say, where the original's texts and verdicts depend on it
//! - [`apimachinery`]: what Kubernetes takes for valid metadata, formats, quantities, versions and addresses
//! - [`cel`]: CEL rules, checked, costed and evaluated as the API server does
//! - [`kube_schema`]: Kubernetes' structural schemas, with their rules
//! - [`diagnostics`]: YAML texts with the place of everything in them, and findings that are shown there
//! - [`resource`]: a resource as a source hands it over
//! - [`difference`]: where two JSON values differ
//! - [`backoff`]: retries, ever more slowly
//! - [`normalize`] and [`rules`]: what a kind does to a spec, and what it refuses
//! - [`derive`](mod@derive): the schema of a kind's spec, and the constraints of the CRD that follow from its steps and rules
//! - [`registry`]: kind files, loaded, checked and compiled
//! - [`status`]: what a resource's status says
//! - [`desired`]: a resource turned into the row that should stand for it
//! - [`authoring`]: what authors of kinds use: lint, explanations, cases, editors' schemas, rights
//! - [`draft`]: a kind's file drafted from a CRD, from objects or from a table
//! - [`crypto`]: secret values at rest, keyed fingerprints
//! - [`export`]: a row turned back into the manifest of a resource
//! - [`store`]: rows and ledger, in Postgres or SQLite
//! - [`plan`]: pure decisions
//! - [`source`]: where resources come from and what is told to them; manifests and their places
//! - [`validate`]: manifests judged as the API server and this operator would, with neither
//! - [`directory`]: manifests in files and folders as a source, judged as a cluster would judge them
//! - [`cluster`]: the API server: watches, finalizer, status, Events, lease
//! - [`reconciler`]: index, queue, batches, calls
//! - [`config`] and [`telemetry`]: settings; logs, metrics, probes
//! - [`operator`]: `run`: store, lease, watches and reconciler put together, by the kinds that there are
//! - [`rest`]: the REST API that orlojd serves, for the same rows
//! - [`console`]: pages for people, of the same rows
//! - [`cli`]: the commands

#![forbid(unsafe_code)]

pub mod apimachinery;
pub mod authoring;
pub mod backoff;
pub mod cel;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod console;
pub mod crypto;
pub mod derive;
pub mod desired;
pub mod diagnostics;
pub mod difference;
pub mod directory;
pub mod draft;
pub mod export;
pub mod go_compat;
pub mod kube_schema;
pub mod normalize;
pub mod operator;
pub mod orlojd;
pub mod plan;
pub mod reconciler;
pub mod registry;
pub mod resource;
pub mod rest;
pub mod rules;
pub mod source;
pub mod status;
pub mod store;
pub mod telemetry;
pub mod validate;
