//! Tokens and roles: who may do what.

use std::fmt;
use std::path::Path;

use axum::http::{HeaderMap, StatusCode, header};
use ring::digest::{SHA256, digest};
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;

use super::refusal::Refusal;
use crate::config::{ConfigError, read_secret};

/// Role of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Reader,
    /// Writes objects.
    Writer,
    /// Writes their status.
    Controller,
    Admin,
}

impl Role {
    const ALL: [Self; 4] = [Self::Reader, Self::Writer, Self::Controller, Self::Admin];

    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Controller => "controller",
            Self::Admin => "admin",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.label() == text.to_ascii_lowercase())
    }

    /// Writers and controllers read; neither may do what the other does.
    #[must_use]
    pub fn allows(self, needed: Self) -> bool {
        self == Self::Admin || self == needed || needed == Self::Reader
    }
}

/// Why a file of tokens cannot be used. Its text holds no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error(transparent)]
    Read(#[from] ConfigError),
    #[error(
        "unable to use the tokens in {file}: line {line} is no `token:role` or `name:token:role` with one of the roles \
         reader, writer, controller and admin"
    )]
    Line { file: String, line: usize },
    #[error("unable to use the tokens in {file}: it holds none; write one `token:role` a line")]
    None { file: String },
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Name of the token, for the log; `""` where it has none.
    pub name: String,
    pub role: Role,
}

impl Caller {
    /// One of those who may do everything, since there are no tokens.
    #[must_use]
    pub fn anybody() -> Self {
        Self { name: String::new(), role: Role::Admin }
    }

    /// One who asks for what everybody may have.
    #[must_use]
    pub fn nobody() -> Self {
        Self { name: String::new(), role: Role::Reader }
    }
}

struct Token {
    caller: Caller,
    /// SHA-256: all of them are of one length.
    digest: [u8; 32],
}

/// Tokens that are known; without any, everybody may do everything.
#[derive(Default)]
pub struct Tokens(Vec<Token>);

/// How many there are, and nothing of them.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads a file: `token:role` or `name:token:role` a line; empty lines and those that begin with `#` are passed over.
    pub fn read(file: &Path) -> Result<Self, TokenError> {
        let text = read_secret(file)?;
        let name = || file.display().to_string();
        let mut tokens = Vec::new();
        for (index, line) in text.expose_secret().lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = || TokenError::Line { file: name(), line: index + 1 };
            tokens.push(Token::parse(line).ok_or_else(bad)?);
        }
        if tokens.is_empty() { Err(TokenError::None { file: name() }) } else { Ok(Self(tokens)) }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who calls; `None` where no known token is given. All tokens are compared, each in constant time.
    #[must_use]
    pub fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        if self.is_empty() {
            return Some(Caller::anybody());
        }
        let (scheme, given) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        self.known(given)
    }

    /// Whose token this is.
    #[must_use]
    pub fn known(&self, given: &str) -> Option<Caller> {
        let given = sha256(given.trim());
        let mut found = None;
        for token in &self.0 {
            if bool::from(token.digest.ct_eq(&given)) {
                found = Some(&token.caller);
            }
        }
        found.cloned()
    }

    /// Who calls, where they may do what takes this role.
    pub fn authorize(&self, headers: &HeaderMap, needed: Role) -> Result<Caller, Refusal> {
        let caller = self.caller(headers).ok_or_else(|| {
            let text = "unauthorized: send a known token as `Authorization: Bearer <token>`";
            Refusal::new(StatusCode::UNAUTHORIZED, text)
        })?;
        require(&caller, needed)?;
        Ok(caller)
    }
}

/// Refuses a caller whose role is too low.
pub fn require(caller: &Caller, needed: Role) -> Result<(), Refusal> {
    if caller.role.allows(needed) {
        return Ok(());
    }
    let text = format!("forbidden: this takes the role {}, and the token has {}", needed.label(), caller.role.label());
    Err(Refusal::new(StatusCode::FORBIDDEN, text))
}

impl Token {
    fn parse(line: &str) -> Option<Self> {
        let (rest, role) = line.rsplit_once(':')?;
        let role = Role::parse(role.trim())?;
        let (name, token) = rest.split_once(':').unwrap_or(("", rest));
        let token = token.trim();
        if token.is_empty() || token.contains(char::is_whitespace) {
            return None;
        }
        Some(Self { caller: Caller { name: name.trim().to_owned(), role }, digest: sha256(token) })
    }
}

fn sha256(text: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Tokens, TokenError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        std::fs::write(&file, text).unwrap();
        Tokens::read(&file)
    }

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn a_token_has_its_role_and_no_other() {
        let tokens =
            tokens("# who\n\nci:s3cret-1:writer\ns3cret-2:reader\nops:s3cret-3:ADMIN\nc:s3cret-4:controller\n")
                .unwrap();
        for (token, role, may_not) in [
            ("s3cret-1", Role::Writer, Some(Role::Controller)),
            ("s3cret-2", Role::Reader, Some(Role::Writer)),
            ("s3cret-3", Role::Admin, None),
            ("s3cret-4", Role::Controller, Some(Role::Writer)),
        ] {
            let caller = tokens.caller(&headers(&format!("bearer {token}"))).unwrap();
            assert_eq!(caller.role, role);
            assert!(require(&caller, Role::Reader).is_ok());
            if let Some(may_not) = may_not {
                assert_eq!(require(&caller, may_not).unwrap_err().status, StatusCode::FORBIDDEN);
            }
        }
        for wrong in ["Bearer s3cret-5", "Basic s3cret-1", "s3cret-1", "Bearer "] {
            assert_eq!(tokens.authorize(&headers(wrong), Role::Reader).unwrap_err().status, StatusCode::UNAUTHORIZED);
        }
        assert!(!format!("{tokens:?}").contains("s3cret"));
    }

    #[test]
    fn a_file_that_is_wrong_is_refused_and_not_repeated() {
        for text in ["s3cret", "s3cret:owner", "s3cret:writer\nx:s3 cret:writer", ":writer", "# nothing\n"] {
            let error = tokens(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3"), "{error}");
        }
    }
}
