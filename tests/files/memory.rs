//! A custom store that has no files at all.

use std::marker::PhantomData;
use std::sync::Arc;

use file_backed::uuid::Uuid;

use super::session::Subject;
use super::values::Sample;
use crate::support::{MemPath, MemStore};

/// A cache that outlives its programs as a directory does, and the places beside it.
pub(crate) struct InMemory<T> {
    cache: Arc<MemStore>,
    saved: MemPath,
    other: MemPath,
    values: PhantomData<T>,
}

impl<T> InMemory<T> {
    pub(crate) fn new() -> Self {
        Self {
            cache: Arc::default(),
            saved: MemPath::default(),
            other: MemPath::default(),
            values: PhantomData,
        }
    }
}

impl<T: Sample + Clone> Subject for InMemory<T> {
    type Value = T;
    type Store = Arc<MemStore>;

    const LOADS_IN_PLACE: bool = false;

    fn store(&self) -> Arc<MemStore> {
        self.cache.clone()
    }

    fn saved(&self) -> MemPath {
        self.saved.clone()
    }

    fn other(&self) -> MemPath {
        self.other.clone()
    }

    fn cached_keys(&self) -> Vec<Uuid> {
        self.cache.files().into_iter().collect()
    }

    fn saved_keys(&self) -> Vec<Uuid> {
        self.saved.keys()
    }
}
