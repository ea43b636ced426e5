//! A reference to an item that does not keep it alive.

use std::sync::{Arc, Weak};

use uuid::Uuid;

use super::Fb;
use crate::backing_store::BackingStoreT;
use crate::pool::FBPool;
use crate::residency::Item;

/// Refers to an item as it is now: once the item has ended or was changed, there is no way
/// back to it. It keeps the memory of the item, but neither its value nor its file, and
/// nothing of its pool.
pub(crate) struct WeakFb<T, B: BackingStoreT> {
    item: Weak<Item<T, B>>,
    pool: Weak<FBPool<T, B>>,
    /// The key that the item had.
    key: Uuid,
}

impl<T, B: BackingStoreT> WeakFb<T, B> {
    /// A handle to the item, unless it has ended or was changed.
    pub(crate) fn upgrade(&self) -> Option<Fb<T, B>> {
        let (pool, item) = (self.pool.upgrade()?, self.item.upgrade()?);
        let added = item.add_handle_if_unchanged(self.key, &*pool);
        added.then(|| Fb::new(pool, item))
    }

    /// Whether [`upgrade`](Self::upgrade) would succeed now. Adds a reference to `probed`,
    /// which may be the last one to an item: drop it where values may be dropped.
    pub(crate) fn is_unchanged(&self, probed: &mut Vec<Arc<Item<T, B>>>) -> bool {
        let Some(item) = self.item.upgrade() else {
            return false;
        };
        let is_unchanged = item.is_unchanged(self.key);
        probed.push(item);
        is_unchanged
    }
}

impl<T, B: BackingStoreT> Fb<T, B> {
    /// A reference to the item with its current value.
    pub(crate) fn downgrade(&self) -> WeakFb<T, B> {
        WeakFb {
            item: Arc::downgrade(self.item()),
            pool: Arc::downgrade(self.pool()),
            key: self.key(),
        }
    }
}

impl<T, B: BackingStoreT> Clone for WeakFb<T, B> {
    fn clone(&self) -> Self {
        Self {
            item: self.item.clone(),
            pool: self.pool.clone(),
            key: self.key,
        }
    }
}
