//! What only the tests under the model checker ask of a store in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::mem_store::{MemPath, MemStore};

impl MemPath {
    /// A place that the store recognizes: all trackings of it share its keys.
    pub(crate) fn recognized() -> Self {
        Self(Arc::default(), Some(Arc::default()))
    }
}

impl MemStore {
    /// From now on, items of places that are only read, and of datasets, are loaded from
    /// where they are.
    pub(crate) fn read_in_place(&self) {
        self.in_place.store(true, Ordering::Relaxed);
    }

    /// From now on, deletions assert that the file is not being loaded.
    pub(crate) fn check_loads(&self) {
        self.checks_loads.store(true, Ordering::Relaxed);
    }
}
