//! The published crate 0.6.

pub mod footprint;
pub mod save;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use ancestor::backing_store::TrackedPath;
use ancestor::fbstore::{BinCodec, Codec, FBStore, PreparedPath, ProstCodec, key_path};
use ancestor::{BackingStore, FBPool, Fb};
use anyhow::{Context as _, Result};
use prost::Message as _;
use uuid::Uuid;

use super::blob::{ProstBlob, Template, touch, touch_bytes};
use super::{Blobs, Hits, Touch, User, runtime};
use crate::workloads::lifecycle::{BYTES, Steps};

/// A codec with a value that holds numbers.
pub trait Form: Send + Sync + 'static {
    /// The system's name.
    const NAME: &'static str;
    type Value: Send + Sync + 'static;
    type Codec: Codec<Self::Value>;

    fn codec() -> Self::Codec;
    fn value(blob: &[f32]) -> Self::Value;
    /// What the codec would write.
    fn encode(value: &Self::Value) -> Result<Vec<u8>>;
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

    fn encode(value: &Vec<f32>) -> Result<Vec<u8>> {
        Ok(bincode::serde::encode_to_vec(
            value,
            bincode::config::legacy(),
        )?)
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

    fn encode(value: &ProstBlob) -> Result<Vec<u8>> {
        Ok(value.encode_to_vec())
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
    let store = Arc::new(BackingStore::new(
        files,
        runtime(User::Ancestor).handle().clone(),
    ));
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
    /// Files that are to be registered.
    written: Mutex<Vec<(usize, Uuid)>>,
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
        written: Mutex::default(),
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
        runtime(User::Ancestor).block_on(self.pool.store().finished());
    }
}

impl<F: Form> Blobs for Files<F> {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        let item = self.pool.insert(F::value(blob));
        anyhow::ensure!(self.items[id].set(item).is_ok(), "put twice");
        Ok(())
    }

    /// Writes the file that the codec would write, only faster, and registers
    /// it.
    fn put_for_loads(&self, id: usize, blob: &[f32]) -> Result<()> {
        let key =
            Uuid::from_u128((id as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        std::fs::write(key_path(&self.saved, key), F::encode(&F::value(blob))?)?;
        let mut written = self.written.lock().expect("no thread panics with it");
        written.push((id, key));
        Ok(())
    }

    fn finish(&self) -> Result<()> {
        let written = std::mem::take(&mut *self.written.lock().expect("no thread panics with it"));
        for (id, key) in written {
            let item = self.pool.blocking_register(self.tracked()?, key);
            let item = item.context("it was written")?;
            anyhow::ensure!(self.items[id].set(item).is_ok(), "put twice");
        }
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

/// Items that stay in memory while many are created.
const FEW: usize = 16;

/// Creates, persists, restarts, registers and cleans up.
pub fn lifecycle<F: Form>(dir: &Path, items: usize) -> Result<Steps> {
    let mut template = Template::new(BYTES);
    let mut steps = Steps::default();
    let first = pool::<F>(dir, FEW);
    let finished = |pool: &Arc<Pool<F>>| runtime(User::Ancestor).block_on(pool.store().finished());
    let saved = PreparedPath::blocking_new(dir.join("saved"), vec![]);
    let tracked = first.store().blocking_track_path(saved);

    let begin = Instant::now();
    let handles: Vec<_> = (0..items)
        .map(|id| first.insert(F::value(template.blob(id))))
        .collect();
    for handle in handles.iter().rev().take(FEW) {
        handle.blocking_write_now();
    }
    finished(&first);
    steps.create = begin.elapsed();

    let begin = Instant::now();
    for handle in &handles {
        handle.blocking_persist(&tracked);
    }
    steps.persist = Some(begin.elapsed());
    drop(handles);
    finished(&first);
    drop((first, tracked));

    let second = pool::<F>(dir, FEW);
    let saved = PreparedPath::blocking_new(dir.join("saved"), vec![]);
    let begin = Instant::now();
    let tracked = second.store().blocking_track_path(saved);
    let keys = tracked.all_keys();
    steps.scan = begin.elapsed();
    anyhow::ensure!(keys.len() == items, "keys are missing");

    let begin = Instant::now();
    let handles: Vec<_> = keys
        .into_iter()
        .filter_map(|key| second.blocking_register(&tracked, key))
        .collect();
    steps.register = Some(begin.elapsed());
    anyhow::ensure!(handles.len() == items, "items are missing");

    let begin = Instant::now();
    drop(handles);
    finished(&second);
    steps.clean_up = begin.elapsed();
    Ok(steps)
}
