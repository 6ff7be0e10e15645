//! The constraints that once were written by hand, as an oracle for those that are derived: `handwritten/` holds the
//! definitions as they were when every rule stood three times in a kind's file.
//!
//! The derived definitions refuse all that those refuse, and take all that normalise takes.

use std::collections::BTreeMap;
use std::time::Instant;

use orloj_operator::apimachinery::field_path::FieldPath;
use orloj_operator::cel::RuleFailure;
use orloj_operator::kube_schema::{SchemaMismatch, SchemaNode, SchemaViolation};
use orloj_operator::registry::Kind;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::differential::{known_good, number, seed};
use crate::files::{kind_files, registry};
use crate::generate::Generator;
use crate::mutate::anywhere;
use crate::server::{ask_all, complaint, installed, is_required_upstream, manifest, null_inside, put, resource, zero};

/// Resources a kind for the bundled validator. `CRDS_COUNT` says another number.
const RESOURCES: usize = 6_000;

/// Of these, resources a kind for the API server.
const ASKED: usize = 700;

/// A definition, ready to be checked against.
struct Definition {
    root: SchemaNode,
}

impl Definition {
    fn new(crd: &Value) -> Self {
        let mut schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
        schema["properties"]["metadata"]["properties"] = json!({"name": {"type": "string"}});
        let mut unsupported = Vec::new();
        let root = SchemaNode::compile(&schema, &mut unsupported);
        assert!(unsupported.is_empty(), "{unsupported:?}");
        Self { root }
    }

    fn handwritten(kind: &Kind) -> Self {
        let path = format!("{}/tests/crds/handwritten/{}", env!("CARGO_MANIFEST_DIR"), kind.crd_file());
        let text = std::fs::read_to_string(path).expect("the definition written by hand");
        Self::new(&serde_saphyr::from_str(&text).expect("YAML"))
    }

    fn violations(&self, object: &Value) -> Vec<SchemaViolation> {
        let mut object = object.clone();
        for (name, value) in object.as_object_mut().expect("an object") {
            if let Some(node) = self.root.property(name).filter(|_| name != "metadata") {
                node.drop_nulls(value);
            }
        }
        let mut found = Vec::new();
        self.root.check(&object, &mut FieldPath::new(), &mut found);
        let blocked = found.iter().any(|one| {
            matches!(
                one.mismatch,
                SchemaMismatch::Type { .. }
                    | SchemaMismatch::Null { .. }
                    | SchemaMismatch::Required { .. }
                    | SchemaMismatch::Length { .. }
                    | SchemaMismatch::Count { .. }
            )
        });
        if !blocked {
            self.root.check_rules(&object, &mut FieldPath::new(), &mut found);
        }
        found
    }

    /// Fills in what upstream's definitions require as well.
    fn filled(&self, kind: &Kind, mut spec: Value) -> Value {
        for _ in 0..50 {
            let missing = self.violations(&manifest(kind, "generated", &spec)).into_iter().find_map(|one| {
                let SchemaMismatch::Required { name } = one.mismatch else { return None };
                let field = format!("{}.{name}", one.path);
                is_required_upstream(&field).then_some(field)
            });
            let Some(field) = missing else { break };
            put(&mut spec, &field, zero(&field));
        }
        spec
    }
}

#[derive(Default)]
struct Counts {
    accepted: usize,
    refused_by_hand: usize,
    refused_in_addition: usize,
    left_to_the_operator: usize,
}

/// A spec, afresh or changed; a part of them by values of any type.
fn spec(kind: &Kind, generator: &Generator, good: &[Value], rng: &mut StdRng) -> (bool, Value) {
    let mut spec = match good.choose(rng) {
        Some(spec) if rng.random_bool(0.75) => {
            let mut spec = spec.clone();
            (0..rng.random_range(1..5)).for_each(|_| generator.change(kind, &mut spec, rng));
            spec
        }
        _ => generator.spec(kind, rng),
    };
    let mutated = rng.random_bool(0.2);
    if mutated {
        anywhere(&mut spec, rng);
    }
    (mutated, spec)
}

