//! CRDs and RBAC rules, judged by a real API server.
//!
//! The promise behind most of these tests: what normalise accepts, the API server accepts. The other way round it
//! may be more lenient; the operator then says in the status what is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so and ends")]

mod apply;
#[path = "../bed/mod.rs"]
mod bed;
mod differential;
mod files;
mod generate;
mod handwritten;
mod installed;
#[path = "../celjudge/judge.rs"]
mod judge;
#[allow(dead_code, reason = "of its changes, only those of a spec are wanted here")]
#[path = "../validate/mutate.rs"]
mod mutate;
mod rights;
mod rules;
mod server;
mod upgrade;
mod vectors;
