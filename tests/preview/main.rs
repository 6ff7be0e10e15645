//! What looks ahead and back, on both stores and through a real API server: `plan` says what a sync does, and does
//! nothing; `export` gives manifests that lead back to the rows they were made from.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "../bed/mod.rs"]
mod bed;
#[path = "../promises/cluster.rs"]
mod cluster;
#[path = "../program/mod.rs"]
mod program;
#[path = "../promises/world.rs"]
mod world;

mod export;
mod folders;
mod foretold;
mod histories;
mod in_cluster;
mod plan;
mod reading;
mod stage;

/// Each of a module's functions as a test on either store.
#[macro_export]
macro_rules! on_both {
    ($module:ident: $($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[test]
            fn $name() {
                $crate::$module::$name(&mut $crate::stage::Stage::sqlite());
            })*
        }
        mod on_postgres {
            $(#[test]
            fn $name() {
                $crate::$module::$name(&mut $crate::stage::Stage::postgres());
            })*
        }
    };
}
