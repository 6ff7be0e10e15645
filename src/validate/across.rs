//! Rules that look at more than one object: what is defined twice, claims the same row, or names what is not there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::finding::{Draft, Finding};
use super::ignore::Ignored;
use super::place::Maps;
use super::rule::{self, Rule};
use super::way::{self, Step, Way, way};
use super::{suggest, walk};
use crate::registry::{Kind, Reference, Registry};
use crate::resource::{KindIndex, Resource};
use crate::source::manifest::{Entry, Part, Place, Reader, STDIN};

/// Names that are looked through for one that may have been meant.
const MAX_NAMES: usize = 5_000;

/// Where a fact stands.
#[derive(Clone, Debug)]
struct Spot {
    place: Place,
    object: Arc<str>,
    ignored: Arc<Ignored>,
    way: Way,
    /// The place, where it cannot be looked up later.
    placed: Option<Box<Finding>>,
}

#[derive(Debug)]
struct Definition {
    kind: KindIndex,
    namespace: Box<str>,
    name: Box<str>,
    row_namespace: Box<str>,
    spot: Spot,
}

#[derive(Debug)]
struct Link {
    /// The kind that is named.
    kind: KindIndex,
    /// The name is a key.
    key: bool,
    namespace: Box<str>,
    name: Box<str>,
    spot: Spot,
}

/// What of one file's objects is needed to judge others.
#[derive(Debug, Default)]
pub struct Facts {
    definitions: Vec<Definition>,
    links: Vec<Link>,
}

/// An object whose facts are taken down.
#[derive(Debug)]
pub struct Subject<'s> {
    pub kind: &'s Kind,
    pub resource: &'s Resource,
    /// As submitted.
    pub object: &'s Value,
    pub label: Arc<str>,
    pub ignored: Arc<Ignored>,
}

impl Facts {
    /// Takes down an object's.
    pub fn add(&mut self, registry: &Registry, entry: &Entry<'_>, subject: &Subject<'_>, maps: &mut Maps) {
        let map = (*entry.place.file == *Path::new(STDIN)).then(|| maps.of(entry, subject.kind.sensitive));
        let spot = |way: Way| {
            let draft = || Draft::new(&rule::MISSING_REFERENCE, way.clone(), String::new());
            let placed = map.as_ref().map(|map| Box::new(map.place(draft(), None)));
            Spot {
                place: entry.place.clone(),
                object: Arc::clone(&subject.label),
                ignored: Arc::clone(&subject.ignored),
                way,
                placed,
            }
        };
        let key = subject.kind.scoped_key(subject.resource);
        let row_namespace: Box<str> = key.split_once('/').map_or("", |(namespace, _)| namespace).into();
        let first = self.links.len();
        for reference in &subject.kind.relations.references {
            let Some(kind) = kind_of(registry, reference) else { continue };
            walk::each(&reference.path, subject.object, None, &mut |value, way| {
                for (text, way) in named(reference, value, way) {
                    if reference.made.as_ref().is_some_and(|mark| text.contains(mark.as_str())) {
                        continue;
                    }
                    let (namespace, name) = text.split_once('/').unwrap_or((&row_namespace, &text));
                    let known = |link: &Link| link.kind == kind && *link.namespace == *namespace && *link.name == *name;
                    // a name that an object says twice is told once
                    if !self.links.iter().skip(first).any(known) {
                        let (namespace, name) = (namespace.into(), name.into());
                        self.links.push(Link { kind, key: reference.keys, namespace, name, spot: spot(way) });
                    }
                }
            });
        }
        self.definitions.push(Definition {
            kind: subject.kind.index,
            namespace: (&*subject.resource.id.object.namespace).into(),
            name: (&*subject.resource.id.object.name).into(),
            row_namespace,
            spot: spot(way(&["metadata", "name"])),
        });
    }
}

fn kind_of(registry: &Registry, reference: &Reference) -> Option<KindIndex> {
    let found =
        registry.kinds().iter().find(|kind| kind.names.kind == reference.kind && kind.names.group == reference.group);
    found.map(|kind| kind.index)
}

/// The names in a value: itself, or its keys.
fn named(reference: &Reference, value: &Value, way: &Way) -> Vec<(String, Way)> {
    if !reference.keys {
        let name = value.as_str().map(str::trim).filter(|name| !name.is_empty());
        return name.map(|name| (name.to_owned(), way.clone())).into_iter().collect();
    }
    let keys = value.as_object().into_iter().flatten().map(|(key, _)| key);
    keys.map(|key| {
        let mut way = way.clone();
        way.push(Step::Key(key.clone()));
        (key.clone(), way)
    })
    .collect()
}

/// Judges all facts together. The findings come in the order of the files.
pub struct Judge<'r> {
    pub registry: &'r Registry,
    pub reader: &'r Reader,
    /// A reference to what no file defines is an error.
    pub closed: bool,
}

/// An object within a file: its document, and the way through lists.
type Address = (usize, Box<[usize]>);

/// Number of the file, what is found, and where.
type Pending = (usize, Draft, Spot);

