//! Manifests judged, by `validate` and by kubeconform: the time in one run, turn by turn, and memory as files are
//! added.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use orloj_operator::registry::Registry;
use orloj_operator::source::manifest::files::walk;
use orloj_operator::source::manifest::values;
use serde_json::Value;

use crate::bed::{Scratch, status_bytes};
use crate::samples::{median, megabytes, millis};
use crate::say;
use crate::table::Table;
use crate::world::binary;

const FIGURES: [&str; 2] = ["validate", "validate-memory"];
/// Files of which each holds one manifest.
const FILES: usize = 10_000;
/// Files beside which memory is looked at again.
const MORE: usize = 100_000;
/// Turns, each program once in each.
const TURNS: usize = 7;
const SCHEMA: &str = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}{{.StrictSuffix}}.json";

pub fn measure(table: &mut Table) {
    if !table.wants_any(&FIGURES) {
        return;
    }
    let corpus = Corpus::read();
    let folder = Scratch::new("manifests");
    say(format!("{FILES} manifests in as many files"));
    corpus.write(folder.path(), 0..FILES);
    let kubeconform = kubeconform();
    let ours = || validate(folder.path());
    let theirs = || by_kubeconform(&kubeconform, folder.path());
    // both find the files in the page cache
    let (mut at_first, mut theirs_at_first) = (ours(), theirs());
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        at_first.most(ours().note(&mut own));
        theirs_at_first.most(theirs().note(&mut other));
    }
    let (own, other) = (median(own), median(other));
    let ratio = other.as_secs_f64() / own.as_secs_f64();
    table.add(
        "validate",
        format!("{FILES} manifests in as many files, schema, CEL, operator rules and references"),
        format!("{}, {:.1} MB RSS", millis(own), megabytes(at_first.memory)),
        format!(
            "kubeconform, schema alone: {}, {:.1} MB RSS; ratio {ratio:.1}",
            millis(other),
            megabytes(theirs_at_first.memory)
        ),
        ratio > 1.0,
    );
    if !table.wants("validate-memory") {
        return;
    }
    say(format!("{MORE} manifests"));
    corpus.write(folder.path(), FILES..MORE);
    let (ours, theirs) = (ours().memory, theirs().memory);
    let further = ours.saturating_sub(at_first.memory) / (MORE - FILES) as u64;
    table.add(
        "validate-memory",
        format!("peak of RSS with {MORE} files in place of {FILES}"),
        format!("{:.1} MB in place of {:.1}: {further} B a further file", megabytes(ours), megabytes(at_first.memory)),
        format!("kubeconform: {:.1} MB in place of {:.1}", megabytes(theirs), megabytes(theirs_at_first.memory)),
        further <= 128 && ours < theirs,
    );
}

/// The objects of `examples/`, which refer to one another.
struct Corpus(Vec<Value>);

impl Corpus {
    fn read() -> Self {
        let registry = Registry::embedded().expect("the kinds load");
        let mut objects = Vec::new();
        walk(&[root().join("examples")], &mut |file| {
            let file: Arc<Path> = file.expect("the examples are there");
            objects.extend(values(&file).expect("the examples can be read"));
        });
        let text = |object: &Value, name: &str| object[name].as_str().unwrap_or_default().to_owned();
        objects.retain(|object| registry.find(&text(object, "apiVersion"), &text(object, "kind")).is_some());
        assert!(objects.len() > 20, "{} examples", objects.len());
        Self(objects)
    }

    /// Writes files by their numbers: all objects into one namespace, then into the next one, so that references lead
    /// somewhere.
    fn write(&self, folder: &Path, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let (round, which) = (number / self.0.len(), number % self.0.len());
            let mut object = self.0.get(which).cloned().unwrap_or_default();
            object["metadata"]["namespace"] = format!("team-{round:05}").into();
            let folder = folder.join(format!("team-{round:05}"));
            if which == 0 {
                fs::create_dir(&folder).expect("a folder can be made");
            }
            let text = serde_yaml::to_string(&object).expect("an object is YAML");
            fs::write(folder.join(format!("{which:02}.yaml")), text).expect("a file can be written");
        }
    }
}

/// One run of a program.
#[derive(Clone, Copy)]
struct Run {
    took: Duration,
    /// Peak of RSS, bytes.
    memory: u64,
}

impl Run {
    /// Keeps how long it took.
    fn note(self, all: &mut Vec<Duration>) -> Self {
        all.push(self.took);
        self
    }

    fn most(&mut self, other: Self) {
        self.memory = self.memory.max(other.memory);
    }

    fn of(command: &mut Command) -> Self {
        let started = Instant::now();
        let mut child = command.stdout(Stdio::null()).stdin(Stdio::null()).spawn().expect("the program starts");
        let mut memory = 0;
        let status = loop {
            // the kernel keeps the peak: what is read last is short of it by the last milliseconds at most
            memory = status_bytes(child.id(), "VmHWM").unwrap_or(memory);
            match child.try_wait().expect("a child of ours") {
                Some(status) => break status,
                None => thread::sleep(Duration::from_millis(2)),
            }
        };
        assert!(status.success(), "{command:?} ended with {status}");
        Self { took: started.elapsed(), memory }
    }
}

/// Everything on: references to what is not there and warnings are failures.
fn validate(folder: &Path) -> Run {
    Run::of(Command::new(binary()).args(["validate", "--closed", "--deny-warnings"]).arg(folder))
}

/// As many workers as it has by itself; more or fewer make no difference on two cores.
fn by_kubeconform(program: &Path, folder: &Path) -> Run {
    let schemas = root().join("schemas").join(SCHEMA);
    Run::of(Command::new(program).args(["-strict", "-summary", "-schema-location"]).arg(schemas).arg(folder))
}

fn kubeconform() -> PathBuf {
    let printed =
        Command::new(root().join("tests/ci/go_tool.sh")).arg("kubeconform").output().expect("the script runs");
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    String::from_utf8_lossy(&printed.stdout).lines().last().expect("a path").into()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
