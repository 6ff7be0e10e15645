//! A bearer token in a file, which somebody renews: read as client-go reads it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use secrecy::{ExposeSecret, SecretString};
use tower::BoxError;
use tower::filter::FilterLayer;

/// A token that was read is sent for so long.
const KEPT: Duration = Duration::from_mins(1);

/// Puts the token of a file on each request.
#[derive(Clone)]
pub struct TokenFile {
    path: PathBuf,
    kept: Arc<Mutex<Kept>>,
}

struct Kept {
    header: HeaderValue,
    until: Instant,
}

impl TokenFile {
    /// `instead` is sent while the file cannot be read.
    ///
    /// # Errors
    /// Where there is neither a token in the file nor another one.
    pub fn open(path: PathBuf, instead: Option<&SecretString>) -> Result<Self, String> {
        let header = match (read(&path), instead) {
            (Ok(header), _) => header,
            (Err(_), Some(token)) => header(token.expose_secret())?,
            (Err(why), None) => return Err(why),
        };
        let kept = Kept { header, until: Instant::now() + KEPT };
        Ok(Self { path, kept: Arc::new(Mutex::new(kept)) })
    }

    /// What the file says now, or where it cannot be read, what it said before.
    fn header(&self, now: Instant) -> HeaderValue {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= kept.until {
            kept.until = now + KEPT;
            match read(&self.path) {
                Ok(header) => kept.header = header,
                Err(why) => tracing::debug!("{why}; going on with the token read before"),
            }
        }
        kept.header.clone()
    }

    /// The layer of the client that does it.
    pub fn layer<B>(self) -> FilterLayer<impl FnMut(Request<B>) -> Result<Request<B>, BoxError> + Clone> {
        FilterLayer::new(move |mut request: Request<B>| {
            request.headers_mut().insert(AUTHORIZATION, self.header(Instant::now()));
            Ok(request)
        })
    }
}

fn read(path: &std::path::Path) -> Result<HeaderValue, String> {
    let told = |why: &dyn std::fmt::Display| format!("unable to read the token file {}: {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| told(&error))?;
    match text.trim() {
        "" => Err(told(&"it is empty")),
        token => header(token).map_err(|why| told(&why)),
    }
}

fn header(token: &str) -> Result<HeaderValue, String> {
    let header = HeaderValue::try_from(format!("Bearer {}", token.trim()));
    let mut header = header.map_err(|_| "it holds characters that no token has".to_owned())?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "first\n").unwrap();
        let file = TokenFile::open(path.clone(), None).unwrap();
        std::fs::write(&path, "second\r\n\n").unwrap();
        let now = Instant::now();
        assert_eq!(file.header(now), "Bearer first");
        assert_eq!(file.header(now + KEPT), "Bearer second");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.header(now + 3 * KEPT), "Bearer second");
    }

    #[test]
    fn another_token_stands_in() {
        let missing = PathBuf::from("/nowhere/token");
        let error = TokenFile::open(missing.clone(), None).map(drop).unwrap_err();
        assert!(error.starts_with("unable to read the token file /nowhere/token: No such file"), "{error}");
        let file = TokenFile::open(missing, Some(&SecretString::from("other"))).unwrap();
        assert_eq!(file.header(Instant::now()), "Bearer other");
    }
}
