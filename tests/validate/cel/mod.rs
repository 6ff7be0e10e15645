//! CEL rules and formats: what an expression comes to here is what it comes to in a real API server.
//!
//! A rule that is always false tells the value of an expression by its message. Each group of expressions has a schema
//! of its own. The server's own packages evaluate them on many values (`tests/celjudge`), and on a few a real server
//! does, which gets an object for each as a dry run.

mod cases;
mod formats;
mod generate;

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use orloj_operator::apimachinery::field_path::FieldPath;
use orloj_operator::cel::RuleFailure;
use orloj_operator::kube_schema::{SchemaMismatch, SchemaNode};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::bed::{self, ControlPlane};
use crate::differential::{number, seed};
use crate::judge::judge;
use cases::{GROUPS, Group};

/// Generated values a group; `VALIDATE_COUNT` says another number.
const COUNT: usize = 600;

/// Generated values a group that a real server is asked about.
const ASKED: usize = 4;

/// Requests under way at a time.
const CONCURRENCY: usize = 8;

/// What an expression comes to where it fails.
const FAILED: &str = "(fails)";

fn mark(index: usize) -> String {
    format!("<{index}>")
}

/// The rule that tells what an expression comes to.
fn rule(index: usize, expression: &str) -> Value {
    let mark = mark(index);
    json!({
        // no two rules may be the same
        "rule": format!("{index} < 0"),
        "message": format!("{mark}{FAILED}"),
        "messageExpression": format!("'{mark}%s|'.format([{expression}])"),
    })
}

fn schema(group: &Group) -> Value {
    let mut schema: Value =
        serde_json::from_str(group.schema).unwrap_or_else(|error| panic!("{}: {error}", group.name));
    let rules = group.expressions.iter().enumerate().map(|(index, expression)| rule(index, expression));
    schema["x-kubernetes-validations"] = rules.collect();
    schema
}

/// A CRD whose `spec.v` has the schema.
fn crd(name: &str, schema: &Value) -> Value {
    let plural = format!("{name}s");
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.cel.test")},
        "spec": {
            "group": "cel.test", "scope": "Namespaced",
            "names": {"plural": plural, "singular": name, "kind": format!("Cel{name}"), "listKind": format!("Cel{name}List")},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {"spec": {"type": "object", "properties": {"v": schema}}},
                }},
            }],
        },
    })
}

fn install(plane: &ControlPlane, crds: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": crds});
    plane.establish(&list.to_string());
}

/// The server's complaints about an object of the CRD, by field.
async fn ask(client: &kube::Client, name: &str, value: &Value) -> Vec<(String, String)> {
    let object = json!({
        "apiVersion": "cel.test/v1", "kind": format!("Cel{name}"), "metadata": {"name": "x"}, "spec": {"v": value},
    });
    let uri = format!("/apis/cel.test/v1/namespaces/default/{name}s?dryRun=All");
    let body = serde_json::to_vec(&object).unwrap();
    let request = http::Request::post(uri).header("content-type", "application/json").body(body).unwrap();
    match client.request::<Value>(request).await {
        Ok(_) => Vec::new(),
        Err(kube::Error::Api(status)) if status.code == 422 => {
            let causes = status.details.iter().flat_map(|details| &details.causes);
            causes.map(|cause| (cause.field.clone(), cause.message.clone())).collect()
        }
        Err(error) => panic!("{name}: {error}\n{object}"),
    }
}

/// What each expression comes to, by the messages of their rules.
fn told<'m>(messages: impl IntoIterator<Item = &'m str>, count: usize) -> (BTreeMap<usize, String>, Vec<String>) {
    let mut values = BTreeMap::new();
    let mut others = Vec::new();
    for message in messages {
        let found = (0..count).rev().find_map(|index| {
            let mark = mark(index);
            message.rfind(&mark).map(|at| (index, message[at + mark.len()..].to_owned()))
        });
        match found {
            Some((index, value)) => drop(values.insert(index, value)),
            None => others.push(message.to_owned()),
        }
    }
    (values, others)
}

