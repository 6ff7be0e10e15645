//! The kinds that the tests know.

use orloj_operator::registry::Registry;

/// The embedded kinds.
pub fn registry() -> Registry {
    Registry::embedded().unwrap_or_else(|error| panic!("{error}"))
}
