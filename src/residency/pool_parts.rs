//! The parts of the pool that the events of its items use.

use std::sync::Arc;

use super::{InFlight, Item, ListId, Weight};
use crate::backing_store::{BackingStoreT, Location, StoreCore};
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What an item needs of its pool. Called under the item's lock.
pub(crate) trait PoolParts<T, B: BackingStoreT> {
    /// The store of the pool.
    fn core(&self) -> &Arc<StoreCore<B>>;

    /// The loads and writes in flight.
    fn in_flight(&self) -> &InFlight<T, B>;

    /// Moves the item to the front of a list, out of any other.
    fn move_to(&self, item: &Arc<Item<T, B>>, list: ListId);

    /// Changes the weight of the item. Its place in its list stays.
    fn reweigh(&self, item: &Item<T, B>, weight: Weight);

    /// Enters the item into the index, unless another one with the same key and source is
    /// there, which is returned.
    fn enter_index(&self, item: &Arc<Item<T, B>>) -> Result<(), Arc<Item<T, B>>>;

    /// Takes the item out of the index, where it is.
    fn leave_index(&self, item: &Item<T, B>);

    /// Changes the location of an item in the index, unless another one with the same key
    /// and source is there. Returns whether it did.
    fn move_in_index(&self, item: &Item<T, B>, to: Location) -> bool;

    /// How many items there are.
    fn counts(&self) -> &ItemCounts;

    /// Whether items of datasets may stay after their last handle.
    fn retains(&self) -> bool;
}

/// How many items a pool has. Each item changes it under its own lock.
#[derive(Default)]
pub(crate) struct ItemCounts {
    /// Items with handles.
    pub(crate) items: AtomicUsize,
    /// Resident items without handles.
    pub(crate) retained: AtomicUsize,
    /// What those weigh, in memory or as maps.
    pub(crate) retained_bytes: AtomicU64,
}

impl ItemCounts {
    pub(crate) fn enter(&self) {
        self.items.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.items.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn retain(&self, bytes: u64) {
        self.retained.fetch_add(1, Ordering::Relaxed);
        self.weigh_retained(bytes);
    }

    /// A retained item was loaded.
    pub(super) fn weigh_retained(&self, bytes: u64) {
        self.retained_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn end_retaining(&self, bytes: u64) {
        self.retained.fetch_sub(1, Ordering::Relaxed);
        self.retained_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
