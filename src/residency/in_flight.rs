//! The loads and writes in flight.

use crate::hash::HashMap;
use std::sync::Arc;

use super::{Flight, Item, Wanted, WriteBack};
use crate::backing_store::BackingStoreT;
use crate::sync::Mutex;

/// The loads and writes of one pool that are queued or running, by item. They are
/// here and not in the items, because few items have one. An item has a flight
/// exactly while it is loading, and a write exactly while it is writing.
///
/// An item's entries change only under its lock.
pub(crate) struct InFlight<T, B: BackingStoreT> {
    flights: Table<Flight<T>>,
    writes: Table<WriteBack<B>>,
}

/// Keyed by the address of the item, which the job or the item's handles keep
/// alive.
struct Table<J>(Mutex<HashMap<usize, Arc<J>>>);

impl<T, B: BackingStoreT> InFlight<T, B> {
    pub(crate) fn new() -> Self {
        Self {
            flights: Table::new(),
            writes: Table::new(),
        }
    }

    pub(super) fn start_flight(&self, item: &Item<T, B>) -> Arc<Flight<T>> {
        self.flights.start(item.address(), Flight::new())
    }

    pub(super) fn flight(&self, item: &Item<T, B>) -> Arc<Flight<T>> {
        self.flights.get(item.address())
    }

    pub(super) fn end_flight(&self, item: &Item<T, B>) -> Arc<Flight<T>> {
        self.flights.end(item.address())
    }

    pub(super) fn start_write(&self, item: &Item<T, B>, wanted: Wanted) -> Arc<WriteBack<B>> {
        self.writes.start(item.address(), WriteBack::new(wanted))
    }

    pub(super) fn write(&self, item: &Item<T, B>) -> Arc<WriteBack<B>> {
        self.writes.get(item.address())
    }

    pub(super) fn end_write(&self, item: &Item<T, B>) -> Arc<WriteBack<B>> {
        self.writes.end(item.address())
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

    fn start(&self, address: usize, job: Arc<J>) -> Arc<J> {
        let before = self.0.lock().insert(address, job.clone());
        debug_assert!(before.is_none(), "an item has at most one job of each kind");
        job
    }

    fn get(&self, address: usize) -> Arc<J> {
        let table = self.0.lock();
        let job = table.get(&address);
        job.expect("the state implies that there is a job").clone()
    }

    fn end(&self, address: usize) -> Arc<J> {
        let job = self.0.lock().remove(&address);
        job.expect("the state implies that there is a job")
    }
}
