//! One verdict: what `validate` accepts is what `sync` stores and what the API server and the operator take together,
//! and all of them say the same of the rest.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orloj_operator::diagnostics::Severity;
use orloj_operator::directory::{Directory, Heard};
use orloj_operator::registry::{Kind, Registry};
use orloj_operator::resource::Resource;
use orloj_operator::source::SourceEvent;
use orloj_operator::source::channel::channel;
use orloj_operator::source::manifest::{ManifestReader, ReadResult};
use orloj_operator::validate::FieldValidation;
use orloj_operator::validate::file::{Settings, Validator};
use orloj_operator::validate::finding::Finding;
use orloj_operator::validate::rule::Stage;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::differential::{Question, ask, kind_files, number, questions, seed};
use crate::files::registry;
use crate::generate::Generator;
use crate::program::command;
use crate::server::{installed, resource};

/// Manifests a kind; `VALIDATE_COUNT` says another number.
const COUNT: usize = 300;

/// Of these, as many are put before the API server as well.
const ASKED: usize = 60;

const MODES: [(FieldValidation, &str); 3] =
    [(FieldValidation::Strict, "strict"), (FieldValidation::Warn, "warn"), (FieldValidation::Ignore, "ignore")];

/// What is said of a file, as far as a sync has to do with it.
type Said = Vec<(usize, usize, String)>;

/// What `sync` makes of a file.
#[derive(Default)]
struct Outcome {
    resource: Option<Box<Resource>>,
    said: Said,
    again: bool,
}

fn said(findings: &[Finding]) -> Said {
    let errors = findings.iter().filter(|one| one.severity == Severity::Error && one.rule.stage != Stage::Advice);
    errors.map(|one| (one.line, one.column, one.text.clone())).collect()
}

/// A folder with a file for each question, and the questions by file.
fn folder(questions: Vec<Question>, rng: &mut StdRng) -> (TempDir, BTreeMap<PathBuf, Question>) {
    let folder = tempfile::tempdir().unwrap();
    let mut files = BTreeMap::new();
    for (at, mut question) in questions.into_iter().enumerate() {
        if question.manifest["metadata"]["name"] == "generated" {
            question.manifest["metadata"]["name"] = format!("generated-{at}").into();
        }
        let yaml = rng.random_bool(0.5).then(|| serde_saphyr::to_string(&question.manifest).unwrap());
        let (name, text) = match yaml {
            Some(text) => (format!("{at:05}.yaml"), text),
            None => (format!("{at:05}.json"), serde_json::to_string_pretty(&question.manifest).unwrap()),
        };
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        files.insert(path, question);
    }
    (folder, files)
}

/// The directory source on a folder: what it hands to the reconciler, and what it says.
fn read(registry: &Arc<Registry>, folder: &Path, fields: FieldValidation) -> HashMap<PathBuf, Outcome> {
    let (tell, mut events) = channel();
    let (tell_heard, mut heard) = mpsc::unbounded_channel();
    let mut directory = Directory::new(registry, vec![folder.to_owned()], fields, false, tell, tell_heard);
    let known = directory.known();
    let reading = std::thread::spawn(move || directory.list().unwrap());
    let mut found: HashMap<PathBuf, Outcome> = HashMap::new();
    let mut resources = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    while let Some(event) = runtime.block_on(events.recv()) {
        if let SourceEvent::Listed(resource) = event {
            resources.push(resource);
        }
    }
    reading.join().unwrap();
    for resource in resources {
        let place = known.place(&resource.id).unwrap();
        let outcome = found.entry(place.file.to_path_buf()).or_default();
        outcome.said = said(&known.findings(&resource.id));
        outcome.resource = Some(resource);
    }
    while let Ok(one) = heard.try_recv() {
        let Heard::Problem(problem) = one else { continue };
        let outcome = found.entry(problem.file.to_path_buf()).or_default();
        outcome.again |= problem.text.contains("declared a second time");
        outcome.said.push((problem.line, problem.column, problem.text));
    }
    found
}

