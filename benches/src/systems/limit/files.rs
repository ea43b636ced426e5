//! The least that a value in a file costs.

use std::cell::RefCell;
use std::fs::File;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Result;
use lru::LruCache;
use memmap2::MmapOptions;
use prost::Message as _;
use rustix::buffer::spare_capacity;

use super::directory::Directory;
use crate::systems::blob::{ProstBlob, touch, touch_bytes};
use crate::systems::{Blobs, Touch, until_touched};

/// How a file is written and made a value of again.
pub trait Form: Send + Sync + 'static {
    type Value: Send + Sync + 'static;

    fn bytes(blob: &[f32]) -> Result<Vec<u8>>;
    fn fetch(file: &File) -> Result<Self::Value>;
    fn touch(value: &Self::Value, how: Touch) -> u32;

    /// Whether the memory of a value that is given up serves the next one.
    const REUSES: bool = false;

    /// Fetches into the memory of a value that was given up.
    fn fetch_into(file: &File, spare: Self::Value) -> Result<Self::Value> {
        drop(spare);
        Self::fetch(file)
    }
}

/// The bytes, read into fresh memory.
pub struct Read;

impl Form for Read {
    type Value = Vec<u8>;

    fn bytes(blob: &[f32]) -> Result<Vec<u8>> {
        Ok(bytemuck::cast_slice(blob).to_vec())
    }

    fn fetch(file: &File) -> Result<Vec<u8>> {
        Self::fetch_into(file, Vec::new())
    }

    fn touch(value: &Vec<u8>, how: Touch) -> u32 {
        touch_bytes(value, how)
    }

    /// Nothing is set to zero first.
    fn fetch_into(file: &File, mut bytes: Vec<u8>) -> Result<Vec<u8>> {
        let len = file.metadata()?.len() as usize;
        bytes.clear();
        bytes.reserve_exact(len);
        while bytes.len() < len {
            let read = rustix::io::read(file, spare_capacity(&mut bytes))?;
            anyhow::ensure!(read > 0, "the file ends early");
        }
        Ok(bytes)
    }
}

/// The bytes, read into memory that was used before.
pub struct ReadReused;

impl Form for ReadReused {
    type Value = Vec<u8>;

    const REUSES: bool = true;

    fn bytes(blob: &[f32]) -> Result<Vec<u8>> {
        Read::bytes(blob)
    }

    fn fetch(file: &File) -> Result<Vec<u8>> {
        Read::fetch(file)
    }

    fn touch(value: &Vec<u8>, how: Touch) -> u32 {
        touch_bytes(value, how)
    }

    fn fetch_into(file: &File, spare: Vec<u8>) -> Result<Vec<u8>> {
        Read::fetch_into(file, spare)
    }
}

/// The bytes, mapped.
pub struct Map;

impl Form for Map {
    type Value = memmap2::Mmap;

    fn bytes(blob: &[f32]) -> Result<Vec<u8>> {
        Read::bytes(blob)
    }

    fn fetch(file: &File) -> Result<memmap2::Mmap> {
        let len = file.metadata()?.len() as usize;
        // SAFETY: the file was written once, by this process, in a directory
        // that nobody else knows.
        Ok(unsafe { MmapOptions::new().len(len).map(file) }?)
    }

    fn touch(value: &memmap2::Mmap, how: Touch) -> u32 {
        touch_bytes(value, how)
    }
}

/// Numbers that bincode makes of a buffer.
pub struct Bincode;

impl Form for Bincode {
    type Value = Vec<f32>;

    fn bytes(blob: &[f32]) -> Result<Vec<u8>> {
        let blob = blob.to_vec();
        Ok(bincode::serde::encode_to_vec(
            &blob,
            bincode::config::legacy(),
        )?)
    }

    fn fetch(file: &File) -> Result<Vec<f32>> {
        with_buffer(file, |bytes| {
            Ok(bincode::serde::decode_from_slice(bytes, bincode::config::legacy())?.0)
        })
    }

    fn touch(value: &Vec<f32>, how: Touch) -> u32 {
        touch(value, how)
    }
}

/// A protobuf message that prost makes of a buffer.
pub struct Prost;

impl Form for Prost {
    type Value = ProstBlob;

    fn bytes(blob: &[f32]) -> Result<Vec<u8>> {
        Ok(ProstBlob::new(blob).encode_to_vec())
    }

    fn fetch(file: &File) -> Result<ProstBlob> {
        with_buffer(file, |bytes| Ok(ProstBlob::decode(bytes)?))
    }

    fn touch(value: &ProstBlob, how: Touch) -> u32 {
        touch_bytes(&value.data, how)
    }
}

/// Reads a file into a buffer that the thread keeps.
fn with_buffer<R>(file: &File, decode: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(file.metadata()?.len() as usize, 0);
        file.read_exact_at(buffer, 0)?;
        decode(buffer)
    })
}

/// Values that were given up, if their memory serves the next ones.
struct Spares<F: Form>(Mutex<Vec<F::Value>>);

