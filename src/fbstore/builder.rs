//! The builder of a store on a directory.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::prepared_path::on_a_thread;
use super::{FBStore, PreparedPath};
use crate::Result;
use crate::backing_store::BackingStore;

/// Opens a store with options; from [`BackingStore::builder`] or
/// [`BackingStore::temp_builder`].
#[must_use = "a builder opens nothing until `open` is called"]
#[derive(Clone, Debug)]
pub struct StoreBuilder<C> {
    codec: C,
    /// `None` for a temporary directory.
    path: Option<PathBuf>,
    quota: Option<u64>,
    lock_timeout: Duration,
    most_in_flight: Option<usize>,
}

impl<C: Send + Sync + 'static> StoreBuilder<C> {
    pub(super) fn new(codec: C, path: Option<PathBuf>) -> Self {
        Self {
            codec,
            path,
            quota: None,
            lock_timeout: Duration::ZERO,
            most_in_flight: None,
        }
    }

    /// Bounds the bytes that the cache takes on the disk. By default, only the disk bounds
    /// them.
    ///
    /// A write that would exceed the quota is refused like one to a full disk: its value
    /// stays in memory, and is written once a deletion has made room. So
    /// [`insert`](crate::FBPool::insert) never fails and loses nothing, but takes memory;
    /// call [`reserve`](crate::FBPool::reserve) before it. A value that is larger than the
    /// whole quota stays in memory too, and delays no other write. The
    /// [guide](crate::guide::operations#a-quota-for-the-cache) says what counts.
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
    /// let store = BackingStore::builder(BinCodec, path).quota(10_000).open().await?;
    /// let pool: Arc<FBPool<Vec<u8>, _>> = Arc::new(FBPool::new(store.clone(), 0));
    ///
    /// // A producer that stops when the cache is full.
    /// let mut blobs = Vec::new();
    /// let full = loop {
    ///     match pool.reserve().await {
    ///         Ok(permit) => blobs.push(permit.insert(vec![7; 1000])),
    ///         Err(error) => break error,
    ///     }
    ///     store.finished().await;
    /// };
    /// assert!(full.is_storage_full());
    /// // Nine are in files, and the tenth is in memory.
    /// assert_eq!((blobs.len(), pool.stats().writes_waiting), (10, 1));
    /// assert!(pool.stats().cache_bytes <= Some(10_000));
    ///
    /// blobs.truncate(5);
    /// drop(pool.reserve().await?); // waits for the deletions
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn quota(mut self, bytes: u64) -> Self {
        self.quota = Some(bytes);
        self
    }

    /// How long to wait while the directory [is in use](crate::Error::is_in_use) by another
    /// process or by another store with items. The default is zero. A lock that is released is
    /// noticed within 50 ms.
    ///
    /// A process that was killed keeps its lock until the system has freed its memory, so a
    /// service that is restarted at once should wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::time::Duration;
    /// use file_backed::BackingStore;
    /// use file_backed::fbstore::BinCodec;
    ///
    /// # let dir = tempfile::tempdir().expect("a temporary directory");
    /// # let path = dir.path().join("cache");
    /// let store = BackingStore::builder(BinCodec, path)
    ///     .lock_timeout(Duration::from_secs(10))
    ///     .open()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Sets how many loads run at a time in the background, and how many write-backs, while
    /// they wait for the disk. The default is 64; see [`BackingStore::most_in_flight`] for
    /// what suits which disk.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use file_backed::BackingStore;
    /// use file_backed::fbstore::BinCodec;
    ///
    /// # let dir = tempfile::tempdir().expect("a temporary directory");
    /// # let path = dir.path().join("cache");
    /// // On a network disk that answers in a millisecond.
    /// let store = BackingStore::builder(BinCodec, path).most_in_flight(256).open().await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn most_in_flight(mut self, most: usize) -> Self {
        self.most_in_flight = Some(most);
        self
    }

    /// Opens the store. Its background work runs on the current runtime.
    ///
    /// # Errors
    ///
    /// Same as [`BackingStore::open`] or [`BackingStore::temp`].
    ///
    /// # Panics
    ///
    /// If it is called outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave an empty directory, unless it is a temporary one. A wait
    /// for the lock goes on in the background until the timeout.
    pub async fn open(self) -> Result<Arc<BackingStore<FBStore<C>>>> {
        let runtime = Handle::current();
        let most_in_flight = self.most_in_flight;
        let files = on_a_thread(move || self.open_files()).await?;
        Ok(wrap(files, runtime, most_in_flight))
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
    pub fn blocking_open(self, runtime: Handle) -> Result<Arc<BackingStore<FBStore<C>>>> {
        let most_in_flight = self.most_in_flight;
        let files = self.open_files()?;
        Ok(wrap(files, runtime, most_in_flight))
    }

    fn open_files(self) -> Result<FBStore<C>> {
        let path = match self.path {
            Some(path) => PreparedPath::blocking_open(path)?,
            None => PreparedPath::blocking_temp()?,
        };
        let files = FBStore::open_within(self.lock_timeout, self.codec, path)?;
        match self.quota {
            Some(bytes) => files.with_quota(bytes),
            None => Ok(files),
        }
    }
}

fn wrap<C: Send + Sync + 'static>(
    files: FBStore<C>,
    runtime: Handle,
    most_in_flight: Option<usize>,
) -> Arc<BackingStore<FBStore<C>>> {
    let store = BackingStore::new(files, runtime);
    Arc::new(match most_in_flight {
        Some(most) => store.most_in_flight(most),
        None => store,
    })
}
