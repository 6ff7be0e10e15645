//! Resources made at random: the API server is never stricter than normalise.

use std::time::{Duration, Instant, SystemTime};

use orloj_operator::registry::{Kind, Registry};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::files::{kind_files, registry};
use crate::generate::Generator;
use crate::server::{ask_all, complaint, installed, null_inside, resource};

/// Resources a kind that normalise accepts; a third as many that it refuses. `CRDS_COUNT` says another number.
const ACCEPTED: usize = 500;

/// Tries a wanted resource, at most, to find them.
const TRIES: usize = 100;

pub fn number<N: std::str::FromStr>(variable: &str) -> Option<N> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

pub fn seed() -> u64 {
    number("CRDS_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::from(now.subsec_nanos()) ^ now.as_secs()
    })
}

/// Specs with the verdict of normalise, some of each sort: half of them made afresh, half by changing accepted ones.
fn specs(kind: &Kind, generator: &Generator, rng: &mut StdRng) -> Vec<(bool, Value)> {
    let wanted = number("CRDS_COUNT").unwrap_or(ACCEPTED);
    let mut good = known_good(kind);
    let (mut accepted, mut refused) = (0, 0);
    let mut specs = Vec::new();
    for _ in 0..wanted * TRIES {
        let spec = match good.choose(rng) {
            Some(spec) if rng.random_bool(0.7) => {
                let mut spec = spec.clone();
                (0..rng.random_range(1..5)).for_each(|_| generator.change(kind, &mut spec, rng));
                spec
            }
            _ => generator.spec(kind, rng),
        };
        let verdict = kind.desired(&resource(kind, "generated", spec.clone())).is_ok();
        if verdict && good.len() < 10 * wanted {
            good.push(spec.clone());
        }
        let (count, most) = if verdict { (&mut accepted, wanted) } else { (&mut refused, wanted / 3) };
        if *count < most {
            *count += 1;
            specs.push((verdict, spec));
        }
        if accepted == wanted && refused == wanted / 3 {
            break;
        }
    }
    assert!(accepted >= wanted / 2, "{}: the generator makes too little that is accepted", kind.names.kind);
    specs
}

/// What the original accepts of a kind, to begin with.
pub fn known_good(kind: &Kind) -> Vec<Value> {
    let vectors = include_str!("../vectors.jsonl").lines().map(|line| serde_json::from_str(line).unwrap());
    let good = vectors.filter(|vector: &Value| vector["error"].is_null() && vector["in"]["kind"] == *kind.names.kind);
    good.map(|vector| vector["in"]["spec"].clone()).collect()
}

async fn compare(registry: &Registry, files: &[String], client: &kube::Client) {
    let seed = seed();
    println!("CRDS_SEED={seed} repeats this run");
    let mut rng = StdRng::seed_from_u64(seed);
    let generator = Generator::new(files);
    for kind in registry.kinds() {
        let started = Instant::now();
        let specs = specs(kind, &generator, &mut rng);
        let generated = started.elapsed();
        let questions = specs.into_iter().map(|(verdict, spec)| (verdict, kind, "generated".to_owned(), spec));
        let answers = ask_all(client, questions).await;
        let count = |verdict: bool, refused: bool| {
            answers.iter().filter(|(v, answer)| *v == verdict && answer.refusal.is_some() == refused).count()
        };
        println!(
            "{:14} accepted by both {:3}; refused by both {:3}, by normalise alone {:3}; {generated:?} + {:?}",
            kind.names.kind,
            count(true, false),
            count(false, true),
            count(false, false),
            started.elapsed().saturating_sub(generated),
        );
        let stricter = answers.iter().filter(|(verdict, _)| *verdict).filter_map(|(_, answer)| {
            let status = answer.refusal.as_ref().filter(|_| !null_inside(&answer.spec))?;
            Some(format!("{}\n  {}", complaint(status), answer.spec))
        });
        let stricter: Vec<String> = stricter.take(10).collect();
        assert!(
            stricter.is_empty(),
            "the server refuses what normalise accepts (CRDS_SEED={seed}):\n{}",
            stricter.join("\n")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_normalise_accepts_the_server_accepts() {
    let client = installed().admin_client().await;
    compare(&registry(), &kind_files(), &client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ninth_kind_is_served_by_its_file_alone() {
    let file = include_str!("../kinds/widget.yaml").to_owned();
    let widgets = Registry::from_files([("widget.yaml".to_owned(), file.clone())]);
    let widgets = widgets.unwrap_or_else(|error| panic!("{error}"));
    let plane = installed();
    plane.establish(&orloj_operator::registry::crd::crds_yaml(&widgets));
    compare(&widgets, &[file], &plane.admin_client().await).await;
}
