//! One queue of an order.

use std::sync::Arc;

use lru::LruCache;

use super::super::tally::Tally;
use crate::backing_store::BackingStoreT;
use crate::residency::{Item, Weight};

/// Items from the one that entered last to the one to evict, by address.
pub(in crate::pool) struct Queue<T, B: BackingStoreT> {
    items: LruCache<usize, Arc<Item<T, B>>>,
    tally: Tally,
}

impl<T, B: BackingStoreT> Queue<T, B> {
    pub(in crate::pool) fn new() -> Self {
        Self {
            items: LruCache::unbounded(),
            tally: Tally::default(),
        }
    }

    pub(in crate::pool) fn len(&self) -> usize {
        self.items.len()
    }

    pub(in crate::pool) fn tally(&self) -> Tally {
        self.tally
    }

    pub(in crate::pool) fn iter(&self) -> impl Iterator<Item = &Arc<Item<T, B>>> {
        self.items.iter().map(|(_, item)| item)
    }

    pub(in crate::pool) fn push_front(&mut self, item: Arc<Item<T, B>>) {
        self.tally.add(item.weight());
        self.items.put(item.address(), item);
    }

    /// Moves the item to the front. Returns false if it is not in the queue.
    pub(in crate::pool) fn move_to_front(&mut self, item: &Item<T, B>) -> bool {
        self.items.get(&item.address()).is_some()
    }

    pub(in crate::pool) fn pop_back(&mut self) -> Option<Arc<Item<T, B>>> {
        let (_, item) = self.items.pop_lru()?;
        self.tally.subtract(item.weight());
        Some(item)
    }

    pub(in crate::pool) fn remove(&mut self, item: &Item<T, B>) -> Option<Arc<Item<T, B>>> {
        let item = self.items.pop(&item.address())?;
        self.tally.subtract(item.weight());
        Some(item)
    }

    /// An item of the queue is about to weigh something else.
    pub(in crate::pool) fn reweigh(&mut self, before: Weight, after: Weight) {
        self.tally.reweigh(before, after);
    }

    /// Checks that the sums are right.
    #[cfg(test)]
    pub(in crate::pool) fn validate(&self) {
        let mut tally = Tally::default();
        for (address, item) in &self.items {
            assert_eq!(*address, item.address());
            tally.add(item.weight());
        }
        assert_eq!(self.tally, tally);
    }
}
