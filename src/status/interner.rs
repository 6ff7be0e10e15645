//! Status texts, shared between resources.

use std::sync::Arc;

use hashbrown::HashSet;

use super::{Status, StatusText};

/// One shared copy of each distinct set of words.
#[derive(Debug, Default)]
pub struct StatusInterner {
    pool: HashSet<Arc<StatusText>>,
    collect_at: usize,
}

impl StatusInterner {
    /// Replaces the words of `status` by the pooled copy.
    pub fn share(&mut self, mut status: Status) -> Status {
        if let Some(shared) = self.pool.get(&status.words) {
            status.words = Arc::clone(shared);
            return status;
        }
        if self.pool.len() >= self.collect_at {
            self.pool.retain(|words| Arc::strong_count(words) > 1);
            self.collect_at = (self.pool.len() * 2).max(64);
        }
        self.pool.insert(Arc::clone(&status.words));
        status
    }
}