/// What a refusal by hand tells, and the derived definition does not.
fn lost(by_hand: &[SchemaViolation], derived: &[SchemaViolation]) -> Option<String> {
    let told = |message: &str| {
        derived.iter().any(|one| match &one.mismatch {
            SchemaMismatch::Rule(RuleFailure::Refused { message: other, .. }) => other.ends_with(message),
            SchemaMismatch::Required { name } => message.contains(name.as_str()),
            _ => false,
        })
    };
    let blocked = derived.iter().any(|one| matches!(one.mismatch, SchemaMismatch::Required { .. }));
    by_hand.iter().find_map(|one| match &one.mismatch {
        SchemaMismatch::Rule(RuleFailure::Refused { message, .. }) if !blocked && !told(message) => {
            Some(message.clone())
        }
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_by_hand_is_refused() {
    let client = installed().admin_client().await;
    let seed = seed();
    println!("CRDS_SEED={seed} repeats this run");
    let mut rng = StdRng::seed_from_u64(seed);
    let generator = Generator::new(&kind_files());
    let wanted = number("CRDS_COUNT").unwrap_or(RESOURCES);
    for kind in registry().kinds() {
        let started = Instant::now();
        let (by_hand, derived) = (Definition::handwritten(kind), Definition::new(&kind.crd()));
        let mut good = known_good(kind);
        let mut counts = Counts::default();
        let mut asked: BTreeMap<&str, Vec<(bool, Value)>> = BTreeMap::new();
        for _ in 0..wanted {
            let (mutated, spec) = spec(kind, &generator, &good, &mut rng);
            let spec = by_hand.filled(kind, spec);
            let object = manifest(kind, "generated", &spec);
            let accepted = kind.desired(&resource(kind, "generated", spec.clone())).is_ok();
            let (old, new) = (by_hand.violations(&object), derived.violations(&object));
            let told =
                || format!("{} (CRDS_SEED={seed}): {spec}\n  by hand {old:?}\n  derived {new:?}", kind.names.kind);
            assert!(old.is_empty() || !new.is_empty(), "refused by hand alone: {}", told());
            // of a value of another type, both definitions say what normalise does not
            let server_alone = !old.is_empty() || null_inside(&spec);
            assert!(new.is_empty() || !accepted || server_alone, "stricter than normalise: {}", told());
            let lost = lost(&old, &new);
            assert!(lost.is_none(), "{lost:?} is told no more: {}", told());
            let (sort, count) = match (accepted, old.is_empty(), new.is_empty()) {
                (true, _, true) => ("accepted", &mut counts.accepted),
                (_, false, _) => ("by hand", &mut counts.refused_by_hand),
                (_, true, false) => ("in addition", &mut counts.refused_in_addition),
                (false, true, true) => ("left", &mut counts.left_to_the_operator),
            };
            *count += 1;
            let asked = asked.entry(sort).or_default();
            if asked.len() < ASKED / 4 {
                asked.push((new.is_empty(), spec.clone()));
            }
            if accepted && !mutated && good.len() < 4 * wanted {
                good.push(spec);
            }
        }
        let questions = asked.into_values().flatten();
        let questions = questions.map(|(taken, spec)| (taken, kind, "generated".to_owned(), spec));
        let answers = ask_all(&client, questions).await;
        for (taken, answer) in &answers {
            let said = answer.refusal.as_ref().map_or("accepted".to_owned(), |status| complaint(status));
            let same = *taken == answer.refusal.is_none();
            assert!(same, "(CRDS_SEED={seed}) the server, where {taken} was expected: {said}\n  {}", answer.spec);
        }
        println!(
            "{:14} {wanted} resources: accepted by all {}; refused by both definitions {}, by the derived one alone {}, by \
             the operator alone {}; {} of them asked of the API server; {:?}",
            kind.names.kind,
            counts.accepted,
            counts.refused_by_hand,
            counts.refused_in_addition,
            counts.left_to_the_operator,
            answers.len(),
            started.elapsed(),
        );
    }
}
