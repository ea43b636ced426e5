//! The events of an item of a dataset that no handle owns.
//!
//! A dataset owns its items, so the last handle of one gives up nothing but itself: the
//! value stays in its list, in its place, until it is evicted, and the next look-up finds
//! it. Such an item is *retained*. It is clean, or a load of it is running, and it is loaded
//! from the dataset's place. It keeps no file: it ends when it is evicted, when its file is
//! deleted there, and when the dataset is no longer open, unless another commit of the same
//! place is.

use std::sync::Arc;

use uuid::Uuid;

use super::evict::Released;
use super::item::{Cell, Fact, Item, State};
use super::{ListId, PoolParts};
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

/// What a retained item gave up when its source was closed.
#[cfg(feature = "dataset")]
pub(crate) struct Handed<T> {
    /// A share of a source.
    pub(crate) file: Option<ItemFile>,
    /// What is left of it, if it has ended.
    pub(crate) ended: Released<T>,
}

impl<T, B: BackingStoreT> Item<T, B> {
    /// Retains an item after its last handle, if it is one of a dataset and its value is
    /// worth keeping. Returns whether it is retained, and the file in the cache that it
    /// owned until now, if it gave one up.
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
            FileOwnership::InPlace(source) if pool.core().is_open(source) => None,
            FileOwnership::InPlace(_) => return (false, None),
            // The load reads the file in the cache.
            _ if cell.state == State::Loading => return (false, None),
            _ => match self.leave_cache(cell, pool) {
                (true, given_up) => given_up,
                ended => return ended,
            },
        };
        cell.set(Fact::Retained, true);
        pool.counts().retain(self.retained_bytes(cell));
        (true, given_up)
    }

    /// Gives up the file in the cache of an item that was committed, if the dataset has the
    /// file too. Returns whether it has.
    fn leave_cache(
        &self,
        cell: &mut Cell,
        pool: &impl PoolParts<T, B>,
    ) -> (bool, Option<ItemFile>) {
        let (core, key, file) = (pool.core(), self.key_of(cell), self.file_of(cell));
        let Some(in_place) = core.in_place_of_dataset(key, file) else {
            return (false, None);
        };
        let given_up = core.give_up(key, file);
        self.move_file(cell, in_place, pool);
        // Asked last: a commit that deletes the file there makes the key busy, and then
        // looks for items that are loaded from there.
        let source = in_place.source().expect("it is in place");
        (core.source_has(source, key), given_up)
    }

    /// A handle of a retained item was made.
    pub(super) fn end_retaining(&self, cell: &mut Cell, pool: &impl PoolParts<T, B>) {
        if cell.set(Fact::Retained, false) {
            pool.counts().end_retaining(self.retained_bytes(cell));
        }
    }

    /// Ends an item that is retained.
    pub(super) fn end_retained(
        self: &Arc<Self>,
        cell: &mut Cell,
        pool: &impl PoolParts<T, B>,
    ) -> Released<T> {
        let bytes = self.retained_bytes(cell);
        pool.counts().end_retaining(bytes);
        pool.counts().leave();
        cell.set(Fact::Retained, false);
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

    /// The bytes that a retained item counts.
    fn retained_bytes(&self, cell: &Cell) -> u64 {
        match cell.state {
            State::Clean => self.weight().bytes(),
            _ => 0,
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
        } else if cell.is(Fact::Retained) {
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
        if cell.is(Fact::Retained) {
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

    /// Moves an item to the source of another commit that has the same file. Returns what it
    /// owned of its former source.
    #[cfg(feature = "dataset")]
    pub(crate) fn follow(
        &self,
        handover: &Handover,
        pool: &impl PoolParts<T, B>,
    ) -> Option<ItemFile> {
        let mut cell = self.lock();
        self.follow_locked(&mut cell, handover, pool)
    }

    #[cfg(feature = "dataset")]
    fn follow_locked(
        &self,
        cell: &mut Cell,
        handover: &Handover,
        pool: &impl PoolParts<T, B>,
    ) -> Option<ItemFile> {
        let key = self.key_of(cell);
        if !self.is_loaded_from(cell, key, handover.from) {
            return None;
        }
        let core = pool.core();
        let before = self.file_of(cell);
        let to = core.in_place_of_target(handover, key)?;
        // What is given up: the former source, or the share that has no use.
        match self.try_move_file(cell, to, pool) {
            true => core.give_up(key, before),
            false => core.give_up(key, to),
        }
    }

    /// A source was closed: moves a retained item to that of another commit, or ends it.
    #[cfg(feature = "dataset")]
    pub(crate) fn hand_over(
        self: &Arc<Self>,
        handover: &Handover,
        pool: &impl PoolParts<T, B>,
    ) -> Handed<T> {
        let mut cell = self.lock();
        let is_from_there = self.file_of(&cell).source() == Some(handover.from);
        if !cell.is(Fact::Retained) || !is_from_there {
            return Handed {
                file: None,
                ended: Released::nothing(),
            };
        }
        let file = self.follow_locked(&mut cell, handover, pool);
        let source = self.file_of(&cell).source();
        let has_moved = source != Some(handover.from);
        // Asked after the move, because closing looks for items without a handle.
        let may_stay = has_moved && source.is_some_and(|source| pool.core().is_open(source));
        let ended = match may_stay {
            true => Released::nothing(),
            false => self.end_retained(&mut cell, pool),
        };
        Handed { file, ended }
    }

    /// Ends an item that no handle owns.
    pub(crate) fn release_unused(self: &Arc<Self>, pool: &impl PoolParts<T, B>) -> Released<T> {
        let mut cell = self.lock();
        match cell.is(Fact::Retained) {
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
