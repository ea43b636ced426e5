//! What a pool tells of itself.

/// Counts of one pool, and of the store behind it, at one moment; from
/// [`FBPool::stats`](super::FBPool::stats).
///
/// The numbers are read one after the other while others work, so they need not
/// add up exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Items of the pool, in memory or not.
    pub items: usize,
    /// Items that the budget keeps in memory.
    pub resident: usize,
    /// What they weigh, in bytes: as the pool's weigher says, or without one the
    /// strategy's footprint.
    pub resident_bytes: u64,
    /// Items whose value is a map of its file: it costs no memory and is
    /// outside of the budget for it.
    pub mapped: usize,
    /// Bytes of those maps.
    pub mapped_bytes: u64,
    /// Files read into memory because there was no map left for them, by all
    /// pools of the process together.
    pub map_fallbacks: u64,
    /// Items that the budget has let go of and that a guard still uses.
    pub pinned_over_budget: usize,
    /// What they weigh, in bytes.
    pub pinned_over_budget_bytes: u64,
    /// Loads and changes that found the value in memory. A thread's count may be missed
    /// where more than 64 threads load.
    pub hits: u64,
    /// Loads and changes that had to wait for the value.
    pub misses: u64,
    /// Values dropped from memory by the budget.
    pub evictions: u64,
    /// Values that wait to be written, or are being written, so that they can
    /// be evicted.
    pub writes_waiting: usize,
    /// What they weigh, in bytes.
    pub writes_waiting_bytes: u64,
    /// Values written.
    pub writes: u64,
    /// Writes that failed; each is tried again while its item needs it.
    pub write_failures: u64,
    /// Bytes of values that the store has written, for all its pools, also by
    /// writes that failed later.
    pub bytes_written: u64,
    /// Bytes of values that it has read into memory. What the kernel loads when a
    /// map is touched is not among them.
    pub bytes_read: u64,
    /// Files of the store that were persisted or registered by a hard link.
    pub links: u64,
    /// Those that a link could not serve, such as between file systems, and that
    /// share their blocks with the original (a reflink).
    pub clones: u64,
    /// Those of which all bytes had to be copied.
    pub copies: u64,
    /// Cache files of the store that could not be deleted.
    pub failed_deletions: u64,
    /// Tasks of the store that failed with nobody waiting for them.
    pub failed_tasks: u64,
    /// Whether the store refuses writes at the moment.
    pub store_failing: bool,
}
