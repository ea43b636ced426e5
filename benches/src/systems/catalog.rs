//! Everything that can store blobs, by name.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use super::{
    Blobs, ancestor, cacache, epserde, fjall, foyer, heed, limit, mmap_sync, moka, ours,
    quick_cache, redb,
};

/// What a store is made for.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// How many blobs there will be.
    pub items: usize,
    /// How many of them stay in memory.
    pub cache: usize,
    /// Bytes of a blob.
    pub bytes: usize,
}

impl Sizes {
    /// The cache of a system that counts bytes; none where a pool has its least,
    /// one item.
    fn cache_bytes(self) -> usize {
        self.cache.saturating_sub(1) * self.bytes
    }
}

pub type Make = Arc<dyn Fn(&Path, Sizes) -> Result<Box<dyn Blobs>>>;

/// A system that stores blobs.
#[derive(Clone)]
pub struct Entry {
    pub system: String,
    pub make: Make,
}

fn entry<B: Blobs + 'static>(
    system: impl Into<String>,
    make: impl Fn(&Path, Sizes) -> Result<B> + 'static,
) -> Entry {
    Entry {
        system: system.into(),
        make: Arc::new(move |dir, sizes| Ok(Box::new(make(dir, sizes)?))),
    }
}

/// One codec of this crate, blocking or async.
pub fn ours<F: ours::Form>(is_async: bool) -> Entry {
    let suffix = if is_async { "/async" } else { "" };
    entry(format!("{}{suffix}", F::NAME), move |dir, sizes| {
        ours::files::<F>(dir, sizes.items, sizes.cache, is_async)
    })
}

/// One codec of the published crate.
pub fn ancestor<F: ancestor::Form>() -> Entry {
    entry(F::NAME, |dir, sizes| {
        Ok(ancestor::files::<F>(dir, sizes.items, sizes.cache))
    })
}

/// A limit that keeps nothing in memory.
pub fn bare<F: limit::files::Form>(system: &str) -> Entry {
    entry(system, |dir, _| limit::files::bare::<F>(dir))
}

/// A limit that keeps the last ones used in memory.
pub fn lru<F: limit::files::Form>(system: &str) -> Entry {
    entry(system, |dir, sizes| {
        limit::files::lru::<F>(dir, sizes.cache)
    })
}

pub fn heed() -> Entry {
    entry("heed", |dir, sizes| {
        heed::files(dir, sizes.items, sizes.bytes, false)
    })
}

pub fn redb() -> Entry {
    entry("redb", |dir, sizes| {
        redb::files(dir, sizes.cache_bytes(), sizes.bytes)
    })
}

pub fn fjall() -> Entry {
    entry("fjall", |dir, sizes| fjall::files(dir, sizes.cache_bytes()))
}

pub fn foyer() -> Entry {
    entry("foyer", |dir, sizes| {
        foyer::files(dir, sizes.items, sizes.cache, sizes.bytes)
    })
}

pub fn cacache() -> Entry {
    entry("cacache", |dir, _| Ok(cacache::files(dir)))
}

pub fn mmap_sync() -> Entry {
    entry("mmap-sync", |dir, _| Ok(mmap_sync::files(dir, false)))
}

pub fn epserde() -> Entry {
    entry("epserde", |dir, _| Ok(epserde::files(dir)))
}

pub fn moka() -> Entry {
    entry("moka", |dir, sizes| moka::files(dir, sizes.cache))
}

pub fn quick_cache() -> Entry {
    entry("quick_cache", |dir, sizes| {
        quick_cache::files(dir, sizes.cache)
    })
}
