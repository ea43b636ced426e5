//! The events that end an item's residency.

use std::sync::Arc;

use super::item::{Cell, Fact, Item, State};
use super::{ListId, PoolParts, Usage, Wanted, WriteBack};
use crate::backing_store::{BackingStoreT, ItemFile};
use crate::sync::atomic::Ordering;

pub(crate) enum Evicted<T> {
    /// The value was evicted.
    Released(Released<T>),
    /// Queue a job that calls [`Item::begin_eviction_write`] and writes the value.
    Write,
    /// There is nothing to do, or not now.
    No,
}

/// What becomes of an item that was to be evicted while a guard pins its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfPinned {
    /// It is evicted once the last guard is gone.
    Evict,
    /// It goes back into its list, because evicting it would free nothing now.
    Keep,
}

/// What the caller must drop and release.
#[must_use = "the file stays unless it is passed to `StoreCore::release`"]
pub(crate) struct Released<T> {
    pub(crate) value: Option<Arc<T>>,
    pub(crate) file: Option<ItemFile>,
}

impl<T> Released<T> {
    pub(super) fn nothing() -> Self {
        Self {
            value: None,
            file: None,
        }
    }
}

/// What the caller must do after the last handle is dropped.
pub(crate) struct Retired<T, B: BackingStoreT> {
    /// The value stays, and no room was made.
    pub(crate) is_retained: bool,
    pub(crate) value: Option<Arc<T>>,
    /// The item's file, to be released.
    pub(crate) file: Option<ItemFile>,
    /// The file in the cache of an item whose dataset has it too, to be released.
    pub(crate) cache_file: Option<ItemFile>,
    /// A write whose waiters must be notified that it is superseded.
    pub(crate) superseded: Option<Arc<WriteBack<B>>>,
}

impl<T, B: BackingStoreT> Item<T, B> {
    /// Evicts the item, once the pool has taken it out of its list.
    pub(crate) fn evict(
        self: &Arc<Self>,
        if_pinned: IfPinned,
        pool: &impl PoolParts<T, B>,
    ) -> Evicted<T> {
        let mut cell = self.lock();
        if self.list() != ListId::Unlisted {
            // Another thread put it back into a list since it was chosen.
            return Evicted::No;
        }
        match cell.state {
            State::Clean => {
                let released = match if_pinned {
                    IfPinned::Evict => self.release(&mut cell, pool),
                    IfPinned::Keep => self.release_or_keep(&mut cell, pool),
                };
                released.map_or(Evicted::No, Evicted::Released)
            }
            State::Dirty | State::Writing => {
                self.evicting.store(true, Ordering::SeqCst);
                pool.move_to(self, ListId::Unwritten);
                match cell.set(Fact::EvictionQueued, true) {
                    true => Evicted::No,
                    false => Evicted::Write,
                }
            }
            State::Absent | State::Loading | State::CheckedOut | State::Dead => Evicted::No,
        }
    }

    /// Retries the eviction of an evicting item, after a guard was dropped or when
    /// the pool checks its pinned items.
    pub(crate) fn evict_unpinned(
        self: &Arc<Self>,
        pool: &impl PoolParts<T, B>,
    ) -> Option<Released<T>> {
        let mut cell = self.lock();
        if !self.is_evicting() || cell.state != State::Clean {
            return None;
        }
        self.release(&mut cell, pool)
    }

    /// Takes the value out of a clean item, unless it is pinned.
    ///
    /// A value's strong count is complete only after the value was taken out of the
    /// slot, since a reader may have borrowed it uncounted before. So the value is
    /// taken out first, then counted, and put back if there is another reference.
    ///
    /// A reader that arrives meanwhile is counted too, or finds the slot empty and tries
    /// again under the lock. A reader that leaves meanwhile first drops its reference and then reads
    /// `evicting`, while this function first sets `evicting` and then counts. So at
    /// least one of the two sees the other. Where the reader's release is weakly
    /// ordered, both may miss it; then the pool's next check of its pinned list
    /// evicts the value.
    pub(super) fn release(
        self: &Arc<Self>,
        cell: &mut Cell,
        pool: &impl PoolParts<T, B>,
    ) -> Option<Released<T>> {
        self.evicting.store(true, Ordering::SeqCst);
        let released = self.release_unpinned(cell, pool);
        if released.is_none() {
            pool.move_to(self, ListId::Pinned);
        }
        released
    }

