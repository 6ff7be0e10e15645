//! The chart, installed by helm 3 and helm 4 into a real API server, its pods run by the bed's stand-in for a node.
//!
//! A lifecycle has a control plane of its own, since a release owns the custom resource definitions of its cluster. All other tests
//! share one: their releases bring no definitions and watch their own namespaces only.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "../bed/mod.rs"]
mod bed;

mod helm;
mod lifecycle;
mod node;
mod release;
mod site;
