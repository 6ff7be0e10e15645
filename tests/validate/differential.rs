//! Manifests at random: our verdict is the API server's, and what it lets through is judged as the reconciler does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt;
use orloj_operator::diagnostics::Severity;
use orloj_operator::registry::{Kind, Registry};
use orloj_operator::validate::FieldValidation;
use orloj_operator::validate::object::ObjectSchema;
use orloj_operator::validate::rule::Stage;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::files::registry;
use crate::generate::Generator;
use crate::mutate::mutate;
use crate::server::{installed, resource};

/// Manifests a kind; `VALIDATE_COUNT` says another number.
const COUNT: usize = 400;

/// Requests under way at a time.
const CONCURRENCY: usize = 8;

pub fn number<N: std::str::FromStr>(variable: &str) -> Option<N> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

pub fn seed() -> u64 {
    number("VALIDATE_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::from(now.subsec_nanos()) ^ now.as_secs()
    })
}

/// A manifest and the way in which it is asked about.
pub struct Question {
    pub manifest: Value,
    pub fields: FieldValidation,
}

pub fn questions(kind: &Kind, generator: &Generator, count: usize, rng: &mut StdRng) -> Vec<Question> {
    let mut good = known_good(kind);
    let mut questions = Vec::new();
    for _ in 0..count {
        let spec = match good.choose(rng) {
            Some(spec) if rng.random_bool(0.8) => {
                let mut spec = spec.clone();
                (0..rng.random_range(0..4)).for_each(|_| generator.change(kind, &mut spec, rng));
                spec
            }
            _ => generator.spec(kind, rng),
        };
        if good.len() < 10 * count && kind.desired(&resource(kind, "generated", spec.clone())).is_ok() {
            good.push(spec.clone());
        }
        let mut manifest = json!({
            "apiVersion": kind.names.api_version(), "kind": kind.names.kind,
            "metadata": {"name": "generated", "namespace": "default"}, "spec": spec,
        });
        let changes = *[0, 0, 1, 1, 1, 2].choose(rng).unwrap();
        (0..changes).for_each(|_| mutate(&mut manifest, rng));
        let fields = if rng.random_bool(0.5) { FieldValidation::Strict } else { FieldValidation::Warn };
        questions.push(Question { manifest, fields });
    }
    questions
}

fn known_good(kind: &Kind) -> Vec<Value> {
    let vectors = include_str!("../vectors.jsonl").lines().map(|line| serde_json::from_str(line).unwrap());
    let good = vectors.filter(|vector: &Value| vector["error"].is_null() && vector["in"]["kind"] == *kind.names.kind);
    good.map(|vector| vector["in"]["spec"].clone()).collect()
}

/// The server's answer: the object as it would be stored, or why it would not.
pub async fn ask(client: &kube::Client, kind: &Kind, question: &Question) -> Result<Value, String> {
    let names = &kind.names;
    let fields = match question.fields {
        FieldValidation::Strict => "&fieldValidation=Strict",
        FieldValidation::Warn => "",
        FieldValidation::Ignore => "&fieldValidation=Ignore",
    };
    let uri = format!("/apis/{}/namespaces/default/{}?dryRun=All{fields}", names.api_version(), names.plural);
    let body = serde_json::to_vec(&question.manifest).unwrap();
    let request = http::Request::post(uri).header("content-type", "application/json").body(body).unwrap();
    match client.request::<Value>(request).await {
        Ok(stored) => Ok(stored),
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 413 | 422) => Err(status.message.clone()),
        Err(error) => panic!("{error}\n{}", question.manifest),
    }
}

/// The text of a finding may be the note of another that is about the same.
fn says(found: &[orloj_operator::validate::finding::ObjectFinding], text: &str) -> bool {
    found.iter().any(|draft| draft.text == text || draft.note.as_deref() == Some(&format!("in the status: {text}")))
}

