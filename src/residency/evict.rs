//! The events of an item that end its residency.

use std::sync::Arc;

use uuid::Uuid;

use super::item::{Cell, Item, State};
use super::list_id::{ListId, PoolLists};
use super::{Wanted, WriteBack};
use crate::backing_store::{BackingStoreT, FileOwnership};
use crate::sync::atomic::Ordering;

pub(crate) enum Evicted<T> {
    /// Drop the value, where it keeps nobody waiting.
    Released(Arc<T>),
    /// Queue a job that writes it, and asks
    /// [`Item::begin_eviction_write`] when its turn comes.
    Write,
    /// Nothing to do, or nothing that can be done now.
    No,
}

/// What the last handle leaves to do.
pub(crate) struct Retired<T, B: BackingStoreT> {
    pub(crate) value: Option<Arc<T>>,
    pub(crate) old: (Uuid, FileOwnership),
    /// Tell whoever waits that this is superseded.
    pub(crate) superseded: Option<Arc<WriteBack<B>>>,
}

impl<T, B: BackingStoreT> Item<T, B> {
    /// The budget lets go of the item.
    pub(crate) fn evict(self: &Arc<Self>, lists: &impl PoolLists<T, B>) -> Evicted<T> {
        let mut cell = self.lock();
        if self.list() != ListId::Unlisted {
            // Somebody put it back into a list since it was chosen.
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

    /// A guard of an overdue item was dropped, or the pool looks once more.
    pub(crate) fn evict_unpinned(self: &Arc<Self>, lists: &impl PoolLists<T, B>) -> Option<Arc<T>> {
        let mut cell = self.lock();
        if !self.is_evicting() || cell.state != State::Clean {
            return None;
        }
        self.release(&mut cell, lists)
    }

    /// Gives up the value of a clean item, unless it is in use.
    ///
    /// The count of a value is complete only after it was taken out of the slot:
    /// before, a reader may have borrowed it uncounted. So it is taken out, and
    /// put back if anybody else has it. A reader that comes meanwhile finds the
    /// slot empty and asks again under the lock. A reader that goes meanwhile
    /// gives up the value first and looks at `overdue` then; here `overdue` is
    /// set first and the value counted then: one of the two sees the other, and
    /// where the reader's release is weakly ordered, the pool's next look at its
    /// overdue list does.
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

    /// The last handle is gone.
    pub(crate) fn retire(self: &Arc<Self>, lists: &impl PoolLists<T, B>) -> Retired<T, B> {
        let mut cell = self.lock();
        let mut superseded = None;
        // To empty a slot costs some time for each thread that there is.
        let is_resident = cell.state.is_resident();
        // What still runs clears up after itself.
        let left_to_job = match std::mem::replace(&mut cell.state, State::Dead) {
            State::Loading => !lists.in_flight().end_flight(self).run_once.cancel(),
            State::Writing => {
                let write = lists.in_flight().end_write(self);
                let left = write.is_wanted(Wanted::Persist) || !write.run_once.cancel();
                superseded = (!left).then_some(write);
                left
            }
            State::Absent | State::Clean | State::Dirty | State::CheckedOut => false,
            State::Dead => unreachable!("an item dies once"),
        };
        self.evicting.store(false, Ordering::SeqCst);
        if self.list() != ListId::Unlisted {
            lists.move_to(self, ListId::Unlisted);
        }
        let key = cell.key;
        if left_to_job {
            return Retired {
                value: None,
                old: (key, FileOwnership::None),
                superseded,
            };
        }
        let file = std::mem::replace(&mut cell.file, FileOwnership::None);
        Retired {
            value: is_resident.then(|| self.slot.take()).flatten(),
            old: (key, file),
            superseded,
        }
    }
}
