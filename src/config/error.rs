//! What can be wrong with a configuration. No text holds the value of a secret.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong, with the place to put it right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingProblem {
    /// The setting's name; as written where it is unknown.
    pub setting: String,
    /// `default`, `file /path:line`, `env NAME` or `flag --name`.
    pub origin: String,
    pub text: String,
}

impl fmt::Display for SettingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) {}", self.setting, self.origin, self.text)
    }
}

/// All that is wrong, at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<SettingProblem>);

impl Problems {
    pub(super) fn add(&mut self, setting: &str, origin: String, text: impl Into<String>) {
        self.0.push(SettingProblem { setting: setting.to_owned(), origin, text: text.into() });
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [problem] => write!(f, " {problem}"),
            problems => problems.iter().try_for_each(|problem| write!(f, "\n  - {problem}")),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("unable to read the configuration file {} ({given_by}): {source}", path.display())]
    ReadFile { path: PathBuf, given_by: &'static str, source: std::io::Error },
    #[error("unable to read the configuration file {} at line {line}, column {column}: {reason}", path.display())]
    ParseFile { path: PathBuf, line: u64, column: u64, reason: &'static str },
    #[error("unable to use the configuration:{0}")]
    Invalid(Problems),
    #[error("unable to read the secret in file {}: {source}", path.display())]
    ReadSecret { path: PathBuf, source: std::io::Error },
    #[error("unable to use the secret in file {}: {reason}", path.display())]
    UnusableSecret { path: PathBuf, reason: &'static str },
    #[error("unable to use the store URL: {0}")]
    StoreUrl(&'static str),
}
