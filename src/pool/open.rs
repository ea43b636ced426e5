//! Pools on a directory, in one call.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::FBPool;
use crate::Result;
use crate::backing_store::BackingStore;
use crate::fbstore::{FBStore, PreparedPath, on_a_thread};

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
        let path = path.into();
        Self::on(codec, mem_size, || {
            PreparedPath::blocking_open(path, vec![])
        })
        .await
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
        Self::on(codec, mem_size, PreparedPath::blocking_temp).await
    }

    async fn on(
        codec: C,
        mem_size: usize,
        prepare: impl FnOnce() -> Result<PreparedPath> + Send + 'static,
    ) -> Result<Arc<Self>> {
        let runtime = Handle::current();
        let files = on_a_thread(move || FBStore::open(codec, prepare()?)).await?;
        let store = Arc::new(BackingStore::new(files, runtime));
        Ok(Arc::new(Self::new(store, mem_size)))
    }
}
