//! The parts of the pool that the events of its items use.

use std::sync::Arc;

use super::{InFlight, Item, ItemCounts, ListId, Usage, Weight};
use crate::backing_store::{BackingStoreT, Location, StoreCore};

/// What an item needs of its pool. Called under the item's lock.
pub(crate) trait PoolParts<T, B: BackingStoreT> {
    /// The store of the pool.
    fn core(&self) -> &Arc<StoreCore<B>>;

    /// The loads and writes in flight.
    fn in_flight(&self) -> &InFlight<T, B>;

    /// An item in memory was used: puts it into the order of a list, out of any other.
    fn used(&self, item: &Arc<Item<T, B>>, list: ListId, usage: Usage);

    /// Moves the item to a list, or a count, without an order of use, out of any other.
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
