//! The public counts of a pool.

/// Counts of a pool and its store at one moment; from
/// [`FBPool::stats`](super::FBPool::stats).
///
/// The numbers are read one after the other while other threads work, so they
/// may not add up exactly.
///
/// # What bytes are exact
///
/// Bytes of memory ([`resident_bytes`](Self::resident_bytes),
/// [`pinned_over_budget_bytes`](Self::pinned_over_budget_bytes) and
/// [`writes_waiting_bytes`](Self::writes_waiting_bytes)) are what the pool's
/// [weigher](super::PoolBuilder::bytes) says or, without one, what the footprint of a
/// `Mapped` or `MappedBytes` says, or of any other codec or store whose footprints are
/// exact.
///
/// With `BinCodec`, `ProstCodec` and other codecs they are estimates. A value weighs the
/// size of its type or the length of its encoding, whichever is larger; the difference to
/// what it takes in memory is up to its type. A value that has not been written yet, or
/// not since it was changed, counts as much as the values that the pool wrote last: the
/// larger of their mean and of the maximum among the last 64 to 128. Before the first
/// write it counts only the size of its type.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::FBPool;
/// use file_backed::fbstore::BinCodec;
///
/// let pool: Arc<FBPool<Vec<u8>, _>> = FBPool::temp(BinCodec, 10).await?;
/// let blobs: Vec<_> = (0..100).map(|n| pool.insert(vec![n; 1000])).collect();
/// pool.store().finished().await;
///
/// let stats = pool.stats();
/// assert_eq!((stats.items, stats.resident, stats.writes), (100, 10, 90));
/// assert_eq!(stats.resident_bytes, 10 * 1008); // a guess: the others took 1008 each
/// let loads = stats.hits + stats.misses;
/// println!("{} % hits", 100 * stats.hits / loads.max(1));
/// if stats.store_failing {
///     eprintln!("{} values wait for the disk", stats.writes_waiting);
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Items that have a handle, in memory or not.
    pub items: usize,
    /// Items of datasets that no handle owns, and whose values are still in memory or
    /// mapped. They count in `resident` and `mapped` too, and stay until they are evicted;
    /// see [`release_unused`](super::FBPool::release_unused).
    pub retained: usize,
    /// What those weigh, in bytes, or the bytes of their maps. While some of the values that
    /// would stay have handles, this assumes that all of them weigh the same.
    pub retained_bytes: u64,
    /// Items that the budget keeps in memory.
    pub resident: usize,
    /// What those weigh, in bytes; [may be an estimate](Self#what-bytes-are-exact).
    pub resident_bytes: u64,
    /// Items whose value is a map of its file. It uses no memory of the process and
    /// does not count against the budget.
    pub mapped: usize,
    /// Bytes of those maps.
    pub mapped_bytes: u64,
    /// Files read into memory because no map was left for them, counted over all
    /// pools of the process.
    pub map_fallbacks: u64,
    /// Items that the budget has evicted while a guard still pins their value.
    pub pinned_over_budget: usize,
    /// What those weigh, in bytes; [may be an estimate](Self#what-bytes-are-exact).
    pub pinned_over_budget_bytes: u64,
    /// Loads and changes that found the value in memory.
    pub hits: u64,
    /// Loads and changes that had to wait for the value.
    pub misses: u64,
    /// Values dropped from memory by eviction.
    pub evictions: u64,
    /// Evicted values that stay in memory until they are written, including those
    /// being written.
    pub writes_waiting: usize,
    /// What those weigh, in bytes; [may be an estimate](Self#what-bytes-are-exact).
    pub writes_waiting_bytes: u64,
    /// Values written.
    pub writes: u64,
    /// Writes that failed. Each is retried while its item needs it.
    pub write_failures: u64,
    /// Bytes of values that the store has written for all its pools, including by
    /// writes that failed later.
    pub bytes_written: u64,
    /// Bytes of values that the store has read into memory for all its pools.
    /// Pages that the kernel loads when a map is accessed are not included.
    pub bytes_read: u64,
    /// Files of the store that were persisted or registered by a hard link.
    pub links: u64,
    /// Files of the store for which a link was not possible, for example across
    /// file systems, and that were cloned (a reflink, which shares the blocks).
    pub clones: u64,
    /// Files of the store for which every byte had to be copied.
    pub copies: u64,
    /// Cache files of the store that could not be deleted.
    pub failed_deletions: u64,
    /// Tasks of the store that failed and that no caller waited for.
    pub failed_tasks: u64,
    /// Whether an outage is going on, in which the store refuses writes.
    pub store_failing: bool,
    /// Bytes in the store's cache: the lengths of all its files but those that
    /// [a persisted directory has too](crate::guide::operations#a-quota-for-the-cache), files
    /// that are being written included. `None` without a
    /// [quota](crate::StoreBuilder::quota): they are not counted then.
    pub cache_bytes: Option<u64>,
    /// The quota of the store's cache, in bytes. `None` without one.
    pub cache_quota: Option<u64>,
}
