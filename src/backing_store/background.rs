//! What a store may see of the background work that concerns it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use super::queue::Queue;

/// A view on the background work of one [`BackingStore`](super::BackingStore),
/// handed to the store in
/// [`BackingStoreT::attach`](super::BackingStoreT::attach). It keeps nothing
/// alive.
#[derive(Clone)]
pub struct Background {
    queue: Weak<Queue>,
    owned: Arc<AtomicUsize>,
}

impl Background {
    pub(super) fn new(queue: &Arc<Queue>, owned: Arc<AtomicUsize>) -> Self {
        Self {
            queue: Arc::downgrade(queue),
            owned,
        }
    }

    /// Runs on this thread what is queued now, deletions above all, and waits
    /// for what runs elsewhere now.
    ///
    /// # Blocking
    ///
    /// For as long as that takes. Called from a background job of the same
    /// store it never returns.
    pub fn finish(&self) {
        if let Some(queue) = self.queue.upgrade() {
            queue.finish_current();
        }
    }

    /// Whether there may still be work: the store is alive, or its last jobs are.
    pub fn is_alive(&self) -> bool {
        self.queue.strong_count() > 0
    }

    /// How many files of the cache are owned by items or by jobs.
    pub fn owned_files(&self) -> usize {
        self.owned.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Background")
            .field("owned_files", &self.owned_files())
            .finish_non_exhaustive()
    }
}
