//! From a store URL to a store.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::postgres::{DsnSource, PostgresStore, dsn};
use super::sqlite::{SqliteOptions, SqliteStore};
use super::{Store, StoreError};

/// Where the store is. Its `Display` is for diagnostics and holds no password.
#[derive(Clone, Debug)]
pub enum StoreUrl {
    Postgres(DsnSource),
    Sqlite(SqliteOptions),
}

impl StoreUrl {
    /// Takes `postgres://...`, `postgresql://...`, the keyword form `host=... user=...`, and `sqlite:PATH`.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("sqlite:") {
            return SqliteOptions::parse(rest).map(Self::Sqlite);
        }
        dsn::parse(text)?;
        Ok(Self::Postgres(DsnSource::Literal(SecretString::from(text))))
    }

    /// A file that holds a Postgres DSN; it is read again when the server refuses it or cannot be reached.
    #[must_use]
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self::Postgres(DsnSource::File(path.into()))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(DsnSource::Literal(text)) => match dsn::parse(text.expose_secret()) {
                Ok(options) => f.write_str(&dsn::redacted(&options)),
                Err(_) => f.write_str("postgres, with an unreadable DSN"),
            },
            Self::Postgres(DsnSource::File(path)) => write!(f, "postgres, by the DSN in {}", path.display()),
            Self::Sqlite(options) => write!(f, "sqlite:{}", options.path.display()),
        }
    }
}

/// Opens a store. Postgres is connected to on first use, so that the program starts while its database is down.
pub async fn open(url: &StoreUrl) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match url {
        StoreUrl::Postgres(source) => Arc::new(PostgresStore::open(source.clone()).await?),
        StoreUrl::Sqlite(options) => Arc::new(SqliteStore::open(options).await?),
    })
}

/// Opens a store to read it. Nothing is made, a SQLite file least of all; whatever would write fails.
pub async fn open_read_only(url: &StoreUrl) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match url {
        StoreUrl::Postgres(source) => Arc::new(PostgresStore::open_read_only(source.clone()).await?),
        StoreUrl::Sqlite(options) => Arc::new(SqliteStore::open_read_only(options)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_recognised_and_shown_without_its_password() {
        for (text, shown) in [
            ("postgres://me:s3cret@db.example:6432/orloj?sslmode=require", "postgres://me@db.example:6432/orloj"),
            ("host=db.example user=me password='s3 cret' dbname=orloj", "postgres://me@db.example:5432/orloj"),
            ("sqlite:/var/lib/orloj.db", "sqlite:/var/lib/orloj.db"),
            ("sqlite://orloj.db?synchronous=full", "sqlite:orloj.db"),
        ] {
            let url = StoreUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?} {url}").contains("s3"), "{url:?}");
        }
    }

    #[test]
    fn what_is_no_store_url_is_refused_without_being_repeated() {
        for text in ["", "mysql://me:s3cret@db/orloj", "s3cret", "sqlite:", "sqlite:x?mode=s3cret"] {
            let error = StoreUrl::parse(text).unwrap_err().to_string();
            assert!(error.starts_with("unable to"), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
