//! quick_cache: a small, fast concurrent cache in memory.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use quick_cache::sync::Cache;

use super::limit::directory::Directory;
use super::limit::files::Form;
use super::{Blobs, Touch, memory};

/// Values in memory.
pub type InMemory = Cache<u32, Arc<Vec<f32>>>;

impl memory::Cache for InMemory {
    fn new(most: usize) -> Self {
        Cache::new(most)
    }

    fn insert(&self, item: u32, value: Arc<Vec<f32>>) {
        Cache::insert(self, item, value);
    }

    fn look(&self, item: u32, look: impl FnOnce(&[f32]) -> u32) -> u32 {
        look(&self.get(&item).expect("nothing is evicted"))
    }
}

/// What many programs do: quick_cache in front of a file for each value.
pub struct Files<F: Form> {
    cache: Cache<u32, Arc<F::Value>>,
    files: Directory,
}

pub fn files<F: Form>(dir: &Path, cache: usize) -> Result<Files<F>> {
    Ok(Files {
        cache: Cache::new(cache.max(1)),
        files: Directory::create(dir)?,
    })
}

impl<F: Form> Blobs for Files<F> {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        self.files.write(id, &F::bytes(blob)?)
    }

    fn load_then(&self, id: usize, how: Touch, touched: &mut dyn FnMut()) -> Result<u32> {
        let value = self.cache.get_or_insert_with(&(id as u32), || {
            F::fetch(&self.files.open_file(id)?).map(Arc::new)
        })?;
        let sum = F::touch(&value, how);
        touched();
        Ok(sum)
    }
}
