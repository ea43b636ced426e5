//! The index of a pool: its items by the key and the source of their files.
//!
//! The items of registered, persisted and committed files are in it, so that a
//! second request for a key gets a handle to the same item. It owns no handle of any item, and an item
//! leaves it before its file goes.
//!
//! A look-up takes an item from the index without the item's lock, and then adds a handle
//! under that lock, if the item is still what was looked for. **Lock order: item, then
//! index.**

use std::hash::BuildHasher as _;
use std::sync::{Arc, OnceLock, Weak};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use uuid::Uuid;

use super::FBPool;
use super::eviction::Drops;
#[cfg(feature = "dataset")]
use crate::backing_store::Handover;
use crate::backing_store::{
    BackingStoreT, Bring, FileShare, Location, OwnsFiles, PlaceId, SourceId, Strategy, TrackedPath,
};
#[cfg(feature = "dataset")]
use crate::residency::Handed;
use crate::residency::{Item, Leaving, Lookup, NotEntered};
use crate::sync::Mutex;
use crate::{Fb, Result};

/// Growing a shard reads the key of each of its items, under the lock of the shard.
const SHARDS: usize = 256;

/// The items of one pool that others can find.
pub(super) struct Index<T, B: BackingStoreT> {
    /// Made with the first item.
    shards: OnceLock<Box<[Shard<T, B>]>>,
    hasher: RandomState,
}

type Shard<T, B> = Mutex<HashTable<Arc<Item<T, B>>>>;

impl<T, B: BackingStoreT> Index<T, B> {
    pub(super) fn new() -> Self {
        Self {
            shards: OnceLock::new(),
            hasher: RandomState::default(),
        }
    }

    pub(super) fn find(&self, key: Uuid, source: Option<SourceId>) -> Option<Arc<Item<T, B>>> {
        let hash = self.hash(key);
        let shard = self.shards.get()?[shard_of(hash)].lock();
        shard.find(hash, |item| is(item, key, source)).cloned()
    }

    /// Returns the item with the key and the source of `item` that is there already, if
    /// there is one.
    pub(super) fn enter(&self, item: &Arc<Item<T, B>>) -> Result<(), Arc<Item<T, B>>> {
        let (key, source) = (item.indexed_key(), item.indexed_source());
        let hash = self.hash(key);
        let shards = self.shards.get_or_init(|| {
            let shards = (0..SHARDS).map(|_| Shard::new(HashTable::new()));
            shards.collect()
        });
        let mut shard = shards[shard_of(hash)].lock();
        if let Some(other) = shard.find(hash, |item| is(item, key, source)) {
            return Err(other.clone());
        }
        shard.insert_unique(hash, item.clone(), |item| self.hash(item.indexed_key()));
        Ok(())
    }

    /// Removes an item that is there. The caller owns it too.
    pub(super) fn leave(&self, item: &Item<T, B>) {
        let hash = self.hash(item.indexed_key());
        let shards = self.shards.get().expect("the item is there");
        let mut shard = shards[shard_of(hash)].lock();
        match shard.find_entry(hash, |other| std::ptr::eq(&**other, item)) {
            // Dropping it never drops the item: the caller owns it too.
            Ok(entry) => drop(entry.remove()),
            Err(_) => debug_assert!(false, "the item is there"),
        }
    }

    /// Changes the location of an item that is there, unless another one with the same key
    /// and source is there.
    pub(super) fn move_to(&self, item: &Item<T, B>, to: Location) -> bool {
        let key = item.indexed_key();
        let hash = self.hash(key);
        let shards = self.shards.get().expect("the item is there");
        let shard = shards[shard_of(hash)].lock();
        let is_free = shard
            .find(hash, |other| is(other, key, to.source()))
            .is_none();
        if is_free {
            item.set_indexed_location(to);
        }
        is_free
    }

