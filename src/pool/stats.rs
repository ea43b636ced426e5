//! What a pool tells of itself.

/// Counts of one pool, and of the store behind it, at one moment; from
/// [`FBPool::stats`](super::FBPool::stats). The numbers are read one after the
/// other while others work, so they need not add up exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Items of the pool, in memory or not.
    pub items: usize,
    /// Items that the item budget keeps in memory.
    pub resident: usize,
    /// Items that the budget has let go of and that stay loadable as a hit,
    /// because their value is a map and costs no memory.
    pub kept: usize,
    /// Items that the budget has let go of and that a guard still uses.
    pub overdue: usize,
    /// Loads that found the value in memory. A thread's count may be missed
    /// where more than 64 threads load.
    pub hits: u64,
    /// Loads that had to wait for the value.
    pub misses: u64,
    /// Values dropped from memory by the budget.
    pub evictions: u64,
    /// Values that wait to be written, or are being written, so that they can
    /// be evicted.
    pub writes_waiting: usize,
    /// Values written.
    pub writes: u64,
    /// Writes that failed; each is tried again while its item needs it.
    pub write_failures: u64,
    /// Cache files of the store that could not be deleted.
    pub failed_deletions: u64,
    /// Tasks of the store that failed with nobody waiting for them.
    pub failed_tasks: u64,
    /// Whether the store refuses writes at the moment.
    pub store_failing: bool,
}
