//! Every setting, once: its name in file, flag and environment, its type, its default and what it is for.
//!
//! Flags, environment variables, file keys, `config show` and the help text all come from this table. A setting has
//! one name everywhere: `postgres-dsn` in the file, `--postgres-dsn`, `ORLOJ_OPERATOR_POSTGRES_DSN`.

/// How a setting's text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingShape {
    Text,
    /// Text that is never shown, logged or put into an error.
    Sensitive,
    Path,
    Switch,
    /// Go's notation: `5s`, `1m30s`, `250ms`.
    Duration,
    /// A whole number from 1 up.
    Count,
    /// `:8080`, `host:port`, `[::]:8080`, or `0` for off.
    Address,
    /// Comma-separated, or a list in the file.
    List,
    /// `info`, or directives such as `orloj_operator=debug,info`.
    LogFilter,
    Choice(&'static [&'static str]),
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub name: &'static str,
    pub shape: SettingShape,
    pub default: Option<&'static str>,
    /// Names besides `ORLOJ_OPERATOR_<NAME>`, which goes first.
    pub env: &'static [&'static str],
    pub heading: &'static str,
    /// Placeholder in the help text.
    pub placeholder: &'static str,
    pub help: &'static str,
    /// The flag may stand before or after any subcommand.
    pub global: bool,
}

/// Prefix of every setting's own environment variable.
pub const ENV_PREFIX: &str = "ORLOJ_OPERATOR_";

impl Setting {
    /// `ORLOJ_OPERATOR_<NAME>`.
    #[must_use]
    pub fn env_name(&self) -> String {
        format!("{ENV_PREFIX}{}", self.name.replace('-', "_").to_ascii_uppercase())
    }

    /// Every variable that sets it, the one that wins first.
    #[must_use]
    pub fn env_names(&self) -> Vec<String> {
        let mut names = vec![self.env_name()];
        names.extend(self.env.iter().map(ToString::to_string));
        names
    }

    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.shape == SettingShape::Sensitive
    }
}

/// The setting of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// Settings of the store, which every command that opens one takes.
pub const STORE: &str = "Store";
/// Settings of encryption, likewise.
pub const ENCRYPTION: &str = "Encryption at rest";
/// The setting by which a command finds the API server.
pub const KUBECONFIG: &str = "kubeconfig";
/// Settings of the cluster that is looked at.
pub const CLUSTER: &str = "Cluster";
const LEADER: &str = "Leader election";
const PACE: &str = "Pace";
const HTTP: &str = "Metrics and health";
/// Settings of the REST API, which `serve` alone takes.
pub const REST: &str = "REST API";
const PROGRAM: &str = "Program";

const fn setting(
    heading: &'static str,
    name: &'static str,
    shape: SettingShape,
    default: Option<&'static str>,
    help: &'static str,
) -> Setting {
    let placeholder = match shape {
        SettingShape::Text | SettingShape::Sensitive => "TEXT",
        SettingShape::Path => "PATH",
        SettingShape::Switch => "BOOL",
        SettingShape::Duration => "DURATION",
        SettingShape::Count => "N",
        SettingShape::Address => "ADDR",
        SettingShape::List => "LIST",
        SettingShape::LogFilter => "LEVEL",
        SettingShape::Choice(_) => "CHOICE",
    };
    Setting { name, shape, default, env: &[], heading, placeholder, help, global: false }
}

const fn env(names: &'static [&'static str], setting: Setting) -> Setting {
    Setting { env: names, ..setting }
}

const fn shown_as(placeholder: &'static str, setting: Setting) -> Setting {
    Setting { placeholder, ..setting }
}

const fn global(setting: Setting) -> Setting {
    Setting { global: true, ..setting }
}

