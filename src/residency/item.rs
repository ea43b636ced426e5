//! One item: its slot, its state, and its handles.

use std::sync::Arc;

use file_backed_codecs::slot::{Slot, ValueRef};
use uuid::Uuid;

use super::handles::{Handles, Remaining};
use super::item_counts::ItemCounts;
use super::list_id::{ListId, Position, QueueId};
use super::pool_parts::PoolParts;
use super::usage::Usage;
use super::weight::Weight;
use crate::backing_store::{BackingStoreT, FileKind, FileOwnership, FileShare, Location, SourceId};
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

pub(crate) struct Item<T, B: BackingStoreT> {
    pub(super) slot: Slot<T>,
    /// The pool's clock when the item was last moved to the front.
    last_used: AtomicU64,
    /// The [`Weight`] of the resident value. Written under the item's lock and, while
    /// the item is in a list, under the lock of the lists too.
    weight: AtomicU64,
    /// The halves of the key. Written under the item's lock, while the item is not in the
    /// index, which reads them without it.
    key: [AtomicU64; 2],
    /// The [`Location`] of the file. As for the key, but for the part that the index does
    /// not compare.
    location: AtomicU32,
    pub(super) handles: Handles,
    /// The budget has evicted the item, but its value is still pinned or not in a
    /// file yet.
    pub(super) evicting: AtomicBool,
    /// The [`Position`] of the item. Written only under the lock of the pool's lists.
    position: AtomicU8,
    cell: Mutex<Cell>,
    store: std::marker::PhantomData<fn(B)>,
}

pub(super) struct Cell {
    /// Set exactly while the item is absent, loading or clean, and after its death
    /// while a running load may still read the file.
    file: FileKind,
    facts: Facts,
    pub(super) state: State,
}

/// What is true of an item, a bit each.
#[derive(Clone, Copy)]
struct Facts(u8);

#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Fact {
    /// A job for the item's eviction is queued, or deferred by an outage. There is at
    /// most one for each item.
    EvictionQueued = 1,
    /// The value is a map of its file, and uses no memory of the process.
    IsMap = 1 << 1,
    /// The value was loaded before under this key.
    WasLoaded = 1 << 2,
    /// The item is in the index of its pool.
    Indexed = 1 << 3,
    /// The item belongs to a dataset, so it may stay after its last handle.
    OfDataset = 1 << 4,
}

impl Cell {
    pub(super) fn is(&self, fact: Fact) -> bool {
        self.facts.0 & fact as u8 != 0
    }

