//! What both stores have on this side of the database: a bound on time, and errors as the operator tells them apart.

use std::time::Duration;

use super::{StoreError, StoreErrorClass};

/// Over everything one operation does. Above the databases' own limits, whose errors say more.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(75);

/// Bounds an operation as a whole, whatever the network does.
pub(super) async fn timed<T>(operation: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(OPERATION_TIMEOUT, operation).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable { detail: format!("no answer within {} s", OPERATION_TIMEOUT.as_secs()) })
    })
}

/// An error that a server reported, by its class. None says of itself that a leader was deposed.
pub(super) fn server_error(class: StoreErrorClass, detail: String) -> StoreError {
    match class {
        StoreErrorClass::Rejected => StoreError::Rejected { detail },
        StoreErrorClass::Setup => StoreError::Setup { detail },
        StoreErrorClass::Unavailable | StoreErrorClass::Deposed => StoreError::Unavailable { detail },
    }
}

/// An error that no server reported.
pub(super) fn client_error(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::PoolTimedOut => StoreError::Unavailable {
            detail: "no connection in time: the server is down or read-only, or all connections are busy".into(),
        },
        sqlx::Error::Io(error) => StoreError::Unavailable { detail: error.to_string() },
        sqlx::Error::Encode(_) => StoreError::Rejected { detail: "a value cannot be sent".into() },
        sqlx::Error::Configuration(_) | sqlx::Error::InvalidArgument(_) => {
            StoreError::Setup { detail: "the connection's settings are not usable".into() }
        }
        sqlx::Error::Tls(error) => StoreError::Setup { detail: format!("TLS: {error}") },
        sqlx::Error::ColumnDecode { index, .. } | sqlx::Error::ColumnNotFound(index) => {
            StoreError::Setup { detail: format!("column {index} is not of the type it should be") }
        }
        sqlx::Error::Decode(_) | sqlx::Error::TypeNotFound { .. } => {
            StoreError::Setup { detail: "a column is not of the type it should be".into() }
        }
        sqlx::Error::PoolClosed => StoreError::Unavailable { detail: "it was closed".into() },
        sqlx::Error::Protocol(_) => StoreError::Unavailable { detail: "the connection broke in mid-message".into() },
        _ => StoreError::Unavailable { detail: "the connection's task failed".into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_client_have_their_class() {
        use StoreErrorClass::{Rejected, Setup, Unavailable};
        let io = std::io::Error::other("broken pipe");
        for (error, class) in [
            (sqlx::Error::Io(io), Unavailable),
            (sqlx::Error::PoolTimedOut, Unavailable),
            (sqlx::Error::PoolClosed, Unavailable),
            (sqlx::Error::WorkerCrashed, Unavailable),
            (sqlx::Error::Protocol("s3cret".into()), Unavailable),
            (sqlx::Error::Configuration("s3cret".into()), Setup),
            (sqlx::Error::Decode("s3cret".into()), Setup),
            (sqlx::Error::Encode("s3cret".into()), Rejected),
        ] {
            let error = client_error(&error);
            assert_eq!(error.class(), class, "{error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