async fn compare(registry: &Registry, files: &[String], client: &kube::Client) {
    let seed = seed();
    println!("VALIDATE_SEED={seed} repeats this run");
    let mut rng = StdRng::seed_from_u64(seed);
    let generator = Generator::new(files);
    let mut wrong = Vec::new();
    for kind in registry.kinds() {
        let schema = ObjectSchema::compile(kind);
        assert_eq!(schema.unsupported, [], "{}", kind.names.kind);
        let started = Instant::now();
        let count = number("VALIDATE_COUNT").unwrap_or(COUNT);
        let questions = questions(kind, &generator, count, &mut rng);
        let answers = futures::stream::iter(questions)
            .map(|question| async move { (ask(client, kind, &question).await, question) })
            .buffer_unordered(CONCURRENCY)
            .collect::<Vec<_>>()
            .await;
        let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut both_accept, mut both_refuse, mut engine_refuses) = (0, 0, 0);
        for (answer, question) in &answers {
            let mut object = question.manifest.clone();
            let judged = schema.judge(kind, &mut object, question.fields);
            judged.found.iter().for_each(|draft| *rules.entry(draft.rule.id).or_default() += 1);
            let against: Vec<_> = judged
                .found
                .iter()
                .filter(|draft| draft.severity == Severity::Error && draft.rule.stage == Stage::Server)
                .map(|draft| format!("{}: {}", draft.rule.id, draft.text))
                .collect();
            let complaint = |what: &str, why: &str| {
                let text: String = question.manifest.to_string().chars().take(2000).collect();
                format!("{} {:?}: {what}: {why}\n  {text}", kind.names.kind, question.fields)
            };
            match (answer, against.is_empty()) {
                (Ok(stored), true) => {
                    both_accept += 1;
                    // the reconciler, on the object as the server has it
                    let text = |name: &str| stored["metadata"][name].as_str().unwrap_or_default().to_owned();
                    let mut resource = resource(kind, &text("name"), stored["spec"].clone());
                    let strings =
                        |name: &str| serde_json::from_value(stored["metadata"][name].clone()).unwrap_or_default();
                    (resource.labels, resource.annotations) = (strings("labels"), strings("annotations"));
                    let errors = judged.found.iter().filter(|draft| draft.severity == Severity::Error).count();
                    match kind.desired(&resource) {
                        Ok(desired) => {
                            let ours = judged.desired.as_ref().map(|ours| &ours.spec);
                            if errors > 0 || ours != Some(&desired.spec) {
                                wrong.push(complaint("the reconciler syncs it", &format!("{:?}", judged.found)));
                            }
                        }
                        Err(invalid) => {
                            engine_refuses += 1;
                            let generated = !question.manifest["metadata"]["generateName"].is_null();
                            if errors == 0 || !generated && !says(&judged.found, &invalid.text) {
                                wrong.push(complaint("the reconciler says", &invalid.text));
                            }
                        }
                    }
                }
                (Err(_), false) => both_refuse += 1,
                (Ok(_), false) => wrong.push(complaint("the server accepts", &against.join("; "))),
                (Err(why), true) => wrong.push(complaint("the server refuses", why)),
            }
        }
        println!(
            "{:14} accepted {both_accept:5} (of these refused by the reconciler {engine_refuses:4}); refused {both_refuse:5}; {:?}",
            kind.names.kind,
            started.elapsed(),
        );
        println!(
            "               {}",
            rules.iter().map(|(rule, count)| format!("{rule} {count}")).collect::<Vec<_>>().join(", ")
        );
        assert!(both_accept > 0 && both_refuse > 0, "{}: one-sided", kind.names.kind);
    }
    let shown = wrong.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} disagreements (VALIDATE_SEED={seed}):\n{shown}", wrong.len());
}

/// The texts of the files of the embedded kinds.
pub fn kind_files() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("kinds");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_are_those_of_the_server() {
    let client = installed().admin_client().await;
    compare(&registry(), &kind_files(), &client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_on_a_kind_by_file_are_those_of_the_server() {
    let file = include_str!("../kinds/widget.yaml").to_owned();
    let widgets = Registry::from_files([("widget.yaml".to_owned(), file.clone())]);
    let widgets = widgets.unwrap_or_else(|error| panic!("{error}"));
    let plane = installed();
    plane.establish(&orloj_operator::registry::crd::crds_yaml(&widgets));
    compare(&widgets, &[file], &plane.admin_client().await).await;
}
