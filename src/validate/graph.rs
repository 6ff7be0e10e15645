//! A graph within a spec: ways that lead to no node, and rounds that nothing ends.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::finding::ObjectFinding;
use super::rule;
use super::walk;
use crate::apimachinery::field_path::{FieldPath, PathSegment};
use crate::apimachinery::suggest::suggest;
use crate::normalize::PathPattern;
use crate::registry::{Graph, GraphWay};

/// A node, as far as its ways are concerned.
#[derive(Default)]
struct GraphNode {
    next: BTreeSet<String>,
    /// A way that is always open: the run never ends here.
    always: bool,
}

/// Collects what is wrong with an object's graph.
pub fn check(graph: &Graph, object: &Value, found: &mut Vec<ObjectFinding>) {
    let mut nodes: Vec<(String, FieldPath, &Value)> = Vec::new();
    walk::each(&graph.nodes, object, None, &mut |value, way| {
        for (name, node) in value.as_object().into_iter().flatten() {
            let mut way = way.clone();
            way.push(PathSegment::Key(name.clone()));
            nodes.push((name.clone(), way, node));
        }
    });
    if nodes.is_empty() {
        return;
    }
    let mut names: BTreeSet<String> = nodes.iter().map(|(name, ..)| name.clone()).collect();
    for member in &graph.members {
        walk::each(member, object, None, &mut |value, _| {
            names.extend(value.as_str().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()));
        });
    }
    let mut ways = BTreeMap::new();
    for (name, at, node) in &nodes {
        let mut judged = GraphNode::default();
        for way in &graph.ways {
            leave(way, (object, node, at), &names, &mut judged, found);
        }
        for call in &graph.calls {
            walk::each(call, object, Some((*node, at)), &mut |value, way| {
                leads_somewhere(value, way, &names, found);
            });
        }
        let may_end = graph.exits.iter().any(|exit| walk::one(exit, node).is_some_and(|value| !value.is_null()));
        judged.always &= !may_end;
        ways.insert(name.clone(), judged);
    }
    endless(&nodes, &ways, found);
}

/// Follows the ways that leave a node by one field.
fn leave(
    way: &GraphWay,
    (object, node, at): (&Value, &Value, &FieldPath),
    names: &BTreeSet<String>,
    judged: &mut GraphNode,
    found: &mut Vec<ObjectFinding>,
) {
    let holder = PathPattern {
        root: way.to.root,
        segments: way.to.segments.get(..way.to.segments.len().saturating_sub(1)).unwrap_or_default().to_vec(),
    };
    let field = PathPattern { root: way.to.root, segments: way.to.segments.last().cloned().into_iter().collect() };
    walk::each(&holder, object, Some((node, at)), &mut |holder, here| {
        let target = walk::one(&field, holder);
        let many = !way.to.segments.is_empty() && way.to.is_many();
        let Some(target) = target.filter(|target| !target.is_null()) else {
            if many && holder.is_object() {
                let text = format!("{here}: a way without a target is dropped");
                found.push(ObjectFinding::new(&rule::GRAPH_DEAD_END, here.clone(), text));
            }
            return;
        };
        let mut there = here.clone();
        if let Some(crate::normalize::Segment::Field { name, .. }) = way.to.segments.last() {
            there.push(PathSegment::Key(name.to_string()));
        }
        let blank = target.as_str().is_some_and(|target| target.trim().is_empty());
        if blank && many {
            let text = format!("{here}: a way without a target is dropped");
            return found.push(ObjectFinding::new(&rule::GRAPH_DEAD_END, there, text));
        }
        let Some(target) = leads_somewhere(target, &there, names, found) else { return };
        judged.next.insert(target);
        let get = |path: &Option<PathPattern>| path.as_ref().and_then(|path| walk::one(path, holder));
        let condition = get(&way.condition).and_then(Value::as_object).is_some_and(|map| !map.is_empty());
        let otherwise = get(&way.otherwise) == Some(&Value::Bool(true));
        judged.always |= !condition || otherwise;
    });
}

/// The node that a way leads to; a finding where there is none of that name.
fn leads_somewhere(
    target: &Value,
    way: &FieldPath,
    names: &BTreeSet<String>,
    found: &mut Vec<ObjectFinding>,
) -> Option<String> {
    let target = target.as_str().map(str::trim).filter(|target| !target.is_empty())?;
    if names.contains(target) {
        return Some(target.to_owned());
    }
    let text = format!("{way}: there is no node \"{}\"", target.escape_debug());
    let help = suggest(target, names.iter().map(String::as_str));
    found.push(ObjectFinding::new(&rule::GRAPH_DEAD_END, way.clone(), text).help(help));
    None
}

/// Nodes from which every way leads on for ever: all that can be reached never ends.
fn endless(nodes: &[(String, FieldPath, &Value)], ways: &BTreeMap<String, GraphNode>, found: &mut Vec<ObjectFinding>) {
    // what may end, and then what leads there
    let ends = |name: &str| ways.get(name).is_none_or(|node| !node.always || node.next.is_empty());
    let mut before: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, node) in ways {
        for next in &node.next {
            before.entry(next).or_default().push(name);
        }
    }
    let all = ways.keys().chain(ways.values().flat_map(|node| &node.next)).map(String::as_str);
    let mut ending: BTreeSet<&str> = all.filter(|name| ends(name)).collect();
    let mut waiting: Vec<&str> = ending.iter().copied().collect();
    while let Some(name) = waiting.pop() {
        for from in before.get(name).into_iter().flatten() {
            if ending.insert(from) {
                waiting.push(from);
            }
        }
    }
    let stuck: Vec<&(String, FieldPath, &Value)> =
        nodes.iter().filter(|(name, ..)| !ending.contains(name.as_str())).collect();
    let Some((_, way, _)) = stuck.first() else { return };
    let names = stuck.iter().map(|(name, ..)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let text = format!("the graph goes round for ever: from {names} no way leads to an end");
    let help = "give one of these nodes a conditional way, a review, or a way to a node without one".to_owned();
    found.push(ObjectFinding::new(&rule::GRAPH_ENDLESS, way.clone(), text).key().help(Some(help)));
}
