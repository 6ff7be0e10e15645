//! The layers together: precedence, origins, traps of the environment, checks across settings, masking.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;

/// Looks like nothing else, so that finding it anywhere is a leak.
const PLANTED: &str = "pl4nted-s3cret";

struct Bed {
    dir: tempfile::TempDir,
    inputs: Inputs,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let namespace_file = dir.path().join("namespace");
        let inputs = Inputs { file: None, environment: BTreeMap::new(), flags: Flags::default(), namespace_file };
        Self { dir, inputs }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn file(mut self, text: &str) -> Self {
        self.inputs.file = Some(self.write("config.yaml", text));
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.inputs.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn flag(mut self, name: &str, value: &str) -> Self {
        self.inputs.flags.set(name, value);
        self
    }

    fn load(&self) -> Resolved {
        Resolved::load(&self.inputs).unwrap()
    }

    fn config(&self) -> Config {
        self.load().config(Need::Nothing).unwrap()
    }

    fn problems(&self, need: Need) -> Vec<SettingProblem> {
        match self.load().config(need).unwrap_err() {
            ConfigError::Invalid(problems) => problems.0,
            other => panic!("{other}"),
        }
    }
}

#[test]
fn defaults_are_the_originals() {
    let config = Bed::new().config();
    assert_eq!(config.metrics_addr.to_string(), ":8080");
    assert_eq!(config.healthz_addr.to_string(), ":8081");
    assert!(config.leader_elect);
    assert_eq!(config.status_sync_interval, Duration::from_secs(5));
    assert_eq!((config.batch_size, config.api_concurrency), (250, 8));
    assert!(config.store.is_none());
}

#[test]
fn each_layer_beats_the_one_below_and_tells_its_origin() {
    let bed = Bed::new();
    assert_eq!(bed.load().origin("batch-size"), "default");
    let bed = bed.file("# pace\nbatch-size: 10\napi-concurrency: 20\nsweep-interval: 1m\n");
    let file = bed.inputs.file.clone().unwrap();
    assert_eq!(bed.config().batch_size, 10);
    assert_eq!(bed.load().origin("batch-size"), format!("file {}:2", file.display()));
    let bed = bed.env("ORLOJ_OPERATOR_BATCH_SIZE", "11").env("ORLOJ_OPERATOR_API_CONCURRENCY", "21");
    assert_eq!(bed.config().batch_size, 11);
    assert_eq!(bed.load().origin("batch-size"), "env ORLOJ_OPERATOR_BATCH_SIZE");
    let bed = bed.flag("batch-size", "12");
    let config = bed.config();
    assert_eq!((config.batch_size, config.api_concurrency), (12, 21));
    assert_eq!(config.sweep_interval, Duration::from_mins(1));
    assert_eq!(bed.load().origin("batch-size"), "flag --batch-size");
    assert_eq!(bed.load().origin("api-concurrency"), "env ORLOJ_OPERATOR_API_CONCURRENCY");
}

#[test]
fn the_originals_variables_work() {
    let bed = Bed::new()
        .env("ORLOJ_POSTGRES_DSN", "postgres://h/d")
        .env("ORLOJ_SECRET_ENCRYPTION_KEY", "0123")
        .env("ORLOJ_OPERATOR_NAMESPACE", "orloj");
    let config = bed.load().config(Need::Run).unwrap();
    let Some(StoreTarget::Postgres(dsn)) = config.store else { panic!("no store") };
    assert_eq!(dsn.read().unwrap().expose_secret(), "postgres://h/d");
    assert_eq!(config.leader_election_namespace.as_deref(), Some("orloj"));
    // a leading zero must survive: the key is text
    assert_eq!(config.secret_encryption_key.unwrap().read().unwrap().expose_secret(), "0123");
}

#[test]
fn values_from_the_environment_stay_text() {
    for trap in ["true", "12345", "0123", "1e5", "[a]", "{a=1}", "\"x\"", "a=b,c"] {
        let bed = Bed::new().env("ORLOJ_POSTGRES_DSN", trap).env("ORLOJ_OPERATOR_CLUSTER_ID", trap);
        let config = bed.config();
        assert_eq!(config.cluster_id.as_deref(), Some(trap));
        let Some(StoreTarget::Postgres(dsn)) = config.store else { panic!("no store") };
        assert_eq!(dsn.read().unwrap().expose_secret(), trap);
    }
}

#[test]
fn service_links_do_not_break_the_start() {
    let bed = Bed::new()
        .env("ORLOJ_OPERATOR_PORT", "tcp://10.0.0.1:8080")
        .env("ORLOJ_OPERATOR_SERVICE_HOST", "10.0.0.1")
        .env("ORLOJ_OPERATOR_BATCH_SIZE", "");
    assert_eq!(bed.config().batch_size, 250);
    assert_eq!(bed.load().notes(), []);
}

#[test]
fn in_a_cluster_the_lease_goes_into_the_own_namespace() {
    let bed = Bed::new();
    let path = bed.write("namespace", "orloj-system\n");
    assert_eq!(bed.config().leader_election_namespace.as_deref(), Some("orloj-system"));
    assert_eq!(bed.load().origin("leader-election-namespace"), format!("file {}", path.display()));
    let bed = bed.env("ORLOJ_OPERATOR_NAMESPACE", "other");
    assert_eq!(bed.config().leader_election_namespace.as_deref(), Some("other"));
}

#[test]
fn the_file_must_be_there_and_be_a_mapping() {
    let mut bed = Bed::new();
    bed.inputs.file = Some(bed.dir.path().join("none.yaml"));
    let error = Resolved::load(&bed.inputs).unwrap_err().to_string();
    assert!(error.contains("none.yaml") && error.contains("--config"), "{error}");

    let empty = Bed::new().file("# nothing yet\n");
    assert_eq!(empty.config().batch_size, 250);

    for text in
        [PLANTED, "- pl4nted-s3cret\n", "a: *pl4nted-s3cret\n", "postgres-dsn: 'pl4nted-s3cret", "a: b: pl4nted-s3cret"]
    {
        let bed = Bed::new().file(text);
        let error = Resolved::load(&bed.inputs).unwrap_err();
        assert!(error.to_string().contains("config.yaml at line "), "{error}");
        assert!(!format!("{error} {error:?}").contains(PLANTED), "{error:?}");
    }
    let bed = Bed::new().file("batch-size: 1\nbatch-size: 2\n");
    let error = Resolved::load(&bed.inputs).unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("twice"), "{error}");
}

