//! etcd, an API server and, if wanted, the controllers that make deletion work.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{ffi::OsStr, thread};

use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;

use super::certs::{Authority, Identity};
use super::etcd::Etcd;
use super::eventually::eventually;
use super::kubectl::{Kubectl, Output, write_kubeconfig};
use super::scratch::Scratch;
use super::service::Service;
use super::{apiserver, controller_manager, metrics, ports};

/// What a control plane is started with.
#[derive(Debug, Clone)]
pub struct ControlPlaneOptions {
    /// Namespace deletion, garbage collection and `ServiceAccounts` of new namespaces need it.
    pub controller_manager: bool,
    /// Whether it also makes pods of Deployments and Jobs, and counts them: for a [`super::Node`].
    pub workloads: bool,
    /// Appended to kube-apiserver's arguments; the last one of a name wins.
    pub apiserver_args: Vec<String>,
    /// Appended to etcd's arguments.
    pub etcd_args: Vec<String>,
}

impl Default for ControlPlaneOptions {
    fn default() -> Self {
        Self { controller_manager: true, workloads: false, apiserver_args: Vec::new(), etcd_args: Vec::new() }
    }
}

/// A running control plane, removed with its data on drop.
pub struct ControlPlane {
    // In the order of their end: each before what it talks to, and the folder last.
    controller_manager: Option<Service>,
    apiserver: Service,
    etcd: Etcd,
    admin: Kubectl,
    port: u16,
    authority: Authority,
    folder: Scratch,
}

/// The control plane that all tests of this process share. A test that stops its servers, or
/// counts all its requests, starts one for itself.
pub fn control_plane() -> &'static ControlPlane {
    static SHARED: OnceLock<ControlPlane> = OnceLock::new();
    SHARED.get_or_init(|| ControlPlane::start(&ControlPlaneOptions::default()))
}

impl ControlPlane {
    /// Starts all servers and waits until they are ready.
    ///
    /// # Panics
    /// Where one does not start: with the end of its log.
    pub fn start(options: &ControlPlaneOptions) -> Self {
        let folder = Scratch::new("control-plane");
        let authority = Authority::new();
        let token_keys = authority.token_keys();
        let port = ports::free_port();
        let etcd = Etcd::start(folder.path(), &options.etcd_args);
        let kubeconfig = |name: &str, identity: &Identity| {
            let file = folder.path().join(format!("{name}.kubeconfig"));
            let user = json!({"client-certificate": identity.certificate, "client-key": identity.key});
            write_kubeconfig(&file, &url(port), authority.certificate(), &user);
            file
        };
        let admin = Kubectl::new(kubeconfig("admin", &authority.client("admin", Some("system:masters"))));
        let setup = apiserver::Setup {
            folder: folder.path(),
            authority: &authority,
            token_keys: &token_keys,
            etcd_url: &etcd.url(),
            port,
            extra: &options.apiserver_args,
        };
        let apiserver = apiserver::start(&setup, admin.clone());
        let controller_manager = options.controller_manager.then(|| {
            let user = kubeconfig("controllers", &authority.client("system:kube-controller-manager", None));
            controller_manager::start(folder.path(), &user, &authority, &token_keys, options.workloads)
        });
        Self { controller_manager, apiserver, etcd, admin, port, authority, folder }
    }

    /// The kubeconfig of `system:masters`. Never the operator's: it must live with its RBAC rules.
    pub fn admin_kubeconfig(&self) -> PathBuf {
        self.admin.kubeconfig().to_owned()
    }

