//! foyer: a cache in memory, and a hybrid one with a part on disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use foyer::{
    BlockEngineConfig, Cache, CacheBuilder, DeviceBuilder as _, FsDeviceBuilder, HybridCache,
    HybridCacheBuilder, HybridCachePolicy, PsyncIoEngineConfig,
};

use super::blob::{touch, touch_bytes};
use super::{Blobs, Hits, Touch, User, runtime};

pub struct InMemory {
    cache: Cache<u32, Arc<Vec<f32>>>,
}

/// Room for twice as many items as there are, so that none is evicted from a
/// shard that has more than its share.
pub fn in_memory(items: usize, blob: &[f32]) -> InMemory {
    let cache = CacheBuilder::new(items.max(64) * 2).build();
    for item in 0..items as u32 {
        cache.insert(item, Arc::new(blob.to_vec()));
    }
    InMemory { cache }
}

impl Hits for InMemory {
    fn pass(&self, order: &[u32]) -> u32 {
        order.iter().fold(0, |sum, item| {
            let entry = self.cache.get(item).expect("nothing is evicted");
            sum ^ touch(entry.value(), Touch::One)
        })
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

impl Blobs for Files {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        let bytes: &[u8] = bytemuck::cast_slice(blob);
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

    fn load(&self, id: usize, how: Touch) -> Result<u32> {
        let entry = runtime(User::Foyer).block_on(self.cache.get(&(id as u32)))?;
        let entry = entry.context("foyer has dropped the blob")?;
        Ok(touch_bytes(entry.value(), how))
    }

    fn first_load(&self, id: usize, how: Touch) -> Result<(Duration, u32)> {
        self.cache.memory().evict_all();
        let begin = Instant::now();
        let sum = self.load(id, how)?;
        Ok((begin.elapsed(), sum))
    }
}
