//! The events that end an item's residency.

use std::sync::Arc;

use super::item::{Cell, Item, State};
use super::list_id::{ListId, PoolLists};
use super::{Wanted, WriteBack};
use crate::backing_store::{BackingStoreT, ItemFile};
use crate::sync::atomic::Ordering;

pub(crate) enum Evicted<T> {
    /// The value was evicted: drop it.
    Released(Arc<T>),
    /// Queue a job that calls [`Item::begin_eviction_write`] and writes the value.
    Write,
    /// There is nothing to do, or not now.
    No,
}

/// What the caller must do after the last handle is dropped.
pub(crate) struct Retired<T, B: BackingStoreT> {
    pub(crate) value: Option<Arc<T>>,
    /// The item's file, to be released.
    pub(crate) file: Option<ItemFile>,
    /// A write whose waiters must be notified that it is superseded.
    pub(crate) superseded: Option<Arc<WriteBack<B>>>,
}

impl<T, B: BackingStoreT> Item<T, B> {
    /// Evicts the item, once the pool has taken it out of its list.
    pub(crate) fn evict(self: &Arc<Self>, lists: &impl PoolLists<T, B>) -> Evicted<T> {
        let mut cell = self.lock();
        if self.list() != ListId::Unlisted {
            // Another thread put it back into a list since it was chosen.
            return Evicted::No;
        }
        match cell.state {
            State::Clean => match self.release(&mut cell, lists) {
                Some(value) => Evicted::Released(value),
                None => Evicted::No,
            },
            State::Dirty | State::Writing => {
                self.evicting.store(true, Ordering::SeqCst);
                lists.move_to(self, ListId::Unwritten);
                match std::mem::replace(&mut cell.eviction_queued, true) {
                    true => Evicted::No,
                    false => Evicted::Write,
                }
            }
            State::Absent | State::Loading | State::CheckedOut | State::Dead => Evicted::No,
        }
    }

    /// Retries the eviction of an evicting item, after a guard was dropped or when
    /// the pool checks its pinned items.
    pub(crate) fn evict_unpinned(self: &Arc<Self>, lists: &impl PoolLists<T, B>) -> Option<Arc<T>> {
        let mut cell = self.lock();
        if !self.is_evicting() || cell.state != State::Clean {
            return None;
        }
        self.release(&mut cell, lists)
    }

    /// Takes the value out of a clean item, unless it is pinned.
    ///
    /// A value's strong count is complete only after the value was taken out of the
    /// slot, since a reader may have borrowed it uncounted before. So the value is
    /// taken out first, then counted, and put back if there is another reference.
    ///
    /// A reader that arrives meanwhile finds the slot empty and tries again under the
    /// lock. A reader that leaves meanwhile first drops its reference and then reads
    /// `evicting`, while this function first sets `evicting` and then counts. So at
    /// least one of the two sees the other. Where the reader's release is weakly
    /// ordered, both may miss it; then the pool's next check of its pinned list
    /// evicts the value.
    pub(super) fn release(
        self: &Arc<Self>,
        cell: &mut Cell,
        lists: &impl PoolLists<T, B>,
    ) -> Option<Arc<T>> {
        self.evicting.store(true, Ordering::SeqCst);
        let value = self.slot.take().expect("a resident value is in its slot");
        if Arc::strong_count(&value) > 1 {
            self.slot.put(value);
            lists.move_to(self, ListId::Pinned);
            return None;
        }
        cell.state = State::Absent;
        self.evicting.store(false, Ordering::SeqCst);
        lists.move_to(self, ListId::Unlisted);
        Some(value)
    }

    /// Ends the item, when its last handle is dropped.
    pub(crate) fn retire(self: &Arc<Self>, lists: &impl PoolLists<T, B>) -> Retired<T, B> {
        let mut cell = self.lock();
        let mut superseded = None;
        // Emptying a slot takes time proportional to the number of threads, so it is
        // done only if there is a value.
        let is_resident = cell.state.is_resident();
        // A load or write that is still running cleans up after itself.
        let left_to_job = match std::mem::replace(&mut cell.state, State::Dead) {
            State::Loading => !lists.in_flight().flights.end(self).run_once.cancel(),
            State::Writing => {
                let write = lists.in_flight().writes.end(self);
                let left = write.is_wanted(Wanted::Persist) || !write.run_once.cancel();
                superseded = (!left).then_some(write);
                left
            }
            State::Absent | State::Clean | State::Dirty | State::CheckedOut => false,
            State::Dead => unreachable!("an item dies only once"),
        };
        self.evicting.store(false, Ordering::SeqCst);
        if self.list() != ListId::Unlisted {
            lists.move_to(self, ListId::Unlisted);
        }
        if left_to_job {
            return Retired {
                value: None,
                file: None,
                superseded,
            };
        }
        Retired {
            value: is_resident.then(|| self.slot.take()).flatten(),
            file: cell.give_up_file(),
            superseded,
        }
    }
}
