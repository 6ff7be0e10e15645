//! What the operator remembers of each resource: small and flat, no object bodies.

use std::fmt;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use indexmap::IndexMap;
use uuid::Uuid;

use crate::resource::{KindIndex, ObjectName, ResourceId};
use crate::source::target::Finalizers;
use crate::status::{Status, Verdict};
use crate::store::Fingerprint;

/// One resource.
#[derive(Clone, Debug)]
pub struct IndexEntry {
    pub uid: Uid,
    pub generation: i64,
    /// Of the newest version seen, or of the one in the ledger before anything was seen.
    pub fingerprint: Fingerprint,
    /// Of the row as it should stand.
    pub row_fingerprint: Fingerprint,
    /// What the status is to say; `None` before the first settlement.
    pub verdict: Option<Arc<Verdict>>,
    /// The status that stands at the source, as far as we know.
    pub observed: Status,
    /// The newest version seen, or made by our last patch: an older one is history.
    pub version: u64,
    /// When a sync last wrote, seconds since the Unix epoch; 0 = never. A row of ours stands iff this is set.
    pub synced_at: i64,
    /// Position in the count of commits when this resource was last part of one.
    pub committed: u64,
    /// Position in the count of lists when this resource was last seen.
    pub listed: u64,
    /// The sweep that last saw its row.
    pub swept: u32,
    pub finalizers: Finalizers,
    pub flags: EntryFlags,
    /// Of the resource, or of its row.
    pub size: SizeClass,
}

/// Size of a body, to a power of two: enough for batches that are bounded in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeClass(u8);

impl SizeClass {
    #[must_use]
    pub fn of(bytes: usize) -> Self {
        Self(u8::try_from(bytes.checked_ilog2().unwrap_or(0)).unwrap_or(u8::MAX))
    }

    /// At most the size, and more than half of it.
    #[must_use]
    pub fn bytes(self) -> usize {
        1_usize.checked_shl(u32::from(self.0)).unwrap_or(usize::MAX)
    }
}

/// A uid, kept small: API servers make UUIDs, other sources need not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uid {
    Uuid([u8; 16]),
    Other(Box<str>),
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        // only what reads back as the same text
        match Uuid::try_parse(text) {
            Ok(uuid) if uuid.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text => {
                Self::Uuid(uuid.into_bytes())
            }
            _ => Self::Other(text.into()),
        }
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(bytes) => Uuid::from_bytes_ref(bytes).as_hyphenated().fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// Yes-or-no facts of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryFlags(u8);

