//! Pools on a directory, in one call.

use std::path::PathBuf;
use std::sync::Arc;

use super::FBPool;
use crate::Result;
use crate::backing_store::BackingStore;
use crate::fbstore::FBStore;

impl<T, C: Send + Sync + 'static> FBPool<T, FBStore<C>> {
    /// Makes a pool with a store of its own, whose cache is the directory
    /// `path`, that keeps `mem_size` items in memory. Background work runs on
    /// the current runtime. A pool with a budget in bytes, and others beside it,
    /// are made on a [`BackingStore::open`].
    ///
    /// # Errors
    ///
    /// If the directory cannot be prepared; those of [`FBStore::open`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave an empty directory.
    pub async fn open(codec: C, path: impl Into<PathBuf>, mem_size: usize) -> Result<Arc<Self>> {
        let store = BackingStore::open(codec, path).await?;
        Ok(Arc::new(Self::new(store, mem_size)))
    }

    /// Makes a pool with a store of its own in a temporary directory. The last
    /// handle of the store deletes it, on the thread that drops it.
    ///
    /// # Errors
    ///
    /// If no temporary directory can be made.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing.
    pub async fn temp(codec: C, mem_size: usize) -> Result<Arc<Self>> {
        let store = BackingStore::temp(codec).await?;
        Ok(Arc::new(Self::new(store, mem_size)))
    }
}
