//! One item: its slot, its state, and its handles.

use std::sync::Arc;

use uuid::Uuid;

use super::ValueRef;
use super::list_id::{ListId, PoolLists};
use super::slot::Slot;
use super::weight::Weight;
use crate::backing_store::{BackingStoreT, FileOwnership, FileShare, ItemFile};
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

pub(crate) struct Item<T, B: BackingStoreT> {
    pub(super) slot: Slot<T>,
    /// The pool's clock when the item was last moved to the front.
    last_used: AtomicU64,
    /// The [`Weight`] of the resident value. Written under the item's lock and, while
    /// the item is in a list, under the lock of the lists too.
    weight: AtomicU64,
    /// The number of handles. Guards and jobs do not count.
    handles: AtomicU32,
    /// The budget has evicted the item, but its value is still pinned or not in a
    /// file yet.
    pub(super) evicting: AtomicBool,
    /// The [`ListId`] of the item. Written only under the lock of the lists.
    list: AtomicU8,
    cell: Mutex<Cell>,
    store: std::marker::PhantomData<fn(B)>,
}

pub(super) struct Cell {
    pub(super) key: Uuid,
    /// Set exactly while the item is absent, loading or clean, and after its death
    /// while a running load may still read the file.
    pub(super) file: FileOwnership,
    /// A job for the item's eviction is queued, or deferred by an outage. There is at
    /// most one for each item.
    pub(super) eviction_queued: bool,
    /// The value is a map of its file, and uses no memory of the process.
    pub(super) is_map: bool,
    /// The value was loaded before under this key.
    pub(super) was_loaded: bool,
    pub(super) state: State,
}

impl Cell {
    /// Gives up what the item owns of its file, if there is one.
    pub(super) fn give_up_file(&mut self) -> Option<ItemFile> {
        self.file.give_up(self.key)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    /// Has a flight in [`InFlight`](super::InFlight).
    Loading,
    Clean,
    Dirty,
    /// Has a write in [`InFlight`](super::InFlight).
    Writing,
    CheckedOut,
    Dead,
}

impl State {
    pub(super) fn is_resident(self) -> bool {
        matches!(self, Self::Clean | Self::Dirty | Self::Writing)
    }
}

impl<T, B: BackingStoreT> Item<T, B> {
    /// Makes an item from a new value. It has no file and is in no list.
    pub(crate) fn dirty(value: T, weight: Weight) -> Arc<Self> {
        let value = Some(Arc::new(value));
        Self::new(
            crate::key::random(),
            value,
            weight,
            FileOwnership::None,
            State::Dirty,
        )
    }

    /// Makes a separate item for a value that is about to be changed.
    pub(crate) fn checked_out() -> Arc<Self> {
        Self::new(
            crate::key::random(),
            None,
            Weight::Known(0),
            FileOwnership::None,
            State::CheckedOut,
        )
    }

    /// Makes an item whose value is only in a file.
    pub(crate) fn absent(token: FileShare<B>) -> Arc<Self> {
        let key = token.key();
        let weight = Weight::Known(0);
        Self::new(key, None, weight, token.into_ownership(), State::Absent)
    }

