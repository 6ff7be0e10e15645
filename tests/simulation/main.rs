//! The reconciler's mind in a simulated world: an API server, a store and a network that fail at any moment.
//!
//! Every seed makes another history of edits, deletes, crashes, lost watches, failing calls and tampered rows. When
//! the faults stop, all must converge, and then nothing may be written any more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]
#![allow(clippy::format_collect, clippy::float_cmp, reason = "plain to read; counters are whole numbers")]

mod api;
mod store;
mod world;

use world::World;

/// Histories a run; `SIMULATION_SEEDS=N` runs more, `SIMULATION_SEED=N` only that one.
fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match number("SIMULATION_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("SIMULATION_SEEDS").unwrap_or(300)).collect(),
    }
}

fn every_history(life: impl AsyncFn(World)) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for seed in seeds() {
        let history = std::panic::AssertUnwindSafe(|| runtime.block_on(life(World::new(seed))));
        if let Err(cause) = std::panic::catch_unwind(history) {
            eprintln!("SIMULATION_SEED={seed} shows it again");
            std::panic::resume_unwind(cause);
        }
    }
}

/// `Convergence`, `NoLostDelete`, `NoStolenRows`, `SelfHealing` and `Quiet`, whatever happened in whatever order.
#[test]
fn every_history_ends_converged_and_quiet() {
    every_history(async |world: World| world.live_through(120).await);
}

#[test]
fn every_war_costs_a_bounded_number_of_writes() {
    every_history(World::live_through_a_war);
}

/// Nothing of a kind is lost whose table is gone for a while, and each of its resources says what is missing.
#[test]
fn a_kind_without_its_table_waits_and_says_so() {
    every_history(World::live_through_a_drop);
}
