//! The systems that are measured, one a module, behind three small traits.

pub mod ancestor;
pub mod blob;
pub mod bytes;
pub mod cacache;
pub mod catalog;
pub mod epserde;
pub mod fjall;
pub mod form;
pub mod foyer;
pub mod heed;
pub mod limit;
pub mod memory;
pub mod mmap_sync;
pub mod moka;
pub mod named;
pub mod ours;
pub mod pools;
pub mod quick_cache;
pub mod redb;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;

pub use blob::Touch;

/// Values in memory.
pub trait Hits: Send + Sync {
    /// Loads the items in this order, one element of each, and gives all of them
    /// together.
    fn pass(&self, order: &[u32]) -> u32;
}

/// Blobs of numbers, each under a number of its own.
pub trait Blobs: Send + Sync {
    /// Stores a blob; it may still be under way when this returns.
    fn put(&self, id: usize, blob: &[f32]) -> Result<()>;

    /// Stores a blob for a workload that measures nothing but loads; a system
    /// whose own way takes too long may take another one.
    fn put_for_loads(&self, id: usize, blob: &[f32]) -> Result<()> {
        self.put(id, blob)
    }

    /// Returns when everything that was put is where the system wants it.
    fn finish(&self) -> Result<()> {
        Ok(())
    }

    /// Loads a blob as a program would, touches it, says so, and gives it up.
    fn load_then(&self, id: usize, touch: Touch, touched: &mut dyn FnMut()) -> Result<u32>;

    /// Loads a blob, touches it, and gives it up.
    fn load(&self, id: usize, touch: Touch) -> Result<u32> {
        self.load_then(id, touch, &mut || ())
    }

    /// Loads blobs one after the other, and gives all of them together. A system
    /// with an async form enters its runtime once for all.
    fn load_many(&self, ids: &[u32], touch: Touch) -> Result<u32> {
        ids.iter().try_fold(0_u32, |sum, id| {
            Ok(sum.wrapping_add(self.load(*id as usize, touch)?))
        })
    }

    /// Loads a blob that the system has not in its own memory, and tells how
    /// long the load and the touch took. Giving it up again is not counted, for
    /// any system.
    fn first_load(&self, id: usize, touch: Touch) -> Result<(Duration, u32)> {
        until_touched(|touched| self.load_then(id, touch, touched))
    }

    /// Loads that found their blob in the system's own memory, and those that
    /// did not, if it tells.
    fn hits_and_misses(&self) -> Option<(u64, u64)> {
        None
    }
}

/// The time from the begin of a load until its value was touched.
pub fn until_touched(
    load: impl FnOnce(&mut dyn FnMut()) -> Result<u32>,
) -> Result<(Duration, u32)> {
    let mut time = None;
    let begin = Instant::now();
    let sum = load(&mut || time = Some(begin.elapsed()))?;
    Ok((time.context("the value was not touched")?, sum))
}

/// Who does background work on a runtime.
#[derive(Clone, Copy, Debug)]
pub enum User {
    Ours,
    Ancestor,
    Foyer,
}

/// Each has a runtime of its own: the published crate fills one with up to 512
/// blocking threads, which would go on to do the others' work.
pub fn runtime(user: User) -> &'static Runtime {
    static RUNTIMES: [OnceLock<Runtime>; 3] = [const { OnceLock::new() }; 3];
    RUNTIMES[user as usize].get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime can be made")
    })
}
