//! CRDs and RBAC rules, judged by a real API server.
//!
//! The promise behind most of these tests: what normalise accepts, the API server accepts. The other way round it
//! may be more lenient; the operator then says in the status what is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so and ends")]

#[path = "crds/apply.rs"]
mod apply;
#[path = "bed/mod.rs"]
mod bed;
#[path = "crds/differential.rs"]
mod differential;
#[path = "crds/files.rs"]
mod files;
#[path = "crds/generate.rs"]
mod generate;
#[path = "crds/handwritten.rs"]
mod handwritten;
#[path = "crds/installed.rs"]
mod installed;
#[path = "celjudge/judge.rs"]
mod judge;
#[allow(dead_code, reason = "of its changes, only those of a spec are wanted here")]
#[path = "validate/mutate.rs"]
mod mutate;
#[path = "crds/rights.rs"]
mod rights;
#[path = "crds/rules.rs"]
mod rules;
#[path = "crds/server.rs"]
mod server;
#[path = "crds/upgrade.rs"]
mod upgrade;
#[path = "crds/vectors.rs"]
mod vectors;
