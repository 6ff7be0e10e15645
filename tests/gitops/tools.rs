//! The programs that these tests ask.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All documents of a YAML file.
pub fn documents(path: impl AsRef<Path>) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(path)).expect("it is YAML")
}

/// Standard output of a command that must succeed.
pub fn output(command: &mut Command, input: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    // one that fails early reads nothing
    let _ = writer.join().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The Go program beside this file.
pub fn gitops() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(|| {
        let printed = output(Command::new(root().join("tests/ci/go_tool.sh")).arg("gitops"), "");
        PathBuf::from(printed.lines().last().unwrap())
    });
    let mut command = Command::new(path);
    command.current_dir(root());
    command
}

/// helm 3 and helm 4, with nothing of whoever runs this.
pub fn helms() -> Vec<Command> {
    let printed = output(&mut Command::new(root().join("tests/chart/helm.sh")), "");
    let helm = |path: &str| {
        let mut command = Command::new(path);
        command.current_dir(root()).env_remove("KUBECONFIG");
        command
    };
    printed.lines().map(helm).collect()
}
