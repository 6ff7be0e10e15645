//! A keyed, coalescing queue with two lanes: live work overtakes the backlog, and the backlog never starves.

use std::collections::VecDeque;
use std::hash::Hash;

use hashbrown::HashMap;

/// Which lane an entry waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Initial lists, relists, sweeps.
    Backlog,
    /// A change made while we watch.
    Live,
}

/// After so many of the live lane in a row the backlog has a turn, of entries as of batches and of calls.
pub(super) const BACKLOG_SHARE: u32 = 4;

#[derive(Debug)]
struct Waiting<T> {
    lane: Lane,
    item: T,
}

/// The queue. One entry a key: a newer one takes the older one's place, and never a slower lane.
#[derive(Debug)]
pub struct Lanes<K, T> {
    entries: HashMap<K, Waiting<T>>,
    live_entries: usize,
    live: VecDeque<K>,
    backlog: VecDeque<K>,
    live_in_a_row: u32,
}

impl<K: Clone + Eq + Hash, T> Default for Lanes<K, T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            live_entries: 0,
            live: VecDeque::new(),
            backlog: VecDeque::new(),
            live_in_a_row: 0,
        }
    }
}

impl<K: Clone + Eq + Hash, T> Lanes<K, T> {
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// Queues `item`; what waited under `key` is given back.
    pub fn push(&mut self, key: K, lane: Lane, item: T) -> Option<T> {
        if let Some(waiting) = self.entries.get_mut(&key) {
            let old = std::mem::replace(&mut waiting.item, item);
            if lane > waiting.lane {
                // its place in the backlog goes stale and is skipped when its turn comes
                waiting.lane = lane;
                self.live_entries += 1;
                self.live.push_back(key);
            }
            return Some(old);
        }
        match lane {
            Lane::Live => {
                self.live_entries += 1;
                self.live.push_back(key.clone());
            }
            Lane::Backlog => self.backlog.push_back(key.clone()),
        }
        self.entries.insert(key, Waiting { lane, item });
        None
    }

    /// Whether live work waits.
    #[must_use]
    pub fn has_live(&self) -> bool {
        self.live_entries > 0
    }

    /// Whether backlog waits.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        self.entries.len() > self.live_entries
    }

    /// All that waits, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &T)> {
        self.entries.iter().map(|(key, waiting)| (key, &waiting.item))
    }

    /// Takes back what waits under `key`.
    pub fn remove(&mut self, key: &K) -> Option<T> {
        let waiting = self.entries.remove(key)?;
        self.live_entries -= usize::from(waiting.lane == Lane::Live);
        Some(waiting.item)
    }

    /// The next entry, live first.
    pub fn pop(&mut self) -> Option<(K, Lane, T)> {
        let backlog_turn = self.live_in_a_row >= BACKLOG_SHARE;
        let first = if backlog_turn { Lane::Backlog } else { Lane::Live };
        let second = if backlog_turn { Lane::Live } else { Lane::Backlog };
        for lane in [first, second] {
            if let Some((key, item)) = self.pop_lane(lane) {
                self.live_in_a_row = if lane == Lane::Live { self.live_in_a_row.saturating_add(1) } else { 0 };
                return Some((key, lane, item));
            }
        }
        None
    }

    /// The next entry of one lane.
    pub fn pop_lane(&mut self, lane: Lane) -> Option<(K, T)> {
        loop {
            let queue = match lane {
                Lane::Live => &mut self.live,
                Lane::Backlog => &mut self.backlog,
            };
            let key = queue.pop_front()?;
            // a key stands in a queue without an entry in that lane when it was removed or promoted
            if self.entries.get(&key).is_some_and(|waiting| waiting.lane == lane)
                && let Some(item) = self.remove(&key)
            {
                return Some((key, item));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(lanes: &mut Lanes<u32, u32>, n: usize) -> Vec<u32> {
        (0..n).filter_map(|_| lanes.pop().map(|(key, _, _)| key)).collect()
    }

    #[test]
    fn fresh_first_and_the_backlog_keeps_its_share() {
        let mut lanes = Lanes::default();
        for key in 0..10 {
            lanes.push(key, Lane::Backlog, key);
        }
        for key in 100..110 {
            lanes.push(key, Lane::Live, key);
        }
        assert_eq!(keys(&mut lanes, 10), [100, 101, 102, 103, 0, 104, 105, 106, 107, 1]);
    }

    #[test]
    fn the_newest_item_wins_and_a_live_change_lifts_its_key() {
        let mut lanes = Lanes::default();
        lanes.push(1, Lane::Backlog, 10);
        lanes.push(2, Lane::Backlog, 20);
        assert_eq!(lanes.push(2, Lane::Live, 21), Some(20));
        assert_eq!(lanes.push(2, Lane::Backlog, 22), Some(21));
        assert_eq!(lanes.pop(), Some((2, Lane::Live, 22)));
        assert_eq!(lanes.pop(), Some((1, Lane::Backlog, 10)));
        assert_eq!(lanes.pop(), None);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_comes_twice(pushes in prop::collection::vec((0u32..20, any::<bool>()), 0..200)) {
            let mut lanes = Lanes::default();
            let mut newest = std::collections::BTreeMap::new();
            for (n, (key, live)) in pushes.into_iter().enumerate() {
                lanes.push(key, if live { Lane::Live } else { Lane::Backlog }, n);
                newest.insert(key, n);
            }
            let mut seen = std::collections::BTreeMap::new();
            while let Some((key, _, item)) = lanes.pop() {
                prop_assert!(seen.insert(key, item).is_none());
            }
            prop_assert_eq!(seen, newest);
        }
    }
}
