//! This crate.

pub mod footprint;
pub mod save;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use file_backed::backing_store::TrackedPath;
use file_backed::fbstore::{
    BinCodec, Codec, FBStore, Mapped, MappedCodec, MixedCodec, PreparedPath, ProstCodec,
};
use file_backed::{BackingStore, FBPool, Fb};

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
    fn value(blob: &[f32]) -> Result<Self::Value>;
    fn touch(value: &Self::Value, how: Touch) -> u32;
}

/// Numbers through bincode.
pub struct Bin;

impl Form for Bin {
    const NAME: &'static str = "file_backed/bincodec";
    type Value = Vec<f32>;
    type Codec = BinCodec;

    fn codec() -> BinCodec {
        BinCodec
    }

    fn value(blob: &[f32]) -> Result<Vec<f32>> {
        Ok(blob.to_vec())
    }

    #[inline]
    fn touch(value: &Vec<f32>, how: Touch) -> u32 {
        touch(value, how)
    }
}

/// A protobuf message of bytes.
pub struct Prost;

impl Form for Prost {
    const NAME: &'static str = "file_backed/prostcodec";
    type Value = ProstBlob;
    type Codec = ProstCodec;

    fn codec() -> ProstCodec {
        ProstCodec
    }

    fn value(blob: &[f32]) -> Result<ProstBlob> {
        Ok(ProstBlob::new(blob))
    }

    #[inline]
    fn touch(value: &ProstBlob, how: Touch) -> u32 {
        touch_bytes(&value.data, how)
    }
}

/// An archive of numbers, mapped as the codec likes it: files below its
/// crossover are read.
pub struct Archive;

/// The name of the system.
pub const ARCHIVE: &str = "file_backed/mappedcodec";

impl Form for Archive {
    const NAME: &'static str = ARCHIVE;
    type Value = Mapped<Vec<f32>>;
    type Codec = MappedCodec;

    fn codec() -> MappedCodec {
        // SAFETY: the files are made in a directory of this process's own by the
        // library, which writes each once; nobody else knows them.
        unsafe { MappedCodec::new() }
    }

    fn value(blob: &[f32]) -> Result<Self::Value> {
        archive(blob)
    }

    #[inline]
    fn touch(value: &Self::Value, how: Touch) -> u32 {
        touch_archive(value, how)
    }
}

/// The same, where every file is mapped, whatever its size.
pub struct ArchiveAlwaysMapped;

impl Form for ArchiveAlwaysMapped {
    const NAME: &'static str = "file_backed/mappedcodec-crossover0";
    type Value = Mapped<Vec<f32>>;
    type Codec = MappedCodec;

    fn codec() -> MappedCodec {
        Archive::codec().crossover(0)
    }

    fn value(blob: &[f32]) -> Result<Self::Value> {
        archive(blob)
    }

    #[inline]
    fn touch(value: &Self::Value, how: Touch) -> u32 {
        touch_archive(value, how)
    }
}

/// Archives in a codec that takes serde values too.
pub struct Mixed;

impl Form for Mixed {
    const NAME: &'static str = "file_backed/mixedcodec";
    type Value = Mapped<Vec<f32>>;
    type Codec = MixedCodec;

    fn codec() -> MixedCodec {
        MixedCodec::from(Archive::codec())
    }

    fn value(blob: &[f32]) -> Result<Self::Value> {
        archive(blob)
    }

    #[inline]
    fn touch(value: &Self::Value, how: Touch) -> u32 {
        touch_archive(value, how)
    }
}

fn archive(blob: &[f32]) -> Result<Mapped<Vec<f32>>> {
    Mapped::new(&blob.to_vec()).map_err(anyhow::Error::from_boxed)
}

#[inline]
fn touch_archive(value: &Mapped<Vec<f32>>, how: Touch) -> u32 {
    // The archived numbers are little-endian floats: the same bytes.
    let numbers = value.as_slice();
    match how {
        Touch::One => numbers[numbers.len() / 2].to_native().to_bits(),
        Touch::All => numbers.iter().fold(0_u32, |sum, value| {
            sum.wrapping_add(value.to_native().to_bits())
        }),
    }
}

/// A pool on a store of its own.
pub type Pool<F> = FBPool<<F as Form>::Value, FBStore<<F as Form>::Codec>>;
pub type Handle<F> = Fb<<F as Form>::Value, FBStore<<F as Form>::Codec>>;

pub fn pool<F: Form>(dir: &Path, cache: usize) -> Result<Arc<Pool<F>>> {
    let path = PreparedPath::blocking_open(dir.join("cache"), vec![])?;
    let files = FBStore::open(F::codec(), path)?;
    let store = Arc::new(BackingStore::new(
        files,
        runtime(User::Ours).handle().clone(),
    ));
    Ok(Arc::new(FBPool::new(store, cache)))
}

/// Items in memory.
pub struct InMemory<F: Form> {
    items: Vec<Handle<F>>,
    is_async: bool,
}

/// As many items as the pool keeps.
pub fn in_memory<F: Form>(
    dir: &Path,
    items: usize,
    blob: &[f32],
    is_async: bool,
) -> Result<InMemory<F>> {
    let pool = pool::<F>(dir, items)?;
    let items = (0..items)
        .map(|_| Ok(pool.insert(F::value(blob)?)))
        .collect::<Result<_>>()?;
    Ok(InMemory { items, is_async })
}

