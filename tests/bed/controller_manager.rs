//! kube-controller-manager, with the few controllers that make namespaces end and garbage go.

use std::path::Path;

use super::certs::{Authority, Identity};
use super::spec::Spec;
use super::{binaries, http, ports, service::Service};

const CONTROLLERS: &str = "namespace-controller,garbage-collector-controller,serviceaccount-controller,\
                           serviceaccount-token-controller,root-ca-certificate-publisher-controller";

/// Those that make something of what a chart installs.
const WORKLOADS: &str = "deployment-controller,replicaset-controller,job-controller,disruption-controller,\
                         endpointslice-controller,clusterrole-aggregation-controller";

/// Starts it and waits until it says that it is healthy.
pub fn start(
    folder: &Path,
    kubeconfig: &Path,
    authority: &Authority,
    token_keys: &Identity,
    workloads: bool,
) -> Service {
    let controllers = if workloads { format!("{CONTROLLERS},{WORKLOADS}") } else { CONTROLLERS.to_owned() };
    let port = ports::free_port();
    let server = authority.server("kube-controller-manager", &[]);
    let file = |path: &Path| path.display().to_string();
    let spec = Spec::new(binaries::controller_manager(), folder.join("kube-controller-manager.log")).args([
        format!("--kubeconfig={}", file(kubeconfig)),
        "--use-service-account-credentials".to_owned(),
        format!("--service-account-private-key-file={}", file(&token_keys.key)),
        format!("--root-ca-file={}", file(authority.certificate())),
        "--leader-elect=false".to_owned(),
        format!("--controllers={controllers}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--tls-cert-file={}", file(&server.certificate)),
        format!("--tls-private-key-file={}", file(&server.key)),
    ]);
    // It serves only TLS; that it listens means that its controllers are being started.
    let ready = move || {
        if http::listening(port) { Ok(()) } else { Err(format!("nobody listens on port {port}")) }
    };
    Service::start_new("kube-controller-manager", spec, ready)
}
