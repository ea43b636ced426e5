//! An in-memory store that can fail on demand, and counts loads.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use uuid::Uuid;

use crate::backing_store::{BackingStoreT, Strategy, Transfer};
use crate::error::StoreError;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Mutex, point};

pub(crate) type Bytes = Vec<u8>;

pub(crate) type Persisted = Mutex<BTreeMap<Uuid, Bytes>>;

#[derive(Default)]
pub(crate) struct Store {
    cache: Persisted,
    writes: Mutex<Mood>,
    refuses_loads: AtomicBool,
    maps: AtomicBool,
    loads: AtomicUsize,
}

/// How the store responds to a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Willing,
    /// Fails like a codec, which may still accept other values.
    RefusesValue,
    /// Fails like a full disk, which refuses every value.
    IsFull,
}

impl Store {
    pub(crate) fn meet_writes(&self, mood: Mood) {
        *self.writes.lock() = mood;
    }

    pub(crate) fn refuse_loads(&self, refuses: bool) {
        self.refuses_loads.store(refuses, Ordering::SeqCst);
    }

    /// From now on, loaded values count as maps of their files.
    #[cfg(shuttle)]
    pub(crate) fn load_as_maps(&self) {
        self.maps.store(true, Ordering::SeqCst);
    }

    pub(crate) fn keys(&self) -> BTreeSet<Uuid> {
        self.cache.lock().keys().copied().collect()
    }

    /// The number of loads, including those that failed.
    pub(crate) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

fn get(place: &Persisted, key: Uuid) -> Result<Bytes, StoreError> {
    let value = place.lock().get(&key).cloned();
    value.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
}

impl BackingStoreT for Store {
    type PersistPath = Persisted;

    fn delete(&self, key: Uuid) -> Result<(), StoreError> {
        self.cache
            .lock()
            .remove(&key)
            .expect("a file is deleted once");
        point();
        Ok(())
    }

    fn delete_persisted(&self, path: &Persisted, key: Uuid) -> Result<(), StoreError> {
        path.lock().remove(&key);
        Ok(())
    }

    fn register(&self, path: &Persisted, key: Uuid) -> Result<Transfer, StoreError> {
        let before = self.cache.lock().insert(key, get(path, key)?);
        assert!(before.is_none(), "a file is registered once");
        Ok(Transfer::Linked)
    }

    fn persist(&self, path: &Persisted, key: Uuid) -> Result<Transfer, StoreError> {
        let before = path.lock().insert(key, get(&self.cache, key)?);
        assert!(before.is_none(), "a file is persisted once");
        Ok(Transfer::Linked)
    }

    fn sanitize_path(&self, path: &Persisted) -> Result<Vec<Uuid>, StoreError> {
        Ok(path.lock().keys().copied().collect())
    }

    fn sync_persisted(&self, _: &Persisted) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Strategy<Bytes> for Store {
    fn store(&self, key: Uuid, data: &Bytes) -> Result<(), StoreError> {
        let mood = *self.writes.lock();
        match mood {
            Mood::Willing => point(),
            Mood::RefusesValue => return Err("the store refuses".into()),
            Mood::IsFull => return Err(io::Error::from(io::ErrorKind::StorageFull).into()),
        }
        let before = self.cache.lock().insert(key, data.clone());
        assert!(before.is_none(), "a file is written once");
        point();
        Ok(())
    }

    fn load(&self, key: Uuid) -> Result<Bytes, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        if self.refuses_loads.load(Ordering::SeqCst) {
            return Err("the store refuses".into());
        }
        let value = get(&self.cache, key);
        point();
        value
    }

    fn footprint(&self, data: &Bytes) -> crate::fbstore::Footprint {
        match self.maps.load(Ordering::SeqCst) {
            true => crate::fbstore::Footprint { heap: 0, mapped: 1 },
            false => crate::fbstore::Footprint {
                heap: data.len(),
                mapped: 0,
            },
        }
    }

    fn duplicate(&self, data: &Bytes) -> Result<Bytes, StoreError> {
        point();
        Ok(data.clone())
    }
}
