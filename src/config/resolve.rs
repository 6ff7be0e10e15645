//! From the stacked layers to a [`Config`], with the checks across settings.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use figment::value::Value;
use figment::{Figment, Profile};
use secrecy::{ExposeSecret, SecretString};

use super::error::{ConfigError, Problems};
use super::layers::{Inputs, Layer, Note};
use super::secret::{SecretSource, StoreTarget};
use super::settings::{SETTINGS, Setting, SettingShape};
use super::{Config, LogFormat, Need, value};

/// The layers, stacked. Holds secrets in its values: `Debug` prints none of them.
pub struct Resolved {
    pub(super) figment: Figment,
    problems: Problems,
    notes: Vec<Note>,
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolved").field("problems", &self.problems).field("notes", &self.notes).finish_non_exhaustive()
    }
}

impl Resolved {
    /// Stacks the layers. Fails only where the configuration file can't be read; all else is told by
    /// [`Self::config`], so that `config show` works on a configuration that is wrong.
    pub fn load(inputs: &Inputs) -> Result<Self, ConfigError> {
        let mut problems = Problems::default();
        let mut notes = Vec::new();
        let mut figment = Figment::from(Layer::defaults()).merge(Layer::service_account(&inputs.namespace_file));
        let by_env = inputs.environment.get("ORLOJ_OPERATOR_CONFIG").filter(|path| !path.is_empty());
        let file = match (&inputs.file, by_env) {
            (Some(path), _) => Some((path.clone(), "flag --config")),
            (None, Some(path)) => Some((PathBuf::from(path), "env ORLOJ_OPERATOR_CONFIG")),
            (None, None) => None,
        };
        if let Some((path, given_by)) = file {
            figment = figment.merge(Layer::file(&path, given_by, &mut problems)?);
        }
        figment = figment.merge(Layer::environment(&inputs.environment, &mut notes)).merge(Layer::flags(&inputs.flags));
        for setting in SETTINGS.iter().filter(|setting| setting.is_secret() && inputs.flags.has(setting.name)) {
            notes.push(Note::warning(format!(
                "--{0} shows in the process list: prefer {1} or --{0}-file",
                setting.name,
                setting.env_name()
            )));
        }
        let resolved = Self { figment, problems, notes };
        Ok(resolved.with_compatibility_notes())
    }

    fn with_compatibility_notes(mut self) -> Self {
        if self.value("sql-driver").is_some() {
            let origin = self.origin("sql-driver");
            self.notes.push(Note::debug(format!("sql-driver ({origin}) is ignored: there is one Postgres driver")));
        }
        self
    }

    /// What to log once logging is up.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The value of a setting, if one is set; empty text counts as unset.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        // figment's error is dropped, not shown: it can print the value
        let value = self.figment.find_value(name).ok()?;
        (value.as_str() != Some("")).then_some(value)
    }

    /// `default`, `file /path:line`, `env NAME` or `flag --name`.
    #[must_use]
    pub fn origin(&self, name: &str) -> String {
        let metadata = self.figment.find_metadata(name);
        metadata.map_or_else(|| "default".to_owned(), |metadata| metadata.interpolate(&Profile::Default, &[name]))
    }

    /// Logging's settings alone, before anything else is known to be right; what can't be read gets its default.
    #[must_use]
    pub fn logging(&self) -> (String, LogFormat) {
        let level = self.value("log-level").and_then(|found| value::log_filter(&found).ok());
        let format = self.value("log-format").and_then(|found| value::choice(&found, &["human", "json"]).ok());
        (level.unwrap_or_else(|| "info".to_owned()), log_format(format))
    }

    /// Reads and checks all settings; the error lists every problem with its setting and origin.
    pub fn config(&self, need: Need) -> Result<Config, ConfigError> {
        let mut reader = LayerReader { resolved: self, problems: self.problems.clone() };
        let config = reader.read(need);
        if reader.problems.0.is_empty() { Ok(config) } else { Err(ConfigError::Invalid(reader.problems)) }
    }
}

fn log_format(choice: Option<&str>) -> LogFormat {
    match choice {
        Some("human") => LogFormat::Human,
        Some("json") => LogFormat::Json,
        _ => LogFormat::Auto,
    }
}

struct LayerReader<'a> {
    resolved: &'a Resolved,
    problems: Problems,
}

