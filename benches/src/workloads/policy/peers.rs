//! Caches in memory, each with its own policy and in one shard.

use std::num::NonZeroUsize;

use anyhow::{Context as _, Result};
use foyer::{CacheBuilder, LfuConfig, S3FifoConfig};

/// The order that the pool's approximates.
pub struct Lru(lru::LruCache<u32, ()>);

impl Lru {
    pub fn new(kept: usize) -> Result<Self> {
        let most = NonZeroUsize::new(kept).context("a cache keeps something")?;
        Ok(Self(lru::LruCache::new(most)))
    }
}

impl super::Cache for Lru {
    fn access(&mut self, item: u32) -> Result<bool> {
        let is_hit = self.0.get(&item).is_some();
        if !is_hit {
            self.0.put(item, ());
        }
        Ok(is_hit)
    }
}

struct Foyer(foyer::Cache<u32, ()>);

pub fn foyer_s3_fifo(kept: usize) -> Box<dyn super::Cache> {
    let config = S3FifoConfig::default();
    let builder = CacheBuilder::new(kept).with_shards(1);
    Box::new(Foyer(builder.with_eviction_config(config).build()))
}

/// W-TinyLFU.
pub fn foyer_lfu(kept: usize) -> Box<dyn super::Cache> {
    let config = LfuConfig::default();
    let builder = CacheBuilder::new(kept).with_shards(1);
    Box::new(Foyer(builder.with_eviction_config(config).build()))
}

impl super::Cache for Foyer {
    fn access(&mut self, item: u32) -> Result<bool> {
        let is_hit = self.0.get(&item).is_some();
        if !is_hit {
            self.0.insert(item, ());
        }
        Ok(is_hit)
    }
}

/// moka, W-TinyLFU, which does what it puts off after each access.
pub struct Moka(moka::sync::Cache<u32, ()>);

impl Moka {
    pub fn new(kept: usize) -> Self {
        Self(moka::sync::Cache::new(kept as u64))
    }
}

impl super::Cache for Moka {
    fn access(&mut self, item: u32) -> Result<bool> {
        let is_hit = self.0.get(&item).is_some();
        if !is_hit {
            self.0.insert(item, ());
        }
        self.0.run_pending_tasks();
        Ok(is_hit)
    }
}

/// quick_cache, a variant of Clock-PRO.
pub struct QuickCache(quick_cache::unsync::Cache<u32, ()>);

impl QuickCache {
    pub fn new(kept: usize) -> Self {
        Self(quick_cache::unsync::Cache::new(kept))
    }
}

impl super::Cache for QuickCache {
    fn access(&mut self, item: u32) -> Result<bool> {
        let is_hit = self.0.get(&item).is_some();
        if !is_hit {
            self.0.insert(item, ());
        }
        Ok(is_hit)
    }
}