    /// Same as [`release`](Self::release), but a pinned item goes back into its list, from
    /// which it is evicted later. So no reader has to see that it is evicting.
    fn release_or_keep(
        self: &Arc<Self>,
        cell: &mut Cell,
        pool: &impl PoolParts<T, B>,
    ) -> Option<Released<T>> {
        let released = self.release_unpinned(cell, pool);
        if released.is_some() {
            return released;
        }
        self.settle(cell, Usage::Pinned, pool);
        // Closing the dataset looks for items that stay in the lists, and this one was in none.
        let is_left_over = self.stays() && !self.is_committed(cell, pool);
        let ends = is_left_over && self.end_staying(pool);
        ends.then(|| self.end_retained(cell, pool))
    }

    /// Takes the value out of a clean item. `None` if it is pinned, and then the value is back
    /// in its slot.
    fn release_unpinned(
        self: &Arc<Self>,
        cell: &mut Cell,
        pool: &impl PoolParts<T, B>,
    ) -> Option<Released<T>> {
        let value = self.slot.take().expect("a resident value is in its slot");
        if Arc::strong_count(&value) > 1 {
            self.slot.put(value);
            return None;
        }
        if self.end_staying(pool) {
            // Its slot is empty.
            let ended = self.end_retained(cell, pool);
            return Some(Released {
                value: Some(value),
                ..ended
            });
        }
        cell.state = State::Absent;
        self.evicting.store(false, Ordering::SeqCst);
        pool.move_to(self, ListId::Unlisted);
        Some(Released {
            value: Some(value),
            file: None,
        })
    }

    /// Ends or retains the item after its last handle was dropped, unless a look-up has added
    /// another one since.
    pub(crate) fn retire(self: &Arc<Self>, pool: &impl PoolParts<T, B>) -> Option<Retired<T, B>> {
        let mut cell = self.lock();
        // A handle that was added and dropped again has a call of its own.
        let is_done = cell.state == State::Dead || self.handles.is_retained();
        if is_done || !self.has_no_handle() {
            return None;
        }
        let (is_retained, cache_file) = self.retain(&mut cell, pool);
        if is_retained {
            return Some(Retired {
                is_retained,
                value: None,
                file: None,
                cache_file,
                superseded: None,
            });
        }
        pool.counts().leave();
        let mut superseded = None;
        // Only a slot with a value has to be emptied.
        let is_resident = cell.state.is_resident();
        // A load or write that is still running cleans up after itself.
        let left_to_job = match std::mem::replace(&mut cell.state, State::Dead) {
            State::Loading => !pool.in_flight().flights.end(self).run_once.cancel(),
            State::Writing => {
                let write = pool.in_flight().writes.end(self);
                let left = write.is_wanted(Wanted::Persist) || !write.run_once.cancel();
                superseded = (!left).then_some(write);
                left
            }
            State::Absent | State::Clean | State::Dirty | State::CheckedOut => false,
            State::Dead => unreachable!("an item dies only once"),
        };
        self.evicting.store(false, Ordering::SeqCst);
        if self.list() != ListId::Unlisted {
            pool.move_to(self, ListId::Unlisted);
        }
        if left_to_job {
            self.leave_index(&mut cell, pool);
            return Some(Retired {
                is_retained: false,
                value: None,
                file: None,
                cache_file,
                superseded,
            });
        }
        Some(Retired {
            is_retained: false,
            value: is_resident.then(|| self.slot.take()).flatten(),
            file: self.give_up_file(&mut cell, pool),
            cache_file,
            superseded,
        })
    }
}
