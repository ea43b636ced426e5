//! Pools on a directory, in one call.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::FBPool;
use crate::Result;
use crate::backing_store::BackingStore;
use crate::fbstore::{FBStore, PreparedPath};

impl<T, C: Send + Sync + 'static> FBPool<T, FBStore<C>> {
    /// Makes a pool with a store of its own, whose cache is the directory
    /// `path`, that keeps `mem_size` items in memory. Background work runs on
    /// the current runtime.
    ///
    /// # Errors
    ///
    /// If the directory cannot be prepared, or another store uses it.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave an empty directory.
    pub async fn open(codec: C, path: impl Into<PathBuf>, mem_size: usize) -> Result<Arc<Self>> {
        let prepared = PreparedPath::open(path.into(), vec![]).await?;
        Self::on(codec, prepared, mem_size)
    }

    /// Makes a pool with a store of its own in a temporary directory, which is
    /// deleted with it.
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
        let prepared = PreparedPath::temp().await?;
        Self::on(codec, prepared, mem_size)
    }

    fn on(codec: C, prepared: PreparedPath, mem_size: usize) -> Result<Arc<Self>> {
        let files = FBStore::open(codec, prepared)?;
        let store = Arc::new(BackingStore::new(files, Handle::current()));
        Ok(Arc::new(Self::new(store, mem_size)))
    }
}