    /// Runs kubectl as the administrator.
    pub fn kubectl<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        self.admin.run(args)
    }

    /// Runs kubectl as the administrator with a text as its standard input (`apply -f -`).
    pub fn kubectl_stdin<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, text: &str) -> Output {
        self.admin.run_with_input(args, text)
    }

    /// Applies CRDs, and waits until the API server serves what they define: that is a moment after it has established
    /// them.
    pub fn establish(&self, crds: &str) {
        self.kubectl_stdin(["apply", "--server-side", "-f", "-"], crds).expect_ok();
        self.kubectl_stdin(["wait", "--for=condition=Established", "--timeout=60s", "-f", "-"], crds).expect_ok();
        let columns = "custom-columns=A:.spec.names.plural,B:.spec.versions[?(@.served==true)].name,C:.spec.group";
        let defined = self.kubectl_stdin(["get", "--no-headers", "-o", columns, "-f", "-"], crds).expect_ok();
        let served = defined.lines().filter_map(|line| {
            let [plural, versions, group] = line.split_whitespace().collect::<Vec<_>>().try_into().ok()?;
            Some(format!("{plural}.{}.{group}", versions.split(',').next()?))
        });
        let served = served.collect::<Vec<_>>().join(",");
        eventually(Duration::from_mins(1), "the definitions are served", || {
            let found = self.kubectl(["get", "-A", "-o", "name", &served]);
            if found.ok { Ok(()) } else { Err(found.stderr) }
        });
    }

    /// A kube client as the administrator, for the tokio runtime this is called in.
    ///
    /// # Panics
    /// Where the kubeconfig is not one.
    pub async fn admin_client(&self) -> kube::Client {
        client(self.admin.kubeconfig()).await
    }

    /// A kubeconfig of a `ServiceAccount` with a token for a day. Makes the namespace and the
    /// account where they are missing, and grants nothing.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> PathBuf {
        self.service_account_kubeconfig_at(namespace, name, &self.url())
    }

    /// The same, with another URL for the API server, such as that of a proxy (`https://127.0.0.1:port`).
    pub fn service_account_kubeconfig_at(&self, namespace: &str, name: &str, url: &str) -> PathBuf {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let token = self.service_account_token(namespace, name);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = self.folder.path().join(format!("{namespace}-{name}-{number}.kubeconfig"));
        write_kubeconfig(&file, url, self.authority.certificate(), &json!({"token": token}));
        file
    }

    /// A token of a `ServiceAccount`, for a day; makes the namespace and the account where they are missing.
    ///
    /// # Panics
    /// Where the API server refuses.
    pub fn service_account_token(&self, namespace: &str, name: &str) -> String {
        let account = json!({
            "apiVersion": "v1", "kind": "List", "items": [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}},
            ]
        });
        // Server-side: nothing happens to what is there, and nobody's annotations are touched.
        let apply = ["apply", "--server-side", "--field-manager=bed", "-f", "-"];
        self.kubectl_stdin(apply, &account.to_string()).expect_ok();
        let token = self.kubectl(["create", "token", name, "-n", namespace, "--duration=24h"]);
        token.expect_ok().trim().to_owned()
    }

    /// The API server's URL.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// The API server's port, for a proxy in front of it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file of the certificate authority that all clients here trust.
    pub fn authority(&self) -> &Path {
        self.authority.certificate()
    }

    /// The API server: stop it, kill it, pause it, read its log, and start it on the same port.
    pub fn apiserver(&self) -> &Service {
        &self.apiserver
    }

    /// etcd: stop it, kill it, pause it, and start it with the same data.
    pub fn etcd(&self) -> &Service {
        &self.etcd.service
    }

    /// The controller manager, where one was asked for.
    pub fn controller_manager(&self) -> Option<&Service> {
        self.controller_manager.as_ref()
    }

    /// Makes etcd forget all revisions before the current one, which it returns. The API server
    /// goes on serving watches from its own cache: [`Self::forget_history`] is what gives 410.
    pub fn compact_etcd(&self) -> i64 {
        self.etcd.compact()
    }

    /// Makes every older resourceVersion too old: compacts etcd and restarts the API server, whose
    /// cache then begins at the present. Watches end; resumed ones get 410 and must list again.
    pub fn forget_history(&self) {
        self.apiserver.stop();
        self.compact_etcd();
        self.apiserver.start();
    }

    /// The sum of the API server's series of that name whose labels hold all these pairs, such as
    /// `("apiserver_request_total", &[("verb", "PATCH"), ("resource", "tools")])`. The server
    /// counts from its last start.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        metrics::sum(&self.kubectl(["get", "--raw", "/metrics"]).expect_ok(), name, labels)
    }

    /// How many writing requests for a resource the API server has answered, by whomever:
    /// creations, updates, patches, deletions, whatever their outcome and subresource.
    pub fn writes(&self, resource: &str) -> f64 {
        let text = self.kubectl(["get", "--raw", "/metrics"]).expect_ok();
        let count = |verb| metrics::sum(&text, "apiserver_request_total", &[("verb", verb), ("resource", resource)]);
        ["POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"].into_iter().map(count).sum()
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // All at once: none of them has anything to save.
        let services = [self.controller_manager.as_ref(), Some(&self.apiserver), Some(&self.etcd.service)];
        thread::scope(|scope| {
            for service in services.into_iter().flatten() {
                scope.spawn(|| service.kill());
            }
        });
    }
}

/// A kube client for a kubeconfig, for the tokio runtime this is called in.
///
/// # Panics
/// Where the kubeconfig is not one.
pub async fn client(kubeconfig: &Path) -> kube::Client {
    // More than one caller is fine: the first one's provider stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("the bed writes readable kubeconfigs");
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let mut config = config.expect("the bed writes complete kubeconfigs");
    config.proxy_url = None;
    kube::Client::try_from(config).expect("the bed's certificates can be used")
}

fn url(port: u16) -> String {
    format!("https://127.0.0.1:{port}")
}
