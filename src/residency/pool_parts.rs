//! The parts of the pool that the events of its items use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{InFlight, Item, ListId, Weight};
use crate::backing_store::{BackingStoreT, Location, StoreCore};
use crate::stripes::Stripes;

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

/// How many items a pool has. Each item changes it under its own lock. The parts of a count
/// are those of threads, so that threads that get and drop items do not write to the same
/// memory; only their sums mean something.
pub(crate) struct ItemCounts(Stripes<Counts>);

#[derive(Default)]
struct Counts {
    /// Items with handles, and retained ones.
    all: AtomicU64,
    /// Resident items without handles.
    retained: AtomicU64,
    /// What those weigh, in memory or as maps.
    retained_bytes: AtomicU64,
}

impl ItemCounts {
    pub(crate) fn new() -> Self {
        Self(Stripes::new())
    }

    /// A new item has a handle.
    pub(crate) fn enter(&self) {
        self.0.mine().all.fetch_add(1, Ordering::Relaxed);
    }

    /// An item has ended that was not retained.
    pub(super) fn leave(&self) {
        self.0.mine().all.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn retain(&self, bytes: u64) {
        self.0.mine().retained.fetch_add(1, Ordering::Relaxed);
        self.weigh_retained(bytes);
    }

    /// A retained item was loaded.
    pub(super) fn weigh_retained(&self, bytes: u64) {
        let counts = self.0.mine();
        counts.retained_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// An item is no longer retained.
    pub(super) fn end_retaining(&self, bytes: u64) {
        let counts = self.0.mine();
        counts.retained.fetch_sub(1, Ordering::Relaxed);
        counts.retained_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The number of items with handles.
    pub(crate) fn with_handles(&self) -> usize {
        let all = self.sum(|counts| &counts.all);
        (all.saturating_sub(self.retained() as u64)) as usize
    }

    pub(crate) fn retained(&self) -> usize {
        self.sum(|counts| &counts.retained) as usize
    }

    pub(crate) fn retained_bytes(&self) -> u64 {
        self.sum(|counts| &counts.retained_bytes)
    }

    /// While other threads change the count, some changes may be seen without others that
    /// came first, so that the sum is below 0 for a moment.
    fn sum(&self, count: impl Fn(&Counts) -> &AtomicU64) -> u64 {
        let parts = self
            .0
            .iter()
            .map(|counts| count(counts).load(Ordering::Relaxed));
        let sum = parts.fold(0, u64::wrapping_add);
        if sum > i64::MAX as u64 { 0 } else { sum }
    }
}
