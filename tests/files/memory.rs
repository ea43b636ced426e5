//! A custom store that has no files at all.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use file_backed::backing_store::StoreError;
use file_backed::backing_store::{BackingStoreT, Strategy, Transfer};
use file_backed::uuid::Uuid;

use super::session::Subject;
use super::values::Sample;

/// A place with values, that outlives its stores as a directory does.
pub(crate) type Place<T> = Arc<Mutex<HashMap<Uuid, T>>>;

/// Keeps values in a map.
pub(crate) struct Memory<T> {
    cache: Place<T>,
}

fn missing() -> StoreError {
    io::Error::from(io::ErrorKind::NotFound).into()
}

fn copy<T: Clone>(from: &Place<T>, to: &Place<T>, key: Uuid) -> Result<Transfer, StoreError> {
    let value = from
        .lock()
        .unwrap()
        .get(&key)
        .cloned()
        .ok_or_else(missing)?;
    Ok(match to.lock().unwrap().insert(key, value) {
        Some(_) => Transfer::Present,
        None => Transfer::Copied,
    })
}

impl<T: Clone + Send + Sync + 'static> BackingStoreT for Memory<T> {
    type PersistPath = Place<T>;

    fn delete(&self, key: Uuid) -> Result<(), StoreError> {
        self.cache.lock().unwrap().remove(&key);
        Ok(())
    }

    fn delete_persisted(&self, path: &Place<T>, key: Uuid) -> Result<(), StoreError> {
        path.lock().unwrap().remove(&key);
        Ok(())
    }

    fn register(&self, path: &Place<T>, key: Uuid) -> Result<Transfer, StoreError> {
        copy(path, &self.cache, key)
    }

    /// In one step, and slowly, so that others get their turn.
    fn register_many(&self, path: &Place<T>, keys: &[Uuid]) -> Result<Vec<Transfer>, StoreError> {
        let copied = keys.iter().map(|key| copy(path, &self.cache, *key));
        let copied = copied.collect();
        (0..20).for_each(|_| std::thread::yield_now());
        copied
    }

    fn persist(&self, path: &Place<T>, key: Uuid) -> Result<Transfer, StoreError> {
        copy(&self.cache, path, key)
    }

    fn sanitize_path(&self, path: &Place<T>) -> Result<Vec<Uuid>, StoreError> {
        Ok(path.lock().unwrap().keys().copied().collect())
    }

    fn sync_persisted(&self, _: &Place<T>) -> Result<(), StoreError> {
        Ok(())
    }
}

impl<T: Clone + Send + Sync + 'static> Strategy<T> for Memory<T> {
    fn store(&self, key: Uuid, data: &T) -> Result<(), StoreError> {
        self.cache.lock().unwrap().insert(key, data.clone());
        Ok(())
    }

    fn load(&self, key: Uuid) -> Result<T, StoreError> {
        self.cache
            .lock()
            .unwrap()
            .get(&key)
            .cloned()
            .ok_or_else(missing)
    }
}

/// The places of a [`Memory`].
pub(crate) struct InMemory<T> {
    cache: Place<T>,
    saved: Place<T>,
    other: Place<T>,
}

impl<T> InMemory<T> {
    pub(crate) fn new() -> Self {
        Self {
            cache: Arc::default(),
            saved: Arc::default(),
            other: Arc::default(),
        }
    }
}

impl<T: Sample + Clone> Subject for InMemory<T> {
    type Value = T;
    type Store = Memory<T>;

    const LOADS_IN_PLACE: bool = false;

    fn store(&self) -> Memory<T> {
        Memory {
            cache: self.cache.clone(),
        }
    }

    fn saved(&self) -> Place<T> {
        self.saved.clone()
    }

    fn other(&self) -> Place<T> {
        self.other.clone()
    }

    fn cached_keys(&self) -> Vec<Uuid> {
        self.cache.lock().unwrap().keys().copied().collect()
    }

    fn saved_keys(&self) -> Vec<Uuid> {
        self.saved.lock().unwrap().keys().copied().collect()
    }
}