impl Judge<'_> {
    /// `facts` in the order of the files.
    #[must_use]
    pub fn run(&self, facts: &[(Arc<Path>, Facts)]) -> Vec<Finding> {
        let mut pending: Vec<Pending> = Vec::new();
        self.definitions(facts, &mut pending);
        self.links(facts, &mut pending);
        pending.retain(|(_, draft, spot)| !spot.ignored.contains_key(draft.rule.id));
        let mut by_file: BTreeMap<usize, Vec<(Draft, Spot)>> = BTreeMap::new();
        for (file, draft, spot) in pending {
            by_file.entry(file).or_default().push((draft, spot));
        }
        let mut found = Vec::new();
        for (file, drafts) in by_file {
            let Some((path, _)) = facts.get(file) else { continue };
            let mut placed = self.place(path, drafts);
            placed.sort_by(|a, b| (a.line, a.column, a.rule.id).cmp(&(b.line, b.column, b.rule.id)));
            found.extend(placed);
        }
        found
    }

    fn definitions(&self, facts: &[(Arc<Path>, Facts)], pending: &mut Vec<Pending>) {
        let mut resources: HashMap<(KindIndex, &str, &str), &Spot> = HashMap::new();
        let mut rows: HashMap<(KindIndex, &str, &str), &Definition> = HashMap::new();
        for (file, (_, facts)) in facts.iter().enumerate() {
            for one in &facts.definitions {
                let kind = &self.registry.kind(one.kind).names.kind;
                let mut tell = |rule: &'static Rule, text: String, help: &str| {
                    let draft = Draft::new(rule, one.spot.way.clone(), text).help(Some(help.to_owned()));
                    pending.push((file, draft, one.spot.clone()));
                };
                if let Some(first) = resources.get(&(one.kind, &one.namespace, &one.name)) {
                    let text = format!("{kind} {}/{} is given before, at {}", one.namespace, one.name, first.place);
                    tell(&rule::DUPLICATE_RESOURCE, text, "of two manifests of one resource the last one applied wins");
                    continue;
                }
                resources.insert((one.kind, &one.namespace, &one.name), &one.spot);
                let row = (one.kind, &*one.row_namespace, &*one.name);
                match rows.get(&row) {
                    Some(first) => {
                        let text = format!(
                            "the row {}/{} is claimed by {kind} {}/{} too, at {}",
                            one.row_namespace, one.name, first.namespace, first.name, first.spot.place
                        );
                        tell(&rule::KEY_CONFLICT, text, "rename one of the two, or give it another target namespace");
                    }
                    None => drop(rows.insert(row, one)),
                }
            }
        }
    }

    fn links(&self, facts: &[(Arc<Path>, Facts)], pending: &mut Vec<Pending>) {
        let all = || facts.iter().flat_map(|(_, facts)| &facts.definitions);
        let defined: HashSet<(KindIndex, &str, &str)> =
            all().map(|one| (one.kind, &*one.row_namespace, &*one.name)).collect();
        for (file, (_, facts)) in facts.iter().enumerate() {
            for link in &facts.links {
                if defined.contains(&(link.kind, &*link.namespace, &*link.name)) {
                    continue;
                }
                let kind = &self.registry.kind(link.kind).names.kind;
                let text = format!(
                    "{}: no given file defines the {kind} \"{}\" in namespace \"{}\"",
                    way::text(&link.spot.way),
                    link.name.escape_debug(),
                    link.namespace.escape_debug()
                );
                let help = (defined.len() <= MAX_NAMES)
                    .then(|| {
                        let near = defined
                            .iter()
                            .filter(|(kind, namespace, _)| *kind == link.kind && **namespace == *link.namespace);
                        let mut names: Vec<&str> = near.map(|(_, _, name)| *name).collect();
                        names.sort_unstable();
                        suggest(&link.name, names)
                    })
                    .flatten();
                let mut draft = Draft::new(&rule::MISSING_REFERENCE, link.spot.way.clone(), text).help(help);
                if link.key {
                    draft = draft.key();
                }
                if self.closed {
                    draft.severity = rule::Severity::Error;
                }
                pending.push((file, draft, link.spot.clone()));
            }
        }
    }

    /// Places findings of one file by reading it again.
    fn place(&self, file: &Arc<Path>, drafts: Vec<(Draft, Spot)>) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut waiting: HashMap<Address, Vec<(Draft, Spot)>> = HashMap::new();
        for (draft, spot) in drafts {
            match &spot.placed {
                Some(placed) => found.push(told(draft, &spot, placed)),
                None => {
                    waiting.entry((spot.place.document(), spot.place.items().into())).or_default().push((draft, spot));
                }
            }
        }
        if waiting.is_empty() {
            return found;
        }
        let mut maps = Maps::default();
        self.reader.entries_of_file(file, super::MAX_DOCUMENT, &mut |part| {
            if let Part::Entry(entry) = part
                && let Some(drafts) = waiting.remove(&(entry.place.document(), entry.place.items().into()))
            {
                let map = maps.of(&entry, super::is_sensitive(self.registry, &entry.value));
                found.extend(drafts.into_iter().map(|(draft, spot)| map.place(draft, Some(&spot.object))));
            }
            !waiting.is_empty()
        });
        // the file has changed meanwhile: better a finding without its place than none
        for (draft, spot) in waiting.into_values().flatten() {
            found.push(super::unplaced(draft, &spot.place, Some(&spot.object)));
        }
        found
    }
}

impl std::fmt::Debug for Judge<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge").field("closed", &self.closed).finish_non_exhaustive()
    }
}

fn told(draft: Draft, spot: &Spot, placed: &Finding) -> Finding {
    Finding {
        rule: draft.rule,
        severity: draft.severity,
        object: Some(spot.object.to_string()),
        path: way::text(&draft.way),
        text: draft.text,
        help: draft.help,
        note: draft.note,
        ..placed.clone()
    }
}
