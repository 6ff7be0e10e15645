//! The promises, one module each, held against a real API server and a real Postgres.
//!
//! Tests run side by side: each has a namespace, a database and an operator of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]
#![allow(clippy::format_collect, clippy::float_cmp, reason = "plain to read; counters are whole numbers")]

#[path = "../bed/mod.rs"]
mod bed;

mod checks;
mod cluster;
mod convergence;
mod foreign_kinds;
mod fresh_first;
mod isolation;
mod kind_by_file;
mod no_lost_delete;
mod no_plaintext;
mod no_stolen_rows;
mod no_write_war;
mod one_writer;
mod quiet;
mod second_writer;
mod self_healing;
mod status;
mod world;
