//! `uninstall` against a real API server and a real Postgres: rows stay or go, and nothing sticks.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "../bed/mod.rs"]
mod bed;
#[path = "../promises/checks.rs"]
mod checks;
#[path = "../promises/cluster.rs"]
mod cluster;
#[path = "../faults/crowd.rs"]
#[allow(dead_code, reason = "each test target uses its own part of it")]
mod crowd;
#[path = "../promises/world.rs"]
mod world;

mod leaver;
mod obstacles;
mod operators;
mod policies;
mod without_store;
