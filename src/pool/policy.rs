//! The eviction policies that a pool can have.

/// Which values a pool evicts first; for [`PoolBuilder::policy`](super::PoolBuilder::policy).
///
/// The names are those of the paper that compares them: Qureshi et al., *Adaptive Insertion
/// Policies for High Performance Caching*, ISCA 2007. The policies differ in where a loaded
/// value enters the order in which values are evicted.
///
/// | take | if |
/// |---|---|
/// | [`Lru`](Self::Lru) | what was used recently is used again soon, or the working set changes: sessions, a viewport that moves |
/// | [`Dip`](Self::Dip) | the program also scans, now and then or all the time, or you do not know |
/// | [`Bip`](Self::Bip) | it reads the same values over and over in one order, and they do not all fit: training epochs, repeated full searches |
///
/// With LRU, a program that reads more values in a cycle than fit never finds one in
/// memory, because each is evicted shortly before its turn. With BIP, most of those that are
/// there stay: of a cycle of twice the budget, four reads in ten are hits, where at most five
/// can be. BIP does badly when the working set changes: it replaces about one value for each
/// 32 loads.
///
/// DIP does both for a sixteenth of the keys each, and for all others what has needed fewer
/// reloads lately (*set dueling*). In a cycle it has nine tenths of the hits of BIP, and where
/// LRU is best, a hit ratio up to three points below. It needs 512 resident values to tell the
/// two apart, and is LRU with fewer. The workload `policy` of the benchmarks compares all of
/// them with other caches.
///
/// A value that enters behind others is on *probation*. It moves up if it is read again, but
/// not by a read soon after its load, so a scan that reads each value twice is still a scan.
///
/// # Costs
///
/// A hit costs the same with each policy. A load or an eviction takes some nanoseconds more
/// with DIP, and each value in memory up to 4 bytes, for a table of evicted keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// Evicts the least recently used: a segmented LRU, in which a hit in the recent half
    /// moves nothing.
    #[default]
    Lru,
    /// Keeps old values (*bimodal insertion*): a loaded value may be evicted soon, except for
    /// one in 32, and except if it is read again.
    Bip,
    /// Resists scans (*dynamic insertion*): LRU or BIP, whichever works better at the time.
    Dip,
}
