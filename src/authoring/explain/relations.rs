//! What `validate` looks at: what a field names, what of it is outdated, and its part in a graph.

use super::touches;
use crate::registry::file::{GraphSpec, KindFile, OutdatedSpec, ReferenceSpec};

pub(super) fn told(file: &KindFile, wanted: &str) -> Vec<String> {
    let mut found = Vec::new();
    // unlike a step, a reference says nothing of what is below its field
    let leads = |spec: &&ReferenceSpec| spec.path.strip_prefix(wanted).is_some_and(begins);
    found.extend(file.references.iter().filter(leads).map(|spec| reference(file, spec)));
    found.extend(file.outdated.iter().filter(|spec| touches(&spec.path, wanted)).map(outdated));
    if let Some(spec) = &file.graph {
        graph(spec, wanted, &mut found);
    }
    found
}

/// Fields of other kinds that name this one.
pub(super) fn named_by(kinds: &[KindFile], file: &KindFile) -> Vec<String> {
    let names = |other: &KindFile, spec: &ReferenceSpec| {
        spec.kind == file.kind && *spec.group.as_ref().unwrap_or(&other.group) == file.group
    };
    let each = |other: &KindFile| -> Vec<String> {
        let specs = other.references.iter().filter(|spec| names(other, spec));
        specs.map(|spec| format!("{}: {}", other.kind, spec.path)).collect()
    };
    kinds.iter().flat_map(each).collect()
}

fn begins(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['.', '['])
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" }
}

fn reference(file: &KindFile, spec: &ReferenceSpec) -> String {
    let (subject, verb) =
        if spec.keys { (format!("the keys of {}", spec.path), "name") } else { (spec.path.clone(), "names") };
    let group = spec.group.as_ref().filter(|group| **group != file.group);
    let group = group.map(|group| format!(" of {group}")).unwrap_or_default();
    let made = spec
        .made_by
        .as_ref()
        .map(|made| format!("; one with `{}` may be made by orlojd, and is not looked for", made.name_contains));
    format!(
        "{subject} {verb} {} {}{group} in the same namespace, or in another one as `namespace/name`{}\n\
         missing-reference: where no file given defines it",
        article(&spec.kind),
        spec.kind,
        made.unwrap_or_default()
    )
}

fn outdated(spec: &OutdatedSpec) -> String {
    let what = spec.value.as_ref().map_or_else(|| spec.path.clone(), |value| format!("{}: `{value}`", spec.path));
    let (id, text) = match (&spec.deprecated, &spec.removed) {
        (Some(since), Some(gone)) => {
            ("removed-value", format!("is deprecated since orlojd {since}, and was removed in orlojd {gone}"))
        }
        (None, Some(gone)) => ("removed-value", format!("was removed in orlojd {gone}")),
        (Some(since), None) => ("deprecated-value", format!("is deprecated since orlojd {since}")),
        // the loader asks for one of the two
        (None, None) => ("deprecated-value", "is outdated".to_owned()),
    };
    format!("{what} {text}\n{id}: {}", spec.instead)
}

fn graph(spec: &GraphSpec, wanted: &str, found: &mut Vec<String>) {
    let node = format!("{}.*", spec.nodes);
    let from_node = |path: &String| if path == "." { node.clone() } else { format!("{node}{path}") };
    if touches(&spec.nodes, wanted) {
        let members = match spec.members.as_slice() {
            [] => String::new(),
            members => format!(", {} name nodes too", members.join(" and ")),
        };
        let mut text = format!("{} is a graph: its keys are the nodes{members}", spec.nodes);
        text.push_str("\ngraph-dead-end: where a way leads to no node of that name, or has no target");
        if !spec.ways.is_empty() {
            text.push_str("\ngraph-endless: where from some nodes no way leads to an end");
        }
        found.push(text);
    }
    for member in spec.members.iter().filter(|member| touches(member, wanted) && !touches(&spec.nodes, wanted)) {
        found.push(format!("{member} names nodes of the graph {}", spec.nodes));
    }
    for way in &spec.ways {
        let to = from_node(&way.to);
        let holder = to.rsplit_once('.').map_or(to.as_str(), |(holder, _)| holder).to_owned();
        let paths: Vec<String> =
            way.condition.iter().chain(&way.otherwise).map(|path| format!("{holder}{path}")).collect();
        if touches(&to, wanted) || paths.iter().any(|path| touches(path, wanted)) {
            let open = match (&way.condition, &way.otherwise) {
                (Some(condition), Some(otherwise)) => {
                    format!("; it is always open where {holder}{condition} is empty or {holder}{otherwise} is true")
                }
                (Some(condition), None) => format!("; it is always open where {holder}{condition} is empty"),
                _ => "; it is always open".to_owned(),
            };
            found.push(format!("{to} names the node that a way leads to{open}"));
        }
    }
    let calls = spec.calls.iter().map(from_node).filter(|path| touches(path, wanted));
    found.extend(calls.map(|path| format!("{path} names a node that comes back to its caller")));
    let exits = spec.exits.iter().map(from_node).filter(|path| touches(path, wanted));
    found.extend(exits.map(|path| format!("{path}: a node with it may end the run")));
}
