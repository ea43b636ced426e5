//! quick_cache: a small, fast concurrent cache in memory.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use quick_cache::sync::Cache;

use super::limit::directory::Directory;
use super::limit::files::Form as _;
use super::{Blobs, Hits, Touch, limit};
use crate::systems::blob::{touch, touch_bytes};

pub struct InMemory {
    cache: Cache<u32, Arc<Vec<f32>>>,
}

/// Room for twice as many items as there are, so that none is evicted from a
/// shard that has more than its share.
pub fn in_memory(items: usize, blob: &[f32]) -> InMemory {
    let cache = Cache::new(items.max(64) * 2);
    for item in 0..items as u32 {
        cache.insert(item, Arc::new(blob.to_vec()));
    }
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

/// What many programs do: quick_cache in front of a file for each value.
pub struct Files {
    cache: Cache<u32, Arc<Vec<u8>>>,
    files: Directory,
}

pub fn files(dir: &Path, cache: usize) -> Result<Files> {
    Ok(Files {
        cache: Cache::new(cache.max(1)),
        files: Directory::create(dir)?,
    })
}

impl Blobs for Files {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        self.files.write(id, bytemuck::cast_slice(blob))
    }

    fn load(&self, id: usize, how: Touch) -> Result<u32> {
        let value = self.cache.get_or_insert_with(&(id as u32), || {
            limit::files::Read::fetch(&self.files.open_file(id)?).map(Arc::new)
        })?;
        Ok(touch_bytes(&value, how))
    }
}
