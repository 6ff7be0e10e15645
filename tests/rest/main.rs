//! The REST API over real sockets, on both stores: the dialect, the conflict policy, who may do what, watches, faults.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "../bed/mod.rs"]
mod bed;
#[path = "../program/mod.rs"]
mod program;

mod access;
mod console;
mod desk;
mod dialect;
mod document;
mod faults;
mod guard;
mod rows;
mod watch;

/// Each of a module's functions as a test on either store.
#[macro_export]
macro_rules! on_both {
    ($module:ident: $($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[test]
            fn $name() {
                $crate::$module::$name(&$crate::desk::Place::sqlite());
            })*
        }
        mod on_postgres {
            $(#[test]
            fn $name() {
                $crate::$module::$name(&$crate::desk::Place::postgres());
            })*
        }
    };
}