    fn new(
        key: Uuid,
        value: Option<Arc<T>>,
        weight: Weight,
        file: FileOwnership,
        state: State,
    ) -> Arc<Self> {
        Arc::new(Self {
            slot: Slot::new(value),
            last_used: AtomicU64::new(0),
            weight: AtomicU64::new(weight.to_bits()),
            handles: AtomicU32::new(1),
            evicting: AtomicBool::new(false),
            list: AtomicU8::new(ListId::Unlisted as u8),
            cell: Mutex::new(Cell {
                key,
                file,
                eviction_queued: false,
                is_map: false,
                was_loaded: false,
                state,
            }),
            store: std::marker::PhantomData,
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Cell> {
        self.cell.lock()
    }

    pub(crate) fn key(&self) -> Uuid {
        self.lock().key
    }

    /// Identifies the item while it lives.
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    /// Returns the value if it is resident. Takes no lock, so it misses a value that
    /// was taken out of the slot for a moment to be counted.
    #[inline]
    pub(crate) fn read(&self) -> Option<ValueRef<T>> {
        self.slot.read()
    }

    /// Returns the value if it is resident. Counting a value takes it out of the slot
    /// for a moment; under the lock, an empty slot means that it is not resident.
    #[cold]
    pub(crate) fn read_locked(&self) -> Option<ValueRef<T>> {
        let _cell = self.lock();
        self.slot.read()
    }

    #[inline]
    pub(crate) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }

    pub(crate) fn set_last_used(&self, last_used: u64) {
        self.last_used.store(last_used, Ordering::Relaxed);
    }

    pub(crate) fn weight(&self) -> Weight {
        Weight::from_bits(self.weight.load(Ordering::Relaxed))
    }

    /// The caller holds the item's lock and, if the item is in a list, also that of the
    /// lists, whose amounts change with it; see [`PoolLists::reweigh`].
    pub(crate) fn set_weight(&self, weight: Weight) {
        self.weight.store(weight.to_bits(), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_evicting(&self) -> bool {
        self.evicting.load(Ordering::SeqCst)
    }

    #[inline]
    pub(crate) fn list(&self) -> ListId {
        ListId::of(self.list.load(Ordering::Relaxed))
    }

    pub(crate) fn set_list(&self, list: ListId) {
        self.list.store(list as u8, Ordering::Relaxed);
    }

    /// Moves a resident item to the front of the list that it belongs to.
    pub(super) fn settle(self: &Arc<Self>, cell: &Cell, lists: &impl PoolLists<T, B>) {
        let list = match cell.is_map {
            true => ListId::Mapped,
            false => ListId::Resident,
        };
        lists.move_to(self, list);
    }

    /// Puts a new item at the front.
    pub(crate) fn enter(self: &Arc<Self>, lists: &impl PoolLists<T, B>) {
        self.settle(&self.lock(), lists);
    }

    pub(crate) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns true if it was the last.
    pub(crate) fn drop_handle(&self) -> bool {
        // As in `Arc`: what other handles did happens before the item is retired.
        self.handles.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Whether the calling handle is the only one. No other can be made while that
    /// handle is borrowed mutably.
    pub(crate) fn has_one_handle(&self) -> bool {
        self.handles.load(Ordering::Acquire) == 1
    }

    /// Returns what the item owns of its file.
    pub(crate) fn file(&self) -> FileOwnership {
        self.lock().file
    }

    /// Whether the value is loaded from another place than the cache.
    #[cfg(feature = "dataset")]
    pub(crate) fn is_read_in_place(&self) -> bool {
        self.file().source().is_some()
    }

    /// Whether a write guard holds the value, or was leaked with it.
    pub(crate) fn is_checked_out(&self) -> bool {
        self.lock().state == State::CheckedOut
    }

    /// Checks the invariants that hold while the lock is free.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        let cell = self.lock();
        let resident = self.slot.read().is_some();
        let has_file = cell.file != FileOwnership::None;
        match cell.state {
            State::Absent | State::Loading => assert!(!resident && has_file),
            State::Clean => assert!(resident && has_file),
            State::Dirty | State::Writing => assert!(resident && !has_file),
            State::CheckedOut => assert!(!resident && !has_file),
            State::Dead => {}
        }
        let evicting = self.is_evicting();
        match self.list() {
            ListId::Unlisted => assert!(!resident && !evicting || cell.state == State::Dead),
            ListId::Resident => assert!(resident && !evicting && !cell.is_map),
            ListId::Mapped => assert!(cell.state == State::Clean && !evicting && cell.is_map),
            ListId::Pinned => assert!(cell.state == State::Clean && evicting),
            ListId::Unwritten | ListId::Unwritable => {
                assert!(matches!(cell.state, State::Dirty | State::Writing) && evicting);
                assert!(cell.eviction_queued || cell.state == State::Writing);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fbstore::FBStore;

    /// The documentation of the pool promises this size.
    #[test]
    fn an_absent_item_takes_at_most_72_bytes() {
        let counts = 2 * size_of::<usize>();
        assert!(size_of::<Item<u64, FBStore<()>>>() + counts <= 72);
    }
}
