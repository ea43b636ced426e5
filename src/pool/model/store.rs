//! A store in memory that can refuse writes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use file_backed_codecs::BoxError;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::backing_store::{BackingStoreT, Strategy, Transfer};

pub(super) type Place = Mutex<BTreeMap<Uuid, Vec<u8>>>;

#[derive(Default)]
pub(super) struct Store {
    cache: Place,
    failing: AtomicBool,
}

impl Store {
    pub(super) fn set_failing(&self, failing: bool) -> bool {
        self.failing.store(failing, Ordering::SeqCst);
        failing
    }

    pub(super) fn keys(&self) -> BTreeSet<Uuid> {
        self.cache.lock().keys().copied().collect()
    }
}

fn get(place: &Place, key: Uuid) -> Result<Vec<u8>, BoxError> {
    let value = place.lock().get(&key).cloned();
    value.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
}

impl BackingStoreT for Store {
    type PersistPath = Place;

    fn delete(&self, key: Uuid) -> Result<(), BoxError> {
        self.cache
            .lock()
            .remove(&key)
            .expect("a file is deleted once");
        Ok(())
    }

    fn delete_persisted(&self, path: &Place, key: Uuid) -> Result<(), BoxError> {
        path.lock().remove(&key);
        Ok(())
    }

    fn register(&self, path: &Place, key: Uuid) -> Result<Transfer, BoxError> {
        let before = self.cache.lock().insert(key, get(path, key)?);
        assert!(before.is_none(), "a file is registered once");
        Ok(Transfer::Linked)
    }

    fn persist(&self, path: &Place, key: Uuid) -> Result<Transfer, BoxError> {
        let before = path.lock().insert(key, get(&self.cache, key)?);
        assert!(before.is_none(), "a file is persisted once");
        Ok(Transfer::Linked)
    }

    fn sanitize_path(&self, path: &Place) -> Result<Vec<Uuid>, BoxError> {
        Ok(path.lock().keys().copied().collect())
    }

    fn sync_persisted(&self, _: &Place) -> Result<(), BoxError> {
        Ok(())
    }
}

impl Strategy<Vec<u8>> for Store {
    fn store(&self, key: Uuid, data: &Vec<u8>) -> Result<(), BoxError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err("the store refuses".into());
        }
        let before = self.cache.lock().insert(key, data.clone());
        assert!(before.is_none(), "a file is written once");
        Ok(())
    }

    fn load(&self, key: Uuid) -> Result<Vec<u8>, BoxError> {
        get(&self.cache, key)
    }

    fn duplicate(&self, data: &Vec<u8>) -> Result<Vec<u8>, BoxError> {
        Ok(data.clone())
    }
}
