//! moka: a concurrent cache in memory.

use std::hash::Hash;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use moka::sync::Cache;

use super::limit::directory::Directory;
use super::limit::files::Form;
use super::{Blobs, Touch, memory};

/// Values in memory.
pub type InMemory<K> = Cache<K, Arc<Vec<f32>>>;

impl<K: Copy + Eq + Hash + Send + Sync + 'static> memory::Cache for InMemory<K> {
    type Key = K;

    fn new(most: usize) -> Self {
        Cache::new(most as u64)
    }

    fn insert(&self, key: &K, value: Arc<Vec<f32>>) {
        Cache::insert(self, *key, value);
    }

    fn look(&self, key: &K, look: impl FnOnce(&[f32]) -> u32) -> u32 {
        look(&self.get(key).expect("nothing is evicted"))
    }

    fn settle(&self) {
        self.run_pending_tasks();
    }
}

/// What many programs do: moka in front of a file for each value.
pub struct Files<F: Form> {
    cache: Cache<u32, Arc<F::Value>>,
    files: Directory,
}

pub fn files<F: Form>(dir: &Path, cache: usize) -> Result<Files<F>> {
    Ok(Files {
        cache: Cache::new(cache as u64),
        files: Directory::create(dir)?,
    })
}

impl<F: Form> Blobs for Files<F> {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        self.files.write(id, &F::bytes(blob)?)
    }

    fn load_then(&self, id: usize, how: Touch, touched: &mut dyn FnMut()) -> Result<u32> {
        let value = self.cache.try_get_with(id as u32, || {
            F::fetch(&self.files.open_file(id)?).map(Arc::new)
        });
        match value {
            Ok(value) => {
                let sum = F::touch(&value, how);
                touched();
                Ok(sum)
            }
            Err(error) => anyhow::bail!("{error}"),
        }
    }
}
