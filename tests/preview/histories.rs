//! Random stores and random folders: what others wrote, what earlier syncs wrote, what drifted, and then one more sync.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::foretold;
use crate::stage::{KEY, Stage, kind};

const KINDS: [&str; 3] = ["Memory", "Tool", "Secret"];
const NAMESPACES: [&str; 2] = ["a", "b"];
/// Few, so that resources meet.
const NAMES: [&str; 2] = ["x", "y"];
const LABELS: [&str; 3] = ["x", "y", "z"];

/// A manifest.
#[derive(Clone, Debug)]
struct Item {
    kind: usize,
    namespace: usize,
    name: usize,
    target: Option<usize>,
    suspended: bool,
    retained: bool,
    /// 0 to 2 are valid.
    content: usize,
    /// Of the wrong shape outside of the spec.
    unreadable: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Sync {
        folder: Vec<Item>,
        prune: bool,
        other_owner: bool,
    },
    /// Somebody writes past us. Marks: none, the original operator's, a `SealedSecret`'s.
    Put {
        kind: usize,
        namespace: usize,
        name: usize,
        content: usize,
        marks: usize,
    },
    Delete {
        kind: usize,
        namespace: usize,
        name: usize,
    },
}

#[derive(Clone, Debug)]
struct History {
    steps: Vec<Step>,
    folder: Vec<Item>,
    prune: bool,
}

fn item() -> impl Strategy<Value = Item> {
    let place = (0..KINDS.len(), 0..NAMESPACES.len(), 0..NAMES.len());
    let content = prop_oneof![8 => 0..3_usize, 1 => Just(3)];
    let target = prop::option::weighted(0.4, 0..NAMESPACES.len());
    let flags = (prop::bool::weighted(0.1), prop::bool::weighted(0.15), prop::bool::weighted(0.04));
    (place, target, flags, content).prop_map(|(place, target, flags, content)| Item {
        kind: place.0,
        namespace: place.1,
        name: place.2,
        target,
        suspended: flags.0,
        retained: flags.1,
        content,
        unreadable: flags.2,
    })
}

fn folder() -> impl Strategy<Value = Vec<Item>> {
    prop::collection::vec(item(), 0..10)
}

fn step() -> impl Strategy<Value = Step> {
    let place = || (0..KINDS.len(), 0..NAMESPACES.len(), 0..NAMES.len());
    prop_oneof![
        3 => (folder(), any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(folder, prune, other_owner)| Step::Sync { folder, prune, other_owner }),
        3 => (place(), 0..3_usize, 0..3_usize).prop_map(|((kind, namespace, name), content, marks)| Step::Put {
            kind, namespace, name, content, marks
        }),
        1 => place().prop_map(|(kind, namespace, name)| Step::Delete { kind, namespace, name }),
    ]
}

fn history() -> impl Strategy<Value = History> {
    (prop::collection::vec(step(), 0..4), folder(), any::<bool>()).prop_map(|(steps, folder, prune)| History {
        steps,
        folder,
        prune,
    })
}

impl Item {
    fn manifest(&self) -> Value {
        let mut annotations = BTreeMap::new();
        if let Some(target) = self.target {
            annotations.insert("orloj.dev/target-namespace", NAMESPACES[target]);
        }
        if self.suspended {
            annotations.insert("orloj.dev/suspend", "true");
        }
        if self.retained {
            annotations.insert("orloj.dev/deletion-policy", "retain");
        }
        let labels = if self.unreadable { json!({"tier": 1}) } else { json!({"tier": LABELS[self.content % 3]}) };
        json!({
            "apiVersion": "orloj.dev/v1",
            "kind": KINDS[self.kind],
            "metadata": {
                "name": NAMES[self.name],
                "namespace": NAMESPACES[self.namespace],
                "labels": labels,
                "annotations": annotations,
            },
            "spec": spec(self.kind, self.content),
        })
    }
}

fn spec(kind: usize, content: usize) -> Value {
    let levels = ["low", "medium", "high", "none of these"];
    let values = ["djA=", "djE=", "djI="];
    match (KINDS[kind], content) {
        ("Memory", 3) => json!({"type": ["vector"]}),
        ("Memory", content) => json!({"type": levels[content]}),
        ("Tool", content) => json!({"type": "http", "endpoint": "https://x.example", "risk_level": levels[content],
            "capabilities": (0..content).map(|at| LABELS[(at + content) % 3]).collect::<Vec<_>>()}),
        (_, 3) => json!({"data": {"k": "%"}}),
        (_, content) => json!({"data": {"k": values[content], "same": "c2FtZQ=="}}),
    }
}