    /// The items of this key that are loaded from their sources.
    fn in_place(&self, key: Uuid) -> Vec<(SourceId, Arc<Item<T, B>>)> {
        let Some(shards) = self.shards.get() else {
            return Vec::new();
        };
        let hash = self.hash(key);
        let shard = shards[shard_of(hash)].lock();
        let of_key = shard
            .iter_hash(hash)
            .filter(|item| item.indexed_key() == key);
        let in_place = of_key.filter_map(|item| Some((item.indexed_source()?, item.clone())));
        in_place.collect()
    }

    fn hash(&self, key: Uuid) -> u64 {
        self.hasher.hash_one(key)
    }
}

fn is<T, B: BackingStoreT>(item: &Item<T, B>, key: Uuid, source: Option<SourceId>) -> bool {
    item.indexed_key() == key && item.indexed_source() == source
}

/// The bits that the tables of the shards use least.
fn shard_of(hash: u64) -> usize {
    (hash >> 48) as usize % SHARDS
}

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// A handle to the item of `key` at the tracked path, if the pool has it.
    pub(super) fn find_by_key(
        self: &Arc<Self>,
        tracked: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Option<Fb<T, B>> {
        let (source, at) = match self.store.is_read_in_place(tracked) {
            true => (Some(tracked.source()), None),
            false => (None, Some(tracked.id())),
        };
        self.look_up(&Lookup {
            key,
            source,
            at,
            of_dataset: false,
        })
    }

    /// A handle to the item of `key` of a dataset, if the pool has it: an item that is loaded
    /// from the dataset's place, or one in the cache that was committed or registered, or
    /// one of an earlier commit that has the same file.
    #[cfg(feature = "dataset")]
    pub(crate) fn find_of_dataset(
        self: &Arc<Self>,
        tracked: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Option<Fb<T, B>> {
        let in_place = Lookup {
            key,
            source: Some(tracked.source()),
            at: None,
            of_dataset: true,
        };
        let in_cache = Lookup {
            source: None,
            at: Some(tracked.id()),
            ..in_place
        };
        let found = self.look_up(&in_place);
        found
            .or_else(|| self.look_up(&in_cache))
            .or_else(|| self.look_up_earlier(&in_place, tracked.source()))
    }

    /// A handle to the item of `key` of a dataset, if the item stays after its last handle.
    /// The current commit has it then. Takes no lock of the item.
    #[cfg(feature = "dataset")]
    pub(crate) fn find_staying(
        self: &Arc<Self>,
        tracked: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Option<Fb<T, B>> {
        let source = Some(tracked.source());
        let item = self.index.find(key, source)?;
        self.handle_if_stays(item, key, source)
    }

    #[cfg(feature = "dataset")]
    pub(super) fn handle_if_stays(
        self: &Arc<Self>,
        item: Arc<Item<T, B>>,
        key: Uuid,
        source: Option<SourceId>,
    ) -> Option<Fb<T, B>> {
        if !item.add_handle_if_stays(&self.counts) {
            return None;
        }
        let found = Fb::new(self.clone(), item);
        // It may have left the index since it was found, and have come back as another one.
        is(found.item(), key, source).then_some(found)
    }

    fn look_up(self: &Arc<Self>, lookup: &Lookup) -> Option<Fb<T, B>> {
        let item = self.index.find(lookup.key, lookup.source)?;
        let found = item.add_handle_if(lookup, &**self);
        found.then(|| Fb::new(self.clone(), item))
    }

    /// Moves an item of an earlier commit to this source first.
    #[cfg(feature = "dataset")]
    #[cold]
    fn look_up_earlier(self: &Arc<Self>, lookup: &Lookup, source: SourceId) -> Option<Fb<T, B>> {
        for (from, item) in self.index.in_place(lookup.key) {
            let Some(handover) = self.core().handover(from, source) else {
                continue;
            };
            self.release_handed(item.follow(lookup.key, &handover, &**self));
            if let Some(found) = self.look_up(lookup) {
                return Some(found);
            }
        }
        None
    }

    #[cfg(feature = "dataset")]
    fn release_handed(&self, handed: Handed<T>) {
        self.drop_released(handed.ended, Drops::InBackground);
        if let Some(file) = handed.file {
            self.core().release(file);
        }
    }

    /// A handle to the item of `key` that is loaded from the place of a dataset, which the
    /// pool did not have. `None` if the file is being deleted.
    #[cfg(feature = "dataset")]
    pub(crate) fn handle_of_dataset(
        self: &Arc<Self>,
        tracked: &TrackedPath<B::PersistPath>,
        key: Uuid,
    ) -> Option<Fb<T, B>> {
        let file = self.core().share_source(key, tracked.source());
        let handle = self.handle_of_file(file)?;
        handle.item().set_of_dataset();
        Some(handle)
    }

    /// Makes the pool known to its store as an owner of files, before the first item enters
    /// the index.
    pub(super) fn known_to_store(self: &Arc<Self>) {
        if self.owner.get().is_some() {
            return;
        }
        // Not within `get_or_init`, which blocks other threads while this one waits for a
        // lock. If two come here, the entry of the second one ends with this call.
        let owner: Arc<dyn OwnsFiles<B>> = Arc::new(Owner(Arc::downgrade(self)));
        self.core().owners.enter(&owner);
        let _ = self.owner.set(owner);
    }

    /// A handle to the item of a file that was brought into the cache, or that is loaded
    /// in place. If the pool has an item of this file, that is the one. `None` if the file is
    /// being deleted where it would be loaded from.
    pub(super) fn handle_of_file(self: &Arc<Self>, file: FileShare<B>) -> Option<Fb<T, B>> {
        self.known_to_store();
        let key = file.key();
        let item = Item::absent(file);
        let found = loop {
            let other = match item.enter_index(&**self) {
                Ok(()) => return Some(self.handle(item)),
                Err(NotEntered::Deleted) => break None,
                Err(NotEntered::Other(other)) => other,
            };
            let lookup = Lookup {
                key,
                source: item.indexed_source(),
                at: None,
                of_dataset: false,
            };
            // If it fails, the other item has left the index.
            if other.add_handle_if(&lookup, &**self) {
                break Some(Fb::new(self.clone(), other));
            }
        };
        if let Some(file) = item.discard(&**self) {
            self.core().release(file);
        }
        found
    }
}

/// A pool as an owner of files.
struct Owner<T, B: BackingStoreT>(Weak<FBPool<T, B>>);

impl<T: Send + Sync + 'static, B: Strategy<T>> OwnsFiles<B> for Owner<T, B> {
    fn share_of(&self, key: Uuid) -> Option<FileShare<B>> {
        let pool = self.0.upgrade()?;
        pool.index.find(key, None)?.share_file(key, &*pool)
    }

    fn forget_place(&self, place: PlaceId, key: Uuid) {
        if let Some(pool) = self.0.upgrade()
            && let Some(item) = pool.index.find(key, None)
        {
            item.forget_place(place, key, &*pool);
        }
    }

    fn keep_items(&self, place: PlaceId, key: Uuid, bring: Bring<'_, B>) -> Result<()> {
        let Some(pool) = self.0.upgrade() else {
            return Ok(());
        };
        for (source, item) in pool.index.in_place(key) {
            if !pool.core().is_source_of(source, place) {
                continue;
            }
            let released = match item.leave_source(key, source, &*pool) {
                Leaving::NeedsFile(path) => item.move_to_cache(source, bring(&path)?, &*pool),
                Leaving::Ended(released) => released,
                Leaving::Gone => continue,
            };
            pool.drop_released(released, Drops::InBackground);
        }
        Ok(())
    }

    #[cfg(feature = "dataset")]
    fn hand_over(&self, handover: &Handover) {
        if let Some(pool) = self.0.upgrade() {
            for item in pool.lists.staying() {
                pool.release_handed(item.hand_over(handover, &*pool));
            }
        }
    }

    #[cfg(feature = "dataset")]
    fn leave_commit(&self, source: SourceId, keys: &[Uuid]) {
        let Some(pool) = self.0.upgrade() else {
            return;
        };
        for key in keys {
            if let Some(item) = pool.index.find(*key, Some(source)) {
                let released = item.leave_commit(*key, source, &*pool);
                pool.drop_released(released, Drops::InBackground);
            }
        }
    }
}
