//! The layers as figment providers: defaults, file, environment, flags.
//!
//! Environment and flags hand their values over as text: figment's own environment provider would read `0123` and
//! `true` as number and boolean, and print them in its errors. Each layer's metadata turns a setting's name into the
//! place where its value was written.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};
use serde_saphyr::Spanned;

use super::error::{ConfigError, Problems};
use super::settings::{self, ENV_PREFIX, SETTINGS};

/// Flags that were given, by setting name, as text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Flags(BTreeMap<&'static str, String>);

impl Flags {
    /// Adds a flag; an unknown name is ignored, since clap knows the same table.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        if let Some(setting) = settings::find(name) {
            self.0.insert(setting.name, value.into());
        }
    }

    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Name and value of each. Values can be secrets.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// These flags with `other` on top.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // values can be secrets
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// One layer: values by setting, and where each was written.
#[derive(Default)]
pub(super) struct Layer {
    values: Dict,
    origins: BTreeMap<String, String>,
}

impl Layer {
    fn set(&mut self, name: &str, value: impl Into<Value>, origin: String) {
        self.values.insert(name.to_owned(), value.into());
        self.origins.insert(name.to_owned(), origin);
    }

    pub(super) fn defaults() -> Self {
        let mut layer = Self::default();
        for setting in SETTINGS {
            if let Some(value) = setting.default {
                layer.set(setting.name, value, "default".to_owned());
            }
        }
        layer
    }

    /// In a cluster the Lease goes into the operator's own namespace, which the service account's mount tells.
    pub(super) fn service_account(path: &Path) -> Self {
        let mut layer = Self::default();
        if let Ok(text) = std::fs::read_to_string(path)
            && !text.trim().is_empty()
        {
            layer.set("leader-election-namespace", text.trim(), format!("file {}", path.display()));
        }
        layer
    }

    pub(super) fn flags(flags: &Flags) -> Self {
        let mut layer = Self::default();
        for (name, value) in &flags.0 {
            layer.set(name, value.as_str(), format!("flag --{name}"));
        }
        layer
    }

    /// Empty variables count as unset, as in the original; charts write them for values nobody gave.
    pub(super) fn environment(variables: &BTreeMap<String, String>, notes: &mut Vec<Note>) -> Self {
        let mut layer = Self::default();
        let mut known = vec![format!("{ENV_PREFIX}CONFIG")];
        for setting in SETTINGS {
            for name in setting.env_names() {
                if let Some(value) = variables.get(&name).filter(|value| !value.is_empty()) {
                    match layer.origins.get(setting.name) {
                        None => layer.set(setting.name, value.as_str(), format!("env {name}")),
                        Some(winner) => {
                            let winner = winner.trim_start_matches("env ");
                            notes.push(Note::warning(format!("ignoring {name}: {winner} is set as well")));
                        }
                    }
                }
                known.push(name);
            }
        }
        for name in variables.keys().filter(|name| name.starts_with(ENV_PREFIX)) {
            if !known.contains(name) && !is_service_link(name) {
                let hint = closest(name, known.iter().map(String::as_str));
                notes.push(Note::warning(format!("ignoring {name}: no setting has that variable{hint}")));
            }
        }
        layer
    }

    /// Reads the file; unknown keys go to `problems`.
    pub(super) fn file(path: &Path, given_by: &'static str, problems: &mut Problems) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::ReadFile {
            path: path.to_owned(),
            given_by,
            source,
        })?;
        let entries: Option<BTreeMap<String, Spanned<Value>>> =
            serde_saphyr::from_str(&text).map_err(|error| unreadable(path, &error))?;
        let mut layer = Self::default();
        for (name, entry) in entries.unwrap_or_default() {
            let origin = format!("file {}:{}", path.display(), entry.referenced.line());
            if settings::find(&name).is_none() {
                let hint = closest(&name, SETTINGS.iter().map(|setting| setting.name));
                problems.add(&name, origin, format!("is no setting{hint}"));
            } else if !matches!(entry.value, Value::Empty(..)) {
                layer.set(&name, entry.value, origin);
            }
        }
        Ok(layer)
    }
}

