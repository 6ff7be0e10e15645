//! kube-apiserver.

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

use super::certs::Authority;
use super::kubectl::Kubectl;
use super::spec::Spec;
use super::{binaries, certs::Identity, service::Service};

/// What an API server needs.
pub struct Setup<'a> {
    pub folder: &'a Path,
    pub authority: &'a Authority,
    pub token_keys: &'a Identity,
    pub etcd_url: &'a str,
    pub port: u16,
    pub extra: &'a [String],
}

/// Starts it and waits until `admin` is told that it is ready.
pub fn start(setup: &Setup<'_>, admin: Kubectl) -> Service {
    // 10.96.0.1 is the first address of the service range, where in-cluster clients go.
    let names = ["10.96.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
    let server = setup.authority.server("kube-apiserver", &names);
    let file = |path: &Path| path.display().to_string();
    let spec = Spec::new(&binaries::control_plane().kube_apiserver, setup.folder.join("kube-apiserver.log"))
        .args([
            format!("--etcd-servers={}", setup.etcd_url),
            format!("--secure-port={}", setup.port),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            // Loopback may not stand in an Endpoints object, and nobody here would follow it.
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--cert-dir={}", setup.folder.display()),
            format!("--tls-cert-file={}", file(&server.certificate)),
            format!("--tls-private-key-file={}", file(&server.key)),
            format!("--client-ca-file={}", file(setup.authority.certificate())),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", file(&setup.token_keys.certificate)),
            format!("--service-account-signing-key-file={}", file(&setup.token_keys.key)),
            "--authorization-mode=RBAC".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        ])
        .args(setup.extra);
    let address = (Ipv4Addr::LOCALHOST, setup.port);
    let ready = move || {
        // the same answer as kubectl's, for next to nothing
        TcpStream::connect(address).map_err(|error| error.to_string())?;
        match admin.run(["get", "--raw", "/readyz"]) {
            output if output.ok => Ok(()),
            output => Err(output.stderr),
        }
    };
    Service::start_new("kube-apiserver", spec, ready)
}
