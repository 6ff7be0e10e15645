//! What Argo CD and Flux make of us: of statuses, by their own code; of the manifests in `examples/gitops/`, by their
//! own types, definitions and our chart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "../bed/mod.rs"]
mod bed;

mod drift;
mod health;
mod manifests;
mod tools;
