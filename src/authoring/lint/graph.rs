//! A graph of which nothing is ever told.

use super::Desk;
use super::relations::CONSTANT;
use crate::normalize::{PathPattern, Root, Shape};
use crate::registry::file::{GraphSpec, KindFile, WaySpec};

const TWICE: &str = "relation-twice";

pub(super) fn check(desk: &mut Desk<'_>, file: &KindFile, shape: &Shape) {
    let Some(graph) = &file.graph else { return };
    let Some(Shape::Map(node)) = shape_at(&graph.nodes, shape, shape) else { return };
    if graph.ways.is_empty() && graph.calls.is_empty() {
        let help = "name in `ways` or `calls` the strings that lead from a node to another".to_owned();
        desk.key(CONSTANT, "/graph", "a graph without ways: nothing of it is ever told", Some(help));
    }
    for (index, member) in graph.members.iter().enumerate() {
        let wrong = (!member.starts_with("spec")).then(|| format!("`{member}`: members are named from the spec"));
        tell(desk, wrong, &format!("/graph/members/{index}"));
    }
    let paths = graph.ways.iter().enumerate().map(|(index, way)| (format!("ways/{index}/to"), &way.to));
    let calls = graph.calls.iter().enumerate().map(|(index, call)| (format!("calls/{index}"), call));
    for (at, path) in paths.chain(calls) {
        let wrong =
            (!from_node(path)).then(|| format!("`{path}` is not from the node: every node would have that way"));
        tell(desk, wrong, &format!("/graph/{at}"));
    }
    for (index, exit) in graph.exits.iter().enumerate() {
        tell(desk, exits(exit, shape, node), &format!("/graph/exits/{index}"));
    }
    for (index, way) in graph.ways.iter().enumerate() {
        beside(desk, way, shape, node, &format!("/graph/ways/{index}"));
    }
    twice(desk, graph);
}

fn tell(desk: &mut Desk<'_>, message: Option<String>, at: &str) {
    if let Some(message) = message {
        let help = "a path from the spec begins with `spec.`, one from a node with `.`".to_owned();
        desk.value(CONSTANT, at, message, Some(help));
    }
}

fn from_node(path: &str) -> bool {
    path.starts_with(['.', '['])
}

fn shape_at<'s>(path: &str, spec: &'s Shape, item: &'s Shape) -> Option<&'s Shape> {
    PathPattern::compile(path, spec, Some(item)).ok().map(|target| target.shape)
}

/// Why a field of a node never ends a run, or always does.
fn exits(exit: &str, spec: &Shape, node: &Shape) -> Option<String> {
    let path = PathPattern::compile(exit, spec, Some(node)).ok()?.path;
    if path.root != Root::Item {
        return Some(format!("`{exit}` is not from the node: no node has it"));
    }
    if path.segments.is_empty() {
        return Some("the node itself is always there: no round would ever be told".to_owned());
    }
    path.is_many().then(|| format!("`{exit}` leads to many values: no node has that one"))
}

/// Fields beside the string that names the other node.
fn beside(desk: &mut Desk<'_>, way: &WaySpec, spec: &Shape, node: &Shape, at: &str) {
    let holder = way.to.rsplit_once('.').map_or("", |(holder, _)| holder);
    let Some(holder) = shape_at(if holder.is_empty() { "." } else { holder }, spec, node) else { return };
    let fields = [("condition", &way.condition), ("otherwise", &way.otherwise)];
    for (key, path) in fields.into_iter().filter_map(|(key, path)| Some((key, path.as_ref()?))) {
        let Ok(target) = PathPattern::compile(path, spec, Some(holder)) else { continue };
        let fits = match key {
            "condition" => matches!(target.shape, Shape::Object(_) | Shape::Map(_) | Shape::Free),
            _ => matches!(target.shape, Shape::Boolean),
        };
        let wrong = if target.path.root != Root::Item {
            Some(format!("`{path}` is not from what holds `{}`: it is never there", way.to))
        } else if target.path.is_many() {
            Some(format!("`{path}` leads to many values: no way has that one"))
        } else if fits {
            None
        } else {
            let wanted = if key == "condition" { "an object" } else { "a boolean" };
            Some(format!("`{key}` is asked of {wanted}, `{path}` is {}: it never holds", target.shape.expected()))
        };
        if let Some(message) = wrong {
            desk.value(CONSTANT, &format!("{at}/{key}"), message, None);
        }
    }
    if way.otherwise.is_some() && way.condition.is_none() {
        let message = "without `condition` the way is always open: `otherwise` changes nothing";
        desk.key(CONSTANT, &format!("{at}/otherwise"), message, Some("name the `condition`".to_owned()));
    }
}

/// Paths that are named twice.
fn twice(desk: &mut Desk<'_>, graph: &GraphSpec) {
    let ways: Vec<&String> = graph.ways.iter().map(|way| &way.to).collect();
    let lists = [("members", &graph.members), ("calls", &graph.calls), ("exits", &graph.exits)];
    let mut found: Vec<(String, &String)> = Vec::new();
    for (key, paths) in lists {
        let again =
            |index: usize, path: &String| paths[..index].contains(path) || key == "calls" && ways.contains(&path);
        let again = paths.iter().enumerate().filter(|(index, path)| again(*index, path));
        found.extend(again.map(|(index, path)| (format!("{key}/{index}"), path)));
    }
    let again = ways.iter().enumerate().filter(|(index, path)| ways[..*index].contains(path));
    found.extend(again.map(|(index, path)| (format!("ways/{index}/to"), *path)));
    for (at, path) in found {
        desk.value(TWICE, &format!("/graph/{at}"), format!("the graph has `{path}` already"), None);
    }
}
