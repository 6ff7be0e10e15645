//! Which lists of the source have ended, run, or do not come.

use hashbrown::{HashMap, HashSet};

use crate::resource::{KindIndex, ResourceId};
use crate::source::Scope;

/// The lists. Invariant: a list that runs has begun after all that have ended.
#[derive(Debug)]
pub(super) struct Lists {
    /// What the source covers; resources elsewhere are none of our business.
    scopes: Vec<(KindIndex, Scope)>,
    /// First lists that have not ended yet.
    unlisted: HashSet<(KindIndex, Scope)>,
    /// Lists that do not come for now.
    failing: HashSet<(KindIndex, Scope)>,
    /// Lists under way, and the position in `begun` at which each began.
    running: HashMap<(KindIndex, Scope), u64>,
    /// Kinds whose source said that its lists are not complete.
    incomplete: HashSet<KindIndex>,
    begun: u64,
}

impl Lists {
    pub fn new(scopes: Vec<(KindIndex, Scope)>) -> Self {
        Self {
            unlisted: scopes.iter().cloned().collect(),
            scopes,
            failing: HashSet::new(),
            running: HashMap::new(),
            incomplete: HashSet::new(),
            begun: 0,
        }
    }

    /// How many have begun.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// Whether the source covers a resource.
    pub fn covers(&self, id: &ResourceId) -> bool {
        self.scopes.iter().any(|scope| holds(scope, id))
    }

    /// Whether the first list that is to name a resource has not ended yet.
    pub fn awaits(&self, id: &ResourceId) -> bool {
        self.unlisted.iter().any(|scope| holds(scope, id))
    }

    /// Whether a list runs that covers a resource.
    pub fn is_running(&self, id: &ResourceId) -> bool {
        self.running.keys().any(|scope| holds(scope, id))
    }

    /// Whether every first list has ended.
    pub fn all_ended(&self) -> bool {
        self.unlisted.is_empty()
    }

    /// Whether every first list has ended that comes at all.
    pub fn all_ended_that_come(&self) -> bool {
        self.unlisted.is_subset(&self.failing)
    }

    /// Whether all resources of a kind are known, so that what is not known does not exist.
    pub fn is_complete(&self, kind: KindIndex) -> bool {
        let open = self.unlisted.iter().chain(&self.failing).any(|(unlisted, _)| *unlisted == kind);
        !open && !self.incomplete.contains(&kind)
    }

    pub fn start(&mut self, kind: KindIndex, scope: Scope) {
        self.begun += 1;
        self.incomplete.remove(&kind);
        self.running.insert((kind, scope), self.begun);
    }

    /// Returns the count of lists at which the one that ends began; `None` where it did not begin, or is not complete.
    pub fn end(&mut self, kind: KindIndex, scope: &Scope) -> Option<u64> {
        let list = (kind, scope.clone());
        self.unlisted.remove(&list);
        self.failing.remove(&list);
        self.running.remove(&list).filter(|_| !self.incomplete.contains(&kind))
    }

    pub fn fail(&mut self, kind: KindIndex, scope: Scope) {
        self.failing.insert((kind, scope));
    }

    pub fn mark_incomplete(&mut self, kind: KindIndex) {
        self.incomplete.insert(kind);
    }
}

fn holds((kind, scope): &(KindIndex, Scope), id: &ResourceId) -> bool {
    *kind == id.kind && scope.contains(&id.object.namespace)
}
