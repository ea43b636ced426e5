//! The internal counters of a pool.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::stripes::Stripes;

/// Counts of one pool.
pub(crate) struct Counters {
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

    #[inline]
    pub(crate) fn hit(&self) {
        self.hits.add(|hits| [(hits, 1)]);
    }

    pub(crate) fn miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn hits(&self) -> u64 {
        self.hits.sum(|hits| hits)
    }
}