/// All settings, in the order in which help and `config show` list them.
pub const SETTINGS: &[Setting] = &[
    setting(
        STORE,
        "storage-backend",
        SettingShape::Choice(&["postgres", "sqlite"]),
        Some("postgres"),
        "Where the rows go: the Postgres that orlojd reads, or one SQLite file",
    ),
    env(
        &["ORLOJ_POSTGRES_DSN"],
        shown_as(
            "DSN",
            setting(
                STORE,
                "postgres-dsn",
                SettingShape::Sensitive,
                None,
                "Postgres to write to, postgres://user:password@host:5432/db. A flag shows in the process list: \
                 prefer the environment or --postgres-dsn-file",
            ),
        ),
    ),
    env(
        &["ORLOJ_POSTGRES_DSN_FILE"],
        setting(
            STORE,
            "postgres-dsn-file",
            SettingShape::Path,
            None,
            "File that holds the DSN; read again when no connection can be made, so that a password can change",
        ),
    ),
    setting(STORE, "sqlite-path", SettingShape::Path, None, "SQLite file, for --storage-backend=sqlite"),
    setting(
        STORE,
        "sql-driver",
        SettingShape::Choice(&["pgx", "postgres", "pq"]),
        None,
        "Ignored; accepted since the original Go operator had it",
    ),
    setting(
        STORE,
        "create-tables",
        SettingShape::Switch,
        Some("false"),
        "Create orlojd's tables where no orlojd lives; without it the operator waits for orlojd's migrations",
    ),
    env(
        &["ORLOJ_SECRET_ENCRYPTION_KEY"],
        shown_as(
            "KEY",
            setting(
                ENCRYPTION,
                "secret-encryption-key",
                SettingShape::Sensitive,
                None,
                "256-bit key, the same as orlojd's: 64 hex or 44 base64 characters. A flag shows in the process \
                 list: prefer the environment or --secret-encryption-key-file",
            ),
        ),
    ),
    env(
        &["ORLOJ_SECRET_ENCRYPTION_KEY_FILE"],
        setting(ENCRYPTION, "secret-encryption-key-file", SettingShape::Path, None, "File that holds the key"),
    ),
    setting(
        ENCRYPTION,
        "require-encryption",
        SettingShape::Switch,
        Some("false"),
        "Without a key, refuse resources with secret material, which would otherwise be stored in the clear",
    ),
    shown_as(
        "FILE",
        setting(
            CLUSTER,
            KUBECONFIG,
            SettingShape::Path,
            None,
            "Kubeconfig [default: $KUBECONFIG, ~/.kube/config, in cluster]",
        ),
    ),
    setting(CLUSTER, "namespaces", SettingShape::List, None, "Namespaces to watch, comma-separated [default: all]"),
    shown_as(
        "ID",
        setting(
            CLUSTER,
            "cluster-id",
            SettingShape::Text,
            None,
            "Name of this cluster in the ledger [default: the uid of namespace kube-system]",
        ),
    ),
    setting(
        LEADER,
        "leader-elect",
        SettingShape::Switch,
        Some("true"),
        "Only the holder of the Lease orloj-operator-leader writes; others stand by",
    ),
    env(
        &["ORLOJ_OPERATOR_NAMESPACE"],
        shown_as(
            "NAMESPACE",
            setting(
                LEADER,
                "leader-election-namespace",
                SettingShape::Text,
                None,
                "Namespace of the Lease [default in a cluster: the operator's own]",
            ),
        ),
    ),
    setting(
        LEADER,
        "lease-duration",
        SettingShape::Duration,
        Some("15s"),
        "How long others wait after the leader's last renewal before one takes over",
    ),
    setting(
        LEADER,
        "renew-deadline",
        SettingShape::Duration,
        Some("10s"),
        "How long the leader tries to renew before it gives up; below --lease-duration",
    ),
    setting(
        LEADER,
        "retry-period",
        SettingShape::Duration,
        Some("2s"),
        "Pause between two attempts on the Lease; below --renew-deadline",
    ),
    setting(
        PACE,
        "status-sync-interval",
        SettingShape::Duration,
        Some("5s"),
        "How often runtime phases are read back from the store (changed rows only)",
    ),
    setting(
        PACE,
        "sweep-interval",
        SettingShape::Duration,
        Some("5m"),
        "How often all rows are compared with all resources, to put right what changed behind our back",
    ),
    setting(PACE, "batch-size", SettingShape::Count, Some("250"), "Rows in one store transaction, at most"),
    setting(
        PACE,
        "api-concurrency",
        SettingShape::Count,
        Some("8"),
        "Writes to the API server under way at once, at most",
    ),
    setting(
        HTTP,
        "metrics-addr",
        SettingShape::Address,
        Some(":8080"),
        "Where /metrics is served; :8080 is all interfaces, 0 is off",
    ),
    setting(
        HTTP,
        "healthz-addr",
        SettingShape::Address,
        Some(":8081"),
        "Where /healthz and /readyz are served; 0 is off, the address of /metrics shares its server",
    ),
    setting(
        REST,
        "listen",
        SettingShape::Address,
        Some("127.0.0.1:8080"),
        "Where the API is served; anything but loopback takes tokens",
    ),
    env(
        &["ORLOJ_CRD_CONFLICT_POLICY"],
        shown_as(
            "POLICY",
            setting(
                REST,
                "crd-conflict-policy",
                SettingShape::Text,
                Some("warn"),
                "What becomes of writes to rows that the operator owns: off, warn or reject",
            ),
        ),
    ),
    shown_as(
        "FILE",
        setting(
            REST,
            "token-file",
            SettingShape::Path,
            None,
            "File of tokens, one `token:role` or `name:token:role` a line; roles are reader, writer, controller and \
             admin. Read again when it changes",
        ),
    ),
    setting(
        REST,
        "insecure-no-auth",
        SettingShape::Switch,
        Some("false"),
        "Serve without tokens on any address: whoever reaches it may write",
    ),
    shown_as(
        "FILE",
        setting(
            REST,
            "tls-cert-file",
            SettingShape::Path,
            None,
            "Certificate chain (PEM) to serve TLS with; read again when it changes",
        ),
    ),
    shown_as("FILE", setting(REST, "tls-key-file", SettingShape::Path, None, "Private key (PEM) of the certificate")),
    global(shown_as(
        "DIR",
        setting(
            PROGRAM,
            "kinds",
            SettingShape::Path,
            None,
            "Directory of kind files that add to or replace the built-in ones",
        ),
    )),
    global(env(
        &["RUST_LOG"],
        setting(
            PROGRAM,
            "log-level",
            SettingShape::LogFilter,
            Some("info"),
            "error, warn, info, debug, trace, or directives such as orloj_operator::reconciler=debug,info",
        ),
    )),
    global(shown_as(
        "FORMAT",
        setting(
            PROGRAM,
            "log-format",
            SettingShape::Choice(&["auto", "human", "json"]),
            Some("auto"),
            "How logs look; auto is human on a terminal and JSON elsewhere",
        ),
    )),
    setting(
        PROGRAM,
        "shutdown-timeout",
        SettingShape::Duration,
        Some("10s"),
        "How long the work under way may take to finish after SIGTERM",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_variables_are_unique() {
        let mut names = BTreeSet::new();
        let mut variables = BTreeSet::new();
        for setting in SETTINGS {
            assert!(names.insert(setting.name), "{} twice", setting.name);
            for variable in setting.env_names() {
                assert!(variables.insert(variable.clone()), "{variable} twice");
            }
        }
    }

    #[test]
    fn own_variable_follows_the_name() {
        let names = find("postgres-dsn").unwrap().env_names();
        assert_eq!(names, ["ORLOJ_OPERATOR_POSTGRES_DSN", "ORLOJ_POSTGRES_DSN"]);
    }
}
