//! Everything that can store blobs, by name.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use super::bytes::{Bincoded, Plain};
use super::limit::files::Form;
use super::pools::files::files as pool_files;
use super::pools::{OnDisk, Room};
use super::{
    Blobs, ancestor, cacache, epserde, fjall, foyer, heed, limit, mmap_sync, moka, ours,
    quick_cache, redb,
};
use crate::harness::row::Kind;

/// What a store is made for.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// How many blobs there will be.
    pub items: usize,
    /// How many of them stay in memory.
    pub cache: usize,
    /// Bytes of a blob.
    pub bytes: usize,
    /// Bytes that may wait to be written, where that can be bounded.
    pub backlog: Option<usize>,
}

impl Sizes {
    /// The cache of a system that counts bytes; none where a pool has its least,
    /// one item.
    fn cache_bytes(self) -> usize {
        self.cache.saturating_sub(1) * self.bytes
    }

    fn room(self) -> Room {
        Room {
            items: self.cache,
            backlog: self.backlog,
        }
    }
}

pub type Make = Arc<dyn Fn(&Path, Sizes) -> Result<Box<dyn Blobs>>>;

/// A system that stores blobs.
#[derive(Clone)]
pub struct Entry {
    pub system: String,
    pub kind: Kind,
    pub make: Make,
}

fn entry<B: Blobs + 'static>(
    system: impl Into<String>,
    kind: Kind,
    make: impl Fn(&Path, Sizes) -> Result<B> + 'static,
) -> Entry {
    Entry {
        system: system.into(),
        kind,
        make: Arc::new(move |dir, sizes| Ok(Box::new(make(dir, sizes)?))),
    }
}

fn pool<P: OnDisk>(kind: Kind) -> Entry {
    entry(P::system(), kind, |dir, sizes| {
        pool_files::<P>(dir, sizes.items, sizes.room())
    })
}

/// A codec of this crate whose loads give bytes, blocking or async.
pub fn mapped<C: ours::Coded>(is_async: bool) -> Entry {
    ours::<C>(is_async, Kind::Bytes)
}

/// A codec of this crate whose loads give decoded values, blocking or async.
pub fn decoded<C: ours::Coded>(is_async: bool) -> Entry {
    ours::<C>(is_async, Kind::Decoded)
}

fn ours<C: ours::Coded>(is_async: bool, kind: Kind) -> Entry {
    if is_async {
        pool::<ours::Async<C>>(kind)
    } else {
        pool::<ours::Blocking<C>>(kind)
    }
}

/// One codec of the published crate.
pub fn ancestor<P: OnDisk>() -> Entry {
    pool::<P>(Kind::Decoded)
}

/// The published crate, with bincode.
pub fn ancestor_bin() -> Entry {
    ancestor::<ancestor::Ancestor<ancestor::Bin>>()
}

/// The published crate, with protobuf.
pub fn ancestor_prost() -> Entry {
    ancestor::<ancestor::Ancestor<ancestor::Prost>>()
}

/// A limit that keeps nothing in memory.
pub fn bare<F: Form>(system: &str, kind: Kind) -> Entry {
    entry(system, kind, |dir, _| limit::files::bare::<F>(dir))
}

/// A limit that keeps the last ones used in memory.
pub fn lru<F: Form>(system: &str, kind: Kind) -> Entry {
    entry(system, kind, |dir, sizes| {
        limit::files::lru::<F>(dir, sizes.cache)
    })
}

pub fn heed() -> Entry {
    entry("heed", Kind::Bytes, |dir, sizes| {
        Ok(Plain(heed::files(dir, sizes.items, sizes.bytes, false)?))
    })
}

/// heed, with numbers that bincode makes of each value.
pub fn heed_bincode() -> Entry {
    entry("heed/bincode", Kind::Decoded, |dir, sizes| {
        Ok(Bincoded(heed::files(dir, sizes.items, sizes.bytes, false)?))
    })
}

pub fn redb() -> Entry {
    entry("redb", Kind::Bytes, |dir, sizes| {
        Ok(Plain(redb::files(dir, sizes.cache_bytes(), sizes.bytes)?))
    })
}

/// redb, with numbers that bincode makes of each value.
pub fn redb_bincode() -> Entry {
    entry("redb/bincode", Kind::Decoded, |dir, sizes| {
        Ok(Bincoded(redb::files(
            dir,
            sizes.cache_bytes(),
            sizes.bytes,
        )?))
    })
}

pub fn fjall() -> Entry {
    entry("fjall", Kind::Bytes, |dir, sizes| {
        Ok(Plain(fjall::files(dir, sizes.cache_bytes())?))
    })
}

pub fn foyer() -> Entry {
    entry("foyer", Kind::Bytes, |dir, sizes| {
        Ok(Plain(foyer::files(
            dir,
            sizes.items,
            sizes.cache,
            sizes.bytes,
        )?))
    })
}

pub fn cacache() -> Entry {
    entry("cacache", Kind::Bytes, |dir, _| {
        Ok(Plain(cacache::files(dir)))
    })
}

pub fn mmap_sync() -> Entry {
    entry("mmap-sync", Kind::Bytes, |dir, _| {
        Ok(mmap_sync::files(dir, false))
    })
}

pub fn epserde() -> Entry {
    entry("epserde", Kind::Bytes, |dir, _| {
        Ok(epserde::files(dir, false))
    })
}

/// epserde, which makes values of their own of its files.
pub fn epserde_owned() -> Entry {
    entry("epserde", Kind::Decoded, |dir, _| {
        Ok(epserde::files(dir, true))
    })
}

pub fn moka() -> Entry {
    entry("moka", Kind::Bytes, |dir, sizes| {
        moka::files::<limit::files::Read>(dir, sizes.cache)
    })
}

/// moka in front of files that bincode decodes.
pub fn moka_bincode() -> Entry {
    entry("moka/bincode", Kind::Decoded, |dir, sizes| {
        moka::files::<limit::files::Bincode>(dir, sizes.cache)
    })
}

pub fn quick_cache() -> Entry {
    entry("quick_cache", Kind::Bytes, |dir, sizes| {
        quick_cache::files::<limit::files::Read>(dir, sizes.cache)
    })
}

/// quick_cache in front of files that bincode decodes.
pub fn quick_cache_bincode() -> Entry {
    entry("quick_cache/bincode", Kind::Decoded, |dir, sizes| {
        quick_cache::files::<limit::files::Bincode>(dir, sizes.cache)
    })
}
