//! Rules that look at more than one object: what is defined twice, claims the same row, or names what is not there.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::facts::{FileFacts, Id, JudgedObject, KnownRow, Link, Name, Spot};
use super::file::{Look, Validator};
use super::finding::{Finding, ObjectFinding};
use super::parallel::in_order;
use super::paths::Paths;
use super::rule::{self, ValidationRule};
use crate::apimachinery::field_path::FieldPath;
use crate::apimachinery::suggest::suggest;
use crate::resource::KindIndex;
use crate::source::manifest::ManifestPlace;

/// Names that are kept, to be looked through for one that may have been meant.
const MAX_NAMES: usize = 5_000;

/// Pairs of a name that is not there and one that is; with more of them, none is compared.
const MAX_COMPARED: usize = 1_000_000;

/// Fewest names that nobody has defined yet before they are looked through again.
const MIN_WANTED: usize = 4_096;

/// What is known of all objects so far.
#[derive(Debug)]
pub struct Across {
    paths: Paths,
    rows: HashMap<Id, Claim>,
    /// Resources that do not claim the row of their own name, or not as the first.
    others: HashMap<Id, Spot>,
    clashes: BTreeMap<Spot, Clash>,
    /// Rows that are named and were not there when they were looked for last.
    wanted: Vec<(Id, Spot)>,
    /// How many of these there may be until they are looked for again.
    limit: usize,
    /// As long as they are few.
    known: Vec<KnownRow>,
}

/// The first object that claims a row.
#[derive(Clone, Copy, Debug)]
struct Claim {
    spot: Spot,
    /// Row and resource have the same name.
    own: bool,
}

/// An object that is at odds with an earlier one.
#[derive(Clone, Copy, Debug)]
struct Clash {
    first: Spot,
    /// It is the same resource, not only the same row.
    same: bool,
}

impl Default for Across {
    fn default() -> Self {
        Self {
            paths: Paths::default(),
            rows: HashMap::new(),
            others: HashMap::new(),
            clashes: BTreeMap::new(),
            wanted: Vec::new(),
            limit: MIN_WANTED,
            known: Vec::new(),
        }
    }
}

impl Across {
    /// Takes up what a file has told. `text` is what it held, where it cannot be read again.
    pub fn add(&mut self, file: &Path, text: Option<Arc<[u8]>>, facts: FileFacts) {
        let file = self.paths.add(file, text);
        for one in facts.definitions {
            let (spot, own) = (Spot { file, entry: one.entry }, one.row == one.resource);
            if let Some(first) = self.resource(one.resource) {
                self.clashes.insert(spot, Clash { first, same: true });
                continue;
            }
            let first = self.rows.entry(one.row).or_insert(Claim { spot, own }).spot;
            if first != spot {
                self.clashes.insert(spot, Clash { first, same: false });
            }
            if first != spot || !own {
                self.others.insert(one.resource, spot);
            }
            self.keep(one.known);
        }
        self.wanted.extend(facts.links.into_iter().map(|(to, entry)| (to, Spot { file, entry })));
        if self.wanted.len() > self.limit {
            self.look_for_wanted();
            self.limit = (self.wanted.len() * 2).max(MIN_WANTED);
        }
    }

    /// Keeps a name, as long as there are few.
    fn keep(&mut self, known: KnownRow) {
        if self.known.len() < MAX_NAMES {
            self.known.push(known);
        }
    }

    /// The first object that gives a resource.
    fn resource(&self, resource: Id) -> Option<Spot> {
        let own = self.rows.get(&resource).filter(|claim| claim.own).map(|claim| claim.spot);
        own.or_else(|| self.others.get(&resource).copied())
    }

    fn look_for_wanted(&mut self) {
        self.wanted.retain(|(to, _)| !self.rows.contains_key(to));
    }

    /// Judges all objects together, once all are known, and tells the findings file by file: those with something to
    /// tell are read once more.
    pub fn judge<E>(
        mut self,
        validator: &Validator,
        tell: &mut dyn FnMut(Vec<Finding>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.look_for_wanted();
        if !validator.tells(&rule::MISSING_REFERENCE) {
            self.wanted.clear();
        }
        let mut second = Second::new(&self, validator);
        let mut firsts = HashMap::new();
        let first = self.clashes.values().map(|clash| clash.first).collect();
        in_order(|tell| by_file(first, tell), |(file, spots)| second.firsts_of(file, spots), &mut |found| {
            firsts.extend(found);
            Ok(())
        })?;
        second.firsts = firsts;
        let spots = self.clashes.keys().chain(self.wanted.iter().map(|(_, spot)| spot)).copied().collect();
        in_order(|tell| by_file(spots, tell), |(file, spots)| second.findings_of(file, spots), &mut |found: Vec<
            Finding,
        >| {
            if found.is_empty() { Ok(()) } else { tell(found) }
        })
    }
}

/// Tells each file with those of its objects.
fn by_file(spots: BTreeSet<Spot>, tell: &mut dyn FnMut((u32, BTreeSet<u32>))) {
    let mut spots = spots.into_iter().peekable();
    while let Some(Spot { file, entry }) = spots.next() {
        let mut entries = BTreeSet::from([entry]);
        while let Some(spot) = spots.next_if(|spot| spot.file == file) {
            entries.insert(spot.entry);
        }
        tell((file, entries));
    }
}

/// The second look at the objects with something to tell.
struct Second<'s> {
    across: &'s Across,
    validator: &'s Validator,
    /// Rows that nobody claims.
    missing: HashSet<Id>,
    /// Objects that later ones clash with.
    firsts: HashMap<Spot, First>,
    /// Names that may have been meant, by kind and namespace, sorted.
    names: HashMap<(KindIndex, &'s str), Vec<&'s str>>,
}

/// An object that a later one clashes with, as its finding speaks of it.
struct First {
    namespace: String,
    name: String,
    place: ManifestPlace,
}

impl<'s> Second<'s> {
    fn new(across: &'s Across, validator: &'s Validator) -> Self {
        let missing: HashSet<Id> = across.wanted.iter().map(|(to, _)| *to).collect();
        let mut names: HashMap<_, Vec<&str>> = HashMap::new();
        // each is compared with each
        if across.known.len().saturating_mul(missing.len()) <= MAX_COMPARED {
            for known in &across.known {
                names.entry((known.kind, &*known.namespace)).or_default().push(&known.name);
            }
        }
        for names in names.values_mut() {
            names.sort_unstable();
        }
        Self { across, validator, missing, firsts: HashMap::new(), names }
    }