/// The parser's own text can quote the file, and with it a secret: only the place is told, and a reason of ours.
fn unreadable(path: &Path, error: &serde_saphyr::Error) -> ConfigError {
    let reason = match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { .. } => "a setting is given twice",
        serde_saphyr::Error::Unexpected { .. } => "expected lines such as `metrics-addr: \":8080\"`",
        _ => "this is not valid YAML, or not a list of `setting: value` lines",
    };
    let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    ConfigError::ParseFile { path: path.to_owned(), line, column, reason }
}

/// `; did you mean …?`, or nothing where nothing is close.
fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let plain = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    let wanted = plain(name);
    candidates
        .map(|candidate| (strsim::jaro_winkler(&wanted, &plain(candidate)), candidate))
        .filter(|(score, _)| *score > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!("; did you mean {candidate}?"))
        .unwrap_or_default()
}

/// Kubernetes sets such variables for every Service of the namespace: one called `orloj-operator` or
/// `orloj-operator-metrics` must not draw a warning.
fn is_service_link(name: &str) -> bool {
    let protocol = |part: &&str| matches!(*part, "TCP" | "UDP" | "SCTP");
    let parts: Vec<&str> = name.split('_').collect();
    name.ends_with("_PORT")
        || name.contains("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || parts.windows(3).any(|w| w[0] == "PORT" && w[1].parse::<u16>().is_ok() && protocol(&w[2]))
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        let origins = self.origins.clone();
        Metadata::named("layer").interpolater(move |_: &Profile, keys: &[&str]| {
            let origin = keys.first().and_then(|key| origins.get(*key));
            origin.cloned().unwrap_or_else(|| "default".to_owned())
        })
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// Something to log once logging is up. Texts hold no values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// A warning, else of interest for debugging only.
    pub warning: bool,
    pub text: String,
}

impl Note {
    pub(super) fn warning(text: String) -> Self {
        Self { warning: true, text }
    }

    pub(super) fn debug(text: String) -> Self {
        Self { warning: false, text }
    }
}

/// All that a configuration is made of; tests hand over their own.
pub struct Inputs {
    /// `--config`.
    pub file: Option<PathBuf>,
    pub environment: BTreeMap<String, String>,
    pub flags: Flags,
    /// Where a pod finds the name of its namespace.
    pub namespace_file: PathBuf,
}

impl Inputs {
    /// From this process's environment. Variables that are not valid UTF-8 are left out.
    #[must_use]
    pub fn from_process(file: Option<PathBuf>, flags: Flags) -> Self {
        let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            file,
            environment: std::env::vars_os().filter_map(utf8).collect(),
            flags,
            namespace_file: PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount/namespace"),
        }
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // no environment: it is full of other programs' secrets
        f.debug_struct("Inputs").field("file", &self.file).field("flags", &self.flags).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_links_are_told_from_typing_errors() {
        for name in [
            "ORLOJ_OPERATOR_PORT",
            "ORLOJ_OPERATOR_SERVICE_HOST",
            "ORLOJ_OPERATOR_SERVICE_PORT_METRICS",
            "ORLOJ_OPERATOR_PORT_8080_TCP",
            "ORLOJ_OPERATOR_PORT_8080_TCP_PROTO",
            "ORLOJ_OPERATOR_METRICS_PORT_8080_TCP_ADDR",
        ] {
            assert!(is_service_link(name), "{name}");
        }
        assert!(!is_service_link("ORLOJ_OPERATOR_POSTGRES_DNS"));
    }

    #[test]
    fn unknown_variables_draw_a_warning_and_nothing_else() {
        let variables = BTreeMap::from([
            ("ORLOJ_OPERATOR_PORT".to_owned(), "tcp://10.0.0.1:8080".to_owned()),
            ("ORLOJ_OPERATOR_POSTGRES_DNS".to_owned(), "s3cret".to_owned()),
        ]);
        let mut notes = Vec::new();
        let layer = Layer::environment(&variables, &mut notes);
        assert!(layer.values.is_empty());
        let expected = "ignoring ORLOJ_OPERATOR_POSTGRES_DNS: no setting has that variable; did you mean \
                        ORLOJ_OPERATOR_POSTGRES_DSN?";
        assert_eq!(notes, [Note::warning(expected.to_owned())]);
    }

    #[test]
    fn flags_hide_their_values() {
        let mut flags = Flags::default();
        flags.set("postgres-dsn", "s3cret");
        assert_eq!(format!("{flags:?}"), r#"{"postgres-dsn"}"#);
    }
}
