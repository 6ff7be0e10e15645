//! `validate`: broken manifests and what is said of them, and the verdicts of a real API server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so and ends")]

mod across;
#[path = "../bed/mod.rs"]
mod bed;
mod broken;
mod cel;
mod differential;
mod files;
#[allow(dead_code, reason = "shared with the suite crds")]
#[path = "../crds/generate.rs"]
mod generate;
mod input;
#[path = "../celjudge/judge.rs"]
mod judge;
mod leaks;
mod mutate;
mod patterns;
mod program;
#[allow(dead_code, reason = "shared with the suite crds")]
#[path = "../crds/server.rs"]
mod server;
mod sync;
mod yaml;
