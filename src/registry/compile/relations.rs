//! What a spec says of other resources and of itself: references, a graph, what is outdated.

use super::Faults;
use crate::normalize::{PathPattern, Shape};
use crate::registry::file::{GraphSpec, KindFile, OutdatedSpec, ReferenceSpec};
use crate::registry::kind::{Graph, GraphWay, Outdated, Reference, Relations};

pub(super) fn compile(file: &KindFile, shape: &Shape, faults: &mut Faults<'_>) -> Relations {
    let mut relations = Relations::default();
    for (index, spec) in file.references.iter().enumerate() {
        relations.references.extend(reference(file, spec, &format!("/references/{index}"), shape, faults));
    }
    for (index, spec) in file.outdated.iter().enumerate() {
        relations.outdated.extend(outdated(spec, &format!("/outdated/{index}"), shape, faults));
    }
    relations.graph = file.graph.as_ref().and_then(|spec| graph(spec, shape, faults));
    relations
}

/// A path from the spec, or with `item` from that.
fn path<'s>(
    text: &str,
    pointer: &str,
    (spec, item): (&'s Shape, Option<&'s Shape>),
    faults: &mut Faults<'_>,
) -> Option<(PathPattern, &'s Shape)> {
    match PathPattern::compile(text, spec, item) {
        Ok(target) => Some((target.path, target.shape)),
        Err(error) => {
            faults.path(pointer, &error);
            None
        }
    }
}

fn names<'s>(
    text: &str,
    pointer: &str,
    shapes: (&'s Shape, Option<&'s Shape>),
    faults: &mut Faults<'_>,
) -> Option<PathPattern> {
    let (path, shape) = path(text, pointer, shapes, faults)?;
    if !matches!(shape, Shape::String) {
        faults.value(pointer, format!("`{text}` is no string"));
        return None;
    }
    Some(path)
}

fn reference(
    file: &KindFile,
    spec: &ReferenceSpec,
    pointer: &str,
    shape: &Shape,
    faults: &mut Faults<'_>,
) -> Option<Reference> {
    let at = format!("{pointer}/path");
    let found = if spec.keys {
        let (path, shape) = path(&spec.path, &at, (shape, None), faults)?;
        if !matches!(shape, Shape::Map(_)) {
            faults.value(&at, format!("`{}` is no map, so it has no keys to be names", spec.path));
            return None;
        }
        path
    } else {
        names(&spec.path, &at, (shape, None), faults)?
    };
    Some(Reference {
        path: found,
        keys: spec.keys,
        group: spec.group.clone().unwrap_or_else(|| file.group.clone()),
        kind: spec.kind.clone(),
        made: spec.made_by.as_ref().map(|made| made.name_contains.clone()),
    })
}

fn outdated(spec: &OutdatedSpec, pointer: &str, shape: &Shape, faults: &mut Faults<'_>) -> Option<Outdated> {
    if spec.deprecated.is_none() && spec.removed.is_none() {
        faults.value(pointer, "say since when: `deprecated`, `removed` or both");
    }
    let at = format!("{pointer}/path");
    let found = match spec.value {
        Some(_) => names(&spec.path, &at, (shape, None), faults)?,
        None => path(&spec.path, &at, (shape, None), faults)?.0,
    };
    Some(Outdated {
        path: found,
        value: spec.value.clone(),
        deprecated: spec.deprecated.clone(),
        removed: spec.removed.clone(),
        instead: spec.instead.clone(),
    })
}

fn graph(spec: &GraphSpec, shape: &Shape, faults: &mut Faults<'_>) -> Option<Graph> {
    let (nodes, map) = path(&spec.nodes, "/graph/nodes", (shape, None), faults)?;
    let Shape::Map(node) = map else {
        faults.value("/graph/nodes", format!("`{}` is no map of nodes", spec.nodes));
        return None;
    };
    let mut relative = |texts: &[String], field: &str, string: bool| -> Vec<PathPattern> {
        let one = |(index, text): (usize, &String)| {
            let pointer = format!("/graph/{field}/{index}");
            if string {
                names(text, &pointer, (shape, Some(node)), faults)
            } else {
                path(text, &pointer, (shape, Some(node)), faults).map(|(path, _)| path)
            }
        };
        texts.iter().enumerate().filter_map(one).collect()
    };
    let members = relative(&spec.members, "members", true);
    let calls = relative(&spec.calls, "calls", true);
    let exits = relative(&spec.exits, "exits", false);
    let mut ways = Vec::new();
    for (index, way) in spec.ways.iter().enumerate() {
        let pointer = format!("/graph/ways/{index}");
        let Some(to) = names(&way.to, &format!("{pointer}/to"), (shape, Some(node)), faults) else { continue };
        let holder = way.to.rsplit_once('.').map_or("", |(holder, _)| holder);
        let holder = if holder.is_empty() { "." } else { holder };
        let Some((_, holder)) = path(holder, &format!("{pointer}/to"), (shape, Some(node)), faults) else { continue };
        let mut beside = |text: &Option<String>, field: &str| {
            let text = text.as_ref()?;
            path(text, &format!("{pointer}/{field}"), (shape, Some(holder)), faults).map(|(path, _)| path)
        };
        let (condition, otherwise) = (beside(&way.condition, "condition"), beside(&way.otherwise, "otherwise"));
        ways.push(GraphWay { to, condition, otherwise });
    }
    Some(Graph { nodes, members, ways, calls, exits })
}
