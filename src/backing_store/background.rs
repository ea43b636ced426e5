//! What a store may see of the background work that concerns it.

use std::sync::{Arc, Weak};

use super::queue::Queue;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// A view on the background work of one [`BackingStore`](super::BackingStore),
/// for the store behind it.
///
/// Handed over in [`BackingStoreT::attach`](super::BackingStoreT::attach). It
/// keeps nothing alive.
#[derive(Clone)]
pub struct Background {
    queue: Weak<Queue>,
    files: Arc<AtomicUsize>,
}

impl Background {
    pub(super) fn new(queue: &Arc<Queue>, files: Arc<AtomicUsize>) -> Self {
        Self {
            queue: Arc::downgrade(queue),
            files,
        }
    }

    /// Runs on this thread what is queued now, deletions above all, and waits
    /// for what runs elsewhere now.
    ///
    /// # Blocking
    ///
    /// For as long as that takes. Called from within a background job of the
    /// same store, such as a codec or the drop of a value, it never returns.
    pub fn finish(&self) {
        if let Some(queue) = self.queue.upgrade() {
            queue.finish_current();
        }
    }

    /// Whether both are views on the same store.
    pub fn is_same(&self, other: &Self) -> bool {
        self.queue.ptr_eq(&other.queue)
    }

    /// Whether there may still be work: the store is alive, or its last jobs are.
    pub fn is_alive(&self) -> bool {
        self.queue.strong_count() > 0
    }

    /// How many files are in the cache: those that items or jobs own, and those
    /// whose deletion is queued.
    pub fn files(&self) -> usize {
        self.files.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Background")
            .field("files", &self.files())
            .finish_non_exhaustive()
    }
}