/// What the expressions come to here; why, for those that cannot be told.
fn ours(node: &SchemaNode, value: &Value, count: usize) -> (BTreeMap<usize, String>, Vec<String>) {
    let mut found = Vec::new();
    let mut value = value.clone();
    node.drop_nulls(&mut value);
    node.check_rules(&value, &mut FieldPath::new(), &mut found);
    let messages: Vec<String> = found
        .into_iter()
        .map(|violation| match violation.mismatch {
            SchemaMismatch::Rule(RuleFailure::Refused { message, .. }) => message,
            other => format!("{other:?}"),
        })
        .collect();
    told(messages.iter().map(String::as_str), count)
}

/// Groups, each with its values, of which `count` are made at random.
fn questions(count: usize, rng: &mut StdRng) -> Vec<(&'static Group, Vec<Value>)> {
    let only: Option<String> = std::env::var("VALIDATE_GROUP").ok();
    let groups = GROUPS.iter().flat_map(|table| table.iter());
    let groups = groups.filter(|group| only.as_ref().is_none_or(|only| group.name == only));
    groups
        .map(|group| {
            let mut values: Vec<Value> =
                serde_json::from_str(group.values).unwrap_or_else(|error| panic!("{}: {error}", group.name));
            values.extend((0..count).filter_map(|_| generate::value(group.pieces, rng)));
            (group, values)
        })
        .collect()
}

/// Expressions that came to different things.
#[derive(Default)]
struct Comparison {
    /// One of each expression is enough to read.
    wrong: BTreeMap<String, Vec<String>>,
    same: usize,
    failing: usize,
}

impl Comparison {
    /// Compares what the server says of values with what is said of them here.
    fn group(&mut self, group: &Group, answers: &[(Vec<String>, Value)]) {
        let mut unsupported = Vec::new();
        let node = SchemaNode::compile(&schema(group), &mut unsupported);
        assert_eq!(unsupported, [], "{}", group.name);
        let count = group.expressions.len();
        for (answer, value) in answers {
            let (theirs, others) = told(answer.iter().map(String::as_str), count);
            assert!(others.is_empty(), "{} {value}: the server says {others:?}", group.name);
            let (ours, others) = ours(&node, value, count);
            for (index, expression) in group.expressions.iter().enumerate() {
                let (one, other) = (ours.get(&index), theirs.get(&index));
                if one == other {
                    self.same += 1;
                    self.failing += usize::from(one.is_some_and(|text| text == FAILED));
                } else {
                    let text = format!("  of {value}\n  ours {one:?} {others:?}\n  theirs {other:?}");
                    self.wrong.entry(format!("{}: {expression}", group.name)).or_default().push(text);
                }
            }
        }
    }

    fn end(self, seed: u64) {
        println!("{} values compared, of which {} are errors", self.same, self.failing);
        let shown = self.wrong.iter().take(40);
        let shown = shown.map(|(expression, of)| format!("{expression}, {} times\n{}", of.len(), of[0]));
        let shown = shown.collect::<Vec<_>>().join("\n");
        let count = self.wrong.len();
        assert!(self.wrong.is_empty(), "{count} expressions with disagreements (VALIDATE_SEED={seed}):\n{shown}");
    }
}

fn seeded() -> (u64, StdRng) {
    let seed = seed();
    println!("VALIDATE_SEED={seed} repeats this run");
    (seed, StdRng::seed_from_u64(seed))
}

#[test]
fn expressions_come_to_what_they_come_to_in_the_packages_of_the_server() {
    let (seed, mut rng) = seeded();
    let questions = questions(number("VALIDATE_COUNT").unwrap_or(COUNT), &mut rng);
    let cases = questions.iter().flat_map(|(group, values)| {
        let schema = schema(group);
        let node = SchemaNode::compile(&schema, &mut Vec::new());
        let objects = values.iter().map(move |value| {
            let mut value = value.clone();
            node.drop_nulls(&mut value);
            json!({"object": value})
        });
        std::iter::once(json!({"schema": schema})).chain(objects)
    });
    let mut answers = judge(cases).into_iter();
    let mut comparison = Comparison::default();
    for (group, values) in questions {
        let compiled = answers.next().unwrap();
        assert_eq!(compiled["error"], Value::Null, "{}", group.name);
        for rule in compiled["rules"].as_array().unwrap() {
            assert_eq!(rule["error"], Value::Null, "{}", group.name);
        }
        let said = |answer: Value| {
            let refusals = answer["refusals"].as_array().into_iter().flatten();
            refusals.map(|refusal| refusal["message"].as_str().unwrap().to_owned()).collect()
        };
        let answers: Vec<_> = answers.by_ref().take(values.len()).map(said).zip(values).collect();
        comparison.group(group, &answers);
    }
    comparison.end(seed);
}

