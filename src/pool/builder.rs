//! A pool with more to say than the number of items.

use std::marker::PhantomData;
use std::sync::Arc;

use super::FBPool;
use crate::backing_store::{BackingStore, BackingStoreT};

/// Items that a pool keeps in memory unless it is told otherwise.
const DEFAULT_ITEMS: usize = 1024;

/// Makes a pool; from [`FBPool::builder`].
#[must_use = "a builder does nothing until `build`"]
pub struct PoolBuilder<T, B: BackingStoreT> {
    store: Arc<BackingStore<B>>,
    items: usize,
    values: PhantomData<fn() -> T>,
}

impl<T, B: BackingStoreT> PoolBuilder<T, B> {
    pub(super) fn new(store: Arc<BackingStore<B>>) -> Self {
        Self {
            store,
            items: DEFAULT_ITEMS,
            values: PhantomData,
        }
    }

    /// How many items stay in memory; 1024 if nothing is said.
    pub fn items(mut self, most: usize) -> Self {
        self.items = most;
        self
    }

    /// Makes the pool.
    pub fn build(self) -> Arc<FBPool<T, B>> {
        Arc::new(FBPool::new(self.store, self.items))
    }
}

impl<T, B: BackingStoreT> std::fmt::Debug for PoolBuilder<T, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("items", &self.items)
            .finish_non_exhaustive()
    }
}
