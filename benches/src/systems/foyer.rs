//! foyer: a cache in memory, and a hybrid one with a part on disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use anyhow::{Context as _, Result};
use foyer::{
    BlockEngineConfig, Cache, CacheBuilder, DeviceBuilder as _, FsDeviceBuilder, HybridCache,
    HybridCacheBuilder, HybridCachePolicy, PsyncIoEngineConfig,
};

use super::bytes::Bytes;
use super::{User, memory, runtime};

/// Values in memory.
pub type InMemory = Cache<u32, Arc<Vec<f32>>>;

impl memory::Cache for InMemory {
    type Key = u32;

    fn new(most: usize) -> Self {
        CacheBuilder::new(most).build()
    }

    fn insert(&self, key: &u32, value: Arc<Vec<f32>>) {
        Cache::insert(self, *key, value);
    }

    fn look(&self, key: &u32, look: impl FnOnce(&[f32]) -> u32) -> u32 {
        look(self.get(key).expect("nothing is evicted").value())
    }
}

/// A hybrid cache: some blobs in memory, all of them in blocks on disk.
pub struct Files {
    cache: HybridCache<u32, Vec<u8>>,
    bytes: usize,
    queued: AtomicUsize,
}

/// Bytes that may be queued for the disk. foyer drops what it cannot queue.
const QUEUE: usize = 32 << 20;

pub fn files(dir: &Path, items: usize, cache: usize, bytes: usize) -> Result<Files> {
    let block = (bytes * 2).next_power_of_two().max(4 << 20);
    // Twice what is needed: an entry does not cross the end of a block, and a
    // full device forgets.
    let capacity = (2 * items * (bytes + 8192)).next_multiple_of(block) + 16 * block;
    let cache = runtime(User::Foyer).block_on(async {
        let device = FsDeviceBuilder::new(dir).with_capacity(capacity).build()?;
        let engine = BlockEngineConfig::new(device)
            .with_block_size(block)
            .with_buffer_pool_size((4 * QUEUE).max(4 * block))
            .with_submit_queue_size_threshold((4 * QUEUE).max(4 * block))
            .with_flushers(2);
        HybridCacheBuilder::new()
            .with_policy(HybridCachePolicy::WriteOnInsertion)
            .memory(cache.max(1))
            .storage()
            .with_io_engine_config(PsyncIoEngineConfig::new())
            .with_engine_config(engine)
            .build()
            .await
    })?;
    Ok(Files {
        cache,
        bytes,
        queued: AtomicUsize::new(0),
    })
}

impl Files {
    /// The bytes of a blob, in async code.
    pub async fn load(&self, id: usize) -> Result<Vec<u8>> {
        let entry = self.cache.get(&(id as u32)).await?;
        Ok(entry.context("foyer has dropped the blob")?.value().clone())
    }
}

impl Bytes for Files {
    fn put(&self, id: usize, bytes: &[u8]) -> Result<()> {
        self.cache.insert(id as u32, bytes.to_vec());
        if self.queued.fetch_add(self.bytes, Relaxed) > QUEUE {
            self.queued.store(0, Relaxed);
            self.finish()?;
        }
        Ok(())
    }

    fn finish(&self) -> Result<()> {
        runtime(User::Foyer).block_on(self.cache.storage().wait());
        Ok(())
    }

    fn lend(&self, id: usize, look: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let entry = runtime(User::Foyer).block_on(self.cache.get(&(id as u32)))?;
        look(entry.context("foyer has dropped the blob")?.value())
    }

    fn forget(&self) {
        self.cache.memory().evict_all();
    }
}
