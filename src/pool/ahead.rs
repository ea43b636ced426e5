//! The items that were loaded ahead of their use, and not used since.

use std::collections::HashMap;

/// The items, by address, and which share of the cache each of them takes.
#[derive(Default)]
pub(super) struct Ahead {
    shares: HashMap<usize, u64>,
    /// The sum of the shares.
    sum: u64,
}

impl Ahead {
    /// The number of items, and their share together.
    pub(super) fn amount(&self) -> (usize, u64) {
        (self.shares.len(), self.sum)
    }

    /// Whether the item of this address is one of them.
    pub(super) fn has(&self, address: usize) -> bool {
        self.shares.contains_key(&address)
    }

    pub(super) fn insert(&mut self, address: usize, share: u64) {
        self.remove(address);
        self.shares.insert(address, share);
        self.sum += share;
    }

    /// The item was used, or is no longer in memory.
    #[inline]
    pub(super) fn remove(&mut self, address: usize) {
        if !self.shares.is_empty()
            && let Some(share) = self.shares.remove(&address)
        {
            self.sum -= share;
        }
    }

    #[cfg(test)]
    pub(super) fn validate(&self, is_listed: impl Fn(usize) -> bool) {
        assert_eq!(self.sum, self.shares.values().sum::<u64>());
        for address in self.shares.keys() {
            assert!(is_listed(*address), "what left its list is not ahead");
        }
    }
}
