//! Values that are maps of their files. The kernel can reclaim their pages, so
//! they do not count against the memory budgets and stay loadable as a hit.
//!
//! They count against the map budget, of which there is one for the process. When
//! it runs short, the pools evict their least recently used maps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::FBPool;
use crate::backing_store::{Lane, Strategy};

/// Whether any codec that maps is compiled in.
pub(super) const ENABLED: bool = cfg!(any(
    feature = "mappedcodec",
    feature = "bytescodec",
    shuttle
));

/// How many maps a pool evicts before the pressure is checked again.
const BATCH: usize = 64;

/// A pool that has maps.
pub(super) trait KeepsMaps: Send + Sync {
    /// Evicts up to `most` of the least recently used maps. Returns true if there may
    /// be more.
    fn release_maps(&self, most: usize) -> bool;
}

static KEEPERS: Mutex<Vec<Weak<dyn KeepsMaps>>> = Mutex::new(Vec::new());

struct Keeper<T, B: Strategy<T>>(Weak<FBPool<T, B>>);

impl<T: Send + Sync + 'static, B: Strategy<T>> KeepsMaps for Keeper<T, B> {
    fn release_maps(&self, most: usize) -> bool {
        self.0.upgrade().is_some_and(|pool| pool.release_maps(most))
    }
}

/// Registers a pool that has maps. It stays registered while the result lives.
pub(super) fn enter<T: Send + Sync + 'static, B: Strategy<T>>(
    pool: &Arc<FBPool<T, B>>,
) -> Arc<dyn KeepsMaps> {
    let keeper: Arc<dyn KeepsMaps> = Arc::new(Keeper(Arc::downgrade(pool)));
    let mut keepers = KEEPERS.lock();
    keepers.retain(|keeper| keeper.strong_count() > 0);
    keepers.push(Arc::downgrade(&keeper));
    keeper
}

/// Called after each load: evicts maps, of any pool, if the process's map budget
/// runs short. A load that read its file because no map was left also asks for
/// this.
pub(super) fn keep_within_budget<T: Send + Sync + 'static, B: Strategy<T>>(
    pool: &Arc<FBPool<T, B>>,
    is_map: bool,
) {
    if is_map {
        pool.keeper.get_or_init(|| enter(pool));
    }
    if under_pressure() && !RELIEVING.swap(true, Ordering::AcqRel) {
        pool.core().queue.run(Lane::Task, relieve);
    }
}

/// Whether relief is already queued or running.
static RELIEVING: AtomicBool = AtomicBool::new(false);

fn relieve() {
    loop {
        let exhausted = {
            // Clears the flag even if the drop of a value panics.
            let _relieving = Relieving;
            release_until_relieved()
        };
        // Pressure may have returned while the flag kept others from asking.
        if exhausted || !under_pressure() || RELIEVING.swap(true, Ordering::AcqRel) {
            return;
        }
    }
}

/// Returns true if no pool has a map left to evict.
fn release_until_relieved() -> bool {
    let mut keepers: Vec<_> = KEEPERS.lock().iter().filter_map(Weak::upgrade).collect();
    while under_pressure() && !keepers.is_empty() {
        keepers.retain(|keeper| keeper.release_maps(BATCH));
    }
    keepers.is_empty()
}

/// Clears [`RELIEVING`] on drop.
struct Relieving;

impl Drop for Relieving {
    fn drop(&mut self) {
        RELIEVING.store(false, Ordering::Release);
    }
}

#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
fn under_pressure() -> bool {
    file_backed_codecs::map_budget::is_under_pressure()
}

#[cfg(not(any(feature = "mappedcodec", feature = "bytescodec")))]
fn under_pressure() -> bool {
    false
}

/// The number of maps that the process may have.
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
pub(super) fn most() -> usize {
    file_backed_codecs::map_budget::limit()
}

#[cfg(not(any(feature = "mappedcodec", feature = "bytescodec")))]
pub(super) fn most() -> usize {
    1
}

/// How often the process read a file because no map was left for it.
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
pub(super) fn fallbacks() -> u64 {
    file_backed_codecs::map_budget::fallbacks()
}

#[cfg(not(any(feature = "mappedcodec", feature = "bytescodec")))]
pub(super) fn fallbacks() -> u64 {
    0
}