/// The row without judgement: what `render` shows.
fn rendered(kind: &Kind, registry: &Arc<Registry>, file: &Path) -> Option<Value> {
    let mut row = None;
    ManifestReader::new(Arc::clone(registry)).read_file(&file.into(), &mut |found, _| {
        if let ReadResult::Manifest(manifest) = found {
            row = kind.desired(&manifest.resource).ok().map(|desired| kind.payload(&desired, None, &Value::Null));
        }
        true
    });
    row
}

fn random(kind: &Kind, count: usize, rng: &mut StdRng) -> Vec<Question> {
    let generator = Generator::new(&kind_files());
    questions(kind, &generator, number("VALIDATE_COUNT").unwrap_or(count), rng)
}

fn start() -> (Arc<Registry>, StdRng) {
    let seed = seed();
    println!("VALIDATE_SEED={seed} repeats this run");
    (Arc::new(registry()), StdRng::seed_from_u64(seed))
}

#[test]
fn what_validate_accepts_is_what_a_sync_stores() {
    let (registry, mut rng) = start();
    for kind in registry.kinds() {
        let (mut accepted, mut refused, mut rows) = (0, 0, 0);
        let all = random(kind, COUNT, &mut rng);
        let mut by_mode: Vec<Vec<Question>> = MODES.iter().map(|_| Vec::new()).collect();
        for question in all {
            by_mode[rng.random_range(0..MODES.len())].push(question);
        }
        for ((fields, _), questions) in MODES.into_iter().zip(by_mode) {
            let (folder, files) = folder(questions, &mut rng);
            let synced = read(&registry, folder.path(), fields);
            let settings = Settings { fields, ..Settings::default() };
            let validator = Validator::new(Arc::clone(&registry), settings);
            for (file, question) in &files {
                let outcome = synced.get(file).unwrap_or_else(|| panic!("not told: {}", question.manifest));
                if outcome.again {
                    continue;
                }
                let expected = said(&validator.file(&file.as_path().into()).findings);
                let complaint = || format!("{fields:?} {}", question.manifest);
                if expected.is_empty() && question.manifest["metadata"]["generateName"].is_string() {
                    // the one thing that a cluster takes and a folder cannot
                    let nameless = |(_, _, text): &(usize, usize, String)| text.contains("would generate another name");
                    assert!(outcome.said.iter().all(nameless), "{:?}\n{}", outcome.said, complaint());
                    continue;
                }
                assert_eq!(outcome.said, expected, "{}", complaint());
                let row = outcome.resource.as_ref().and_then(|resource| kind.desired(resource).ok());
                assert_eq!(row.is_some(), expected.is_empty(), "{expected:?}\n{}", complaint());
                match row {
                    Some(row) => {
                        accepted += 1;
                        let row = kind.payload(&row, None, &Value::Null);
                        // else the operator takes only what the API server makes of it
                        if let Some(rendered) = rendered(kind, &registry, file) {
                            rows += 1;
                            assert_eq!(row, rendered, "{}", complaint());
                        }
                    }
                    None => refused += 1,
                }
            }
        }
        println!("{:14} accepted {accepted:4} (the row as rendered: {rows:4}); refused {refused:4}", kind.names.kind);
        assert!(accepted > 0 && refused > 0, "{}: one-sided", kind.names.kind);
    }
}

