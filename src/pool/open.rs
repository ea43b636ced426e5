//! Opening a pool on a directory in one call.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;

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

    /// The blocking form of [`open`](Self::open), for a caller that names the runtime.
    ///
    /// # Errors
    ///
    /// Same as [`open`](Self::open).
    ///
    /// # Blocking
    ///
    /// Prepares the directory on this thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::FBPool;
    /// use file_backed::fbstore::BinCodec;
    ///
    /// # let dir = tempfile::tempdir().expect("a temporary directory");
    /// # let path = dir.path().join("cache");
    /// let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    /// let pool: Arc<FBPool<String, _>> =
    ///     FBPool::blocking_open(BinCodec, path, 100, runtime.handle().clone())?;
    /// let word = pool.insert("one".to_owned());
    /// assert_eq!(*word.blocking_read()?, "one");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn blocking_open(
        codec: C,
        path: impl Into<PathBuf>,
        mem_size: usize,
        runtime: Handle,
    ) -> Result<Arc<Self>> {
        let store = BackingStore::blocking_open(codec, path, runtime)?;
        Ok(Arc::new(Self::new(store, mem_size)))
    }

    /// The blocking form of [`temp`](Self::temp), for a caller that names the runtime.
    ///
    /// # Errors
    ///
    /// Same as [`temp`](Self::temp).
    ///
    /// # Blocking
    ///
    /// Makes the directory on this thread.
    pub fn blocking_temp(codec: C, mem_size: usize, runtime: Handle) -> Result<Arc<Self>> {
        let store = BackingStore::blocking_temp(codec, runtime)?;
        Ok(Arc::new(Self::new(store, mem_size)))
    }
}
