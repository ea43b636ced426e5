//! The systems that are measured, one a module, behind two small traits.

pub mod ancestor;
pub mod blob;
pub mod foyer;
pub mod limit;
pub mod moka;
pub mod ours;
pub mod quick_cache;

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

/// The runtime that systems do their background work on.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime can be made")
    })
}
