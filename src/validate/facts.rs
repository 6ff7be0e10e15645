//! What of an object is needed to judge others: which resource it is, which row it claims, which it names.
//!
//! For each object only numbers are kept, so that memory hardly grows with their number. The words come from a second
//! look at the few files with something to tell.

use std::hash::{BuildHasher, RandomState};

use serde_json::Value;

use super::walk;
use crate::apimachinery::field_path::{FieldPath, PathSegment};
use crate::registry::{Kind, Reference, Registry};
use crate::resource::{KindIndex, Resource};

/// An object: the number of its file, and which it is within that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spot {
    pub file: u32,
    pub entry: u32,
}

/// A kind, a namespace and a name, as a hash of 128 bits: among a million of names two are alike by a chance below
/// 10⁻²⁶.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id([u64; 2]);

/// Hashes with keys of this process, so that no manifest can be made to look like another.
#[derive(Debug, Default)]
pub struct Ids(RandomState, RandomState);

impl Ids {
    #[must_use]
    pub fn of(&self, name: Name<'_>) -> Id {
        let name = (name.kind, name.namespace, name.name);
        Id([self.0.hash_one(name), self.1.hash_one(name)])
    }
}

/// A resource or a row of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Name<'n> {
    pub kind: KindIndex,
    pub namespace: &'n str,
    pub name: &'n str,
}

/// An object that gives a resource.
#[derive(Debug)]
pub struct Definition {
    pub resource: Id,
    pub row: Id,
    pub entry: u32,
    /// Of the row: what somebody may have meant who wrote another name.
    pub known: KnownRow,
}

/// A row's name.
#[derive(Clone, Debug)]
pub struct KnownRow {
    pub kind: KindIndex,
    pub namespace: Box<str>,
    pub name: Box<str>,
}

/// What is kept of one file.
#[derive(Debug, Default)]
pub struct FileFacts {
    pub definitions: Vec<Definition>,
    /// Rows that are named, and by which object.
    pub links: Vec<(Id, u32)>,
}

/// A name that an object gives to another.
#[derive(Clone, Copy, Debug)]
pub struct Link<'l> {
    pub to: Name<'l>,
    pub way: &'l FieldPath,
    /// The name is a key.
    pub key: bool,
}

/// An object as the rules that look at more than one see it.
#[derive(Clone, Copy, Debug)]
pub struct JudgedObject<'s> {
    pub kind: &'s Kind,
    pub resource: &'s Resource,
    /// As the API server would store it.
    pub object: &'s Value,
}

impl<'s> JudgedObject<'s> {
    #[must_use]
    pub fn resource(&self) -> Name<'s> {
        let object = &self.resource.id.object;
        Name { kind: self.kind.index, namespace: &object.namespace, name: &object.name }
    }

    /// Namespace of the row that it claims.
    #[must_use]
    pub fn row_namespace(&self) -> String {
        let key = self.kind.scoped_key(self.resource);
        key.split_once('/').map_or("", |(namespace, _)| namespace).to_owned()
    }

    /// Tells each name that the object gives to another, and by which way; one that it gives twice is told twice.
    pub fn links(&self, registry: &Registry, tell: &mut dyn FnMut(Link<'_>)) {
        let row_namespace = self.row_namespace();
        for reference in &self.kind.relations.references {
            let Some(kind) = kind_of(registry, reference) else { continue };
            let made = |text: &str| reference.made.as_ref().is_some_and(|mark| text.contains(mark.as_str()));
            walk::each(&reference.path, self.object, None, &mut |value, way| {
                named(reference, value, way, &mut |text, way| {
                    if made(text) {
                        return;
                    }
                    let (namespace, name) = text.split_once('/').unwrap_or((&row_namespace, text));
                    tell(Link { to: Name { kind, namespace, name }, way, key: reference.keys });
                });
            });
        }
    }
}

impl FileFacts {
    /// Takes down which resource an object gives.
    pub fn add_definition(&mut self, ids: &Ids, entry: u32, subject: &JudgedObject<'_>) {
        let resource = subject.resource();
        let namespace = subject.row_namespace();
        let row = Name { kind: subject.kind.home, namespace: &namespace, ..resource };
        self.definitions.push(Definition {
            resource: ids.of(resource),
            row: ids.of(row),
            entry,
            known: KnownRow { kind: row.kind, namespace: row.namespace.into(), name: row.name.into() },
        });
    }

    /// Takes down which others an object names.
    pub fn add_links(&mut self, registry: &Registry, ids: &Ids, entry: u32, subject: &JudgedObject<'_>) {
        subject.links(registry, &mut |link| self.links.push((ids.of(link.to), entry)));
    }
}

fn kind_of(registry: &Registry, reference: &Reference) -> Option<KindIndex> {
    let found =
        registry.kinds().iter().find(|kind| kind.names.kind == reference.kind && kind.names.group == reference.group);
    found.map(|kind| kind.index)
}

/// The names in a value: itself, or its keys.
fn named(reference: &Reference, value: &Value, way: &FieldPath, tell: &mut dyn FnMut(&str, &FieldPath)) {
    if !reference.keys {
        if let Some(name) = value.as_str().map(str::trim).filter(|name| !name.is_empty()) {
            tell(name, way);
        }
        return;
    }
    for (key, _) in value.as_object().into_iter().flatten() {
        let mut way = way.clone();
        way.push(PathSegment::Key(key.clone()));
        tell(key, &way);
    }
}
