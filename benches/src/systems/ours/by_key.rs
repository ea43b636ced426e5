//! Items of a dataset in memory, which are got by key for each look.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Result, ensure};
use file_backed::backing_store::{
    BackingStoreT, FileFingerprint, ManifestStore, StoreError, Strategy, Transfer,
};
use file_backed::dataset::{Dataset, Key};
use file_backed::fbstore::{Load, Source};
use file_backed::uuid::Uuid;
use file_backed::{Error, FBPool};

use super::{block_on, store};
use crate::systems::blob::touch;
use crate::systems::{Hits, Touch};

/// Keeps manifests only. The values stay in memory.
struct Manifests;

/// The manifests of a place, and their parts.
#[derive(Clone, Default)]
struct Place(Arc<Mutex<Files>>);

#[derive(Default)]
struct Files {
    manifests: BTreeMap<u64, Vec<u8>>,
    parts: BTreeMap<Uuid, Vec<u8>>,
}

impl Place {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().expect("no panic")
    }
}

struct InMemory(Vec<u8>);

/// Opens a manifest or a part.
fn open(bytes: Option<&Vec<u8>>) -> Result<Box<dyn Source>, StoreError> {
    let bytes = bytes.ok_or_else(|| StoreError::not_found("no such file"))?;
    Ok(Box::new(InMemory(bytes.clone())))
}

impl Source for InMemory {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let range = offset as usize..offset as usize + buf.len();
        let bytes = self.0.get(range).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }
}

impl BackingStoreT for Manifests {
    type PersistPath = Place;

    fn delete(&self, _: Uuid) -> Result<(), StoreError> {
        Ok(())
    }

    fn delete_persisted(&self, _: &Place, _: Uuid) -> Result<(), StoreError> {
        Ok(())
    }

    fn register(&self, _: &Place, _: Uuid) -> Result<Transfer, StoreError> {
        Ok(Transfer::Linked)
    }

    fn reads_in_place(&self) -> bool {
        true
    }

    fn persist(&self, _: &Place, _: Uuid) -> Result<Transfer, StoreError> {
        Ok(Transfer::Linked)
    }

    fn sanitize_path(&self, _: &Place) -> Result<Vec<Uuid>, StoreError> {
        Ok(Vec::new())
    }

    fn sync_persisted(&self, _: &Place) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Strategy<Vec<f32>> for Manifests {
    fn store(&self, _: Uuid, _: &Vec<f32>) -> Result<(), StoreError> {
        Ok(())
    }

    fn load(&self, _: Uuid) -> Result<Vec<f32>, StoreError> {
        Err(StoreError::not_found("the values stay in memory"))
    }

    fn load_in_place(
        &self,
        _: &Place,
        key: Uuid,
        _: Load,
    ) -> Result<(Vec<f32>, Option<u64>), StoreError> {
        self.load(key).map(|value| (value, None))
    }
}

impl ManifestStore for Manifests {
    fn generations(&self, path: &Place) -> Result<Vec<u64>, StoreError> {
        Ok(path.files().manifests.keys().copied().collect())
    }

    fn open_manifest(&self, path: &Place, generation: u64) -> Result<Box<dyn Source>, StoreError> {
        open(path.files().manifests.get(&generation))
    }

    fn write_manifest(
        &self,
        path: &Place,
        generation: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        path.files().manifests.insert(generation, bytes.to_vec());
        Ok(())
    }

    fn sync_manifests(&self, _: &Place) -> Result<(), StoreError> {
        Ok(())
    }

    fn sync_found(&self, _: &Place, _: u64, _: &[Uuid]) -> Result<(), StoreError> {
        Ok(())
    }

    fn remove_manifest(&self, path: &Place, generation: u64) -> Result<bool, StoreError> {
        path.files().manifests.remove(&generation);
        Ok(true)
    }

    fn is_pinned(&self, _: &Place, _: u64) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn parts(&self, path: &Place) -> Result<Vec<Uuid>, StoreError> {
        Ok(path.files().parts.keys().copied().collect())
    }

    fn open_part(&self, path: &Place, id: Uuid) -> Result<Box<dyn Source>, StoreError> {
        open(path.files().parts.get(&id))
    }

    fn write_part(&self, path: &Place, id: Uuid, bytes: &[u8]) -> Result<(), StoreError> {
        path.files().parts.insert(id, bytes.to_vec());
        Ok(())
    }

    fn remove_part(&self, path: &Place, id: Uuid) -> Result<(), StoreError> {
        path.files().parts.remove(&id);
        Ok(())
    }

    fn claim_manifests(&self, path: &Place) -> Result<Place, StoreError> {
        Ok(path.clone())
    }

    fn pin(&self, path: &Place, _: u64) -> Result<Option<Place>, StoreError> {
        Ok(Some(path.clone()))
    }

    fn fingerprint(&self, _: &Place, _: Uuid) -> Result<FileFingerprint, StoreError> {
        Ok(FileFingerprint { len: 0, check: 0 })
    }

    fn verify(
        &self,
        path: &Place,
        key: Uuid,
        _: &dyn Fn(u64),
    ) -> Result<FileFingerprint, StoreError> {
        self.fingerprint(path, key)
    }
}

/// A dataset whose values are all in memory, without handles. Each look gets the item,
/// reads it and drops the handle.
pub struct ByKey<const ASYNC: bool> {
    dataset: Dataset<(), Manifests>,
    pool: Arc<FBPool<Vec<f32>, Manifests>>,
    keys: Vec<Key<Vec<f32>>>,
}

pub fn by_key<const ASYNC: bool>(items: usize, blob: &[f32]) -> Result<ByKey<ASYNC>> {
    let store = store(Manifests);
    let dataset = Dataset::<(), _>::blocking_open(&store, Place::default())?;
    let pool = Arc::new(FBPool::new(store.clone(), items));
    let values: Vec<_> = (0..items).map(|_| pool.insert(blob.to_vec())).collect();
    let mut keys = Vec::new();
    dataset.blocking_commit(|saver| {
        for value in &values {
            keys.push(saver.save(value)?);
        }
        Ok::<_, Error>(())
    })?;
    drop(values);
    store.blocking_finished();
    let retained = pool.stats().retained;
    ensure!(retained == items, "only {retained} of {items} stayed");
    Ok(ByKey {
        dataset,
        pool,
        keys,
    })
}

impl<const ASYNC: bool> Hits for ByKey<ASYNC> {
    fn pass(&self, order: &[u32]) -> u32 {
        let keys = order.iter().map(|item| self.keys[*item as usize]);
        let mut sum = 0;
        if ASYNC {
            block_on(async {
                for key in keys {
                    let item = self.dataset.get(&self.pool, key).await;
                    let item = item.expect("it is there");
                    sum ^= touch(&item.load().await, Touch::One);
                }
            });
        } else {
            for key in keys {
                let item = self.dataset.blocking_get(&self.pool, key);
                let item = item.expect("it is there");
                sum ^= touch(&item.blocking_load(), Touch::One);
            }
        }
        sum
    }
}