impl<F: Form> Hits for InMemory<F> {
    fn pass(&self, order: &[u32]) -> u32 {
        if self.is_async {
            runtime(User::Ours).block_on(self.pass_async(order))
        } else {
            order.iter().fold(0, |sum, item| {
                let guard = self.items[*item as usize].blocking_load();
                sum ^ F::touch(&guard, Touch::One)
            })
        }
    }
}

impl<F: Form> InMemory<F> {
    async fn pass_async(&self, order: &[u32]) -> u32 {
        let mut sum = 0;
        for item in order {
            let guard = self.items[*item as usize].load().await;
            sum ^= F::touch(&guard, Touch::One);
        }
        sum
    }
}

/// Items of which the pool keeps some.
pub struct Files<F: Form> {
    // Before the pool: the handles end the items.
    items: Vec<OnceLock<Handle<F>>>,
    pool: Arc<Pool<F>>,
    saved: PreparedPath,
    tracked: OnceLock<Arc<TrackedPath<PreparedPath>>>,
    is_async: bool,
}

pub fn files<F: Form>(dir: &Path, items: usize, cache: usize, is_async: bool) -> Result<Files<F>> {
    let pool = pool::<F>(dir, cache)?;
    Ok(Files {
        items: (0..items).map(|_| OnceLock::new()).collect(),
        pool,
        saved: PreparedPath::blocking_open(dir.join("saved"), vec![])?,
        tracked: OnceLock::new(),
        is_async,
    })
}

impl<F: Form> Files<F> {
    fn item(&self, id: usize) -> Result<&Handle<F>> {
        self.items[id].get().context("the item was not put")
    }

    fn tracked(&self) -> Result<&Arc<TrackedPath<PreparedPath>>> {
        if self.tracked.get().is_none() {
            let tracked = self.pool.store().blocking_track_path(self.saved.clone())?;
            // Lost only to another thread's, which is as good.
            let _ = self.tracked.set(Arc::new(tracked));
        }
        self.tracked.get().context("it was set above")
    }
}

impl<F: Form> Blobs for Files<F> {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        let item = self.pool.insert(F::value(blob)?);
        anyhow::ensure!(self.items[id].set(item).is_ok(), "put twice");
        Ok(())
    }

    fn finish(&self) -> Result<()> {
        self.pool.store().blocking_finished();
        anyhow::ensure!(self.pool.stats().write_failures == 0, "a write failed");
        Ok(())
    }

    fn load(&self, id: usize, how: Touch) -> Result<u32> {
        let item = self.item(id)?;
        Ok(if self.is_async {
            runtime(User::Ours).block_on(async { F::touch(&*item.load().await, how) })
        } else {
            F::touch(&item.blocking_load(), how)
        })
    }

    fn first_load(&self, id: usize, how: Touch) -> Result<(Duration, u32)> {
        let (item, tracked) = (self.item(id)?, self.tracked()?);
        item.blocking_persist(tracked)?;
        // Another item with the same file, which nobody has loaded yet.
        let fresh = self.pool.blocking_register(tracked, item.key())?;
        anyhow::ensure!(fresh.try_load().is_none(), "it is in memory");
        let begin = Instant::now();
        let sum = if self.is_async {
            runtime(User::Ours).block_on(async { F::touch(&*fresh.load().await, how) })
        } else {
            F::touch(&fresh.blocking_load(), how)
        };
        let time = begin.elapsed();
        drop(fresh);
        self.pool.store().blocking_finished();
        Ok((time, sum))
    }

    fn hits_and_misses(&self) -> Option<(u64, u64)> {
        let stats = self.pool.stats();
        Some((stats.hits, stats.misses))
    }

    fn unwritten(&self) -> usize {
        self.pool.stats().resident
    }
}

/// Items that stay in memory while many are created.
const FEW: usize = 16;

/// Creates, persists, restarts, registers and cleans up.
pub fn lifecycle<F: Form>(dir: &Path, items: usize) -> Result<Steps> {
    let mut template = Template::new(BYTES);
    let mut steps = Steps::default();
    let first = pool::<F>(dir, FEW)?;
    let saved = PreparedPath::blocking_open(dir.join("saved"), vec![])?;
    let tracked = first.store().blocking_track_path(saved)?;

    let begin = Instant::now();
    let handles = (0..items)
        .map(|id| Ok(first.insert(F::value(template.blob(id))?)))
        .collect::<Result<Vec<_>>>()?;
    for handle in handles.iter().rev().take(FEW) {
        handle.blocking_write_now()?;
    }
    first.store().blocking_finished();
    steps.create = begin.elapsed();

    let begin = Instant::now();
    for handle in &handles {
        handle.blocking_persist(&tracked)?;
    }
    steps.persist = Some(begin.elapsed());
    drop(handles);
    first.store().blocking_finished();
    drop((first, tracked));

    let second = pool::<F>(dir, FEW)?;
    let saved = PreparedPath::blocking_open(dir.join("saved"), vec![])?;
    let begin = Instant::now();
    let tracked = second.store().blocking_track_path(saved)?;
    let keys = tracked.all_keys();
    steps.scan = begin.elapsed();
    anyhow::ensure!(keys.len() == items, "keys are missing");

    let begin = Instant::now();
    let handles = keys
        .into_iter()
        .map(|key| second.blocking_register(&tracked, key))
        .collect::<file_backed::Result<Vec<_>>>()?;
    steps.register = Some(begin.elapsed());

    let begin = Instant::now();
    drop(handles);
    second.store().blocking_finished();
    steps.clean_up = begin.elapsed();
    Ok(steps)
}
