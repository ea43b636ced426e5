//! A pool with more to say than the number of items.

use std::sync::Arc;

use super::FBPool;
use super::backlog::Bound;
use super::eviction_lists::Budget;
use super::weighing::Weigher;
use crate::backing_store::{BackingStore, BackingStoreT};

/// Items that a pool keeps in memory unless it is told otherwise.
const DEFAULT_ITEMS: usize = 1024;

/// Enough for every drain to have something to write while producers run.
pub(super) const DEFAULT_BACKLOG: Bound = Bound {
    items: 128,
    bytes: 256 << 20,
};

/// Makes a pool; from [`FBPool::builder`].
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
/// let store = BackingStore::temp(BinCodec).await?; // or `open`, in a directory
/// let tiles: Arc<FBPool<Vec<u8>, _>> = FBPool::builder(store)
///     .bytes(512 << 20, |tile: &Vec<u8>| tile.capacity() as u64)
///     .backlog_bytes(64 << 20)
///     .build();
/// # let tile = tiles.insert(vec![0; 1000]);
/// # assert_eq!(tiles.stats().resident_bytes, 1000);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct PoolBuilder<T, B: BackingStoreT> {
    store: Arc<BackingStore<B>>,
    items: Option<usize>,
    bytes: Option<(u64, Weigher<T>)>,
    backlog: Bound,
}

impl<T, B: BackingStoreT> PoolBuilder<T, B> {
    pub(super) fn new(store: Arc<BackingStore<B>>) -> Self {
        Self {
            store,
            items: None,
            bytes: None,
            backlog: DEFAULT_BACKLOG,
        }
    }

    /// How many items stay in memory; 1024 if neither this nor
    /// [`bytes`](Self::bytes) is said, and any number if only that is. With both,
    /// both hold.
    pub fn items(mut self, most: usize) -> Self {
        self.items = Some(most);
        self
    }

    /// How many bytes stay in memory, as `weigh` counts them for each value.
    ///
    /// A value is weighed when it is inserted, loaded, or was changed, without
    /// any lock. Weigh what it owns too: the capacity of a vector, not the 24
    /// bytes of its type. One that weighs more than the whole budget is the first
    /// to go, and makes no other go.
    ///
    /// A `Mapped` or `MappedBytes` weighs what its
    /// [`footprint`](crate::fbstore::Footprint) says. One that is a map of its file
    /// is not weighed: its pages are the page cache's, so that the process's
    /// resident size may grow up to the size of the files, and the kernel takes
    /// them back when it wants the memory (see the guide
    /// [`zero_copy`](crate::guide::zero_copy)). Where the budget has to hold for
    /// them too, read the files in place of mapping them, with `heap()` in place
    /// of `new()`.
    ///
    /// ```
    /// # #[cfg(feature = "mappedcodec")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), file_backed::fbstore::BoxError> {
    /// use std::sync::Arc;
    /// use file_backed::fbstore::{Mapped, MappedCodec};
    /// use file_backed::{BackingStore, FBPool};
    ///
    /// let store = BackingStore::temp(MappedCodec::heap()).await?;
    /// let blobs: Arc<FBPool<Mapped<Vec<f32>>, _>> = FBPool::builder(store)
    ///     .bytes(100 << 20, |blob: &Mapped<Vec<f32>>| blob.footprint().heap as u64)
    ///     .build();
    /// let blob = blobs.insert(Mapped::new(&vec![0.5; 51_200])?);
    /// assert!(blobs.stats().resident_bytes >= 200 << 10);
    /// # drop(blob);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "mappedcodec"))]
    /// # fn main() {}
    /// ```
    pub fn bytes(mut self, most: u64, weigh: impl Fn(&T) -> u64 + Send + Sync + 'static) -> Self {
        self.bytes = Some((most, Box::new(weigh)));
        self
    }

    /// How many values may wait to be written before they can leave memory,
    /// until [`FBPool::reserve`] waits; 128 if nothing is said. At least one may.
    pub fn backlog_items(mut self, most: usize) -> Self {
        self.backlog.items = most;
        self
    }

    /// How many bytes may wait so; 256 MiB if nothing is said. They are weighed
    /// as for [`bytes`](Self::bytes); without it, as the strategy's
    /// [`footprint`](crate::backing_store::Strategy::footprint) does, which
    /// knows the size of the type alone for codecs that say nothing else.
    pub fn backlog_bytes(mut self, most: u64) -> Self {
        self.backlog.bytes = most;
        self
    }

    /// Makes the pool.
    pub fn build(self) -> Arc<FBPool<T, B>> {
        let default_items = match self.bytes {
            Some(_) => usize::MAX,
            None => DEFAULT_ITEMS,
        };
        let (bytes, weigher) = self.bytes.unzip();
        let budget = Budget {
            items: self.items.unwrap_or(default_items),
            bytes: bytes.unwrap_or(u64::MAX),
        };
        let pool = FBPool::with(self.store, budget, self.backlog, weigher);
        Arc::new(pool)
    }
}

impl<T, B: BackingStoreT> std::fmt::Debug for PoolBuilder<T, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("items", &self.items)
            .field("bytes", &self.bytes.as_ref().map(|(most, _)| most))
            .field("backlog", &self.backlog)
            .finish_non_exhaustive()
    }
}
