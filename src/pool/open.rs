//! Opening a pool on a directory in one call.

use std::path::PathBuf;
use std::sync::Arc;

use super::FBPool;
use crate::Result;
use crate::backing_store::BackingStore;
use crate::fbstore::FBStore;

impl<T, C: Send + Sync + 'static> FBPool<T, FBStore<C>> {
    /// Makes a pool and a store for it, whose cache is the directory `path`. The
    /// pool keeps `mem_size` items in memory. Background work runs on the current
    /// runtime. For a budget in bytes, or several pools on one store, start with
    /// [`BackingStore::open`].
    ///
    /// # Errors
    ///
    /// If the directory cannot be prepared, and any error from [`FBStore::open`].
    ///
    /// # Panics
    ///
    /// If called outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave an empty directory.
    pub async fn open(codec: C, path: impl Into<PathBuf>, mem_size: usize) -> Result<Arc<Self>> {
        let store = BackingStore::open(codec, path).await?;
        Ok(Arc::new(Self::new(store, mem_size)))
    }

    /// Makes a pool and a store for it in a temporary directory. Dropping the last
    /// handle of the store deletes the directory, on the thread that drops it.
    ///
    /// # Errors
    ///
    /// If no temporary directory can be made.
    ///
    /// # Panics
    ///
    /// If called outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing.
    pub async fn temp(codec: C, mem_size: usize) -> Result<Arc<Self>> {
        let store = BackingStore::temp(codec).await?;
        Ok(Arc::new(Self::new(store, mem_size)))
    }
}
