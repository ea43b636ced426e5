//! Values that are maps of their files. The kernel can reclaim their pages, so
//! they do not count against the memory budgets and stay loadable as a hit.
//!
//! They count against the map budget, of which there is one for the process. When
//! it runs short, the pools evict maps, in an order that resists scans.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

/// How many maps more are evicted than the pressure asks for, so that not each load has to.
pub(super) const BATCH: usize = 64;

/// A pool that has maps.
pub(super) trait KeepsMaps: Send + Sync {
    /// The number of maps that may be evicted.
    fn kept_maps(&self) -> usize;

    /// Evicts maps until the process has `wanted` fewer, in one pass over them. Returns how
    /// many fewer it has.
    fn release_maps(&self, wanted: usize) -> usize;
}

static KEEPERS: Mutex<Vec<Weak<dyn KeepsMaps>>> = Mutex::new(Vec::new());

struct Keeper<T, B: Strategy<T>>(Weak<FBPool<T, B>>);

impl<T: Send + Sync + 'static, B: Strategy<T>> KeepsMaps for Keeper<T, B> {
    fn kept_maps(&self) -> usize {
        self.0.upgrade().map_or(0, |pool| pool.kept_maps())
    }

    fn release_maps(&self, wanted: usize) -> usize {
        let pool = self.0.upgrade();
        pool.map_or(0, |pool| pool.release_maps(wanted))
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
    if under_pressure() && !is_paused() && !RELIEVING.swap(true, Ordering::AcqRel) {
        pool.core().queue.run(Lane::Task, relieve);
    }
}

/// Whether relief is already queued or running.
static RELIEVING: AtomicBool = AtomicBool::new(false);

/// How many requests for relief to ignore. A pass that finds almost all maps in use looks at
/// many of them, which not each load should have to wait for.
static PAUSE: AtomicUsize = AtomicUsize::new(0);

fn is_paused() -> bool {
    let less = |pause: usize| pause.checked_sub(1);
    let updated = PAUSE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    updated.is_ok()
}

fn relieve() {
    loop {
        let is_relieved = {
            // Clears the flag even if the drop of a value panics.
            let _relieving = Relieving;
            let keepers: Vec<_> = KEEPERS.lock().iter().filter_map(Weak::upgrade).collect();
            release(&keepers, excess())
        };
        // Pressure may have returned while the flag kept others from asking.
        if !is_relieved || !under_pressure() || RELIEVING.swap(true, Ordering::AcqRel) {
            return;
        }
    }
}

/// Evicts maps of all pools, of each in proportion to what it has, until the process has
/// `wanted` fewer. What one pool cannot give is asked of those behind it. Returns false if
/// there are not that many to evict now, so that trying again at once would be in vain.
fn release(keepers: &[Arc<dyn KeepsMaps>], wanted: usize) -> bool {
    let counts: Vec<usize> = keepers.iter().map(|keeper| keeper.kept_maps()).collect();
    let all: usize = counts.iter().sum();
    let (mut wanted, mut behind) = (wanted, all);
    for (keeper, count) in keepers.iter().zip(counts) {
        let share = (wanted as u128 * count as u128).div_ceil(behind.max(1) as u128);
        wanted = wanted.saturating_sub(keeper.release_maps(share as usize));
        behind -= count;
    }
    let is_relieved = wanted == 0;
    if !is_relieved {
        // Fewer than the budget has left when the pressure begins.
        PAUSE.store(all / 16, Ordering::Relaxed);
    }
    is_relieved
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

/// How many maps to evict, so that the next loads need not ask for it.
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
fn excess() -> usize {
    let limit = file_backed_codecs::map_budget::limit();
    let spare = (limit / 8).max(1) + (limit / 64).min(BATCH);
    file_backed_codecs::map_budget::in_use().saturating_sub(limit.saturating_sub(spare))
}

#[cfg(not(any(feature = "mappedcodec", feature = "bytescodec")))]
fn excess() -> usize {
    0
}

/// How many maps this thread has given back to the budget so far.
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
pub(super) fn freed_by_this_thread() -> usize {
    file_backed_codecs::map_budget::released_by_this_thread()
}

#[cfg(not(any(feature = "mappedcodec", feature = "bytescodec")))]
pub(super) fn freed_by_this_thread() -> usize {
    0
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