fn as_texts(folder: &[Item]) -> Vec<String> {
    folder.iter().map(|item| item.manifest().to_string()).collect()
}

impl Step {
    fn play(&self, stage: &Stage) {
        match self {
            Self::Sync { folder, prune, other_owner } => {
                stage.manifests(&as_texts(folder));
                let owner = if *other_owner { "--owner other" } else { "" };
                stage.sync(&format!("{owner} {}", flag(*prune)));
            }
            Self::Put { kind, namespace, name, content, marks } => {
                let annotations = [
                    json!({}),
                    json!({"orloj.dev/managed-by": "crd-sync"}),
                    json!({"orloj.dev/sealedsecret-owner": "a/s"}),
                ];
                let (namespace, name) = (NAMESPACES[*namespace], NAMES[*name]);
                let payload = json!({
                    "apiVersion": "orloj.dev/v1",
                    "kind": KINDS[*kind],
                    "metadata": {
                        "name": name, "namespace": namespace, "resourceVersion": "4", "generation": 2,
                        "createdAt": "2026-01-02T03:04:05Z", "annotations": annotations[*marks],
                    },
                    "spec": spec(*kind, *content),
                    "status": {"phase": "Ready", "observedGeneration": 2},
                });
                write(stage, *kind, format!("{namespace}/{name}"), Some(payload));
            }
            Self::Delete { kind, namespace, name } => {
                write(stage, *kind, format!("{}/{}", NAMESPACES[*namespace], NAMES[*name]), None);
            }
        }
    }
}

fn write(stage: &Stage, at: usize, key: String, payload: Option<Value>) {
    stage.migrate();
    stage.put(kind(KINDS[at]), &BTreeMap::from([(key, payload)]));
}

fn flag(prune: bool) -> &'static str {
    if prune { "--prune" } else { "" }
}

/// What is planned is what a sync then does, and the plan itself writes nothing.
fn play(mut stage: Stage, history: &History) {
    stage.desk.key = Some(KEY.to_owned());
    history.steps.iter().for_each(|step| step.play(&stage));
    stage.manifests(&as_texts(&history.folder));
    let words = flag(history.prune);
    let mark = stage.mark();
    let planned = stage.plan(words);
    assert_eq!(stage.mark(), mark, "a plan wrote");
    assert_eq!(stage.plan(words).out, planned.out, "the same once more");
    for value in ["djA=", "djE=", "djI=", "c2FtZQ=="] {
        assert!(!planned.out.contains(value) && !planned.err.contains(value), "{planned:?}");
    }
    let before =
        if stage.desk.path("o.db").exists() || stage.database.is_some() { stage.rows() } else { BTreeMap::new() };
    let synced = stage.sync(words);
    let after = stage.rows();
    foretold::check(&planned, &synced, &before, &after);
    let again = stage.plan(words);
    let left = again.json()["summary"]["actions"].clone();
    let only_refused = left.as_object().unwrap().keys().all(|action| action == "refuse");
    assert!(only_refused && again.code == i32::from(synced.code != 0), "{again:?}");
}

fn run(cases: u32, stage: impl Fn() -> Stage) {
    let cases = std::env::var("PREVIEW_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    let config = Config { cases, max_shrink_iters: 64, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&history(), |history| {
        play(stage(), &history);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_plan_is_what_a_sync_does_on_sqlite() {
    run(24, Stage::sqlite);
}

#[test]
fn a_plan_is_what_a_sync_does_on_postgres() {
    run(8, Stage::postgres);
}

const ITEM: Item = Item {
    kind: 0,
    namespace: 0,
    name: 0,
    target: None,
    suspended: false,
    retained: false,
    content: 0,
    unreadable: false,
};

fn play_on_both(history: &History) {
    for stage in [Stage::sqlite(), Stage::postgres()] {
        play(stage, history);
    }
}

/// Left by one resource, taken up by another at once: a row has one story.
#[test]
fn a_row_that_is_passed_on_is_told_once() {
    let leaver = Item { retained: true, ..ITEM };
    let taker = Item { namespace: 1, target: Some(0), content: 1, ..ITEM };
    play_on_both(&History {
        steps: vec![Step::Sync { folder: vec![leaver], prune: false, other_owner: false }],
        folder: vec![taker],
        prune: true,
    });
}

/// Nothing is removed where somebody else has removed it already.
#[test]
fn a_row_that_has_gone_before_its_resource_is_not_told() {
    for retained in [false, true] {
        play_on_both(&History {
            steps: vec![
                Step::Sync { folder: vec![Item { retained, ..ITEM }], prune: false, other_owner: false },
                Step::Delete { kind: 0, namespace: 0, name: 0 },
            ],
            folder: vec![],
            prune: true,
        });
    }
}
