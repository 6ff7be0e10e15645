//! Faults of real processes, and what holds after each: `Convergence`, then `Quiet`.
//!
//! What a test breaks (control plane, Postgres) is its own.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]
#![allow(clippy::format_collect, clippy::float_cmp, reason = "plain to read; gauges are whole numbers")]

#[path = "../bed/mod.rs"]
mod bed;
#[path = "../promises/checks.rs"]
mod checks;
#[path = "../promises/cluster.rs"]
mod cluster;
#[path = "../promises/world.rs"]
mod world;

mod absences;
mod adoption;
mod api_outages;
mod bad_objects;
mod crashes;
mod crowd;
mod definitions;
mod deposed;
mod large_objects;
mod neighbours;
mod parked_kinds;
mod slow_store;
mod store_outages;
mod takeover;
