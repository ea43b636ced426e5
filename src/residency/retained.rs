//! The events of an item of a dataset for having no handle.
//!
//! A dataset owns its items, so the last handle of one gives up nothing but itself: the
//! value remains in its list, in its place, until it is evicted, and the next look-up finds
//! it. An item *stays* from its first drop on, if it is clean or a load of it is running, it
//! is loaded from the dataset's place, and the current commit has it. An item that stays
//! and has no handle is *retained*. It keeps no file, and ends when it is evicted,
//! when its file is deleted, when a commit drops it, and when the dataset is no longer open,
//! unless another commit of the same place is.
//!
//! A look-up of an item that stays takes no lock and asks for nothing else, since all that
//! would change the answer ends the staying first.

use std::sync::Arc;

use uuid::Uuid;

use super::evict::Released;
use super::item::{Cell, Fact, Item, State};
use super::{ListId, PoolParts, Weight};
#[cfg(feature = "dataset")]
use crate::backing_store::Handover;
use crate::backing_store::{BackingStoreT, FileOwnership, FileShare, ItemFile, SourceId};
use crate::sync::atomic::Ordering;

/// What becomes of an item whose file is about to be deleted at its source.
pub(crate) enum Leaving<T, B: BackingStoreT> {
    /// It has handles: bring the file into the cache from this path, and call
    /// [`move_to_cache`](Item::move_to_cache).
    NeedsFile(Arc<B::PersistPath>),
    /// It was retained, and has ended.
    Ended(Released<T>),
    /// It is not loaded from there, or no longer.
    Gone,
}

/// What an item gave up when it moved to another source, or was to move there.
#[cfg(feature = "dataset")]
pub(crate) struct Handed<T> {
    /// A share of a source.
    pub(crate) file: Option<ItemFile>,
    /// What is left of it, if it has ended.
    pub(crate) ended: Released<T>,
}

#[cfg(feature = "dataset")]
impl<T> Handed<T> {
    fn nothing() -> Self {
        Self {
            file: None,
            ended: Released::nothing(),
        }
    }
}

impl<T, B: BackingStoreT> Item<T, B> {
    /// Retains an item after its last handle, if it is one of a dataset and its value is
    /// worth keeping. Returns whether it is retained, or has a handle again, and the file
    /// in the cache that it owned until now, if it gave one up.
    pub(super) fn retain(
        &self,
        cell: &mut Cell,
        pool: &impl PoolParts<T, B>,
    ) -> (bool, Option<ItemFile>) {
        let is_kept = match cell.state {
            State::Clean => matches!(self.list(), ListId::Resident | ListId::Mapped),
            // A load that no thread has begun is cancelled.
            State::Loading => pool.in_flight().flights.get(self).run_once.is_decided(),
            _ => false,
        };
        if !is_kept || !cell.is(Fact::OfDataset) || !pool.retains() {
            return (false, None);
        }
        let given_up = match self.file_of(cell) {
            FileOwnership::InPlace(_) => None,
            // The load reads the file in the cache.
            _ if cell.state == State::Loading => return (false, None),
            _ => match self.leave_cache(cell, pool) {
                Some(given_up) => given_up,
                None => return (false, None),
            },
        };
        if cell.state == State::Loading {
            self.set_weight(Weight::Known(0));
        }
        (self.try_stay(cell, pool), given_up)
    }

    /// Moves a committed item from the file in the cache to that of the dataset. Returns the
    /// file in the cache, if it owned one; `None` if the dataset does not have the file.
    fn leave_cache(
        &self,
        cell: &mut Cell,
        pool: &impl PoolParts<T, B>,
    ) -> Option<Option<ItemFile>> {
        let (core, key, file) = (pool.core(), self.key_of(cell), self.file_of(cell));
        let in_place = core.in_place_of_dataset(key, file)?;
        let given_up = core.give_up(key, file);
        self.move_file(cell, in_place, pool);
        Some(given_up)
    }

    /// Lets an item that is read in place stay after its last handle, if the dataset is open
    /// and has it. Returns false if it may not, and has no handle, so that it has to end.
    pub(super) fn try_stay(&self, cell: &Cell, pool: &impl PoolParts<T, B>) -> bool {
        // Asked before, because a look-up that finds that the item stays does not ask. A
        // commit without the item waits for the lock.
        if !cell.is(Fact::Indexed) || !self.is_committed(cell, pool) {
            return !self.has_no_handle();
        }
        let is_retained = self.handles.stay();
        pool.counts().stay(is_retained, self.weight().bytes());
        // And afterwards, because closing the dataset looks for items that stay without the
        // lock.
        self.is_committed(cell, pool) || !self.end_staying(pool)
    }

    /// Whether the item is read in place, and the dataset there is open and has it.
    pub(super) fn is_committed(&self, cell: &Cell, pool: &impl PoolParts<T, B>) -> bool {
        let (key, source) = (self.key_of(cell), self.file_of(cell).source());
        source.is_some_and(|source| pool.core().is_committed(source, key))
    }

    /// The item does not stay any more. Returns whether it was retained; then the caller ends
    /// it, or lets it stay again. Called under the lock, before anything else about the
    /// item changes.
    pub(super) fn end_staying(&self, pool: &impl PoolParts<T, B>) -> bool {
        if !self.stays() {
            return false;
        }
        let was_retained = self.handles.end_staying();
        pool.counts()
            .end_staying(was_retained, self.weight().bytes());
        was_retained
    }

