//! Constructors that open a store on a directory.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::{FBStore, StoreBuilder};
use crate::Result;
use crate::backing_store::BackingStore;

impl<C: Send + Sync + 'static> BackingStore<FBStore<C>> {
    /// Opens a store whose cache is the directory `path`. Use it for pools that need
    /// more options than [`FBPool::open`](crate::FBPool::open), or that share the
    /// store. Background work runs on the current runtime.
    ///
    /// # Errors
    ///
    /// If the directory cannot be prepared, and the errors of [`FBStore::open`].
    ///
    /// # Panics
    ///
    /// If it is called outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave an empty directory.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::fbstore::BinCodec;
    /// use file_backed::{BackingStore, FBPool};
    ///
    /// # let dir = tempfile::tempdir().expect("a temporary directory");
    /// # let path = dir.path().join("cache");
    /// let store = BackingStore::open(BinCodec, path).await?;
    /// let words: Arc<FBPool<String, _>> = FBPool::builder(store.clone()).items(100).build();
    /// let blobs: Arc<FBPool<Vec<u8>, _>> = FBPool::builder(store)
    ///     .bytes(64 << 20, |blob: &Vec<u8>| blob.capacity() as u64)
    ///     .build();
    /// # let (word, blob) = (words.insert("a".to_owned()), blobs.insert(vec![1]));
    /// # assert_eq!((word.read().await?.len(), blob.read().await?.len()), (1, 1));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn open(codec: C, path: impl Into<PathBuf>) -> Result<Arc<Self>> {
        Self::builder(codec, path).open().await
    }

    /// Opens a store in a temporary directory. The last handle of the store deletes the
    /// directory, on the thread that drops the handle.
    ///
    /// # Errors
    ///
    /// If no temporary directory can be created.
    ///
    /// # Panics
    ///
    /// If it is called outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing on disk.
    pub async fn temp(codec: C) -> Result<Arc<Self>> {
        Self::temp_builder(codec).open().await
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
    pub fn blocking_open(codec: C, path: impl Into<PathBuf>, runtime: Handle) -> Result<Arc<Self>> {
        Self::builder(codec, path).blocking_open(runtime)
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
    pub fn blocking_temp(codec: C, runtime: Handle) -> Result<Arc<Self>> {
        Self::temp_builder(codec).blocking_open(runtime)
    }

    /// Returns a builder of a store whose cache is the directory `path`, with options that
    /// [`open`](Self::open) does not have.
    pub fn builder(codec: C, path: impl Into<PathBuf>) -> StoreBuilder<C> {
        StoreBuilder::new(codec, Some(path.into()))
    }

    /// Returns a builder of a store in a temporary directory, with options that
    /// [`temp`](Self::temp) does not have.
    pub fn temp_builder(codec: C) -> StoreBuilder<C> {
        StoreBuilder::new(codec, None)
    }
}
