//! Rules that look at more than one object: what is defined twice, claims the same row, or names what is not there.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::facts::{Facts, Id, Known, Link, Name, Spot, Subject};
use super::file::{Look, Validator};
use super::finding::{Draft, Finding};
use super::paths::Paths;
use super::rule::{self, Rule};
use super::suggest;
use super::way::{self, way};
use crate::source::manifest::Place;

/// Names that are looked through for one that may have been meant.
const MAX_NAMES: usize = 5_000;

/// Fewest names that nobody has defined yet before they are looked through again.
const MIN_WANTED: usize = 4_096;

/// What is known of all objects so far.
#[derive(Debug)]
pub struct Across {
    files: Paths,
    rows: HashMap<Id, Claim>,
    /// Resources that do not claim the row of their own name, or not as the first.
    others: HashMap<Id, Spot>,
    clashes: BTreeMap<Spot, Clash>,
    /// Rows that are named and were not there when they were looked for last.
    wanted: Vec<(Id, Spot)>,
    /// How many of these there may be until they are looked for again.
    limit: usize,
    /// As long as they are few.
    known: Vec<Known>,
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
            files: Paths::default(),
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
    pub fn add(&mut self, file: &Path, text: Option<Arc<[u8]>>, facts: Facts) {
        let file = self.files.add(file, text);
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
            if self.known.len() <= MAX_NAMES {
                self.known.push(one.known);
            }
        }
        self.wanted.extend(facts.links.into_iter().map(|(to, entry)| (to, Spot { file, entry })));
        if self.wanted.len() > self.limit {
            self.look_for_wanted();
            self.limit = (self.wanted.len() * 2).max(MIN_WANTED);
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

    /// Judges all objects together, once all are known, and tells the findings file by file: each of them is read once more.
    pub fn judge<E>(
        mut self,
        validator: &Validator,
        tell: &mut dyn FnMut(Vec<Finding>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.look_for_wanted();
        let first: BTreeSet<Spot> = self.clashes.values().map(|clash| clash.first).collect();
        let wanted: BTreeSet<Spot> = self.wanted.iter().map(|(_, spot)| *spot).collect();
        let missing: HashSet<Id> = self.wanted.iter().map(|(to, _)| *to).collect();
        let spots: BTreeSet<Spot> = self.clashes.keys().chain(&first).chain(&wanted).copied().collect();
        let mut second =
            Second { across: &self, validator, missing, firsts: BTreeMap::new(), first, found: Vec::new() };
        let mut spots = spots.into_iter().peekable();
        while let Some(spot) = spots.peek() {
            let file = spot.file;
            let mut of_file = BTreeSet::new();
            while let Some(spot) = spots.next_if(|spot| spot.file == file) {
                of_file.insert(spot.entry);
            }
            let found = second.file(file, of_file);
            if !found.is_empty() {
                tell(found)?;
            }
        }
        Ok(())
    }
}

/// The second look at the objects with something to tell.
struct Second<'s> {
    across: &'s Across,
    validator: &'s Validator,
    /// Rows that nobody claims.
    missing: HashSet<Id>,
    /// Objects that later ones clash with.
    first: BTreeSet<Spot>,
    firsts: BTreeMap<Spot, First>,
    /// In the file that is being read.
    found: Vec<Finding>,
}

/// An object that a later one clashes with, as its finding speaks of it.
struct First {
    namespace: String,
    name: String,
    place: Place,
}

impl Second<'_> {
    /// Reads a file up to the last of these objects.
    fn file(&mut self, file: u32, mut entries: BTreeSet<u32>) -> Vec<Finding> {
        let path = self.across.files.path(file);
        let text = self.across.files.text(file).cloned();
        self.validator.look_again(&path, text.as_deref(), &mut |entry, look| {
            if entries.remove(&entry) {
                self.object(Spot { file, entry }, look);
            }
            !entries.is_empty()
        });
        if !entries.is_empty() {
            // better to say so than to leave out what there was to say
            self.found.push(super::file::changed(&path));
        }
        self.found.sort_by(|a, b| (a.line, a.column, a.rule.id).cmp(&(b.line, b.column, b.rule.id)));
        std::mem::take(&mut self.found)
    }

    fn object(&mut self, spot: Spot, look: &mut Look<'_>) {
        let subject = look.subject();
        if self.first.contains(&spot) {
            let Name { namespace, name, .. } = subject.resource();
            let first = First { namespace: namespace.to_owned(), name: name.to_owned(), place: look.place().clone() };
            self.firsts.insert(spot, first);
        }
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
        self.found.extend(look.place_all(drafts));
    }

    /// Whether both are one object of one file, which was given twice, such as by its folder and by its name.
    fn is_itself(&self, spot: Spot, first: Spot) -> bool {
        let real = |spot: Spot| self.across.files.path(spot.file).canonicalize().ok();
        spot.entry == first.entry && real(spot).is_some_and(|path| Some(path) == real(first))
    }

    fn clash(&self, clash: Clash, subject: &Subject<'_>) -> Option<Draft> {
        let First { namespace, name, place } = self.firsts.get(&clash.first)?;
        let kind = &subject.kind.names.kind;
        let (rule, text, help): (&'static Rule, _, _) = if clash.same {
            let text = format!("{kind} {namespace}/{name} is given before, at {place}");
            (&rule::DUPLICATE_RESOURCE, text, "of two manifests of one resource the last one applied wins")
        } else {
            let row = subject.kind.scoped_key(subject.resource);
            let text = format!("the row {row} is claimed by {kind} {namespace}/{name} too, at {place}");
            (&rule::KEY_CONFLICT, text, "rename one of the two, or give it another target namespace")
        };
        Some(Draft::new(rule, way(&["metadata", "name"]), text).help(Some(help.to_owned())))
    }

    fn missing(&self, link: Link<'_>) -> Draft {
        let Name { kind, namespace, name } = link.to;
        let text = format!(
            "{}: no given file defines the {} \"{}\" in namespace \"{}\"",
            way::text(link.way),
            self.validator.registry().kind(kind).names.kind,
            name.escape_debug(),
            namespace.escape_debug()
        );
        let known = &self.across.known;
        let near = known.iter().filter(|one| one.kind == kind && *one.namespace == *namespace);
        let mut names: Vec<&str> = near.map(|one| &*one.name).collect();
        names.sort_unstable();
        let help = if known.len() <= MAX_NAMES { suggest(name, names) } else { None };
        let mut draft = Draft::new(&rule::MISSING_REFERENCE, link.way.clone(), text).help(help);
        if link.key {
            draft = draft.key();
        }
        if self.validator.closed() {
            draft.severity = rule::Severity::Error;
        }
        draft
    }
}
