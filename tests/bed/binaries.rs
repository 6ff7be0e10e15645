//! Where the servers' programs are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The programs of the control plane, built on first use (minutes, once; see `controlplane/build.sh`).
#[derive(Debug)]
pub struct ControlPlaneBinaries {
    pub etcd: PathBuf,
    pub kube_apiserver: PathBuf,
    pub kubectl: PathBuf,
}

/// etcd, kube-apiserver and kubectl.
pub fn control_plane() -> &'static ControlPlaneBinaries {
    static FOUND: OnceLock<ControlPlaneBinaries> = OnceLock::new();
    FOUND.get_or_init(|| {
        let folder = script("build.sh", &[]);
        ControlPlaneBinaries {
            etcd: folder.join("etcd"),
            kube_apiserver: folder.join("kube-apiserver"),
            kubectl: folder.join("kubectl"),
        }
    })
}

/// kube-controller-manager: apart from the rest, as `KUBEBUILDER_ASSETS` never has it.
pub fn controller_manager() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        const NAME: &str = "kube-controller-manager";
        let beside = control_plane().kube_apiserver.with_file_name(NAME);
        if beside.exists() { beside } else { script("build.sh", &[NAME]).join(NAME) }
    })
}

/// The folder of initdb, `pg_ctl` and postgres.
pub fn postgres() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| script("postgres.sh", &[]))
}

/// psql, beside the server where it is there.
pub fn psql() -> PathBuf {
    let beside = postgres().join("psql");
    if beside.exists() { beside } else { PathBuf::from("psql") }
}

/// The full path of a program on `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Runs a script of `tests/controlplane`; its last line names a folder.
fn script(name: &str, args: &[&str]) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controlplane").join(name);
    let output = Command::new("bash").arg(&script).args(args).stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| panic!("unable to run {}: {error}", script.display()));
    assert!(output.status.success(), "{} failed ({})", script.display(), output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    PathBuf::from(text.lines().last().unwrap_or_else(|| panic!("{} printed no folder", script.display())))
}