impl<F: Form> Spares<F> {
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn fetch(&self, file: &File) -> Result<F::Value> {
        let spare = if F::REUSES { self.lock().pop() } else { None };
        match spare {
            Some(spare) => F::fetch_into(file, spare),
            None => F::fetch(file),
        }
    }

    fn give(&self, value: F::Value) {
        if F::REUSES {
            self.lock().push(value);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<F::Value>> {
        self.0.lock().expect("no thread panics with it")
    }
}

/// A file for each value, and nothing in memory.
pub struct Bare<F: Form> {
    files: Directory,
    /// Names of files that are loaded for the first time.
    fresh: Arc<Directory>,
    fresh_janitor: Janitor,
    spares: Spares<F>,
}

pub fn bare<F: Form>(dir: &Path) -> Result<Bare<F>> {
    let fresh = Arc::new(Directory::create(&dir.join("fresh"))?);
    Ok(Bare {
        files: Directory::create(dir)?,
        fresh_janitor: Janitor::of(fresh.clone()),
        fresh,
        spares: Spares::new(),
    })
}

/// Removes the name of a file, on another thread than who waits for it.
struct Janitor {
    ids: Sender<usize>,
    removed: Mutex<Receiver<Result<()>>>,
}

impl Janitor {
    fn of(files: Arc<Directory>) -> Self {
        let (ids, todo) = channel();
        let (report, removed) = channel();
        // It ends when nobody can ask it any more.
        std::thread::spawn(move || {
            let mut all = todo.into_iter();
            all.try_for_each(|id| report.send(files.unlink(id)))
        });
        Self {
            ids,
            removed: Mutex::new(removed),
        }
    }

    fn remove(&self, id: usize) -> Result<()> {
        let removed = self.removed.lock().expect("no thread panics with it");
        self.ids.send(id)?;
        removed.recv()?
    }
}

impl<F: Form> Blobs for Bare<F> {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        self.files.write(id, &F::bytes(blob)?)
    }

    fn load_then(&self, id: usize, how: Touch, touched: &mut dyn FnMut()) -> Result<u32> {
        self.load_from(&self.files, id, how, touched)
    }

    /// The same steps as those of a pool, for which each first load is of another
    /// item: the file gets a name, and loses it again on another thread. A bare
    /// load that follows the last one at once finds the processor's caches as it
    /// left them.
    fn first_load(&self, id: usize, how: Touch) -> Result<(Duration, u32)> {
        self.files.link(id, &self.fresh)?;
        let taken = until_touched(|touched| self.load_from(&self.fresh, id, how, touched));
        self.fresh_janitor.remove(id)?;
        taken
    }
}

impl<F: Form> Bare<F> {
    fn load_from(
        &self,
        files: &Directory,
        id: usize,
        how: Touch,
        touched: &mut dyn FnMut(),
    ) -> Result<u32> {
        let value = self.spares.fetch(&files.open_file(id)?)?;
        let sum = F::touch(&value, how);
        touched();
        self.spares.give(value);
        Ok(sum)
    }
}

/// A file for each value, and the last ones used in memory, in one list behind
/// one lock.
pub struct Lru<F: Form> {
    files: Directory,
    cache: Mutex<LruCache<usize, Arc<F::Value>>>,
    spares: Spares<F>,
    hits: AtomicU64,
    misses: AtomicU64,
}

pub fn lru<F: Form>(dir: &Path, cache: usize) -> Result<Lru<F>> {
    let most = NonZeroUsize::new(cache).unwrap_or(NonZeroUsize::MIN);
    Ok(Lru {
        files: Directory::create(dir)?,
        cache: Mutex::new(LruCache::new(most)),
        spares: Spares::new(),
        hits: AtomicU64::new(0),
        misses: AtomicU64::new(0),
    })
}

impl<F: Form> Lru<F> {
    fn cached(&self, id: usize) -> Option<Arc<F::Value>> {
        let mut cache = self.cache.lock().expect("no thread panics with it");
        cache.get(&id).cloned()
    }
}

impl<F: Form> Blobs for Lru<F> {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        self.files.write(id, &F::bytes(blob)?)
    }

    fn load_then(&self, id: usize, how: Touch, touched: &mut dyn FnMut()) -> Result<u32> {
        if let Some(value) = self.cached(id) {
            self.hits.fetch_add(1, Relaxed);
            let sum = F::touch(&value, how);
            touched();
            return Ok(sum);
        }
        self.misses.fetch_add(1, Relaxed);
        let value = Arc::new(self.spares.fetch(&self.files.open_file(id)?)?);
        let sum = F::touch(&value, how);
        touched();
        let evicted = {
            let mut cache = self.cache.lock().expect("no thread panics with it");
            cache.push(id, value)
        };
        if let Some((_, evicted)) = evicted
            && let Ok(value) = Arc::try_unwrap(evicted)
        {
            self.spares.give(value);
        }
        Ok(sum)
    }

    fn hits_and_misses(&self) -> Option<(u64, u64)> {
        Some((self.hits.load(Relaxed), self.misses.load(Relaxed)))
    }
}