#[test]
fn unknown_keys_are_refused_with_a_suggestion() {
    let bed = Bed::new().file("postgres_dsn: x\nbatchsize: 1\nzzz: 1\n");
    let texts: Vec<String> = bed.problems(Need::Nothing).iter().map(|p| p.text.clone()).collect();
    assert_eq!(
        texts,
        ["is no setting; did you mean batch-size?", "is no setting; did you mean postgres-dsn?", "is no setting",]
    );
}

#[test]
fn secrets_in_the_file_must_be_text() {
    let bed = Bed::new().file("secret-encryption-key: 0123456789\n");
    let problems = bed.problems(Need::Nothing);
    assert!(problems[0].text.contains("in quotes"), "{problems:?}");
    assert!(!format!("{problems:?}").contains("123456789"));
}

#[test]
fn all_problems_come_at_once_with_their_origins() {
    let bed = Bed::new()
        .file("lease-duration: 5s\nnamespaces: {a: b}\n")
        .env("ORLOJ_OPERATOR_RETRY_PERIOD", "20s")
        .env("ORLOJ_OPERATOR_SWEEP_INTERVAL", "0")
        .flag("metrics-addr", "8080")
        .flag("storage-backend", "mysql");
    let error = bed.load().config(Need::Run).unwrap_err().to_string();
    let origin = format!("file {}:1", bed.inputs.file.as_ref().unwrap().display());
    for part in [
        "storage-backend (flag --storage-backend) must be one of: postgres, sqlite".to_owned(),
        "metrics-addr (flag --metrics-addr) has no port".to_owned(),
        "sweep-interval (env ORLOJ_OPERATOR_SWEEP_INTERVAL) must be more than 0".to_owned(),
        format!("renew-deadline (default) must be shorter than lease-duration ({origin})"),
        "retry-period (env ORLOJ_OPERATOR_RETRY_PERIOD) must be shorter than renew-deadline (default)".to_owned(),
        "leader-election-namespace (default) is not set".to_owned(),
        "is not a single value".to_owned(),
    ] {
        assert!(error.contains(&part), "{part}\n{error}");
    }
    assert_eq!(error.lines().count(), 8, "{error}");
}

#[test]
fn a_store_is_asked_for_only_where_one_is_needed() {
    let bed = Bed::new().flag("leader-elect", "false");
    bed.config();
    let problems = bed.problems(Need::Run);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].text.contains("ORLOJ_POSTGRES_DSN"));
    let bed = bed.flag("storage-backend", "sqlite");
    assert_eq!(bed.problems(Need::Store)[0].setting, "sqlite-path");
    let bed = bed.flag("sqlite-path", "x.db");
    assert!(matches!(bed.load().config(Need::Run).unwrap().store, Some(StoreTarget::Sqlite(_))));
}

