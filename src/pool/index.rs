//! The index of a pool: its items by the key and the source of their files.
//!
//! The items of registered, persisted and committed files are in it, so that who asks for
//! one again gets a handle to the same item. It owns no handle of any item, and an item
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
use crate::backing_store::{
    BackingStoreT, FileShare, OwnsFiles, PlaceId, SourceId, Strategy, TrackedPath,
};
use crate::residency::{Item, Lookup};
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
        let lookup = match self.store.is_read_in_place(tracked) {
            true => Lookup {
                key,
                source: Some(tracked.source()),
                at: None,
            },
            false => Lookup {
                key,
                source: None,
                at: Some(tracked.id()),
            },
        };
        let item = self.index.find(key, lookup.source)?;
        let found = item.add_handle_if(&lookup, &**self);
        found.then(|| Fb::new(self.clone(), item))
    }

    /// Makes the pool known to its store as an owner of files, before the first item enters
    /// the index.
    pub(super) fn known_to_store(self: &Arc<Self>) {
        self.owner.get_or_init(|| {
            let owner: Arc<dyn OwnsFiles<B>> = Arc::new(Owner(Arc::downgrade(self)));
            self.core().owners.enter(&owner);
            owner
        });
    }

    /// A handle to the item of a file that was brought into the cache, or that is loaded
    /// in place. If the pool has an item of this file, that is the one.
    pub(super) fn handle_of_file(self: &Arc<Self>, file: FileShare<B>) -> Fb<T, B> {
        self.known_to_store();
        let key = file.key();
        let item = Item::absent(file);
        loop {
            let Err(other) = item.enter_index(&**self) else {
                return self.handle(item);
            };
            let lookup = Lookup {
                key,
                source: item.indexed_source(),
                at: None,
            };
            // If it fails, the other item has left the index.
            if other.add_handle_if(&lookup, &**self) {
                if let Some(file) = item.discard(&**self) {
                    self.core().release(file);
                }
                return Fb::new(self.clone(), other);
            }
        }
    }
}

/// A pool as an owner of files.
struct Owner<T, B: BackingStoreT>(Weak<FBPool<T, B>>);

impl<T: Send + Sync + 'static, B: Strategy<T>> Owner<T, B> {
    fn item(&self, key: Uuid) -> Option<(Arc<FBPool<T, B>>, Arc<Item<T, B>>)> {
        let pool = self.0.upgrade()?;
        let item = pool.index.find(key, None)?;
        Some((pool, item))
    }
}

impl<T: Send + Sync + 'static, B: Strategy<T>> OwnsFiles<B> for Owner<T, B> {
    fn share_of(&self, key: Uuid) -> Option<FileShare<B>> {
        let (pool, item) = self.item(key)?;
        item.share_file(key, &*pool)
    }

    fn forget_place(&self, place: PlaceId, key: Uuid) {
        if let Some((pool, item)) = self.item(key) {
            item.forget_place(place, key, &*pool);
        }
    }
}
