//! Pools of this crate.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use file_backed::fbstore::{FBStore, Mapped, MappedCodec, map_budget};
use file_backed::uuid::Uuid;
use file_backed::{FBPool, Fb, Policy};

use super::Cache;
use crate::systems::ours::{Keys, Nowhere, store};
use crate::systems::{User, runtime};

/// A pool of values in memory, which are loaded from nowhere.
struct InMemory {
    items: Vec<Fb<u64, Nowhere>>,
}

pub fn pool(policy: Policy, kept: usize, items: usize) -> Result<Box<dyn Cache>> {
    let pool: Arc<FBPool<u64, Nowhere>> = FBPool::builder(store(Nowhere))
        .items(kept)
        .policy(policy)
        .build();
    // Nothing was inserted, so that the pool begins empty.
    let keys: Vec<_> = (0..items).map(|_| Uuid::new_v4()).collect();
    let tracked = pool.store().blocking_track_path(Keys::new(keys.clone()))?;
    let items = keys
        .into_iter()
        .map(|key| Ok(pool.blocking_register(&tracked, key)?));
    Ok(Box::new(InMemory {
        items: items.collect::<Result<_>>()?,
    }))
}

impl Cache for InMemory {
    fn access(&mut self, item: u32) -> Result<bool> {
        let item = &self.items[item as usize];
        let is_hit = item.try_load().is_some();
        if !is_hit {
            drop(item.blocking_read()?);
        }
        Ok(is_hit)
    }
}

type Maps = FBPool<Mapped<u64>, FBStore<MappedCodec>>;

/// A pool whose values are maps of small files.
struct Mappings {
    pool: Arc<Maps>,
    items: Vec<Fb<Mapped<u64>, FBStore<MappedCodec>>>,
    misses: usize,
}

/// After so many misses, the cache waits for the relief of the map budget, which runs in the
/// background.
const MISSES: usize = 8;

pub fn maps(dir: &Path, kept: usize, items: usize) -> Result<Box<dyn Cache>> {
    // Maps are evicted when more than seven eighths are in use.
    map_budget::set_limit((kept * 8).div_ceil(7));
    // SAFETY: only this pool touches the files of its directory.
    let codec = unsafe { MappedCodec::new() }.crossover(0);
    let pool: Arc<Maps> =
        runtime(User::Ours).block_on(FBPool::open(codec, dir.join("cache"), 0))?;
    let insert = |number| Ok(pool.insert(Mapped::new(&(number as u64))?));
    let items = (0..items).map(insert).collect::<Result<Vec<_>>>()?;
    pool.store().blocking_finished();
    Ok(Box::new(Mappings {
        pool,
        items,
        misses: 0,
    }))
}

impl Cache for Mappings {
    fn access(&mut self, item: u32) -> Result<bool> {
        let item = &self.items[item as usize];
        let is_hit = item.try_load().is_some();
        if !is_hit {
            drop(item.blocking_read()?);
            self.misses += 1;
            if self.misses.is_multiple_of(MISSES) {
                self.pool.store().blocking_finished();
            }
        }
        Ok(is_hit)
    }
}
