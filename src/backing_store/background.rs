//! A store's view of its background work.

use std::sync::{Arc, Weak};

use super::queue::Queue;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// A view of the background work of one [`BackingStore`](super::BackingStore), for the
/// store that it wraps.
///
/// [`BackingStoreT::attach`](super::BackingStoreT::attach) receives it. It keeps
/// nothing alive.
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

    /// Runs everything that is queued now on the calling thread, deletions above all,
    /// and waits for the jobs that run elsewhere now.
    ///
    /// # Blocking
    ///
    /// Blocks until these jobs are done. Never returns if it is called from within a
    /// background job of the same store, such as a codec or the drop of a value.
    pub fn finish(&self) {
        if let Some(queue) = self.queue.upgrade() {
            queue.finish_current();
        }
    }

    /// Whether both are views of the same store.
    pub fn is_same(&self, other: &Self) -> bool {
        self.queue.ptr_eq(&other.queue)
    }

    /// Whether work may remain: the store, or one of its last jobs, is alive.
    pub fn is_alive(&self) -> bool {
        self.queue.strong_count() > 0
    }

    /// How many files are in the cache: files owned by items or jobs, and files whose
    /// deletion is queued.
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