impl LayerReader<'_> {
    fn problem(&mut self, name: &str, text: impl Into<String>) {
        self.problems.add(name, self.resolved.origin(name), text);
    }

    /// Reads a setting. A value that can't be read is reported, and its default stands in for it while the checks
    /// go on; the configuration is not handed out then.
    fn get<T>(&mut self, name: &str, read: impl Fn(&Value) -> Result<T, String>) -> Option<T> {
        let found = self.resolved.value(name)?;
        read(&found).map_err(|text| self.problem(name, text)).ok()
    }

    fn require<T: Default>(&mut self, name: &str, read: impl Fn(&Value) -> Result<T, String>) -> T {
        if self.resolved.value(name).is_none() {
            self.problem(name, "is empty; leave it out for its default");
        }
        self.get(name, read).unwrap_or_default()
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.get(name, value::text).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn choice(&mut self, name: &str) -> Option<&'static str> {
        let Some(Setting { shape: SettingShape::Choice(allowed), .. }) = super::settings::find(name) else {
            return None;
        };
        self.get(name, |found| value::choice(found, allowed))
    }

    /// A secret given inline or by file, but not both.
    fn secret(&mut self, name: &str, need: Need) -> Option<SecretSource> {
        let file = format!("{name}-file");
        let inline = self.get(name, |found| value::text(found).map(SecretString::from));
        let inline = inline.filter(|secret| !secret.expose_secret().trim().is_empty());
        let path = self.get(&file, value::path);
        match (inline, path) {
            (Some(_), Some(_)) => {
                let other = self.resolved.origin(name);
                self.problem(&file, format!("is set as well as {name} ({other}); keep one of them"));
                None
            }
            (Some(secret), None) => Some(SecretSource::Inline(secret)),
            (None, Some(path)) => {
                // read once for the sake of the error; whoever uses it reads it again
                if need != Need::Leave
                    && let Err(error) = super::read_secret(&path)
                {
                    self.problem(&file, format!("can't be used: {error}"));
                }
                Some(SecretSource::File(path))
            }
            (None, None) => None,
        }
    }

    fn store(&mut self, need: Need) -> Option<StoreTarget> {
        let backend = self.choice("storage-backend");
        self.choice("sql-driver");
        let dsn = self.secret("postgres-dsn", need);
        let path = self.get("sqlite-path", value::path);
        let problems_before = self.problems.0.len();
        let store = match backend? {
            "sqlite" => path.map(StoreTarget::Sqlite),
            _ => dsn.map(StoreTarget::Postgres),
        };
        if store.is_none() && need >= Need::Store && self.problems.0.len() == problems_before {
            match backend {
                Some("sqlite") => self.problem("sqlite-path", "is not set; the SQLite store needs a file"),
                _ if self.problems.0.iter().any(|p| p.setting.starts_with("postgres-dsn")) => {}
                _ => self.problem(
                    "postgres-dsn",
                    "is not set; set ORLOJ_POSTGRES_DSN, or --postgres-dsn-file, or choose --storage-backend=sqlite (sync and get \
                     take --store, such as sqlite:FILE, as well)",
                ),
            }
        }
        store
    }

    fn read(&mut self, need: Need) -> Config {
        let store = self.store(need);
        let key = self.secret("secret-encryption-key", need);
        let config = Config {
            store,
            create_tables: self.require("create-tables", value::switch),
            secret_encryption_key: key,
            require_encryption: self.require("require-encryption", value::switch),
            kubeconfig: self.get("kubeconfig", value::path),
            namespaces: self.get("namespaces", value::list).unwrap_or_default(),
            cluster_id: self.text("cluster-id"),
            leader_elect: self.require("leader-elect", value::switch),
            leader_election_namespace: self.text("leader-election-namespace"),
            lease_duration: self.require("lease-duration", value::positive_duration),
            renew_deadline: self.require("renew-deadline", value::positive_duration),
            retry_period: self.require("retry-period", value::positive_duration),
            status_sync_interval: self.require("status-sync-interval", value::positive_duration),
            sweep_interval: self.require("sweep-interval", value::positive_duration),
            batch_size: self.require("batch-size", value::count),
            api_concurrency: self.require("api-concurrency", value::count),
            metrics_addr: self.address("metrics-addr"),
            healthz_addr: self.address("healthz-addr"),
            listen: self.address("listen"),
            crd_conflict_policy: self.text("crd-conflict-policy").unwrap_or_default(),
            token_file: self.get("token-file", value::path),
            insecure_no_auth: self.require("insecure-no-auth", value::switch),
            tls_files: self.tls_files(),
            kinds_dir: self.get("kinds", value::path),
            log_level: self.require("log-level", value::log_filter),
            log_format: log_format(self.choice("log-format")),
            shutdown_timeout: self.require("shutdown-timeout", value::positive_duration),
        };
        self.check_lease(&config, need);
        config
    }

    fn tls_files(&mut self) -> Option<(PathBuf, PathBuf)> {
        let files = ["tls-cert-file", "tls-key-file"].map(|name| self.get(name, value::path));
        match files {
            [Some(certificate), Some(key)] => return Some((certificate, key)),
            [Some(_), None] => self.problem("tls-cert-file", "is set without tls-key-file; TLS takes both"),
            [None, Some(_)] => self.problem("tls-key-file", "is set without tls-cert-file; TLS takes both"),
            [None, None] => {}
        }
        None
    }

    fn address(&mut self, name: &str) -> super::BindAddr {
        if self.resolved.value(name).is_none() {
            self.problem(name, "is empty; write 0 to turn it off");
        }
        self.get(name, value::address).unwrap_or(super::BindAddr::Off)
    }

    fn check_lease(&mut self, config: &Config, need: Need) {
        let mut ordered = |lower: &str, low: Duration, upper: &str, high: Duration| {
            // zero: it was not readable, which has been said
            if !low.is_zero() && !high.is_zero() && low >= high {
                let origin = self.resolved.origin(upper);
                self.problem(lower, format!("must be shorter than {upper} ({origin})"));
            }
        };
        ordered("renew-deadline", config.renew_deadline, "lease-duration", config.lease_duration);
        ordered("retry-period", config.retry_period, "renew-deadline", config.renew_deadline);
        if matches!(need, Need::Run | Need::Leave) && config.leader_elect && config.leader_election_namespace.is_none()
        {
            self.problem(
                "leader-election-namespace",
                "is not set, and this is no pod whose namespace could be taken; set it, or --leader-elect=false",
            );
        }
    }
}
