//! The events of an item for being found by its key, or through a weak reference.

use std::sync::Arc;

use uuid::Uuid;

use super::item::{Cell, Fact, Item, State};
#[cfg(feature = "dataset")]
use super::item_counts::ItemCounts;
use super::pool_parts::PoolParts;
use crate::backing_store::{BackingStoreT, FileOwnership, FileShare, ItemFile, PlaceId, SourceId};

/// What is looked for in the index.
#[derive(Clone, Copy)]
pub(crate) struct Lookup {
    pub(crate) key: Uuid,
    /// The source that it is loaded from; `None` if it is in the cache.
    pub(crate) source: Option<SourceId>,
    /// The place where a file in the cache must be known to be too.
    pub(crate) at: Option<PlaceId>,
    /// The item belongs to a dataset.
    pub(crate) of_dataset: bool,
}

/// Why an item is not in the index.
pub(crate) enum NotEntered<T, B: BackingStoreT> {
    /// This item of the same key and source is there already.
    Other(Arc<Item<T, B>>),
    /// The file is being deleted at the source that it would be loaded from.
    Deleted,
}

impl<T, B: BackingStoreT> Item<T, B> {
    /// Enters an item into the index of its pool, so that others can find it.
    pub(crate) fn enter_index(
        self: &Arc<Self>,
        pool: &impl PoolParts<T, B>,
    ) -> Result<(), NotEntered<T, B>> {
        let mut cell = self.lock();
        self.enter_index_locked(&mut cell, pool)
    }

    /// Enters the item into the index after it was persisted under this key, unless it was
    /// changed or dropped since. If another item of the key is there, both stay as they
    /// are.
    pub(crate) fn enter_persisted(self: &Arc<Self>, key: Uuid, pool: &impl PoolParts<T, B>) {
        let mut cell = self.lock();
        if self.key_of(&cell) == key && cell.state != State::Dead {
            let _ = self.enter_index_locked(&mut cell, pool);
        }
    }

    fn enter_index_locked(
        self: &Arc<Self>,
        cell: &mut Cell,
        pool: &impl PoolParts<T, B>,
    ) -> Result<(), NotEntered<T, B>> {
        let (core, key, file) = (pool.core(), self.key_of(cell), self.file_of(cell));
        if !cell.is(Fact::Indexed) {
            pool.enter_index(self).map_err(NotEntered::Other)?;
            // A deletion makes the key busy, and then looks for the item in the index: one of
            // the two sees the other. No one gets a handle before, because of the lock.
            if file
                .source()
                .is_some_and(|source| !core.source_has(source, key))
            {
                pool.leave_index(self);
                return Err(NotEntered::Deleted);
            }
            cell.set(Fact::Indexed, true);
        }
        // Only now: while the key is not in the key table, the index has to have the item.
        let file = core.become_sole_owner(key, file);
        self.set_file(cell, file);
        Ok(())
    }

    /// Takes the item out of the index, if it is there. The item keeps its file.
    pub(super) fn leave_index(&self, cell: &mut Cell, pool: &impl PoolParts<T, B>) {
        if !cell.is(Fact::Indexed) {
            return;
        }
        // First, because the key table has to have the key once the index has not.
        let file = (pool.core()).end_sole_ownership(self.key_of(cell), self.file_of(cell));
        self.set_file(cell, file);
        pool.leave_index(self);
        cell.set(Fact::Indexed, false);
    }

    /// Gives up what the item owns of its file, if there is one. Others can no longer find
    /// the item.
    pub(super) fn give_up_file(
        &self,
        cell: &mut Cell,
        pool: &impl PoolParts<T, B>,
    ) -> Option<ItemFile> {
        // First, as above.
        let given_up = pool.core().give_up(self.key_of(cell), self.file_of(cell));
        if cell.set(Fact::Indexed, false) {
            pool.leave_index(self);
        }
        self.set_file(cell, FileOwnership::None);
        given_up
    }

