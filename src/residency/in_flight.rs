//! The loads and writes in flight.

use std::sync::Arc;

use super::{Flight, Item, WriteBack};
use crate::backing_store::BackingStoreT;
use crate::hash::HashMap;
use crate::sync::Mutex;

/// The loads and writes of one pool that are queued or running, by item. They are
/// here and not in the items, because few items have one. An item has a flight
/// exactly while it is loading, and a write exactly while it is writing.
///
/// An item's entries change only under its lock.
pub(crate) struct InFlight<T, B: BackingStoreT> {
    pub(super) flights: Table<Flight<T>>,
    pub(super) writes: Table<WriteBack<B>>,
}

/// Keyed by the address of the item, which the job or the item's handles keep
/// alive.
pub(super) struct Table<J>(Mutex<HashMap<usize, Arc<J>>>);

impl<T, B: BackingStoreT> InFlight<T, B> {
    pub(crate) fn new() -> Self {
        Self {
            flights: Table::new(),
            writes: Table::new(),
        }
    }

    /// The numbers of flights and writes.
    #[cfg(test)]
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.flights.0.lock().len(), self.writes.0.lock().len())
    }
}

impl<J> Table<J> {
    fn new() -> Self {
        Self(Mutex::new(HashMap::default()))
    }

    /// Adds a job of the item, which has none of this kind.
    pub(super) fn start<T, B: BackingStoreT>(&self, item: &Item<T, B>, job: Arc<J>) -> Arc<J> {
        let before = self.0.lock().insert(item.address(), job.clone());
        debug_assert!(before.is_none(), "an item has at most one job of each kind");
        job
    }

    pub(super) fn get<T, B: BackingStoreT>(&self, item: &Item<T, B>) -> Arc<J> {
        let table = self.0.lock();
        let job = table.get(&item.address());
        job.expect("the state implies that there is a job").clone()
    }

    /// Removes the job of the item.
    pub(super) fn end<T, B: BackingStoreT>(&self, item: &Item<T, B>) -> Arc<J> {
        let job = self.0.lock().remove(&item.address());
        job.expect("the state implies that there is a job")
    }
}
