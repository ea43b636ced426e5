//! The internal counters of a pool.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::stripes::Stripes;

/// Counts of one pool.
pub(crate) struct Counters {
    /// Hits, striped by thread: a shared counter would cost more than the hit
    /// itself.
    hits: Stripes<AtomicU64>,
    pub(crate) misses: AtomicU64,
    pub(crate) evictions: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) write_failures: AtomicU64,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            hits: Stripes::new(),
            misses: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            write_failures: AtomicU64::new(0),
        }
    }

    /// Uses a load and a store instead of an atomic addition. Two threads share a
    /// stripe only if there are more than 64; one of them may then lose a count.
    #[inline]
    pub(crate) fn hit(&self) {
        let hits = self.hits.mine();
        hits.store(
            hits.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Relaxed,
        );
    }

    pub(crate) fn miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn hits(&self) -> u64 {
        self.hits
            .iter()
            .map(|hits| hits.load(Ordering::Relaxed))
            .sum()
    }
}
