//! Letting go of items.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{FBPool, kept};
use crate::backing_store::Strategy;
use crate::residency::{Evicted, Item};

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// Brings the resident items back to the budget. Costs nothing but the
    /// choice: values are dropped and written in the background.
    pub(super) fn enforce(self: &Arc<Self>) {
        while let Some(victim) = self.order.pop_victim() {
            self.evict(&victim);
        }
        // Once more, for a guard that has gone unseen; see `Item::release`.
        if let Some(item) = self.order.pop_overdue() {
            self.evict_overdue(&item);
        }
    }

    fn evict(self: &Arc<Self>, item: &Arc<Item<T, B>>) {
        let keep = self.costs_no_memory(item);
        match item.evict(keep, &self.order) {
            Evicted::Released(value) => self.drop_evicted(value),
            Evicted::Write => self.queue_write(item),
            Evicted::Kept => kept::keep_within_budget(self),
            Evicted::No => {}
        }
    }

    /// Lets go of the least recent kept maps. True if there may be more.
    pub(super) fn release_kept(self: &Arc<Self>, most: usize) -> bool {
        for _ in 0..most {
            let Some(item) = self.order.pop_kept() else {
                return false;
            };
            if let Evicted::Released(value) = item.evict(false, &self.order) {
                self.drop_evicted(value);
            }
        }
        true
    }

    /// The last user of an overdue item may be gone.
    pub(crate) fn evict_overdue(self: &Arc<Self>, item: &Arc<Item<T, B>>) {
        if let Some(value) = item.evict_overdue(&self.order) {
            self.drop_evicted(value);
        }
    }

    fn drop_evicted(&self, value: Arc<T>) {
        self.counters.evictions.fetch_add(1, Ordering::Relaxed);
        self.core().queue.reap(value);
    }

    fn costs_no_memory(&self, item: &Item<T, B>) -> bool {
        kept::ENABLED
            && item
                .read()
                .is_some_and(|value| self.core().backing.footprint(&value).is_mapped())
    }
}