macro_rules! flags {
    ($($(#[$doc:meta])* $get:ident $set:ident $bit:literal;)*) => {
        impl EntryFlags {
            $($(#[$doc])*
            #[must_use]
            pub fn $get(self) -> bool {
                self.0 & (1 << $bit) != 0
            }

            pub fn $set(&mut self, on: bool) {
                if on { self.0 |= 1 << $bit } else { self.0 &= !(1 << $bit) }
            })*
        }
    };
}

flags! {
    /// Must go through the store again though its fingerprint is known (drift, lost row, freed key).
    dirty set_dirty 0;
    /// A deletion timestamp is set.
    deleting set_deleting 1;
    /// The resource no longer exists at the source.
    gone set_gone 2;
    /// Its row and ledger entry are gone, or there were none: the finalizer may come off.
    released set_released 3;
    /// `orloj.dev/deletion-policy: retain`.
    retain set_retain 4;
    /// Part of the store batch in flight.
    busy set_busy 5;
}

impl IndexEntry {
    #[must_use]
    pub fn new(uid: Uid) -> Self {
        Self {
            uid,
            generation: 0,
            fingerprint: Fingerprint::default(),
            row_fingerprint: Fingerprint::default(),
            verdict: None,
            observed: Status::default(),
            version: 0,
            synced_at: 0,
            committed: 0,
            listed: 0,
            swept: 0,
            finalizers: Finalizers::default(),
            flags: EntryFlags::default(),
            size: SizeClass::default(),
        }
    }

    /// Whether this verdict is the last one, or stands at the source since before the operator started.
    #[must_use]
    pub fn has_told(&self, verdict: &Verdict) -> bool {
        self.verdict.as_deref().map_or_else(|| self.observed.tells(verdict), |last| last == verdict)
    }
}

/// All resources, by kind and name, and by the key of their row.
#[derive(Debug, Default)]
pub struct Index {
    kinds: Vec<PerKind>,
}

#[derive(Debug, Default)]
struct PerKind {
    /// Entries stand side by side here, and the table holds only their positions: in a plain hash map every empty slot
    /// has the size of an entry, which doubled what a resource takes.
    entries: IndexMap<ObjectName, IndexEntry, DefaultHashBuilder>,
    /// Rows that stand under another key than their resource's name: the exceptions only.
    elsewhere: HashMap<Box<str>, ObjectName>,
    /// The same by resource.
    keys: HashMap<ObjectName, Box<str>>,
}

impl PerKind {
    /// Notes that the row of `object` stands under its own name, or nowhere.
    fn come_home(&mut self, object: &ObjectName) {
        // the key may be another resource's by now
        if let Some(key) = self.keys.remove(object)
            && self.elsewhere.get(&key) == Some(object)
        {
            self.elsewhere.remove(&key);
        }
    }
}

impl Index {
    #[must_use]
    pub fn new(kinds: usize) -> Self {
        Self { kinds: (0..kinds).map(|_| PerKind::default()).collect() }
    }

    #[must_use]
    pub fn get(&self, id: &ResourceId) -> Option<&IndexEntry> {
        self.kinds.get(usize::from(id.kind.0))?.entries.get(&id.object)
    }

    pub fn get_mut(&mut self, id: &ResourceId) -> Option<&mut IndexEntry> {
        self.kinds.get_mut(usize::from(id.kind.0))?.entries.get_mut(&id.object)
    }

    pub fn insert(&mut self, id: &ResourceId, entry: IndexEntry) {
        if let Some(kind) = self.kinds.get_mut(usize::from(id.kind.0)) {
            kind.entries.insert(id.object.clone(), entry);
        }
    }

    pub fn remove(&mut self, id: &ResourceId) -> Option<IndexEntry> {
        let kind = self.kinds.get_mut(usize::from(id.kind.0))?;
        kind.come_home(&id.object);
        kind.entries.swap_remove(&id.object)
    }

    /// Notes under which key the row of `id` stands.
    pub fn set_key(&mut self, id: &ResourceId, key: &str) {
        let Some(kind) = self.kinds.get_mut(usize::from(id.kind.0)) else { return };
        if !kind.entries.contains_key(&id.object) {
            return;
        }
        kind.come_home(&id.object);
        // whoever held the key before holds it no more
        if let Some(before) = kind.elsewhere.remove(key) {
            kind.keys.remove(&before);
        }
        if !is_own_name(&id.object, key) {
            kind.keys.insert(id.object.clone(), key.into());
            kind.elsewhere.insert(key.into(), id.object.clone());
        }
    }

    /// Notes that `id` has no row.
    pub fn clear_key(&mut self, id: &ResourceId) {
        if let Some(kind) = self.kinds.get_mut(usize::from(id.kind.0)) {
            kind.come_home(&id.object);
            if let Some(entry) = kind.entries.get_mut(&id.object) {
                entry.synced_at = 0;
            }
        }
    }

    /// Whose row stands under `key`.
    #[must_use]
    pub fn owner_of(&self, kind: KindIndex, key: &str) -> Option<ResourceId> {
        let per_kind = self.kinds.get(usize::from(kind.0))?;
        if let Some(object) = per_kind.elsewhere.get(key) {
            return Some(ResourceId { kind, object: object.clone() });
        }
        let (namespace, name) = key.split_once('/')?;
        let object = ObjectName::new(namespace, name);
        let entry = per_kind.entries.get(&object)?;
        // one that lives elsewhere, or never had a row, does not own the key of its name
        (!per_kind.keys.contains_key(&object) && entry.synced_at > 0).then_some(ResourceId { kind, object })
    }

    /// The entries of a kind.
    pub fn of_kind(&self, kind: KindIndex) -> impl Iterator<Item = (&ObjectName, &IndexEntry)> {
        self.kinds.get(usize::from(kind.0)).into_iter().flat_map(|kind| kind.entries.iter())
    }

    /// Gives back what a kind's table has grown beyond its entries: half of it, at worst.
    pub fn trim(&mut self, kind: KindIndex) {
        if let Some(kind) = self.kinds.get_mut(usize::from(kind.0)) {
            kind.entries.shrink_to_fit();
        }
    }

    /// The namespaces that have resources.
    #[must_use]
    pub fn namespaces(&self) -> HashSet<Box<str>> {
        self.kinds.iter().flat_map(|kind| kind.entries.keys()).map(|object| object.namespace.clone()).collect()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.kinds.iter().map(|kind| kind.entries.len()).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn is_own_name(object: &ObjectName, key: &str) -> bool {
    key.split_once('/').is_some_and(|(namespace, name)| namespace == &*object.namespace && name == &*object.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_under_their_own_and_under_another_key() {
        let mut index = Index::new(1);
        let id = ResourceId { kind: KindIndex(0), object: ObjectName::new("a", "x") };
        let mut entry = IndexEntry::new("u".into());
        entry.synced_at = 1;
        index.insert(&id, entry);
        assert_eq!(index.owner_of(KindIndex(0), "a/x"), Some(id.clone()));
        index.set_key(&id, "b/x");
        assert_eq!(index.owner_of(KindIndex(0), "a/x"), None);
        assert_eq!(index.owner_of(KindIndex(0), "b/x"), Some(id.clone()));
        index.set_key(&id, "a/x");
        assert_eq!(index.owner_of(KindIndex(0), "b/x"), None);
        index.remove(&id);
        assert_eq!(index.owner_of(KindIndex(0), "a/x"), None);
    }

    #[test]
    fn a_uid_reads_back_as_it_was() {
        for text in ["0f0b2b3c-5c55-4b5e-9b1a-3f1a0e6d7c88", "0F0B2B3C-5C55-4B5E-9B1A-3F1A0E6D7C88", "uid-7", ""] {
            assert_eq!(Uid::from(text).to_string(), text);
        }
        assert!(matches!(Uid::from("0f0b2b3c-5c55-4b5e-9b1a-3f1a0e6d7c88"), Uid::Uuid(_)));
    }

    #[test]
    fn a_key_that_changed_hands_stays_with_its_new_owner() {
        let mut index = Index::new(1);
        let id = |name: &str| ResourceId { kind: KindIndex(0), object: ObjectName::new("a", name) };
        for name in ["x", "y"] {
            index.insert(&id(name), IndexEntry::new("u".into()));
            index.set_key(&id(name), "b/z");
        }
        index.set_key(&id("x"), "a/x");
        assert_eq!(index.owner_of(KindIndex(0), "b/z"), Some(id("y")));
        // its namesake takes it
        let home = ResourceId { kind: KindIndex(0), object: ObjectName::new("b", "z") };
        let mut entry = IndexEntry::new("u".into());
        entry.synced_at = 1;
        index.insert(&home, entry);
        index.set_key(&home, "b/z");
        assert_eq!(index.owner_of(KindIndex(0), "b/z"), Some(home));
    }

    #[test]
    fn a_size_is_known_to_a_power_of_two() {
        for bytes in [1, 2, 3, 1_000, 1_000_000, usize::MAX] {
            let known = SizeClass::of(bytes).bytes();
            assert!(known <= bytes && known > bytes / 2, "{bytes}: {known}");
        }
        assert_eq!(SizeClass::of(0), SizeClass::default());
    }

    #[test]
    fn an_entry_stays_small() {
        // with its hash, its position and its names this keeps a resource below 300 bytes
        assert!(size_of::<IndexEntry>() <= 168, "{}", size_of::<IndexEntry>());
    }
}
