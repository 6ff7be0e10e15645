//! What an error of SQLite means for the operator.

use super::super::client::{client_error, server_error};
use super::super::{StoreError, StoreErrorClass};

/// The class of a result code, extended or not.
#[must_use]
pub fn class_of(code: i32) -> StoreErrorClass {
    // the low byte is the primary code
    match code & 0xff {
        // TOOBIG, CONSTRAINT, MISMATCH, RANGE
        18 | 19 | 20 | 25 => StoreErrorClass::Rejected,
        // ERROR (no such table ...), PERM, READONLY, CORRUPT, CANTOPEN, SCHEMA, AUTH, NOTADB
        1 | 3 | 8 | 11 | 14 | 17 | 23 | 26 => StoreErrorClass::Setup,
        // BUSY, LOCKED, NOMEM, IOERR, FULL and the rest
        _ => StoreErrorClass::Unavailable,
    }
}

/// Turns an error of sqlx into ours. SQLite's messages name tables and columns, never values.
pub(super) fn store_error(error: &sqlx::Error) -> StoreError {
    let Some(database) = error.as_database_error() else {
        return client_error(error);
    };
    let code = database.code().and_then(|code| code.parse().ok()).unwrap_or_default();
    let detail = format!("{} (SQLite {code})", database.message());
    // whoever wrote under the ledger's epoch does so no more
    if code == 1 && detail.contains("no such table: orloj_operator_") {
        return StoreError::LedgerGone { detail };
    }
    server_error(class_of(code), detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_codes_have_their_class() {
        use StoreErrorClass::{Rejected, Setup, Unavailable};
        for (code, class) in [
            (5, Unavailable),
            (517, Unavailable),
            (6, Unavailable),
            (10, Unavailable),
            (3338, Unavailable),
            (13, Unavailable),
            (1, Setup),
            (8, Setup),
            (14, Setup),
            (26, Setup),
            (18, Rejected),
            (1555, Rejected),
            (2067, Rejected),
        ] {
            assert_eq!(class_of(code), class, "{code}");
        }
    }
}