    /// Ends an item that was retained, and does not stay any more.
    pub(super) fn end_retained(
        self: &Arc<Self>,
        cell: &mut Cell,
        pool: &impl PoolParts<T, B>,
    ) -> Released<T> {
        pool.counts().leave();
        self.evicting.store(false, Ordering::SeqCst);
        if self.list() != ListId::Unlisted {
            pool.move_to(self, ListId::Unlisted);
        }
        match std::mem::replace(&mut cell.state, State::Dead) {
            // The running load gives up the file.
            State::Loading => {
                pool.in_flight().flights.end(self);
                self.leave_index(cell, pool);
                Released::nothing()
            }
            _ => Released {
                value: self.slot.take(),
                file: self.give_up_file(cell, pool),
            },
        }
    }

    /// The current commit of the dataset does not have the item any more: a look-up finds it
    /// no longer without asking for that. A handle keeps it, and its file stays while a
    /// reader of an earlier commit needs it.
    #[cfg(feature = "dataset")]
    pub(crate) fn leave_commit(
        self: &Arc<Self>,
        key: Uuid,
        source: SourceId,
        pool: &impl PoolParts<T, B>,
    ) -> Released<T> {
        let mut cell = self.lock();
        match self.is_loaded_from(&cell, key, source) && self.end_staying(pool) {
            true => self.end_retained(&mut cell, pool),
            false => Released::nothing(),
        }
    }

    /// Called for an item that was found in the index, before its file is deleted at its
    /// source.
    pub(crate) fn leave_source(
        self: &Arc<Self>,
        key: Uuid,
        source: SourceId,
        pool: &impl PoolParts<T, B>,
    ) -> Leaving<T, B> {
        let mut cell = self.lock();
        if !self.is_loaded_from(&cell, key, source) {
            Leaving::Gone
        } else if self.end_staying(pool) {
            Leaving::Ended(self.end_retained(&mut cell, pool))
        } else {
            Leaving::NeedsFile(pool.core().place_of(source))
        }
    }

    /// The file of an item that [needs](Leaving::NeedsFile) it is in the cache. Returns what
    /// is to be released.
    pub(crate) fn move_to_cache(
        self: &Arc<Self>,
        source: SourceId,
        share: FileShare<B>,
        pool: &impl PoolParts<T, B>,
    ) -> Released<T> {
        let key = share.key();
        // A share that is not needed is dropped after the lock, as it is older.
        let mut cell = self.lock();
        if !self.is_loaded_from(&cell, key, source) {
            return Released::nothing();
        }
        if self.end_staying(pool) {
            return self.end_retained(&mut cell, pool);
        }
        let given_up = pool.core().give_up(key, self.file_of(&cell));
        self.move_file(&mut cell, share.into_ownership(), pool);
        if cell.is(Fact::Indexed) {
            let file = (pool.core()).become_sole_owner(key, self.file_of(&cell));
            self.set_file(&mut cell, file);
        }
        Released {
            value: None,
            file: given_up,
        }
    }

    /// Moves an item to the source of another commit that has the same file.
    #[cfg(feature = "dataset")]
    pub(crate) fn follow(
        self: &Arc<Self>,
        key: Uuid,
        handover: &Handover,
        pool: &impl PoolParts<T, B>,
    ) -> Handed<T> {
        let mut cell = self.lock();
        if !self.is_loaded_from(&cell, key, handover.from) {
            return Handed::nothing();
        }
        let stayed = self.stays();
        self.end_staying(pool);
        let file = self.move_to_target(&mut cell, handover, pool);
        let ended = match stayed && !self.try_stay(&cell, pool) {
            true => self.end_retained(&mut cell, pool),
            false => Released::nothing(),
        };
        Handed { file, ended }
    }

    /// A source was closed: moves a retained item to that of another commit, or ends it.
    /// An item with handles no longer stays after the last one.
    #[cfg(feature = "dataset")]
    pub(crate) fn hand_over(
        self: &Arc<Self>,
        handover: &Handover,
        pool: &impl PoolParts<T, B>,
    ) -> Handed<T> {
        let mut cell = self.lock();
        let key = self.key_of(&cell);
        let is_from_there = self.is_loaded_from(&cell, key, handover.from);
        if !is_from_there || !self.end_staying(pool) {
            return Handed::nothing();
        }
        let file = self.move_to_target(&mut cell, handover, pool);
        let ended = match self.try_stay(&cell, pool) {
            true => Released::nothing(),
            false => self.end_retained(&mut cell, pool),
        };
        Handed { file, ended }
    }

    /// Returns what the item owned of its former source, or of the other one if it cannot
    /// move there.
    #[cfg(feature = "dataset")]
    fn move_to_target(
        &self,
        cell: &mut Cell,
        handover: &Handover,
        pool: &impl PoolParts<T, B>,
    ) -> Option<ItemFile> {
        let (core, key, before) = (pool.core(), self.key_of(cell), self.file_of(cell));
        let to = core.in_place_of_target(handover, key)?;
        match self.try_move_file(cell, to, pool) {
            true => core.give_up(key, before),
            false => core.give_up(key, to),
        }
    }

    /// Ends an item that no handle owns.
    pub(crate) fn release_unused(self: &Arc<Self>, pool: &impl PoolParts<T, B>) -> Released<T> {
        let mut cell = self.lock();
        match self.handles.is_retained() && self.end_staying(pool) {
            true => self.end_retained(&mut cell, pool),
            false => Released::nothing(),
        }
    }

    fn is_loaded_from(&self, cell: &Cell, key: Uuid, source: SourceId) -> bool {
        cell.is(Fact::Indexed)
            && self.key_of(cell) == key
            && self.file_of(cell).source() == Some(source)
    }
}
