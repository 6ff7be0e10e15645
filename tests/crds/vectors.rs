//! Every resource whose outcome in the original is known, sent to the API server.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

use crate::files::registry;
use crate::server::{ask_all, complaint, installed, null_inside};

#[derive(Default)]
struct Count {
    both_accept: usize,
    filled: usize,
    nulls: usize,
    both_refuse: usize,
    left_to_the_operator: usize,
    bad_name: usize,
}

/// What Kubernetes takes for a name (RFC 1123 subdomain).
fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        part.starts_with(allowed) && part.ends_with(allowed) && part.chars().all(|c| allowed(c) || c == '-')
    };
    name.len() <= 253 && name.split('.').all(part)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_original_accepts_the_server_accepts() {
    let client = installed().admin_client().await;
    let registry = registry();
    let started = Instant::now();
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut questions = Vec::new();
    for (at, line) in include_str!("../vectors.jsonl").lines().enumerate() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let input = &vector["in"];
        let kind = registry.find(input["apiVersion"].as_str().unwrap(), input["kind"].as_str().unwrap());
        let kind = registry.kind(kind.expect("a kind for every vector"));
        let name = input["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if !is_name(&name) {
            counts.entry(kind.names.kind.clone()).or_default().bad_name += 1;
            continue;
        }
        let accepted = vector["error"].is_null();
        questions.push(((at + 1, kind.names.kind.clone(), accepted), kind, name, input["spec"].clone()));
    }
    let asked = questions.len();
    let mut stricter = Vec::new();
    for ((line, kind, accepted), answer) in ask_all(&client, questions).await {
        let count = counts.entry(kind).or_default();
        count.filled += usize::from(answer.filled > 0);
        match (accepted, &answer.refusal) {
            (true, None) => count.both_accept += 1,
            (true, Some(_)) if null_inside(&answer.spec) => count.nulls += 1,
            (true, Some(status)) => stricter.push(format!("{line}: {}\n  {}", complaint(status), answer.spec)),
            (false, Some(_)) => count.both_refuse += 1,
            (false, None) => count.left_to_the_operator += 1,
        }
    }
    println!("{asked} vectors in {:?}", started.elapsed());
    println!(
        "{:14} accepted by both, (field filled in), null inside | refused: by both, by normalise alone | bad name",
        ""
    );
    for (kind, c) in counts {
        println!(
            "{kind:14} {:16} {:17} {:12} | {:16} {:18} | {:8}",
            c.both_accept, c.filled, c.nulls, c.both_refuse, c.left_to_the_operator, c.bad_name
        );
    }
    assert!(stricter.is_empty(), "the server refuses what the original accepts:\n{}", stricter.join("\n"));
}
