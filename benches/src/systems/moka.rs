//! moka: a concurrent cache in memory.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use moka::sync::Cache;

use super::limit::directory::Directory;
use super::limit::files::Form as _;
use super::{Blobs, Hits, Touch, limit};
use crate::systems::blob::{touch, touch_bytes};

pub struct InMemory {
    cache: Cache<u32, Arc<Vec<f32>>>,
}

/// Room for twice as many items as there are, so that none is evicted.
pub fn in_memory(items: usize, blob: &[f32]) -> InMemory {
    let cache = Cache::new(items.max(64) as u64 * 2);
    for item in 0..items as u32 {
        cache.insert(item, Arc::new(blob.to_vec()));
    }
    cache.run_pending_tasks();
    InMemory { cache }
}

impl Hits for InMemory {
    fn pass(&self, order: &[u32]) -> u32 {
        order.iter().fold(0, |sum, item| {
            let value = self.cache.get(item).expect("nothing is evicted");
            sum ^ touch(&value, Touch::One)
        })
    }
}

/// What many programs do: moka in front of a file for each value.
pub struct Files {
    cache: Cache<u32, Arc<Vec<u8>>>,
    files: Directory,
}

pub fn files(dir: &Path, cache: usize) -> Result<Files> {
    Ok(Files {
        cache: Cache::new(cache as u64),
        files: Directory::create(dir)?,
    })
}

impl Blobs for Files {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        self.files.write(id, bytemuck::cast_slice(blob))
    }

    fn load(&self, id: usize, how: Touch) -> Result<u32> {
        let value = self.cache.try_get_with(id as u32, || {
            limit::files::Read::fetch(&self.files.open_file(id)?).map(Arc::new)
        });
        match value {
            Ok(value) => Ok(touch_bytes(&value, how)),
            Err(error) => anyhow::bail!("{error}"),
        }
    }
}
