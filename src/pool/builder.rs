//! The builder of a pool: budgets, a weigher and bounds on the backlog.

use std::sync::Arc;

use super::FBPool;
use super::backlog::Bound;
use super::order::Budget;
use super::policy::Policy;
use super::weighing::Weigher;
use crate::backing_store::{BackingStore, BackingStoreT};

/// The default budget in items.
const DEFAULT_ITEMS: usize = 1024;

/// The default bound on the backlog: twice as many values as are written at a time, so that
/// each thread has something to write while producers run.
pub(super) fn default_backlog<B: BackingStoreT>(store: &BackingStore<B>) -> Bound {
    Bound {
        items: 128.max(2 * store.core().queue.most_in_flight()),
        bytes: 256 << 20,
    }
}

/// Configures a pool; from [`FBPool::builder`].
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
    policy: Policy,
    backlog: Bound,
    retains: bool,
}

impl<T, B: BackingStoreT> PoolBuilder<T, B> {
    pub(super) fn new(store: Arc<BackingStore<B>>) -> Self {
        Self {
            backlog: default_backlog(&store),
            store,
            items: None,
            bytes: None,
            policy: Policy::default(),
            retains: true,
        }
    }

    /// Sets the budget in items: how many stay in memory. The default is 1024, or no
    /// limit if only [`bytes`](Self::bytes) is set. If both are set, both apply.
    pub fn items(mut self, most: usize) -> Self {
        self.items = Some(most);
        self
    }

    /// Sets the budget in bytes: how much stays in memory, where `weigh` returns the
    /// bytes of a value.
    ///
    /// A value is weighed when it is inserted, loaded or changed, and never under a
    /// lock. Include what the value owns: the capacity of a vector, not the 24 bytes
    /// of its type. A value that weighs more than the whole budget is evicted first,
    /// and causes no other eviction.
    ///
    /// Loads in flight take memory beside the values: each takes the length of its file once
    /// that is open, and waits until all of them together stay within an eighth of this
    /// budget, or within 64 MiB without one. One load always passes.
    ///
    /// For a `Mapped` or `MappedBytes`, use its
    /// [`footprint`](crate::fbstore::Footprint). A value that is a map of its file is
    /// not weighed, because its pages belong to the page cache: the process's
    /// resident size may grow up to the size of the files, and the kernel reclaims
    /// the pages when it needs memory (see the guide
    /// [`zero_copy`](crate::guide::zero_copy)). If the budget must cover such values
    /// too, read the files instead of mapping them: make the codec with `heap()`
    /// instead of `new()`.
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

    /// Sets which values are evicted first when a budget is exceeded. The default is
    /// [`Policy::Lru`]. Maps of files, which take none of these budgets, are kept by
    /// [`Policy::Dip`] in any case.
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::fbstore::BinCodec;
    /// use file_backed::{BackingStore, FBPool, Policy};
    ///
    /// // 100 of 150 samples fit, and each epoch of a training reads all in the same order.
    /// let store = BackingStore::temp(BinCodec).await?;
    /// let pool: Arc<FBPool<Vec<f32>, _>> = FBPool::builder(store)
    ///     .items(100)
    ///     .policy(Policy::Bip)
    ///     .build();
    /// let samples: Vec<_> = (0..150).map(|n| pool.insert(vec![n as f32; 64])).collect();
    /// for _epoch in 0..10 {
    ///     for sample in &samples {
    ///         assert_eq!(sample.read().await?.len(), 64);
    ///     }
    /// }
    /// let stats = pool.stats();
    /// assert!(stats.hits > stats.misses, "with `Policy::Lru` there is no hit at all");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets how many evicted values may wait to be written before
    /// [`FBPool::reserve`] waits. The default is 128, or twice as many as the store
    /// [writes at a time](BackingStore::most_in_flight) if it was told to write more than 64;
    /// one value is always allowed.
    pub fn backlog_items(mut self, most: usize) -> Self {
        self.backlog.items = most;
        self
    }

    /// Sets how many bytes of evicted values may wait to be written before
    /// [`FBPool::reserve`] waits. The default is 256 MiB. Values are weighed by the
    /// weigher of [`bytes`](Self::bytes) or, without it, by their footprint and the
    /// length of their encoding ([`Stats`](super::Stats#what-bytes-are-exact)).
    ///
    /// Without a weigher and with a codec that only encodes values, such as `BinCodec`,
    /// nothing is known of the weight of a value before the pool has written one. Until
    /// then at most as many values as the machine has cores, and one more, may wait.
    /// Later, values count as much as those that were written last. The bound therefore
    /// holds for values that are alike. If the first large value may follow a thousand
    /// small ones, give the pool a weigher.
    pub fn backlog_bytes(mut self, most: u64) -> Self {
        self.backlog.bytes = most;
        self
    }

    /// Sets whether items of a dataset stay in memory, within the budgets, after their last
    /// handle was dropped. The default is true: a program that gets an item, reads it and
    /// drops the handle for each request finds it in memory the next time. With false, the
    /// last handle drops the value.
    pub fn retain_unused(mut self, retains: bool) -> Self {
        self.retains = retains;
        self
    }

    /// Builds the pool.
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
        Arc::new(FBPool::with(
            self.store,
            budget,
            self.policy,
            self.backlog,
            weigher,
            self.retains,
        ))
    }
}

impl<T, B: BackingStoreT> std::fmt::Debug for PoolBuilder<T, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("items", &self.items)
            .field("bytes", &self.bytes.as_ref().map(|(most, _)| most))
            .field("policy", &self.policy)
            .field("backlog", &self.backlog)
            .finish_non_exhaustive()
    }
}