/// Through the program: the same findings as JSON, and a row where there is none.
#[test]
fn the_program_says_the_same_in_validate_and_sync() {
    let (registry, mut rng) = start();
    for kind in registry.kinds() {
        let (folder, files) = folder(random(kind, COUNT / 4, &mut rng), &mut rng);
        let (_, mode) = MODES[rng.random_range(0..MODES.len())];
        let fields = format!("--field-validation={mode}");
        let ran = |words: &[&str]| command(folder.path(), &[words, &[".", "-o", "json", &fields]].concat(), b"");
        let validated = ran(&["validate"]).json();
        let store = format!("sqlite:{}", folder.path().join("o.db").display());
        let synced = ran(&["sync", "--store", &store]);
        let planned = ran(&["plan", "--store", &format!("{store}.none")]).json();
        let lines: Vec<Value> = synced.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (mut stored, mut refused) = (0, 0);
        for (path, question) in &files {
            let file = path.file_name().unwrap().to_str().unwrap();
            let of_file = |value: &&Value| value["file"] == *file || value["file"] == format!("./{file}");
            let findings = validated["findings"].as_array().unwrap().iter().filter(of_file);
            let errors: Vec<&Value> =
                findings.filter(|one| one["severity"] == "error" && one["stage"] != "advice").collect();
            let line = lines.iter().find(of_file).unwrap_or_else(|| panic!("{file} is not told: {}", synced.out));
            if line["result"] == "unreadable" {
                continue;
            }
            if line["result"] == "refused" {
                refused += 1;
                let told: Vec<&Value> = line["findings"].as_array().unwrap().iter().collect();
                let told: Vec<&Value> = told.into_iter().filter(|one| one["severity"] == "error").collect();
                assert_eq!(told, errors, "{}", question.manifest);
                let change = planned["changes"].as_array().unwrap().iter().find(of_file).unwrap();
                assert_eq!((&change["action"], &change["error"]), (&"refuse".into(), &line["error"]), "{change}");
            } else {
                stored += 1;
                assert_eq!(errors, [] as [&Value; 0], "{line}");
            }
        }
        assert!(stored > 0 && refused > 0, "{}: one-sided: {stored} {refused}", kind.names.kind);
    }
}

/// And the real API server, with the operator behind it, takes what a sync takes.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_sync_stores_is_what_a_cluster_syncs() {
    let client = installed().admin_client().await;
    let (registry, mut rng) = start();
    for kind in registry.kinds() {
        let (mut both_take, mut both_refuse) = (0, 0);
        let mut questions = random(kind, ASKED, &mut rng);
        questions.retain(|question| question.manifest["metadata"]["generateName"].is_null());
        for (fields, _) in MODES {
            let (mine, others) = questions.into_iter().partition(|question| question.fields == fields);
            questions = others;
            let (folder, files) = folder(mine, &mut StdRng::seed_from_u64(0));
            let (known, path) = (Arc::clone(&registry), folder.path().to_owned());
            let synced = tokio::task::spawn_blocking(move || read(&known, &path, fields)).await.unwrap();
            for (file, question) in &files {
                let outcome = &synced[file];
                if outcome.again {
                    continue;
                }
                let ours = outcome.resource.as_ref().and_then(|resource| kind.desired(resource).ok());
                let answer = ask(&client, kind, question).await;
                let theirs = answer.as_ref().ok().and_then(|stored| {
                    let text = |name: &str| stored["metadata"][name].as_str().unwrap_or_default().to_owned();
                    let strings =
                        |name: &str| serde_json::from_value(stored["metadata"][name].clone()).unwrap_or_default();
                    let mut resource = resource(kind, &text("name"), stored["spec"].clone());
                    (resource.labels, resource.annotations) = (strings("labels"), strings("annotations"));
                    kind.desired(&resource).ok()
                });
                let rows = [&ours, &theirs].map(|row| row.as_ref().map(|row| (&row.key, &row.labels)));
                assert_eq!(rows[0], rows[1], "{answer:?}\n{:?}\n{}", outcome.said, question.manifest);
                if ours.is_some() { both_take += 1 } else { both_refuse += 1 }
            }
        }
        println!("{:14} taken {both_take:4}; refused {both_refuse:4}", kind.names.kind);
        assert!(both_take > 0 && both_refuse > 0, "{}: one-sided", kind.names.kind);
    }
}
