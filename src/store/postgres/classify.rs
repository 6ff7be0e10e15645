//! What an error of the database means for the operator.

use std::borrow::Cow;

use super::super::client::{client_error, server_error};
use super::super::{StoreError, StoreErrorClass};
use super::statements::SCHEMA;

/// The class of a SQLSTATE.
#[must_use]
pub fn class_of(sqlstate: &str) -> StoreErrorClass {
    use StoreErrorClass::{Rejected, Setup, Unavailable};
    match sqlstate {
        // a row that does not fit: bad value, broken constraint, key twice in a batch, too large or nested too deeply,
        // refused by somebody's trigger
        s if ["21", "22", "23", "44", "54", "P0"].iter().any(|class| s.starts_with(class)) => Rejected,
        // wrong schema, name, privilege, password, database or TLS
        s if ["28", "3D", "3F", "42"].iter().any(|class| s.starts_with(class)) => Setup,
        // connection, shutdown, read-only or aborted transaction, serialisation, resources, locks; and whatever is
        // unknown, such as disk trouble: trying again is the answer that loses nothing
        _ => Unavailable,
    }
}

/// The message of a refusal without what it may quote of a row. `DETAIL` is never read: it holds whole rows.
fn safe_message<'a>(sqlstate: &str, message: &'a str) -> Cow<'a, str> {
    if sqlstate.starts_with("P0") {
        return "an exception raised by the database's own code".into();
    }
    // such as: invalid input syntax for type bigint: "12a"
    match message.find(": \"") {
        Some(at) if sqlstate.starts_with("22") => message[..at].into(),
        _ => message.into(),
    }
}

/// Turns an error of sqlx into ours.
#[must_use]
pub fn store_error(error: &sqlx::Error) -> StoreError {
    let Some(database) = error.as_database_error() else {
        return client_error(error);
    };
    let sqlstate = database.code().unwrap_or_default();
    let message = safe_message(&sqlstate, database.message());
    let detail = match database.constraint() {
        Some(constraint) if !message.contains(constraint) => format!("{message} (constraint {constraint}, {sqlstate})"),
        _ => format!("{message} ({sqlstate})"),
    };
    // a database restored from before the operator: whoever wrote under the ledger's epoch does so no more, and the
    // next start makes it anew
    if matches!(&*sqlstate, "42P01" | "3F000") && message.contains(SCHEMA) {
        return StoreError::LedgerGone { detail };
    }
    server_error(class_of(&sqlstate), detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_have_their_class() {
        use StoreErrorClass::{Rejected, Setup, Unavailable};
        for (sqlstate, class) in [
            ("08000", Unavailable),
            ("08006", Unavailable),
            ("57P01", Unavailable),
            ("57P03", Unavailable),
            ("57014", Unavailable),
            ("53100", Unavailable),
            ("53300", Unavailable),
            ("25006", Unavailable),
            ("25P03", Unavailable),
            ("40001", Unavailable),
            ("40P01", Unavailable),
            ("55P03", Unavailable),
            ("XX000", Unavailable),
            ("0A000", Unavailable),
            ("", Unavailable),
            ("42P01", Setup),
            ("42501", Setup),
            ("42703", Setup),
            ("3F000", Setup),
            ("3D000", Setup),
            ("28P01", Setup),
            ("28000", Setup),
            ("21000", Rejected),
            ("22P05", Rejected),
            ("22021", Rejected),
            ("22P02", Rejected),
            ("23505", Rejected),
            ("23514", Rejected),
            ("54000", Rejected),
            ("54001", Rejected),
            ("P0001", Rejected),
        ] {
            assert_eq!(class_of(sqlstate), class, "{sqlstate}");
        }
    }

    #[test]
    fn messages_quote_no_values() {
        assert_eq!(
            safe_message("22P02", "invalid input syntax for type bigint: \"s3cret\""),
            "invalid input syntax for type bigint"
        );
        assert!(!safe_message("P0001", "row s3cret refused").contains("s3cret"));
        assert_eq!(safe_message("42P01", "relation \"tools\" does not exist"), "relation \"tools\" does not exist");
    }
}
