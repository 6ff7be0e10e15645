//! CEL rules and formats: what an expression comes to here is what it comes to in a real API server.
//!
//! A rule that is always false tells the value of an expression by its message. Each group of expressions has a CRD of
//! its own; an object of it is put before the server for each value, as a dry run.

mod cases;
mod formats;
mod generate;

use std::collections::BTreeMap;
use std::time::Instant;

use futures::StreamExt;
use orloj_operator::kube_schema::schema::{SchemaMismatch, SchemaNode};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::bed::{self, ControlPlane};
use crate::differential::{number, seed};
use crate::server::establish;
use cases::{GROUPS, Group};

/// Generated values a group; `VALIDATE_COUNT` says another number.
const COUNT: usize = 40;

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
    establish(plane, &list.to_string());
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
    node.check_rules(&value, &mut Vec::new(), &mut found);
    let messages: Vec<String> = found
        .into_iter()
        .map(|violation| match violation.mismatch {
            SchemaMismatch::Cel { message, .. } => message,
            other => format!("{other:?}"),
        })
        .collect();
    told(messages.iter().map(String::as_str), count)
}

#[tokio::test(flavor = "multi_thread")]
async fn expressions_come_to_what_they_come_to_in_the_server() {
    let plane = bed::control_plane();
    let seed = seed();
    println!("VALIDATE_SEED={seed} repeats this run");
    let mut rng = StdRng::seed_from_u64(seed);
    let count = number("VALIDATE_COUNT").unwrap_or(COUNT);
    let only: Option<String> = std::env::var("VALIDATE_GROUP").ok();
    let groups: Vec<&Group> = GROUPS
        .iter()
        .flat_map(|table| table.iter())
        .filter(|group| only.as_ref().is_none_or(|only| group.name == only))
        .collect();
    let crds: Vec<Value> = groups.iter().map(|group| crd(group.name, &schema(group))).collect();
    install(plane, &crds);
    let client = plane.admin_client().await;
    // one of each expression is enough to read
    let mut wrong = BTreeMap::new();
    let mut compared = 0;
    for group in groups {
        let started = Instant::now();
        let schema = schema(group);
        let mut unsupported = Vec::new();
        let node = SchemaNode::compile(&schema, &mut unsupported);
        assert_eq!(unsupported, [], "{}", group.name);
        let mut values: Vec<Value> =
            serde_json::from_str(group.values).unwrap_or_else(|error| panic!("{}: {error}", group.name));
        values.extend((0..count).filter_map(|_| generate::value(group.pieces, &mut rng)));
        let answers = futures::stream::iter(values)
            .map(|value| {
                let client = client.clone();
                async move { (ask(&client, group.name, &value).await, value) }
            })
            .buffer_unordered(CONCURRENCY)
            .collect::<Vec<_>>()
            .await;
        let (mut same, mut failing) = (0, 0);
        for (answer, value) in &answers {
            let (theirs, others) = told(answer.iter().map(|(_, message)| message.as_str()), group.expressions.len());
            assert!(others.is_empty(), "{} {value}: the server says {others:?}", group.name);
            let (ours, others) = ours(&node, value, group.expressions.len());
            for (index, expression) in group.expressions.iter().enumerate() {
                let (one, other) = (ours.get(&index), theirs.get(&index));
                if one == other {
                    same += 1;
                    failing += usize::from(one.is_some_and(|text| text == FAILED));
                } else {
                    let text = format!("  of {value}\n  ours {one:?} {others:?}\n  theirs {other:?}");
                    wrong.entry(format!("{}: {expression}", group.name)).or_insert_with(Vec::new).push(text);
                }
            }
        }
        compared += same;
        println!("{:12} {same:6} values, of which {failing:5} are errors; {:?}", group.name, started.elapsed());
    }
    println!("{compared} values compared");
    let shown = wrong.iter().take(40).map(|(expression, of)| format!("{expression}, {} times\n{}", of.len(), of[0]));
    let shown = shown.collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} expressions with disagreements (VALIDATE_SEED={seed}):\n{shown}", wrong.len());
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
    ];
    for name in orloj_operator::kube_schema::cel::function_names() {
        let operator = operators.iter().find(|(operator, _)| *operator == name);
        let wanted = operator.map_or_else(|| format!("{name}("), |(_, sign)| (*sign).to_owned());
        assert!(text.contains(&wanted), "no case has `{wanted}`");
    }
    for name in [
        "all",
        "exists",
        "exists_one",
        "existsOne",
        "map",
        "filter",
        "sortBy",
        "transformList",
        "transformMap",
        "transformMapEntry",
        "optMap",
        "optFlatMap",
        "or",
        "orValue",
        "has",
    ] {
        assert!(text.contains(&format!("{name}(")), "no case has `{name}`");
    }
}