    fn firsts_of(&self, file: u32, entries: BTreeSet<u32>) -> Vec<(Spot, First)> {
        let mut firsts = Vec::new();
        self.look(file, entries, &mut |spot, look| {
            let Name { namespace, name, .. } = look.subject().resource();
            let first = First { namespace: namespace.to_owned(), name: name.to_owned(), place: look.place().clone() };
            firsts.push((spot, first));
        });
        firsts
    }

    fn findings_of(&self, file: u32, entries: BTreeSet<u32>) -> Vec<Finding> {
        let mut found = Vec::new();
        let whole = self.look(file, entries, &mut |spot, look| found.extend(self.findings(spot, look)));
        if !whole {
            // better to say so than to leave out what there was to say
            found.push(super::file::changed(&self.across.paths.path(file)));
        }
        found.sort_by(|a, b| (a.line, a.column, a.rule.id).cmp(&(b.line, b.column, b.rule.id)));
        found
    }

    /// Reads a file up to the last of these objects; whether all of them were there.
    fn look(&self, file: u32, mut entries: BTreeSet<u32>, tell: &mut dyn FnMut(Spot, &mut Look<'_>)) -> bool {
        let text = self.across.paths.text(file).cloned();
        self.validator.look_again(&self.across.paths.path(file), text.as_deref(), &mut |entry, look| {
            if entries.remove(&entry) {
                tell(Spot { file, entry }, look);
            }
            !entries.is_empty()
        });
        entries.is_empty()
    }

    fn findings(&self, spot: Spot, look: &mut Look<'_>) -> Vec<Finding> {
        let subject = look.subject();
        let mut drafts = Vec::new();
        if let Some(clash) = self.across.clashes.get(&spot).filter(|clash| !self.is_itself(spot, clash.first)) {
            drafts.extend(self.clash(*clash, subject));
        }
        let mut told = HashSet::new();
        subject.links(self.validator.registry(), &mut |link| {
            let id = self.validator.ids().of(link.to);
            // a name that an object says twice is told once
            if self.missing.contains(&id) && told.insert(id) {
                drafts.push(self.missing(link));
            }
        });
        drafts.retain(|draft| self.validator.tells(draft.rule));
        look.place_all(drafts)
    }

    /// Whether both are one object of one file, which was given twice, such as by its folder and by its name.
    fn is_itself(&self, spot: Spot, first: Spot) -> bool {
        let real = |spot: Spot| self.across.paths.path(spot.file).canonicalize().ok();
        spot.entry == first.entry && real(spot).is_some_and(|path| Some(path) == real(first))
    }

    fn clash(&self, clash: Clash, subject: &JudgedObject<'_>) -> Option<ObjectFinding> {
        let First { namespace, name, place } = self.firsts.get(&clash.first)?;
        let kind = &subject.kind.names.kind;
        let (rule, text, help): (&'static ValidationRule, _, _) = if clash.same {
            let text = format!("{kind} {namespace}/{name} is given before, at {place}");
            (&rule::DUPLICATE_RESOURCE, text, "of two manifests of one resource the last one applied wins")
        } else {
            let row = subject.kind.scoped_key(subject.resource);
            let text = format!("the row {row} is claimed by {kind} {namespace}/{name} too, at {place}");
            (&rule::KEY_CONFLICT, text, "rename one of the two, or give it another target namespace")
        };
        Some(ObjectFinding::new(rule, FieldPath::of(&["metadata", "name"]), text).help(Some(help.to_owned())))
    }

    fn missing(&self, link: Link<'_>) -> ObjectFinding {
        let Name { kind, namespace, name } = link.to;
        let text = format!(
            "{}: no given file defines the {} \"{}\" in namespace \"{}\"",
            link.way,
            self.validator.registry().kind(kind).names.kind,
            name.escape_debug(),
            namespace.escape_debug()
        );
        let near = self.names.get(&(kind, namespace));
        let help = near.and_then(|names| suggest(name, names.iter().copied()));
        let mut draft = ObjectFinding::new(&rule::MISSING_REFERENCE, link.way.clone(), text).help(help);
        if link.key {
            draft = draft.key();
        }
        if self.validator.closed() {
            draft.severity = crate::diagnostics::Severity::Error;
        }
        draft
    }
}