#[test]
fn a_secret_comes_from_one_place() {
    let bed = Bed::new();
    let path = bed.write("dsn", "postgres://h/d\n");
    let path = path.to_str().unwrap().to_owned();
    let bed = bed.env("ORLOJ_POSTGRES_DSN_FILE", &path);
    let Some(StoreTarget::Postgres(dsn)) = bed.config().store else { panic!("no store") };
    assert_eq!(dsn.read().unwrap().expose_secret(), "postgres://h/d");
    let bed = bed.flag("postgres-dsn", PLANTED);
    let problems = bed.problems(Need::Run);
    let text = "is set as well as postgres-dsn (flag --postgres-dsn); keep one of them";
    assert_eq!((problems[0].setting.as_str(), problems[0].text.as_str()), ("postgres-dsn-file", text));
    let missing = Bed::new().flag("postgres-dsn-file", "/nowhere/dsn").problems(Need::Nothing);
    assert!(missing[0].text.contains("/nowhere/dsn"), "{missing:?}");
}

#[test]
fn variables_for_one_setting_are_ranked_and_told() {
    let bed = Bed::new().env("ORLOJ_POSTGRES_DSN", "a").env("ORLOJ_OPERATOR_POSTGRES_DSN", "b");
    assert_eq!(bed.load().origin("postgres-dsn"), "env ORLOJ_OPERATOR_POSTGRES_DSN");
    let text = "ignoring ORLOJ_POSTGRES_DSN: ORLOJ_OPERATOR_POSTGRES_DSN is set as well";
    assert_eq!(bed.load().notes()[0].text, text);
}

#[test]
fn a_planted_secret_shows_up_nowhere() {
    let bed = Bed::new()
        .file("secret-encryption-key: pl4nted-s3cret\npostgres-dsn: [pl4nted-s3cret]\n")
        .env("ORLOJ_OPERATOR_POSTGRES_DNS", PLANTED)
        .env("ORLOJ_SECRET_ENCRYPTION_KEY", PLANTED)
        .flag("postgres-dsn", PLANTED)
        .flag("batch-size", "many");
    let resolved = bed.load();
    let error = resolved.config(Need::Run).unwrap_err();
    let mut seen = format!("{:?} {resolved:?} {error} {error:?} {:?}", bed.inputs, resolved.notes());
    for format in [ShowFormat::Table, ShowFormat::Json, ShowFormat::Yaml] {
        seen.push_str(&resolved.show(format));
    }
    let bed = Bed::new().env("ORLOJ_POSTGRES_DSN", PLANTED).env("ORLOJ_SECRET_ENCRYPTION_KEY", PLANTED);
    seen = format!("{seen}{:?}", bed.config());
    assert!(!seen.contains("pl4nted"), "{seen}");
    assert!(seen.contains("--postgres-dsn shows in the process list"));
}

#[test]
fn show_prints_setting_value_and_source() {
    let bed = Bed::new()
        .env("ORLOJ_POSTGRES_DSN", PLANTED)
        .flag("namespaces", "a, b")
        .flag("sweep-interval", "90s")
        .flag("batch-size", "many");
    let text = bed.load().show(ShowFormat::Table);
    let cells = |name: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    assert_eq!(cells("SETTING"), ["SETTING", "VALUE", "SOURCE"]);
    assert_eq!(cells("postgres-dsn"), ["postgres-dsn", "***", "env ORLOJ_POSTGRES_DSN"]);
    assert_eq!(cells("namespaces"), ["namespaces", "a,b", "flag --namespaces"]);
    assert_eq!(cells("sweep-interval"), ["sweep-interval", "1m30s", "flag --sweep-interval"]);
    assert_eq!(cells("batch-size"), ["batch-size", "many", "flag --batch-size"]);
    assert_eq!(cells("sqlite-path"), ["sqlite-path", "-", "default"]);
    let json: serde_json::Value = serde_json::from_str(&bed.load().show(ShowFormat::Json)).unwrap();
    assert_eq!(json[1]["value"], "***");
    assert!(bed.load().show(ShowFormat::Yaml).contains("setting: postgres-dsn"));
}

#[test]
fn every_setting_is_read() {
    // a setting that nobody reads would be accepted in silence: spoil each, and expect to hear of it
    for setting in settings::SETTINGS {
        let spoilt = Bed::new().file(&format!("{}: {{a: b}}\n", setting.name));
        let problems = spoilt.problems(Need::Nothing);
        assert!(problems.iter().any(|problem| problem.setting == setting.name), "{}", setting.name);
    }
}
