//! Failures that nobody waits for: counted, and told to the log.

use crate::Error;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Counts of what failed in the background.
#[derive(Default)]
pub(crate) struct Failures {
    pub(crate) writes: AtomicU64,
    pub(crate) deletions: AtomicU64,
    pub(crate) tasks: AtomicU64,
}

impl Failures {
    pub(crate) fn write(&self, error: &Error) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%error, "a write-back failed: the item stays in memory, and the write is tried again");
    }

    pub(crate) fn deletion(&self, error: &Error) {
        self.deletions.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%error, "a cache file could not be deleted");
    }

    pub(crate) fn detached_task(&self, error: &Error) {
        self.tasks.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%error, "a task that nobody waits for failed");
    }
}
