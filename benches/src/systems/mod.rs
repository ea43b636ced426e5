//! The systems that are measured, one a module, behind two small traits.

pub mod ancestor;
pub mod blob;
pub mod cacache;
pub mod catalog;
pub mod epserde;
pub mod fjall;
pub mod foyer;
pub mod heed;
pub mod limit;
pub mod mmap_sync;
pub mod moka;
pub mod ours;
pub mod quick_cache;
pub mod redb;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::Result;
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

    /// Loads a blob as a program would, and touches it.
    fn load(&self, id: usize, touch: Touch) -> Result<u32>;

    /// Loads a blob that the system has not in its own memory, and tells how
    /// long the load and the touch took. Giving it up again is not counted.
    fn first_load(&self, id: usize, touch: Touch) -> Result<(Duration, u32)> {
        let begin = Instant::now();
        let sum = self.load(id, touch)?;
        Ok((begin.elapsed(), sum))
    }

    /// Loads that found their blob in the system's own memory, and those that
    /// did not, if it tells.
    fn hits_and_misses(&self) -> Option<(u64, u64)> {
        None
    }

    /// How many of the blobs put are not written, because they stay in memory.
    fn unwritten(&self) -> usize {
        0
    }
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