#[tokio::test(flavor = "multi_thread")]
async fn expressions_come_to_what_they_come_to_in_a_real_server() {
    let plane = bed::control_plane();
    let (seed, mut rng) = seeded();
    let questions = questions(ASKED, &mut rng);
    let crds: Vec<Value> = questions.iter().map(|(group, _)| crd(group.name, &schema(group))).collect();
    install(plane, &crds);
    let client = plane.admin_client().await;
    let mut comparison = Comparison::default();
    for (group, values) in questions {
        let answers = futures::stream::iter(values)
            .map(|value| {
                let client = client.clone();
                async move {
                    let answer = ask(&client, group.name, &value).await;
                    (answer.into_iter().map(|(_, message)| message).collect(), value)
                }
            })
            .buffer_unordered(CONCURRENCY)
            .collect::<Vec<_>>()
            .await;
        comparison.group(group, &answers);
    }
    comparison.end(seed);
}

#[test]
fn paths_are_those_of_the_server() {
    let refuse = json!([{"rule": "false", "message": "no"}]);
    let leaf = json!({"type": "string", "x-kubernetes-validations": refuse});
    let node = json!({
        "type": "object",
        "properties": {
            "graph": {"type": "object", "additionalProperties": {
                "type": "object", "x-kubernetes-validations": refuse,
                "properties": {"edges": {"type": "array", "items": {"type": "object", "properties": {"to": leaf}}}},
            }},
            "labels": {"type": "object", "additionalProperties": leaf},
        },
    });
    let object = json!({
        "graph": {"n1": {"edges": [{}, {"to": "x"}]}, "1": {}, "a.b": {}}, "labels": {"a/b": "x", "c": "y"},
    });
    let answer = &judge([json!({"schema": node, "object": object})])[0]["refusals"];
    let theirs = answer.as_array().unwrap().iter().map(|refusal| refusal["field"].as_str().unwrap().to_owned());
    let mut found = Vec::new();
    SchemaNode::compile(&node, &mut Vec::new()).check_rules(&object, &mut FieldPath::of(&["value"]), &mut found);
    let ours = found.iter().map(|violation| violation.path.to_string());
    assert_eq!(ours.collect::<BTreeSet<_>>(), theirs.collect::<BTreeSet<_>>());
    assert_eq!(found.len(), 6);
}

/// A function that no case names would be one that nobody compared.
#[test]
fn every_function_is_in_a_case() {
    let all: Vec<&str> =
        GROUPS.iter().flat_map(|table| table.iter()).flat_map(|group| group.expressions).copied().collect();
    let text = all.join("\n");
    let operators = [
        ("_+_", " + "),
        ("_-_", " - "),
        ("_*_", " * "),
        ("_/_", " / "),
        ("_%_", " % "),
        ("-_", "-"),
        ("_==_", "=="),
        ("_!=_", "!="),
        ("_<_", " < "),
        ("_<=_", "<="),
        ("_>_", " > "),
        ("_>=_", ">="),
        ("@in", " in "),
        ("_&&_", " && "),
        ("_||_", " || "),
        ("!_", "!"),
        ("_?_:_", " ? "),
        ("_[_]", "["),
        ("_[?_]", "[?"),
    ];
    for name in orloj_operator::cel::function_names() {
        let operator = operators.iter().find(|(operator, _)| *operator == name);
        if name == "@sortByAssociatedKeys" {
            continue;
        }
        let wanted = operator.map_or_else(|| format!("{name}("), |(_, sign)| (*sign).to_owned());
        assert!(text.contains(&wanted), "no case has `{wanted}`");
    }
    for name in ["or", "orValue"].into_iter().chain(orloj_operator::cel::macro_names()) {
        assert!(text.contains(&format!("{name}(")), "no case has `{name}`");
    }
}
