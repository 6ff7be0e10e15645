//! Secrets from a value or a file, and the store that a DSN or URL points to.

use std::fs;
use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::error::ConfigError;

/// No DSN or key comes near this; a larger file is a wrong path.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Reads a secret from a file, without its trailing newline. Errors name the file, never its content.
pub fn read_secret(path: &Path) -> Result<SecretString, ConfigError> {
    let read = |source| ConfigError::ReadSecret { path: path.to_owned(), source };
    let unusable = |reason| ConfigError::UnusableSecret { path: path.to_owned(), reason };
    let size = fs::metadata(path).map_err(read)?.len();
    if size > MAX_SECRET_BYTES {
        return Err(unusable("it is larger than 64 KiB, which no DSN or key is"));
    }
    let bytes = Zeroizing::new(fs::read(path).map_err(read)?);
    // not the UTF-8 error's own text: it is about the content
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| read(IoError::new(ErrorKind::InvalidData, "it is not valid UTF-8")))?
        .trim_end_matches(['\n', '\r']);
    if text.trim().is_empty() {
        return Err(unusable("it is empty"));
    }
    Ok(SecretString::from(text))
}

/// Where a secret comes from. A file is read anew each time, so that a mounted secret can change.
#[derive(Clone, Debug)]
pub enum SecretSource {
    Inline(SecretString),
    File(PathBuf),
}

impl SecretSource {
    pub fn read(&self) -> Result<SecretString, ConfigError> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(path) => read_secret(path),
        }
    }
}

/// Which store to open.
#[derive(Clone, Debug)]
pub enum StoreTarget {
    Postgres(SecretSource),
    Sqlite(PathBuf),
}

impl StoreTarget {
    /// Reads `--store`: `postgres://…`, `sqlite:PATH`, `sqlite://PATH`, or a path that ends in `.db` or `.sqlite`.
    pub fn parse(url: &SecretString) -> Result<Self, ConfigError> {
        let text = url.expose_secret().trim();
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(SecretSource::Inline(SecretString::from(text))));
        }
        let is_sqlite_file = || {
            let extension = Path::new(text).extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("db" | "sqlite" | "sqlite3")) && !text.contains("://")
        };
        let path = match text.strip_prefix("sqlite:") {
            Some(path) => path.strip_prefix("//").unwrap_or(path),
            None if is_sqlite_file() => text,
            None => {
                return Err(ConfigError::StoreUrl(
                    "it names no known store; write postgres://user:password@host/db or sqlite:PATH",
                ));
            }
        };
        if path.is_empty() {
            return Err(ConfigError::StoreUrl("it has no path; write sqlite:PATH"));
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<StoreTarget, ConfigError> {
        StoreTarget::parse(&SecretString::from(url))
    }

    #[test]
    fn trims_the_newline_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, " s3cret \r\n").unwrap();
        assert_eq!(read_secret(&path).unwrap().expose_secret(), " s3cret ");
    }

    #[test]
    fn errors_name_the_file_and_never_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let missing = read_secret(&path).unwrap_err().to_string();
        assert!(missing.contains("key"), "{missing}");
        fs::write(&path, b"s3cret\xff\n").unwrap();
        let error = read_secret(&path).unwrap_err();
        assert!(error.to_string().contains("not valid UTF-8"), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        fs::write(&path, "\n").unwrap();
        assert!(read_secret(&path).unwrap_err().to_string().contains("it is empty"));
        assert!(read_secret(dir.path()).is_err());
    }

    #[test]
    fn store_urls() {
        assert!(matches!(target("postgres://u:p@h/d"), Ok(StoreTarget::Postgres(_))));
        for url in ["sqlite:x.db", "sqlite://x.db", "x.db"] {
            assert!(matches!(target(url), Ok(StoreTarget::Sqlite(path)) if path == Path::new("x.db")), "{url}");
        }
        for url in ["mysql://u:s3cret@h/d", "sqlite:", "mysql://u:s3cret@h/x.db", ""] {
            let error = target(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
        let debug = format!("{:?}", target("postgres://u:s3cret@h/d").unwrap());
        assert!(!debug.contains("s3cret"), "{debug}");
    }
}
