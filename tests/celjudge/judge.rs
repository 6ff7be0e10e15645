//! The Go program beside this file, asked many cases at once.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ci/go_tool.sh");
        let output = Command::new(script).arg("celjudge").stderr(Stdio::inherit()).output().expect("the script runs");
        assert!(output.status.success(), "celjudge cannot be built");
        let printed = String::from_utf8(output.stdout).expect("a path");
        PathBuf::from(printed.lines().last().expect("a path"))
    })
}

/// What `kube-apiserver` says of each case, in order.
pub fn judge(cases: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let lines: Vec<String> = cases.into_iter().map(|case| format!("{case}\n")).collect();
    let count = lines.len();
    let mut child =
        Command::new(program()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("celjudge starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || lines.iter().try_for_each(|line| stdin.write_all(line.as_bytes())));
    let output = child.wait_with_output().expect("celjudge ends");
    writer.join().expect("no panic").expect("celjudge reads all cases");
    assert!(output.status.success(), "celjudge failed");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let answers: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("an answer")).collect();
    assert_eq!(answers.len(), count);
    answers
}
