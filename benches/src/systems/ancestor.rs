//! The published crate 0.6.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ancestor::backing_store::TrackedPath;
use ancestor::fbstore::{BinCodec, Codec, FBStore, PreparedPath, ProstCodec};
use ancestor::{BackingStore, FBPool, Fb};
use anyhow::{Context as _, Result};

use super::blob::{ProstBlob, touch, touch_bytes};
use super::{Blobs, Hits, Touch, runtime};

/// A codec with a value that holds numbers.
pub trait Form: Send + Sync + 'static {
    /// The system's name.
    const NAME: &'static str;
    type Value: Send + Sync + 'static;
    type Codec: Codec<Self::Value>;

    fn codec() -> Self::Codec;
    fn value(blob: &[f32]) -> Self::Value;
    fn touch(value: &Self::Value, how: Touch) -> u32;
}

/// Numbers through bincode.
pub struct Bin;

impl Form for Bin {
    const NAME: &'static str = "ancestor/bincodec";
    type Value = Vec<f32>;
    type Codec = BinCodec;

    fn codec() -> BinCodec {
        BinCodec
    }

    fn value(blob: &[f32]) -> Vec<f32> {
        blob.to_vec()
    }

    #[inline]
    fn touch(value: &Vec<f32>, how: Touch) -> u32 {
        touch(value, how)
    }
}

/// A protobuf message of bytes.
pub struct Prost;

impl Form for Prost {
    const NAME: &'static str = "ancestor/prostcodec";
    type Value = ProstBlob;
    type Codec = ProstCodec;

    fn codec() -> ProstCodec {
        ProstCodec
    }

    fn value(blob: &[f32]) -> ProstBlob {
        ProstBlob::new(blob)
    }

    #[inline]
    fn touch(value: &ProstBlob, how: Touch) -> u32 {
        touch_bytes(&value.data, how)
    }
}

pub type Pool<F> = FBPool<<F as Form>::Value, FBStore<<F as Form>::Codec>>;
pub type Handle<F> = Fb<<F as Form>::Value, FBStore<<F as Form>::Codec>>;

pub fn pool<F: Form>(dir: &Path, cache: usize) -> Arc<Pool<F>> {
    let path = PreparedPath::blocking_new(dir.join("cache"), vec![]);
    let files = FBStore::new(F::codec(), path);
    let store = Arc::new(BackingStore::new(files, runtime().handle().clone()));
    Arc::new(FBPool::new(store, cache))
}

/// Items in memory.
pub struct InMemory<F: Form> {
    items: Vec<Handle<F>>,
}

/// As many items as the pool keeps.
pub fn in_memory<F: Form>(dir: &Path, items: usize, blob: &[f32]) -> InMemory<F> {
    let pool = pool::<F>(dir, items);
    InMemory {
        items: (0..items).map(|_| pool.insert(F::value(blob))).collect(),
    }
}

impl<F: Form> Hits for InMemory<F> {
    fn pass(&self, order: &[u32]) -> u32 {
        order.iter().fold(0, |sum, item| {
            let guard = self.items[*item as usize].blocking_load();
            sum ^ F::touch(&guard, Touch::One)
        })
    }
}

/// Items of which the pool keeps some.
pub struct Files<F: Form> {
    items: Vec<OnceLock<Handle<F>>>,
    pool: Arc<Pool<F>>,
    saved: PreparedPath,
    tracked: OnceLock<Arc<TrackedPath<PreparedPath>>>,
    cache: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

pub fn files<F: Form>(dir: &Path, items: usize, cache: usize) -> Files<F> {
    Files {
        items: (0..items).map(|_| OnceLock::new()).collect(),
        pool: pool::<F>(dir, cache),
        saved: PreparedPath::blocking_new(dir.join("saved"), vec![]),
        tracked: OnceLock::new(),
        cache,
        hits: AtomicU64::new(0),
        misses: AtomicU64::new(0),
    }
}

impl<F: Form> Files<F> {
    fn item(&self, id: usize) -> Result<&Handle<F>> {
        self.items[id].get().context("the item was not put")
    }

    fn tracked(&self) -> Result<&Arc<TrackedPath<PreparedPath>>> {
        if self.tracked.get().is_none() {
            let store = self.pool.store();
            let tracked = store.blocking_track_path(self.saved.clone());
            // Lost only to another thread's, which is as good.
            let _ = self.tracked.set(Arc::new(tracked));
        }
        self.tracked.get().context("it was set above")
    }

    fn finish_background(&self) {
        runtime().block_on(self.pool.store().finished());
    }
}

impl<F: Form> Blobs for Files<F> {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        let item = self.pool.insert(F::value(blob));
        anyhow::ensure!(self.items[id].set(item).is_ok(), "put twice");
        Ok(())
    }

    fn finish(&self) -> Result<()> {
        self.finish_background();
        Ok(())
    }

    fn load(&self, id: usize, how: Touch) -> Result<u32> {
        let item = self.item(id)?;
        // It counts nothing itself.
        let guard = match item.try_load() {
            Some(guard) => {
                self.hits.fetch_add(1, Relaxed);
                guard
            }
            None => {
                self.misses.fetch_add(1, Relaxed);
                item.blocking_load()
            }
        };
        Ok(F::touch(&guard, how))
    }

    fn first_load(&self, id: usize, how: Touch) -> Result<(Duration, u32)> {
        let (item, tracked) = (self.item(id)?, self.tracked()?);
        item.blocking_persist(tracked);
        let fresh = self
            .pool
            .blocking_register(tracked, item.key())
            .context("it was persisted")?;
        anyhow::ensure!(fresh.try_load().is_none(), "it is in memory");
        let begin = Instant::now();
        let sum = F::touch(&fresh.blocking_load(), how);
        let time = begin.elapsed();
        drop(fresh);
        self.finish_background();
        Ok((time, sum))
    }

    fn hits_and_misses(&self) -> Option<(u64, u64)> {
        Some((self.hits.load(Relaxed), self.misses.load(Relaxed)))
    }

    fn unwritten(&self) -> usize {
        self.cache.min(self.pool.size())
    }
}
