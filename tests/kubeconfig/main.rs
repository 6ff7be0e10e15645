//! Kubeconfigs: what kubectl takes, the operator takes, and what goes wrong is told in one line. kubectl is the judge,
//! before a real API server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says so by panicking, in helpers too"
)]

#[path = "../bed/mod.rs"]
mod bed;

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use bed::{Authority, ControlPlane, ControlPlaneOptions, Scratch, binaries};

/// One that nobody has installed: whoever hears "not found" was let in.
const NOTHING: &str = "nothings.example.org";
const FOUND_NONE: &str = "\"nothings.example.org\" not found";

fn cluster() -> &'static ControlPlane {
    static SHARED: OnceLock<ControlPlane> = OnceLock::new();
    SHARED.get_or_init(|| {
        let options = ControlPlaneOptions { controller_manager: false, ..ControlPlaneOptions::default() };
        let cluster = ControlPlane::start(&options);
        let grant = ["create", "clusterrolebinding", "kubeconfigs", "--clusterrole=cluster-admin"];
        cluster.kubectl(grant.into_iter().chain(["--serviceaccount=default:reader"])).expect_ok();
        cluster
    })
}

/// A folder with a kubeconfig that works, and what it is made of.
struct Site {
    folder: Scratch,
    token: String,
    authority: String,
    env: Vec<(&'static str, OsString)>,
}

impl Site {
    fn new() -> Self {
        let token = cluster().service_account_token("default", "reader");
        let authority = std::fs::read_to_string(cluster().authority()).unwrap();
        let folder = Scratch::new("kubeconfig");
        folder.write("ca.crt", &authority);
        Self { folder, token, authority, env: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The parts of a kubeconfig for this cluster and user.
    fn config(cluster: &Value, user: &Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "it", "context": {"cluster": "c", "user": "u"}}],
        })
    }

    /// Writes it, and uses it.
    fn with(mut self, config: &Value) -> Self {
        let file = self.folder.write("config", &config.to_string());
        self.env.push(("KUBECONFIG", file.into()));
        self
    }

    fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value.into()));
        self
    }

    fn plugin(&self, script: &str) {
        let plugin = self.folder.write("plugin", script);
        std::fs::set_permissions(plugin, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, program: &Path, args: &[&str]) -> String {
        let mut command = Command::new(program);
        command.args(args).current_dir(std::env::temp_dir()).env("HOME", self.folder.path());
        for name in ["KUBECONFIG", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"] {
            command.env_remove(name);
        }
        let output = command.envs(self.env.iter().map(|(name, value)| (name, value))).output().unwrap();
        assert!(!output.status.success(), "there is no {NOTHING}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn kubectl(&self) -> String {
        self.run(&binaries::control_plane().kubectl, &["get", "crd", NOTHING])
    }

    fn ours(&self) -> String {
        let binary = Path::new(env!("CARGO_BIN_EXE_orloj-operator"));
        self.run(binary, &["kinds", "new", "--from-cluster", NOTHING])
    }

    /// Both come through.
    #[track_caller]
    fn assert_works(&self) {
        let judge = self.kubectl();
        assert!(judge.contains(FOUND_NONE), "kubectl: {judge}");
        let ours = self.ours();
        assert!(ours.contains(FOUND_NONE), "kubectl comes through, and we say: {ours}");
    }

    /// Neither comes through; ours says why, in one line.
    #[track_caller]
    fn assert_fails(&self, words: &[&str]) {
        let judge = self.kubectl();
        assert!(!judge.contains(FOUND_NONE), "kubectl comes through: {judge}");
        self.assert_refused(words);
    }

    #[track_caller]
    fn assert_refused(&self, words: &[&str]) {
        let ours = self.ours();
        assert_eq!(ours.trim_end().lines().count(), 1, "{ours}");
        for word in words {
            assert!(ours.contains(word), "{word:?} is not in: {ours}");
        }
        assert!(!ours.contains("panicked") && !ours.contains("grant"), "{ours}");
    }
}

fn server() -> Value {
    json!({"server": cluster().url(), "certificate-authority": "ca.crt"})
}

/// A PEM as base64 in lines.
fn in_lines(pem: &str) -> String {
    let data = STANDARD.encode(pem);
    data.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn tokens() {
    let site = Site::new();
    site.folder.write("token", &format!("{}\n", site.token));
    let token = site.token.clone();
    let users = [
        json!({"token": token}),
        json!({"tokenFile": "token"}),
        // the file's is newer
        json!({"token": "stale", "tokenFile": "token"}),
        json!({"token": token, "tokenFile": "nowhere"}),
        json!({"token": token, "tokenFile": "", "client-certificate": "", "username": "", "as": "", "exec": null}),
    ];
    let mut site = site;
    for user in users {
        site = site.with(&Site::config(&server(), &user));
        site.assert_works();
        site.env.clear();
    }
    site.with(&Site::config(&server(), &json!({"tokenFile": "nowhere"})))
        .assert_fails(&["unable to read the token file", "nowhere: No such file"]);
    Site::new().with(&Site::config(&server(), &json!({"token": "stale"}))).assert_fails(&["Unauthorized"]);
}

#[test]
fn certificates() {
    let site = Site::new();
    let user = json!({"token": site.token});
    let url = cluster().url();
    let data = in_lines(&site.authority);
    let mut site = site;
    for cluster in [
        json!({"server": url, "certificate-authority-data": data}),
        json!({"server": url, "certificate-authority-data": "", "certificate-authority": "ca.crt", "tls-server-name": ""}),
        json!({"server": url, "insecure-skip-tls-verify": true}),
        json!({"server": url, "certificate-authority": "ca.crt", "tls-server-name": "kubernetes.default.svc"}),
    ] {
        site = site.with(&Site::config(&cluster, &user));
        site.assert_works();
        site.env.clear();
    }
    let admin: Value = serde_json::from_str(&std::fs::read_to_string(cluster().admin_kubeconfig()).unwrap()).unwrap();
    let files = &admin["users"][0]["user"];
    let pem = |name: &str| in_lines(&std::fs::read_to_string(files[name].as_str().unwrap()).unwrap());
    let user = json!({"client-certificate-data": pem("client-certificate"), "client-key-data": pem("client-key")});
    let site = site.with(&Site::config(&server(), &user));
    site.assert_works();
    // in the name of another
    let mut user = user;
    user["as"] = "nobody".into();
    Site::new().with(&Site::config(&server(), &user)).assert_refused_by_rbac();
    user["as-groups"] = json!(["system:masters"]);
    Site::new().with(&Site::config(&server(), &user)).assert_works();
}

impl Site {
    #[track_caller]
    fn assert_refused_by_rbac(&self) {
        assert!(self.kubectl().contains("cannot get resource"));
        assert!(self.ours().contains("User \"nobody\" cannot get resource"), "{}", self.ours());
    }
}

#[test]
fn what_does_not_fit_is_told_whole() {
    let user = json!({"token": Site::new().token});
    let url = cluster().url();
    let other = std::fs::read_to_string(Authority::new().certificate()).unwrap();
    let foreign = json!({"server": url, "certificate-authority-data": STANDARD.encode(other)});
    Site::new().with(&Site::config(&foreign, &user)).assert_fails(&["certificate"]);
    let named = json!({"server": url, "certificate-authority": "ca.crt", "tls-server-name": "elsewhere"});
    Site::new().with(&Site::config(&named, &user)).assert_fails(&["certificate", "elsewhere"]);
    let empty = json!({"server": url, "certificate-authority-data": STANDARD.encode("none")});
    Site::new().with(&Site::config(&empty, &user)).assert_fails(&["no certificate in its certificate authority"]);
    let away = json!({"server": "https://127.0.0.1:1", "certificate-authority": "ca.crt"});
    Site::new().with(&Site::config(&away, &user)).assert_fails(&["Connection refused"]);
    // kubectl asks by HTTP; where there is an authority, HTTPS is meant
    let (_, address) = url.split_once("://").unwrap();
    let bare = json!({"server": address, "certificate-authority": "ca.crt"});
    let site = Site::new().with(&Site::config(&bare, &user));
    assert!(site.ours().contains(FOUND_NONE), "{}", site.ours());
    let bare = json!({"server": "localhost:1"});
    Site::new().with(&Site::config(&bare, &user)).assert_fails(&["Connection refused"]);
    let odd = json!({"server": "tcp://localhost:1"});
    Site::new().with(&Site::config(&odd, &user)).assert_refused(&["\"tcp://localhost:1\" is not a URL"]);
    let mut elsewhere = Site::config(&server(), &user);
    elsewhere["current-context"] = "gone".into();
    Site::new().with(&elsewhere).assert_fails(&["current-context \"gone\" is none of its contexts"]);
}

#[test]
fn files_are_merged() {
    let site = Site::new();
    let whole = Site::config(&server(), &json!({"token": site.token}));
    let part = |name: &str, keys: &[&str]| {
        let kept = whole.as_object().unwrap().iter().filter(|(key, _)| keys.contains(&key.as_str()));
        site.folder
            .write(name, &Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect()).to_string())
    };
    let mut other = Site::config(&json!({"server": "https://127.0.0.1:1"}), &json!({"token": "other"}));
    other["current-context"] = "none".into();
    let files = [
        site.path("nowhere"),
        part("users", &["users", "current-context"]),
        part("rest", &["clusters", "contexts"]),
        site.folder.write("other", &other.to_string()),
    ];
    let list = std::env::join_paths(files.iter().map(PathBuf::as_path).chain([Path::new("")])).unwrap();
    site.env("KUBECONFIG", list).assert_works();
}

#[test]
fn odd_files_are_read() {
    let site = Site::new();
    let mut odd = Site::config(&server(), &json!({"token": site.token}));
    odd["extensions"] = Value::Null;
    odd["preferences"] = json!({});
    odd["contexts"].as_array_mut().unwrap().push(json!({"name": "bare", "context": {"namespace": "n"}}));
    odd["clusters"][0]["cluster"]["extensions"] = json!([{"name": "minikube.sigs.k8s.io", "extension": null}]);
    odd["users"].as_array_mut().unwrap().push(json!({"name": "none", "user": null}));
    let file = site.folder.write("config", &format!("\u{feff}{odd}"));
    let folder = site.path(".kube");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(file, folder.join("config")).unwrap();
    std::fs::copy(site.path("ca.crt"), folder.join("ca.crt")).unwrap();
    // of the home directory, and past a proxy that no machine's own server needs
    site.env("HTTPS_PROXY", "http://127.0.0.1:1").assert_works();
}

#[test]
fn plugins_are_run() {
    let site = Site::new();
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": site.token},
    });
    let script = format!("#!/bin/sh\n[ \"$1$MORE\" = argvalue ] || exit 3\necho '{credential}'\n");
    site.plugin(&script);
    let user = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "args": ["arg"],
        "env": [{"name": "MORE", "value": "value"}], "interactiveMode": "Never", "provideClusterInfo": true,
    }});
    let site = site.with(&Site::config(&server(), &user));
    site.assert_works();
    let broken = "#!/bin/sh\necho s3cret\necho 'log in first' >&2\nexit 3\n";
    site.plugin(broken);
    site.assert_fails(&["the credential plugin failed (exit status: 3): log in first"]);
    assert!(!site.ours().contains("s3cret"));
}