    /// Ends an item that no one else has seen. Returns its file, to be released.
    pub(crate) fn discard(&self, pool: &impl PoolParts<T, B>) -> Option<ItemFile> {
        let mut cell = self.lock();
        cell.state = State::Dead;
        self.give_up_file(&mut cell, pool)
    }

    /// Adds a handle to an item that was found in the index, unless it is no longer what
    /// was looked for.
    pub(crate) fn add_handle_if(&self, wanted: &Lookup, pool: &impl PoolParts<T, B>) -> bool {
        let mut cell = self.lock();
        let (key, file) = (self.key_of(&cell), self.file_of(&cell));
        let is_wanted = cell.is(Fact::Indexed)
            && key == wanted.key
            && file.source() == wanted.source
            && (wanted.at).is_none_or(|at| pool.core().is_known_at(at, key, file));
        if is_wanted {
            pool.counts().added(self.handles.add());
            if wanted.of_dataset {
                cell.set(Fact::OfDataset, true);
            }
        }
        is_wanted
    }

    /// Adds a handle to an item that had this key, unless it has ended or was changed. The
    /// item need not be in the index.
    pub(crate) fn add_handle_if_unchanged(&self, key: Uuid, pool: &impl PoolParts<T, B>) -> bool {
        let cell = self.lock();
        let is_unchanged = self.is_unchanged_locked(&cell, key);
        if is_unchanged {
            pool.counts().added(self.handles.add());
        }
        is_unchanged
    }

    /// Whether an item that had this key has neither ended nor been changed.
    pub(crate) fn is_unchanged(&self, key: Uuid) -> bool {
        self.is_unchanged_locked(&self.lock(), key)
    }

    fn is_unchanged_locked(&self, cell: &Cell, key: Uuid) -> bool {
        cell.state != State::Dead && self.key_of(cell) == key
    }

    /// Adds a handle to an item that was found in the index, if the item stays. Takes no lock.
    /// So the item may not be the one any more that was looked for; with the handle, it
    /// remains what it is.
    #[cfg(feature = "dataset")]
    pub(crate) fn add_handle_if_stays(&self, counts: &ItemCounts) -> bool {
        let added = self.handles.add_if_stays();
        added.map(|added| counts.added(added)).is_some()
    }

    /// A share of the file in the cache, if the item that was found in the index still has
    /// this key.
    pub(crate) fn share_file(
        &self,
        key: Uuid,
        pool: &impl PoolParts<T, B>,
    ) -> Option<FileShare<B>> {
        let mut cell = self.lock();
        let is_wanted = cell.is(Fact::Indexed)
            && self.key_of(&cell) == key
            && self.file_of(&cell).source().is_none();
        is_wanted.then(|| self.add_share(&mut cell, pool))
    }

    /// Whether a file of the item's key at a place is known to be the item's. No other
    /// file can have the key of an item that has not been persisted.
    pub(crate) fn is_known_at(&self, place: PlaceId, pool: &impl PoolParts<T, B>) -> bool {
        let cell = self.lock();
        match self.file_of(&cell) {
            FileOwnership::None | FileOwnership::Own => true,
            file => (pool.core()).is_known_at(place, self.key_of(&cell), file),
        }
    }

    /// Whether a file at a place is known to be the item's.
    pub(crate) fn is_found_at(&self, place: PlaceId, pool: &impl PoolParts<T, B>) -> bool {
        let cell = self.lock();
        let file = self.file_of(&cell);
        (pool.core()).is_known_at(place, self.key_of(&cell), file)
    }

    /// The file of this key at a place is gone or is another one.
    pub(crate) fn forget_place(&self, place: PlaceId, key: Uuid, pool: &impl PoolParts<T, B>) {
        let mut cell = self.lock();
        if self.key_of(&cell) == key {
            let file = (pool.core()).forget_place_of(place, key, self.file_of(&cell));
            self.set_file(&mut cell, file);
        }
    }
}