    /// Returns what it was before.
    pub(super) fn set(&mut self, fact: Fact, is: bool) -> bool {
        let before = self.is(fact);
        match is {
            true => self.facts.0 |= fact as u8,
            false => self.facts.0 &= !(fact as u8),
        }
        before
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

    /// The same under this key.
    #[cfg(all(test, not(shuttle)))]
    pub(crate) fn dirty_under(key: Uuid, value: T, weight: Weight) -> Arc<Self> {
        let value = Some(Arc::new(value));
        Self::new(key, value, weight, FileOwnership::None, State::Dirty)
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

    /// Makes an item whose value is only in a file. It is not in the index yet.
    pub(crate) fn absent(token: FileShare<B>) -> Arc<Self> {
        let key = token.key();
        let weight = Weight::Known(0);
        Self::new(key, None, weight, token.into_ownership(), State::Absent)
    }

    /// The item belongs to a dataset, until it is changed.
    #[cfg(feature = "dataset")]
    pub(crate) fn set_of_dataset(&self) {
        self.lock().set(Fact::OfDataset, true);
    }

    fn new(
        key: Uuid,
        value: Option<Arc<T>>,
        weight: Weight,
        file: FileOwnership,
        state: State,
    ) -> Arc<Self> {
        let (high, low) = key.as_u64_pair();
        let (file, location) = file.into_parts();
        Arc::new(Self {
            slot: Slot::new(value),
            last_used: AtomicU64::new(0),
            weight: AtomicU64::new(weight.to_bits()),
            key: [AtomicU64::new(high), AtomicU64::new(low)],
            location: AtomicU32::new(location.to_bits()),
            handles: Handles::one(),
            evicting: AtomicBool::new(false),
            position: AtomicU8::new(Position::NEW.to_bits()),
            cell: Mutex::new(Cell {
                file,
                facts: Facts(0),
                state,
            }),
            store: std::marker::PhantomData,
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Cell> {
        self.cell.lock()
    }

    pub(crate) fn key(&self) -> Uuid {
        self.key_of(&self.lock())
    }

    /// The key, for a caller that has the lock.
    pub(super) fn key_of(&self, _: &Cell) -> Uuid {
        self.indexed_key()
    }

    /// The key of an item in the index, which does not change meanwhile.
    pub(crate) fn indexed_key(&self) -> Uuid {
        let [high, low] = self.key.each_ref().map(|half| half.load(Ordering::Relaxed));
        Uuid::from_u64_pair(high, low)
    }

    /// The source of an item in the index, which does not change meanwhile.
    pub(crate) fn indexed_source(&self) -> Option<SourceId> {
        Location::from_bits(self.location.load(Ordering::Relaxed)).source()
    }

    /// Changes the key of an item that is not in the index and does not stay.
    pub(super) fn set_key(&self, cell: &mut Cell, key: Uuid) {
        debug_assert!(!self.stays(), "a look-up reads the key");
        debug_assert!(!cell.is(Fact::Indexed), "the index reads the key");
        let (high, low) = key.as_u64_pair();
        self.key[0].store(high, Ordering::Relaxed);
        self.key[1].store(low, Ordering::Relaxed);
    }

    /// What the item owns of its file.
    pub(super) fn file_of(&self, cell: &Cell) -> FileOwnership {
        let location = Location::from_bits(self.location.load(Ordering::Relaxed));
        FileOwnership::from_parts(cell.file, location)
    }

    /// Changes what the item owns of its file. While the item is in the index, its source
    /// stays the same.
    pub(super) fn set_file(&self, cell: &mut Cell, file: FileOwnership) {
        let (file, location) = file.into_parts();
        debug_assert!(
            !cell.is(Fact::Indexed) || location.source() == self.indexed_source(),
            "the index reads the source"
        );
        cell.file = file;
        self.location.store(location.to_bits(), Ordering::Relaxed);
    }

    /// Changes the location of an item in the index. The caller holds the locks of the item
    /// and of the index.
    pub(crate) fn set_indexed_location(&self, location: Location) {
        self.location.store(location.to_bits(), Ordering::Relaxed);
    }

    /// Changes what the item owns of its file, to one from another source.
    pub(super) fn move_file(
        &self,
        cell: &mut Cell,
        to: FileOwnership,
        pool: &impl PoolParts<T, B>,
    ) {
        if !self.try_move_file(cell, to, pool) {
            // There is another item of that file. This one can no longer be found.
            if cell.set(Fact::Indexed, false) {
                pool.leave_index(self);
            }
            self.set_file(cell, to);
        }
    }

    /// Same as [`move_file`](Self::move_file), if the index has no other item of the file.
    pub(super) fn try_move_file(
        &self,
        cell: &mut Cell,
        to: FileOwnership,
        pool: &impl PoolParts<T, B>,
    ) -> bool {
        let (kind, location) = to.into_parts();
        let moves = cell.is(Fact::Indexed) && pool.move_in_index(self, location);
        if moves {
            cell.file = kind;
        }
        moves
    }

    /// Identifies the item while it lives.
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    /// Returns the value if it is resident. Takes no lock, so it misses a value that
    /// was taken out of the slot for a moment to be counted, or that it cannot borrow.
    #[inline]
    pub(crate) fn read(&self) -> Option<ValueRef<'_, T>> {
        self.slot.read()
    }

    /// Returns the value if it is resident. Counting a value takes it out of the slot
    /// for a moment; under the lock, an empty slot means that it is not resident.
    #[cold]
    pub(crate) fn read_locked(&self) -> Option<ValueRef<'_, T>> {
        let _cell = self.lock();
        self.slot.read_counted().map(ValueRef::counted)
    }

    /// Returns the value if it is resident, in a forked child, where a thread of the parent may
    /// have held the lock.
    #[cold]
    pub(crate) fn read_forked(&self) -> Option<ValueRef<'_, T>> {
        self.slot.try_read_counted().map(ValueRef::counted)
    }

    /// Whether the value is resident, or just being evicted.
    pub(crate) fn has_value(&self) -> bool {
        self.slot.has_value()
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
    /// lists, whose amounts change with it; see [`PoolParts::reweigh`].
    pub(crate) fn set_weight(&self, weight: Weight) {
        self.weight.store(weight.to_bits(), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_evicting(&self) -> bool {
        self.evicting.load(Ordering::SeqCst)
    }

    #[inline]
    pub(crate) fn position(&self) -> Position {
        Position::from_bits(self.position.load(Ordering::Relaxed))
    }

    pub(crate) fn list(&self) -> ListId {
        self.position().list()
    }

    /// The queue of the item in its list, or the one where it was last.
    pub(crate) fn queue(&self) -> QueueId {
        self.position().queue()
    }

    /// The item keeps the queue that it was in last.
    pub(crate) fn set_list(&self, list: ListId) {
        self.set_queue(list, self.queue());
    }

    pub(crate) fn set_queue(&self, list: ListId, queue: QueueId) {
        let position = Position::new(list, queue);
        self.position.store(position.to_bits(), Ordering::Relaxed);
    }

    /// Puts a resident item, which was used, into the order of the list that it belongs to.
    pub(super) fn settle(self: &Arc<Self>, cell: &Cell, usage: Usage, pool: &impl PoolParts<T, B>) {
        let list = match cell.is(Fact::IsMap) {
            true => ListId::Mapped,
            false => ListId::Resident,
        };
        pool.used(self, list, usage);
    }

    /// Puts a new item into the order.
    pub(crate) fn enter(self: &Arc<Self>, pool: &impl PoolParts<T, B>) {
        self.settle(&self.lock(), Usage::Load, pool);
    }

    /// Adds a handle, for a caller that has one.
    pub(crate) fn add_handle(&self) {
        self.handles.add();
    }

    /// Removes a handle. If the item stays without one, it is retained from now on.
    pub(crate) fn drop_handle(&self, counts: &ItemCounts) -> Remaining {
        let remaining = self.handles.remove();
        counts.removed(remaining);
        remaining
    }

    /// Whether the last handle is gone, so that the item is retained, dead, or about to be.
    pub(crate) fn has_no_handle(&self) -> bool {
        self.handles.count() == 0
    }

    /// Whether the item stays after its last handle, or is retained already.
    pub(crate) fn stays(&self) -> bool {
        self.handles.stays()
    }

    /// Returns what the item owns of its file.
    #[cfg(feature = "dataset")]
    pub(crate) fn file(&self) -> FileOwnership {
        self.file_of(&self.lock())
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

    #[cfg(all(test, not(shuttle)))]
    pub(super) fn is_indexed(&self) -> bool {
        self.lock().is(Fact::Indexed)
    }

    /// Checks the invariants that hold while the lock is free.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        let cell = self.lock();
        let resident = self.slot.has_value();
        let has_file = cell.file != FileKind::None;
        assert!(has_file || !cell.is(Fact::Indexed));
        if self.stays() {
            assert!(matches!(cell.state, State::Clean | State::Loading));
            assert!(cell.is(Fact::OfDataset) && cell.is(Fact::Indexed));
            assert!(cell.file == FileKind::InPlace);
        }
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
            ListId::Resident => assert!(resident && !evicting && !cell.is(Fact::IsMap)),
            ListId::Mapped => {
                assert!(cell.state == State::Clean && !evicting && cell.is(Fact::IsMap))
            }
            ListId::Pinned => assert!(cell.state == State::Clean && evicting),
            ListId::Unwritten | ListId::Unwritable => {
                assert!(matches!(cell.state, State::Dirty | State::Writing) && evicting);
                assert!(cell.is(Fact::EvictionQueued) || cell.state == State::Writing);
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
